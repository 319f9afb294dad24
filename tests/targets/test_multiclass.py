from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from torchesegeta.errors import ConfigError, IncompatibleError
from torchesegeta.targets import BoundTarget, OutputInfo, parse_target, segmentation
from torchesegeta.types import Image

INFO = OutputInfo()


def bind(output: Tensor, image: Image, info: OutputInfo = INFO, **fields: Any) -> BoundTarget:
    return parse_target({"kind": "multiclass", **fields}).bind(output, image, info)


def test_each_class_over_the_voxels_predicted_as_it(output: Tensor, others: Tensor, image: Image) -> None:
    winner = output[0].argmax(0)
    bound = bind(output, image, classes=[2, 0])
    expected = [[float(other[c][winner == c].double().sum()) for c in (2, 0)] for other in others]
    torch.testing.assert_close(bound.score(others), torch.tensor(expected))
    assert bound.indices == (2, 0) and bound.linear and bound.differentiable


def test_mean_and_other_scores(output: Tensor, others: Tensor, image: Image) -> None:
    region = output[0].argmax(0) == 1
    p = others.softmax(1)[:, 1]
    mean = bind(output, image, classes=[1], reduce="mean", score="probability")
    torch.testing.assert_close(mean.score(others)[:, 0], torch.stack([q[region].mean() for q in p]))
    odds = bind(output, image, classes=[1], score="log_odds")
    torch.testing.assert_close(odds.score(others)[:, 0], torch.stack([q[region].logit().sum() for q in p]))
    assert not mean.linear and not odds.linear


def test_frozen_or_found_again(output: Tensor, others: Tensor, image: Image) -> None:
    frozen = bind(output, image, classes=[1]).score(others)
    again = bind(output, image, classes=[1], frozen=False)
    expected = [other[1][other.argmax(0) == 1].sum() for other in others]
    torch.testing.assert_close(again.score(others)[:, 0], torch.stack(expected))
    assert not torch.allclose(frozen, again.score(others)) and not again.linear
    torch.testing.assert_close(again.score(output), bind(output, image, classes=[1]).score(output))


def test_gradient_is_the_region_itself(output: Tensor, image: Image) -> None:
    raw = output.clone().requires_grad_(True)
    (slope,) = torch.autograd.grad(bind(output, image, classes=[1]).score(raw).sum(), raw)
    expected = torch.zeros_like(output)
    expected[0, 1] = (output[0].argmax(0) == 1).float()
    assert torch.equal(slope, expected)


def test_without_classes_those_predicted_somewhere(output: Tensor, image: Image) -> None:
    assert bind(output, image).indices == (0, 1, 2)
    output[:, 1] = -100
    bound = bind(output, image, OutputInfo(class_names=("air", "white", "grey")))
    assert (bound.indices, bound.names, bound.incompatible) == ((0, 2), ("air", "grey"), {})


def test_named_class_that_is_predicted_nowhere(output: Tensor, image: Image) -> None:
    output[:, 1] = -100
    bound = bind(output, image, OutputInfo(class_names=("air", "white", "grey")), classes=["white", "grey"])
    assert bound.names == ("white", "grey")
    assert bound.incompatible == {"white": "class 'white' is predicted nowhere in this image"}
    assert float(bound.score(output)[0, 0]) == 0


@pytest.mark.parametrize("activation", [None, "sigmoid", "none"])
def test_one_channel(activation: Any, output: Tensor, image: Image) -> None:
    raw = output[:, :1].sigmoid() if activation == "none" else output[:, :1]
    foreground = raw[0, 0] > (0.5 if activation == "none" else 0)
    info = OutputInfo(activation)
    bound = bind(raw, image, info)
    assert bound.indices == (0, 1)
    expected = torch.stack([-raw[0, 0][~foreground].sum(), raw[0, 0][foreground].sum()])
    torch.testing.assert_close(bound.score(raw)[0], expected)
    assert torch.equal(segmentation(raw, info)[0], foreground.long())


def test_sigmoid_channels_overlap(output: Tensor, others: Tensor, image: Image) -> None:
    bound = bind(output, image, OutputInfo("sigmoid"))
    regions = output[0] > 0
    expected = torch.stack([torch.stack([o[c][regions[c]].sum() for c in range(3)]) for o in others])
    torch.testing.assert_close(bound.score(others), expected)
    assert bool((regions.sum(0) > 1).any()), "some voxels are of two classes"
    label = segmentation(output, OutputInfo("sigmoid"))[0]
    assert torch.equal(label == -1, ~regions.any(0))
    assert torch.equal(label[regions.any(0)], output[0].argmax(0)[regions.any(0)])


def test_count(output: Tensor, others: Tensor, image: Image) -> None:
    bound = bind(output, image, classes=[1, 2], count=True)
    expected = [[float((o.argmax(0) == c).sum()) for c in (1, 2)] for o in others]
    assert bound.score(others).tolist() == expected
    assert not bound.differentiable and not bound.linear


def test_two_spatial_axes(image: Image) -> None:
    output = torch.randn(1, 3, 9, 11, generator=torch.Generator().manual_seed(0))
    flat = Image(torch.zeros(1, 9, 11))
    for c in range(3):
        expected = output[0, c][output[0].argmax(0) == c].sum()
        torch.testing.assert_close(bind(output, flat, classes=[c]).score(output)[0, 0], expected)


def test_refusals(output: Tensor, image: Image) -> None:
    with pytest.raises(IncompatibleError) as caught:
        bind(output[:, :, 0, 0, 0], image)
    assert str(caught.value) == (
        "target.kind 'multiclass' needs a segmentation (B, C, *spatial); this model's output is (B, 3); "
        "use the kind 'class'"
    )
    with pytest.raises(ConfigError, match="class 5 does not exist"):
        bind(output, image, classes=[5])
