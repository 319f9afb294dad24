"""A fault planted in a method must turn its twin's test red: one for each family."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from torchesegeta.methods import Context, layer_gradcam, methods
from torchesegeta.methods.pictures.dream import Dream
from torchesegeta.methods.readouts import Variance, WeightedSum, input_gradient, need, single
from torchesegeta.optimisation import Optimiser
from torchesegeta.optimisation.objectives import Seen, TotalVariation
from torchesegeta.optimisation.parameterisations import smooth_maximum
from torchesegeta.optimisation.parameterisations.ranged import RangedCanvas
from torchesegeta.rules import DeepLift, Excitation, Guided, Lrp
from torchesegeta.rules.relevance import Epsilon
from torchesegeta.rules.rescale import max_pool
from torchesegeta.sweeps import Readout

from .cases import baseline, case
from .test_twins import TOLERANCE, Row, apart, fast, slow

DREAM: Row = {"octaves": 2, "steps": 3}
Plant = Callable[[pytest.MonkeyPatch], None]


def replaced_readout(method: str, make: Callable[[], Readout]) -> Plant:
    def readout(self: Any, context: Context) -> Readout:
        return make()

    return lambda monkeypatch: monkeypatch.setattr(methods()[method], "readout", readout)


def mean_over_two_axes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layer_gradcam, "over_space", lambda values: (2, 3))


def sample_variance(monkeypatch: pytest.MonkeyPatch) -> None:
    def finish(self: Variance) -> Tensor:
        return need(self.squares) / (self.count - 1)

    monkeypatch.setattr(Variance, "finish", finish)


def gradient_of_relu(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is clamped on the way back."""
    monkeypatch.setattr(Guided, "step", lambda self, call: None)
    monkeypatch.setattr(Guided, "forbids", lambda self, node, inputs: False)
    monkeypatch.setattr(Guided, "may_match_nothing", True)


def pool_by_gradient(monkeypatch: pytest.MonkeyPatch) -> None:
    """As libraries do that give a max-pool its own gradient."""
    monkeypatch.setattr(max_pool, "step", lambda call: None)
    monkeypatch.setattr(DeepLift, "forbids", lambda self, node, inputs: False)


def losers_win_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Mass goes by all weights, as relevance does."""
    monkeypatch.setattr(Excitation, "step", lambda self, call: Lrp().opened().step(call))


def no_bias(monkeypatch: pytest.MonkeyPatch) -> None:
    """The bias keeps nothing."""
    share = Epsilon.share
    monkeypatch.setattr(Epsilon, "share", lambda self, op, held: share(self, replace(op, bias=None), held))


def forgetful(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each octave starts from the image again."""
    monkeypatch.setattr(Dream, "_dreamt", lambda self, like: torch.zeros_like(like))


def raw_slopes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Optimiser, "scale", lambda self, parameters: None)


def variation_over_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """As the original code: channels and rows in place of the spatial axes."""

    def value(self: TotalVariation, seen: Seen) -> Tensor:
        x = seen.pictures
        square = x.diff(dim=1)[:, :, 1:].square() + x.diff(dim=2)[:, 1:].square()
        return -square.flatten(1).mean(1)

    monkeypatch.setattr(TotalVariation, "value", value)


def never_drawn_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(RangedCanvas, "settle", lambda self: None)


def no_plateau(monkeypatch: pytest.MonkeyPatch) -> None:
    """A cell's influence falls off from its middle."""
    monkeypatch.setattr(smooth_maximum, "PLATEAU", 0.0)


FAULTS: dict[str, tuple[str, Row, str | None, Plant]] = {
    "no absolute value": ("saliency", {}, None, replaced_readout("saliency", lambda: single(input_gradient))),
    "mean over two of three axes": ("gradcam", {}, "second", mean_over_two_axes),
    "not times the difference": (
        "integrated_gradients",
        {"steps": 6},
        None,
        replaced_readout("integrated_gradients", lambda: WeightedSum(input_gradient)),
    ),
    "guided by nothing": ("guided_backprop", {}, None, gradient_of_relu),
    "losers win too": ("excitation_backprop", {}, "second", losers_win_too),
    "no plateau": ("extremal_perturbation", {"areas": [0.3], "steps": 3, "max_blur": 3.0}, None, no_plateau),
    "no bias": ("lrp", {"rule": "epsilon"}, None, no_bias),
    "max-pool by its gradient": ("deeplift", {"baseline": baseline}, None, pool_by_gradient),
    "octaves without a memory": ("deep_dream", DREAM, "second", forgetful),
    "steps by the raw slope": ("deep_dream", DREAM, "second", raw_slopes),
    "total variation over rows": (
        "inverted_representation",
        {"steps": 4, "smoothness": 1.0},
        "second",
        variation_over_rows,
    ),
    "no penalty": ("class_image", {"steps": 4, "decay": 0.1}, None, never_drawn_back),
    "variance over n - 1": ("vargrad", {"samples": 5}, None, sample_variance),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_twin_sees_planted_fault(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    method, row, place, plant = FAULTS[fault]
    at = case("segmentation", 3)
    twin = slow(at, method, row, place)
    assert apart(fast(at, method, row, place), twin) < TOLERANCE
    plant(monkeypatch)
    assert apart(fast(at, method, row, place), twin) > 100 * TOLERANCE
