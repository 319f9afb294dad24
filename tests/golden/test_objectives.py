"""Transforms of pictures and what they are optimised for, against those of the published reference implementation."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from torch import Tensor

from torchesegeta.optimisation.objectives import (
    Alignment,
    Channel,
    Cosine,
    Diversity,
    Interpolate,
    Neuron,
    Objective,
    Weighted,
    Window,
)
from torchesegeta.optimisation.transforms import Jitter, Pad, Rotate, Scale, Transform, standard

from .loader import COPY, arrays_of, complete_set
from .pictures import KEPT

pytestmark = [pytest.mark.golden] if complete_set() else []

ROOT = complete_set() or COPY
TRANSFORMS, OBJECTIVES = "lucent.transforms.none", "lucent.objectives.none"
DEVIATIONS = {
    (line["entry"], line["array"]): line
    for line in tomllib.loads((Path(__file__).parent / "deviations.toml").read_text())["objective"]
}


def stored(id: str) -> dict[str, Tensor]:
    found = arrays_of(ROOT, id)
    assert found is not None, f"{id} is missing"
    return found


Step = tuple[Transform, Any]
BORDER, FIRST, SIZE, TURN, SECOND = standard()
CHANGES: dict[str, list[Step]] = {
    "pad12_constant_0.5": [(Pad(12, value=0.5), None)],
    "pad3_reflect": [(Pad(3, "reflect"), None)],
    "jitter8_dx3_dy5": [(Jitter(7), (5, 3))],
    **{f"scale_{factor}": [(Scale((factor,)), factor)] for factor in (0.9, 1.0, 1.1, 1.24)},
    **{f"rotate_{angle}deg": [(Rotate((angle,)), (float(angle),))] for angle in (-10, 7)},
    "standard_transforms_draws_3_5_1.08_-4_1_2": [
        (Pad(12, value=0.5), None), (FIRST, (5, 3)), (SIZE, 1.08), (TURN, (-4.0,)), (SECOND, (2, 1)),
    ],
}  # fmt: skip

OF_MODELS = {"normalize", "inception"}
"""Scalings of the input, which are the model's own."""


@pytest.mark.parametrize("array", CHANGES)
def test_transforms(array: str) -> None:
    entry = stored(TRANSFORMS)
    if array not in entry:
        assert array not in KEPT[TRANSFORMS], f"{array} is missing"
        pytest.skip("not in the small copy")
    mine = entry["in"]
    for transform, drawn in CHANGES[array]:
        mine = transform.apply(mine, drawn)
    assert mine.shape == entry[array].shape
    assert float((mine - entry[array]).abs().max()) < 1e-3


def test_no_stored_transform_is_dropped() -> None:
    assert set(stored(TRANSFORMS)) - {"in"} <= {*CHANGES} | OF_MODELS


def test_the_standard_set_draws_what_the_reference_draws() -> None:
    assert isinstance(SIZE, Scale) and isinstance(TURN, Rotate)
    assert 1.08 in SIZE.factors and -4.0 in TURN.degrees


@dataclass(frozen=True)
class Shown:
    """Three pictures; see `Seen`."""

    entry: dict[str, Tensor]
    step: int = 0

    @property
    def pictures(self) -> Tensor:
        return self.entry["act_input"]

    def layer(self, name: str) -> Tensor:
        return self.entry[f"act_{name}"]

    def score(self) -> Tensor:
        raise AssertionError("no score is read")

    def rival(self) -> Tensor:
        raise AssertionError("no score is read")


