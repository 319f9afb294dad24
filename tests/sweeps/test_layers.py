"""What one pass tells of a model's layers, and the layer a method takes by itself."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

import torchesegeta as te
from torchesegeta.errors import ConfigError, IncompatibleError
from torchesegeta.sweeps import LayerInfo, default_layer, probe_layers
from torchesegeta.sweeps.capture import LayerName

from .counting import LAYERS, CountingNet, session_of
from .networks import Reused, TupleLayer, build


def info(name: str, *shape: int, calls: int = 1, is_output: bool = False) -> LayerInfo:
    return LayerInfo(name, "Conv3d", (shape,), calls, 0, is_output)


def test_default_is_the_deepest_at_the_lowest_resolution() -> None:
    found = [
        info("encoder.0", 8, 16, 16, 16),
        info("encoder.1", 16, 8, 8, 8),
        info("bottleneck.conv", 32, 4, 4, 4),
        info("bottleneck", 32, 4, 4, 4),
        info("decoder", 8, 16, 16, 16),
        info("head", 3, 16, 16, 16, is_output=True),
    ]
    assert default_layer(found, 3) == "bottleneck"


def test_default_passes_over_what_shows_nothing() -> None:
    features = info("features", 8, 4, 5)
    others = [
        info("pooled", 8, 1, 1),
        info("flat", 8),
        info("act", 8, 2, 2, calls=2),
        info("logits", 3, 2, 2, is_output=True),
        LayerInfo("split", "Split", ((8, 2, 2), (8, 2, 2)), 1, 0, False),
    ]
    assert default_layer([features, *others], 2) == "features"
    assert default_layer([others[0], others[1]], 2) == "pooled"
    assert default_layer([others[3]], 2) == "logits"
    with pytest.raises(IncompatibleError, match="no layer of the model has spatial axes"):
        default_layer([others[1]], 2)


def test_probe_describes_modules_in_the_order_they_finish() -> None:
    with session_of(CountingNet()) as session:
        layers = {layer.name: layer for layer in probe_layers(session)}
        assert session.is_bound and session.runner.calls[LAYERS[0]] == 1
    assert list(layers)[:3] == ["blocks.0.0", "blocks.0.1", "blocks.0"]
    assert list(layers)[-1] == "head"
    assert layers["blocks.0"].shapes == ((4, 9, 11),)
    assert layers["blocks.1.0"].parameters == 4 * 4 * 9 + 4
    assert layers["head"].is_output and not layers["blocks.0"].is_output
    assert layers["blocks.0.0"].kind == "Conv2d"


def test_probe_counts_calls_and_outputs() -> None:
    image = te.Image(torch.randn(2, 9, 11))
    from torchesegeta.sweeps import Runner, Session
    from torchesegeta.targets import parse_target

    reused, several = build(Reused), build(TupleLayer)
    calls = {
        i.name: i.calls for i in probe_layers(Session(Runner(reused, torch.device("cpu")), image, parse_target(1)))
    }
    assert calls == {"first": 1, "act": 2, "second": 2, "head": 1}
    runner = Runner(several, torch.device("cpu"), output="logits")
    shapes = {i.name: i.shapes for i in probe_layers(Session(runner, image, parse_target(1)))}
    assert shapes["split"] == ((1, 9, 11), (3, 9, 11))
    assert all(not m._forward_hooks for net in (reused, several) for m in net.modules())


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("encoder.0", ("encoder.0", None, None)),
        ("act#2", ("act", 2, None)),
        ("split:1", ("split", None, 1)),
        ("split#0:1", ("split", 0, 1)),
    ],
)
def test_layer_names(text: str, parts: tuple[str, int | None, int | None]) -> None:
    name = LayerName.parse(text)
    assert (name.module, name.call, name.output) == parts


@pytest.mark.parametrize("text", ["act#one", "act#-1", "split:last", "split#0:x"])
def test_layer_names_that_are_none(text: str) -> None:
    with pytest.raises(IncompatibleError, match="is not a number; write name#call or name:output"):
        LayerName.parse(text)


class Flat(nn.Module):
    """No layer with spatial axes."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(99, 3)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.head(x.flatten(1))
        return logits


def test_layer_method_on_a_model_without_space() -> None:
    with pytest.raises(IncompatibleError, match="name one with 'layers'"):
        te.explain(Flat(), torch.ones(1, 9, 11), ["layer_activation"], 1)
    maps = te.explain(Flat(), torch.ones(1, 9, 11), ["layer_activation"], 1, ["head"])
    assert maps[0].values is not None and maps[0].values.shape == (3,)


def test_unknown_layer_is_refused_before_anything_runs() -> None:
    net = CountingNet()
    for layers, entry, path in [
        (["blocks.9"], "gradcam", "layers[0]: "),
        (None, {"name": "gradcam", "layers": ["blocks.9"]}, "methods[0].layers[0]: "),
        (None, {"name": "vanilla_backprop", "layers": ["blocks.9"], "label": "mine"}, "methods[0].layers[0]: "),
    ]:
        with pytest.raises(ConfigError) as caught:
            te.explain(net, torch.ones(1, 9, 11), [entry], 1, layers)  # type: ignore[list-item]
        assert str(caught.value).startswith(f"{path}layer 'blocks.9' does not exist in the model; nearest: 'blocks.")
    assert net.calls == 0
