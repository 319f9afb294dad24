"""Every check can fail: a faulty method or engine for each, which nothing but the test sees."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from pydantic import ConfigDict, Field
from torch import Tensor, nn

from torchesegeta import api
from torchesegeta.methods import Context, Method, layer_gradcam, registry
from torchesegeta.methods.gradcam import GradCam
from torchesegeta.methods.integrated_gradients import IntegratedGradients
from torchesegeta.methods.readouts import WeightedSum, input_gradient, single
from torchesegeta.methods.saliency import Saliency
from torchesegeta.methods.smoothgrad import SmoothGrad
from torchesegeta.sweeps import Readout, Sample, passes
from torchesegeta.sweeps.capture import Capture

from . import checks
from .nets import Net, build
from .rows import MIXED, SAMPLES, STEPS, Row
from .snapshot import assert_same, snapshot
from .subject import Subject

IMAGE, CAM = Row("image"), Row("image map")


class NoChannels(Saliency):
    """The channels of the map are summed."""

    def readout(self, context: Context) -> Readout:
        return single(lambda sample: input_gradient(sample).abs().sum(1, keepdim=True))


class Nothing(Saliency):
    """The map is zero."""

    def readout(self, context: Context) -> Readout:
        return single(lambda sample: torch.zeros_like(input_gradient(sample)))


class Negative(Saliency):
    """The map has a sign but says that it has none."""

    def readout(self, context: Context) -> Readout:
        return single(input_gradient)


class ChangesImage(Saliency):
    """The image is changed in place."""

    def readout(self, context: Context) -> Readout:
        context.image.mul_(2)
        return super().readout(context)


class DrawsGlobally(Saliency):
    """A number is drawn from a global generator, and used."""

    def readout(self, context: Context) -> Readout:
        share = float(np.random.rand())
        return single(lambda sample: share * input_gradient(sample).abs())


class MeanOfMeans(SmoothGrad):
    """The points of a chunk are averaged first, then the chunks."""

    def readout(self, context: Context) -> Readout:
        return WeightedSum(lambda sample: input_gradient(sample).mean(0, keepdim=True), weighted=False)


class Remembers(Saliency):
    """A map is mixed with those of the images before."""

    memory: ClassVar[list[Tensor]] = []

    def readout(self, context: Context) -> Readout:
        def function(sample: Sample) -> Tensor:
            self.memory.append(input_gradient(sample).abs())
            return torch.stack(self.memory).mean(0)

        return single(function)


class NotTimesDifference(IntegratedGradients):
    """The mean gradient alone."""

    def readout(self, context: Context) -> Readout:
        return WeightedSum(input_gradient)


FAULTY_METHODS: list[tuple[type[Method], Row, checks.Check]] = [
    (NoChannels, IMAGE, checks.has_shape),
    (Nothing, IMAGE, checks.has_shape),
    (Negative, IMAGE, checks.has_shape),
    (ChangesImage, IMAGE, checks.leaves_all_untouched),
    (DrawsGlobally, IMAGE, checks.leaves_all_untouched),
    (DrawsGlobally, IMAGE, checks.repeats),
    (MeanOfMeans, Row("image", SAMPLES), checks.does_not_depend_on_chunks),
    (Remembers, IMAGE, checks.takes_lists),
    (NotTimesDifference, Row("image", STEPS, complete=True), checks.is_complete),
]


@pytest.mark.parametrize(("method", "row", "check"), FAULTY_METHODS)
def test_faulty_method_is_seen(
    method: type[Method], row: Row, check: checks.Check, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(registry.REGISTRY.classes, "faulty", method)
    monkeypatch.setattr(method, "name", "faulty")
    Remembers.memory.clear()
    with pytest.raises(AssertionError):
        check(Subject("faulty", row, "segmentation", 3))


def pools_two_axes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layer_gradcam, "over_space", lambda values: (2, 3))


def leaves_mode(monkeypatch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def prepared(model: nn.Module, device: torch.device, seed: int) -> Iterator[nn.Module]:
        yield model.eval()

    monkeypatch.setattr(api, "prepared", prepared)


def leaves_gradients(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = passes.backward_pass

    def backward_pass(session: Any, score: Tensor, *others: Any, **options: Any) -> Any:
        for parameter in session.runner.model.parameters():
            parameter.grad = torch.zeros_like(parameter)
        return honest(session, score, *others, **options)

    monkeypatch.setattr("torchesegeta.sweeps.slopes.backward_pass", backward_pass)


def leaves_hooks(monkeypatch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def watching(self: Capture, model: nn.Module) -> Iterator[Capture]:
        hooks = [model.get_submodule(n.module).register_forward_hook(self._hook(n.module)) for n in self.names.values()]
        yield self
        for hook in hooks:
            hook.remove()

    monkeypatch.setattr(Capture, "watching", watching)


Plant = Callable[[pytest.MonkeyPatch], None]
FAULTY_ENGINES: list[tuple[Plant, str, Row, checks.Check]] = [
    (pools_two_axes, "gradcam", CAM, checks.treats_axes_alike),
    (leaves_mode, "saliency", IMAGE, checks.leaves_all_untouched),
    (leaves_gradients, "gradient_shap", Row("image", MIXED), checks.leaves_all_untouched),
    (leaves_hooks, "gradcam", CAM, checks.leaves_no_hook_after_an_error),
]


@pytest.mark.parametrize(("plant", "method", "row", "check"), FAULTY_ENGINES)
def test_faulty_engine_is_seen(
    plant: Plant, method: str, row: Row, check: checks.Check, monkeypatch: pytest.MonkeyPatch
) -> None:
    check(Subject(method, row, "segmentation", 3))
    plant(monkeypatch)
    with pytest.raises(AssertionError):
        check(Subject(method, row, "segmentation", 3))


CHANGES: dict[str, Callable[[Net], object]] = {
    "a mode": lambda net: net.pool.train(),
    "a weight": lambda net: net.head.weight.data.mul_(2),
    "a frozen weight": lambda net: net.merge.requires_grad_(True),
    "a gradient": lambda net: net.zero_grad(),
    "a statistic": lambda net: net.stem(torch.randn(1, 2, 8, 9, 10)),
    "a buffer": lambda net: setattr(net.stem[1], "running_var", torch.ones(4)),
    "a hook": lambda net: net.pool.register_forward_hook(lambda *_: None),
    "a hook on the way back": lambda net: net.head.register_full_backward_hook(lambda *_: None),
    "a hook of a weight": lambda net: net.head.weight.register_hook(lambda slope: slope),
    "a parameter of its own": lambda net: net.head.register_parameter("weight", nn.Parameter(net.head.weight.clone())),
}


@pytest.mark.parametrize("change", CHANGES)
def test_change_of_a_model_is_seen(change: str) -> None:
    net = build("segmentation", 3)
    before = snapshot(net)
    assert_same(before, snapshot(net))
    CHANGES[change](net)
    with pytest.raises(AssertionError, match="changed: "):
        assert_same(before, snapshot(net))


class Undocumented(GradCam):
    """A parameter that nothing is said of."""

    power: float = 1.0


class Lenient(Saliency):
    """Any field is taken."""

    model_config = ConfigDict(extra="allow")

    @classmethod
    def model_validate(cls, obj: Any, **options: Any) -> Lenient:
        return cls.model_construct(**obj)


class Forgetful(Saliency):
    """A parameter that the JSON does not hold."""

    power: float = Field(1.0, ge=0, exclude=True, description="The power of the gradient.")


def test_faulty_parameters_are_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    for method in (Undocumented, Lenient, Forgetful):
        monkeypatch.setattr(method, "name", "faulty")
    with pytest.raises(AssertionError, match="'power' has no description"):
        checks.is_documented(Undocumented)
    with pytest.raises(pytest.fail.Exception, match="DID NOT RAISE"):
        checks.is_strict(Lenient)
    with pytest.raises(AssertionError):
        checks.is_a_value(Forgetful, {"power": 2.0})