Make = Callable[[Tensor], Objective]
OFF_CENTRE = (4, 3)
"""The reference's centre of 6 x 8 places: row 8 / 2, column 6 / 2."""
PLACED: dict[str, Make] = {
    "neuron(l,2)": lambda v: Neuron("l", 2, OFF_CENTRE),
    "neuron(m,1)": lambda v: Neuron("m", 1, (3, 2)),
    "direction_neuron(l)": lambda v: Cosine("l", v, OFF_CENTRE),
}
"""What the reference takes for the centre, asked for by name."""
CENTRED: dict[str, Make] = {
    "neuron(l,2)": lambda v: Neuron("l", 2),
    "neuron(m,1)": lambda v: Neuron("m", 1),
}
MEANS: dict[str, Make] = {
    "neuron(l,2,x=3,y=1)": lambda v: Neuron("l", 2, (1, 3)),
    "channel(l,4)": lambda v: Channel("l", 4),
    "l:4": lambda v: Channel("l", 4),
    "direction(l)": lambda v: Cosine("l", v),
    "channel_weight(l)": lambda v: Weighted("l", v),
    "localgroup_weight(l,x=1,y=2,wx=3,wy=2)": lambda v: Weighted("l", v, Window((2, 1), (2, 3))),
    "2*channel(l,4)-channel(l,1)": lambda v: 2 * Channel("l", 4) - Channel("l", 1),
    "channel(l,4)+1.5": lambda v: Channel("l", 4) - 1.5,
    "sum": lambda v: Channel("l", 0) + Channel("l", 1),
}
ONE: dict[str, tuple[int, Make]] = {
    "neuron(l,2,batch=1)": (1, PLACED["neuron(l,2)"]),
    "channel(l,4,batch=2)": (2, MEANS["channel(l,4)"]),
    "direction(l,batch=0)": (0, MEANS["direction(l)"]),
}
SUMS: dict[str, Make] = {
    "alignment(l)": lambda v: Alignment("l"),
    "channel_interpolate(l,1,m,2)": lambda v: Interpolate(Channel("l", 1), Channel("m", 2)),
}
PAIRS: dict[str, Make] = {"diversity(l)": lambda v: -Diversity("l"), "diversity(m)": lambda v: -Diversity("m")}
"""To be lowered in the reference: the sum over ordered pairs / pictures, which is the mean · (pictures − 1)."""

UNDEFINED = {"blur_input_each_step"}
"""Its kernel is not recorded."""


def loss(make: Make) -> Tensor:
    """What the reference lowers: ours is raised."""
    entry = stored(OBJECTIVES)
    return -make(entry["direction"]).value(Shown(entry))


def apart(mine: Tensor, array: str) -> float:
    theirs = stored(OBJECTIVES)[f"value::{array}"]
    return float((mine.double() - theirs).abs() / theirs.abs())


@pytest.mark.parametrize("array", PLACED | MEANS)
def test_means_over_pictures(array: str) -> None:
    assert apart(loss((PLACED | MEANS)[array]).mean(), array) < 1e-4


@pytest.mark.parametrize("array", ONE)
def test_single_pictures(array: str) -> None:
    number, make = ONE[array]
    assert apart(loss(make)[number], array) < 1e-4


@pytest.mark.parametrize("array", SUMS)
def test_sums_over_pictures(array: str) -> None:
    assert apart(loss(SUMS[array]).sum(), array) < 1e-4


@pytest.mark.parametrize("array", PAIRS)
def test_diversity(array: str) -> None:
    values = loss(PAIRS[array])
    assert apart(values.mean() * (len(values) - 1), array) < 1e-4


@pytest.mark.parametrize("array", CENTRED)
def test_the_centre_is_another_one(array: str) -> None:
    written = DEVIATIONS[OBJECTIVES, f"value::{array}"]["difference"]
    assert apart(loss(CENTRED[array]).mean(), array) == pytest.approx(written, rel=0.05)


def test_no_stored_value_is_dropped() -> None:
    ours = {*PLACED, *MEANS, *ONE, *SUMS, *PAIRS} | UNDEFINED
    assert {name for name in stored(OBJECTIVES) if name.startswith("value::")} == {f"value::{name}" for name in ours}
    assert {name for _, name in DEVIATIONS} == {f"value::{name}" for name in CENTRED}
