"""What each method finds of a planted truth."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import isfinite
from typing import Any, Literal

import torch

from torchesegeta.api import evaluate, explain
from torchesegeta.errors import ConfigError, unknown
from torchesegeta.methods import Method, methods
from torchesegeta.planted.cases import Planted
from torchesegeta.types import Attribution, Score

FOUND, PARTLY = 0.9, 0.7
"""AUC or mass from which a truth counts as found, and as found in part."""

LAYER = "features"
"""The layer of every planted model whose maps are judged."""

FOREIGN = ("captum",)
"""Methods that stand for those of other libraries, so that they have no result of their own."""

BLOCKS = {"features": {"kind": "blocks", "size": 4}}
FEWER: dict[str, dict[str, Any]] = {
    "blur_integrated_gradients": {"sigma": 4.0},
    "expected_gradients": {"samples": 50},
    "extremal_perturbation": {"areas": [0.1], "steps": 60},
    "feature_ablation": BLOCKS,
    "feature_permutation": BLOCKS,
    "hsic": {**BLOCKS, "samples": 800},
    "kernel_shap": {**BLOCKS, "samples": 800},
    "lime": {**BLOCKS, "samples": 800},
    "occlusion": {"window": 4, "stride": 2},
    "rise": {"masks": 1000},
    "shapley_value_sampling": {**BLOCKS, "permutations": 10},
    "sobol": {**BLOCKS, "samples": 16},
}
"""Parameters that fit small images; what is not named has its defaults."""

Word = Literal["found", "partly", "missed"]


@dataclass(frozen=True)
class Finding:
    """What a method found of a case.

    Attributes:
        method: Registry name.
        case: Name of the case.
        dims: 2 or 3.
        status: That of the map.
        reason: Why there is none.
        auc: The chance that a voxel of the truth has a larger magnitude in the map than one outside; 0.5 is chance.
        mass: Share of the map's magnitude inside the truth.
        share: Share of the image inside the truth: the mass that chance gives.
        correlation: With the exact attribution of a linear model (Pearson's); of magnitudes for maps without signs.
        empty: Whether the map is 0 everywhere, so that it has no figures, and has missed the truth.
    """

    method: str
    case: str
    dims: int
    status: str
    reason: str | None = None
    auc: float | None = None
    mass: float | None = None
    share: float | None = None
    correlation: float | None = None
    empty: bool = False

    @property
    def word(self) -> Word | None:
        """`found`, `partly` or `missed`; None where there is no map."""
        return "missed" if self.empty else word_of(self.auc, self.mass)


def word_of(auc: float | None, mass: float | None) -> Word | None:
    """A truth is found where its voxels are ahead of the others, or hold the map's mass, though not evenly."""
    best = max((value for value in (auc, mass) if value is not None), default=None)
    if best is None:
        return None
    return "found" if best >= FOUND else "partly" if best >= PARTLY else "missed"


def chosen(names: Sequence[str] | None = None) -> list[str]:
    """Methods that are held against a planted truth: those that make maps of an image.

    Raises:
        ConfigError: A name is not known, or that of a method that makes no such maps.
    """
    judged = [name for name, method in methods().items() if _makes_maps(method) and name not in FOREIGN]
    for name in names or ():
        if name not in judged:
            raise ConfigError(unknown("method", name, judged, where="among those that make maps of an image"))
    return judged if names is None else list(names)


def _makes_maps(method: type[Method]) -> bool:
    return method.shows == "map" and not method.of_model


def check(case: Planted, names: Sequence[str] | None = None) -> Iterator[Finding]:
    """Hold methods against a case.

    Args:
        case: The case.
        names: Registry names; None: every method that makes maps of an image.

    Yields:
        What each found, in the order of the names.

    Raises:
        ConfigError: See `chosen`.
    """
    wanted = chosen(names)
    several = [name for name in wanted if methods()[name].fewest_images > 1]
    maps = _explain(case, [name for name in wanted if name not in several]) + _explain(case, several, with_other=True)
    scores = _scores(case, maps)
    for name in wanted:
        one = next(found for found in maps if found.label == name)
        yield _finding(case, one, scores)


def _explain(case: Planted, names: Sequence[str], *, with_other: bool = False) -> list[Attribution]:
    """Maps of the case's image."""
    if not names:
        return []
    images = [case.image, case.other] if with_other else [case.image]
    wanted = [{"name": name, **FEWER.get(name, {})} for name in names]
    maps = explain(case.model.eval(), images, wanted, target=case.target, layers=[LAYER], progress=False)
    return [one for one in maps if one.image == case.image.name]


def _scores(case: Planted, maps: Sequence[Attribution]) -> dict[tuple[str, str], Score]:
    """Localisation against the truth, by metric and method."""
    metrics = [{"name": n, "sign": "absolute", "label_value": 1} for n in ("localisation_auc", "relevance_mass")]
    found = evaluate(case.model, case.image, maps, metrics, target=case.target, progress=False)
    return {(score.metric_name, score.label): score for score in found}


def _finding(case: Planted, one: Attribution, scores: dict[tuple[str, str], Score]) -> Finding:
    if one.values is not None and not one.values.any():
        why = one.reason or "the map is zero everywhere"
        return Finding(one.method, case.name, case.dims, one.status, why, empty=True)
    auc, mass = (scores[name, one.label] for name in ("localisation_auc", "relevance_mass"))
    reason = one.reason or auc.reason or mass.reason
    status = one.status if one.values is None else auc.status
    found = Finding(one.method, case.name, case.dims, status, reason, auc.value, mass.value)
    return replace(found, share=auc.measures.get("object_share"), correlation=_correlation(case, one))


def _correlation(case: Planted, one: Attribution) -> float | None:
    """With the exact attribution; None where there is none, or the map lies on another grid or is even."""
    if case.exact is None or one.values is None or one.space != "image":
        return None
    values, exact = one.values.double().sum(0), case.exact.double().sum(0)
    pair = (values, exact) if one.signed else (values.abs(), exact.abs())
    found = float(torch.corrcoef(torch.stack([part.flatten() for part in pair]))[0, 1])
    return found if isfinite(found) else None
