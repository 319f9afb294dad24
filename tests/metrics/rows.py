"""A row for every metric: its parameters in the suite, and a slow twin where it needs the map alone."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]
Twin = Callable[[Values, NDArray[np.bool_]], float]


def gini(values: Values, inside: NDArray[np.bool_]) -> float:
    """Half the mean difference of all pairs, over the mean."""
    sizes = np.abs(values).ravel()
    apart = sum(abs(a - b) for a in sizes for b in sizes)
    return float(apart / (2 * len(sizes) ** 2 * sizes.mean()))


def entropy(values: Values, inside: NDArray[np.bool_]) -> float:
    total = 0.0
    for size in np.abs(values).ravel():
        share = size / np.abs(values).sum()
        total -= share * np.log(share) if share > 0 else 0
    return total


def effective_size(values: Values, inside: NDArray[np.bool_]) -> float:
    sizes = sorted(np.abs(values).ravel(), reverse=True)
    held, needed = 0.0, 0
    while held < 0.9 * sum(sizes):
        held += sizes[needed]
        needed += 1
    return needed / len(sizes)


def pointing_game(values: Values, inside: NDArray[np.bool_]) -> float:
    evidence = values.sum(0)
    return float(inside[np.unravel_index(evidence.argmax(), evidence.shape)])


def relevance_mass(values: Values, inside: NDArray[np.bool_]) -> float:
    evidence = np.maximum(values.sum(0), 0)
    return float(sum(e for e, i in zip(evidence.ravel(), inside.ravel(), strict=True) if i) / evidence.sum())


def _hits(values: Values, inside: NDArray[np.bool_], count: int) -> int:
    order = np.argsort(-values.sum(0).ravel())
    return int(inside.ravel()[order[:count]].sum())


def relevance_rank(values: Values, inside: NDArray[np.bool_]) -> float:
    return _hits(values, inside, int(inside.sum())) / int(inside.sum())


def top_k_intersection(values: Values, inside: NDArray[np.bool_]) -> float:
    count = round(0.03 * inside.size)
    return _hits(values, inside, count) / count


def localisation_auc(values: Values, inside: NDArray[np.bool_]) -> float:
    evidence = values.sum(0)
    wins = [(a > b) + 0.5 * (a == b) for a in evidence[inside] for b in evidence[~inside]]
    return float(np.mean(wins))


def region_shares(values: Values, inside: NDArray[np.bool_]) -> float:
    sizes = np.abs(values.sum(0))
    shares = [0.0, 0.0]
    for size, structure in zip(sizes.ravel(), inside.ravel(), strict=True):
        shares[int(structure)] += size / sizes.sum()
    return float(max(shares))


Order = Literal["right first", "sparse first", "same", "not asked"]


@dataclass(frozen=True)
class Row:
    """How a metric is tested.

    Attributes:
        parameters: Few samples.
        twin: Of metrics of the map alone: the value, from the map (C, *spatial) and the object (*spatial).
        even: Its value for a map that is the same everywhere: a number, `object` for the object's share, `undefined`,
            or `defined` as any other.
        order: Of a linear model's right map, a random one and the right one's negative: the first beats the second and
            that the third; or sparse maps, the first and the third, beat the second; or all have the same value. What a
            metric makes anew says nothing of a map that was put in its place: there other tests ask.
    """

    parameters: Mapping[str, Any] = field(default_factory=dict)
    twin: Twin | None = None
    even: float | str = "undefined"
    order: Order = "right first"

    @property
    def zero(self) -> bool:
        """Whether a map of zeros has a value: only what compares it with the score, or does not look at it."""
        return self.even == "defined"


BLOCKS = {"kind": "blocks", "size": 2}

ROWS: dict[str, Row] = {
    "cascading_randomisation": Row(order="not asked"),
    "chance": Row({"metric": {"name": "infidelity", "samples": 4}, "maps": 2}, even="defined", order="same"),
    "completeness_gap": Row(even="defined"),
    "deletion": Row({"steps": 4}),
    "effective_size": Row(twin=effective_size, even=0.9, order="sparse first"),
    "efficient_mprt": Row(order="not asked"),
    "entropy": Row(twin=entropy, even=math.log(99), order="sparse first"),
    "gini": Row(twin=gini, even=0.0, order="sparse first"),
    "infidelity": Row({"samples": 16}, even="defined"),
    "insertion": Row({"steps": 4, "baseline": 0}),
    "local_lipschitz": Row({"samples": 2}),
    "localisation_auc": Row(twin=localisation_auc, even=0.5),
    "monotonicity": Row({"features": BLOCKS}, order="same"),
    "pixel_flipping": Row({"steps": 4}),
    "pointing_game": Row(twin=pointing_game, even="object"),
    "random_logit": Row(order="not asked"),
    "region_perturbation": Row({"features": BLOCKS, "regions": 12}),
    "region_shares": Row(twin=region_shares, even=90 / 99, order="not asked"),
    "relevance_mass": Row(twin=relevance_mass, even="object"),
    "relevance_rank": Row(twin=relevance_rank, even="object"),
    "road": Row({"shares": [0.2, 0.6]}),
    "selectivity": Row({"features": BLOCKS}),
    "sensitivity": Row({"samples": 2}),
    "smooth_mprt": Row({"samples": 2}, order="not asked"),
    "sufficiency": Row({"shares": [0.1, 0.5]}),
    "top_k_intersection": Row({"share": 0.03}, twin=top_k_intersection, even="object"),
}
