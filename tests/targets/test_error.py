from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import Any

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor, nn

import torchesegeta as te
from torchesegeta.errors import ConfigError, IncompatibleError
from torchesegeta.targets import BoundTarget, OutputInfo, parse_target
from torchesegeta.types import Image

NAMES = OutputInfo(class_names=("air", "white", "lesion"))
SIZE = (8, 9, 10)


@pytest.fixture
def labelled(image: Image) -> Image:
    return replace(image, label=torch.randint(3, SIZE, generator=torch.Generator().manual_seed(6)))


def bind(output: Tensor, image: Image, info: OutputInfo = NAMES, **fields: Any) -> BoundTarget:
    return parse_target({"kind": "error", **fields}).bind(output, image, info)


def wrong(predicted: Tensor, label: Tensor, index: int, error: str) -> Tensor:
    """Voxel by voxel."""
    found = torch.zeros(label.shape, dtype=torch.bool)
    for voxel in product(*map(range, label.shape)):
        is_there, is_predicted = int(label[voxel]) == index, int(predicted[voxel]) == index
        found[voxel] = {
            "false_negative": is_there and not is_predicted,
            "false_positive": is_predicted and not is_there,
            "true_positive": is_predicted and is_there,
        }[error]
    return found


@pytest.mark.parametrize("error", ["false_negative", "false_positive", "true_positive"])
def test_sums_over_the_voxels(error: str, output: Tensor, others: Tensor, labelled: Image) -> None:
    assert labelled.label is not None
    bound = bind(output, labelled, error=error, classes=["lesion", 1])
    words = error.replace("_", " ") + "s"
    assert bound.names == (f"lesion {words}", f"white {words}") and bound.indices == (2, 1)
    assert bound.linear and bound.within is not None and not bound.incompatible
    for place, index in enumerate((2, 1)):
        inside = wrong(output[0].argmax(0), labelled.label, index, error)
        expected = torch.stack([one[index][inside].sum() for one in others])
        torch.testing.assert_close(bound.score(others)[:, place], expected)
    halves = [(slice(0, 3), slice(None), slice(None)), (slice(3, 8), slice(None), slice(None))]
    parts = sum(bound.within(box)(others[(..., *box)]) for box in halves)
    torch.testing.assert_close(parts, bound.score(others))


def test_found_anew_where_it_is_not_frozen(output: Tensor, others: Tensor, labelled: Image) -> None:
    assert labelled.label is not None
    bound = bind(output, labelled, error="false_positive", classes=[1], frozen=False, reduce="mean")
    assert not bound.linear and bound.within is None
    expected = []
    for one in others:
        inside = wrong(one.argmax(0), labelled.label, 1, "false_positive")
        expected.append(one[1][inside].mean())
    torch.testing.assert_close(bound.score(others)[:, 0], torch.stack(expected))


def test_soft_dice(output: Tensor, others: Tensor, labelled: Image) -> None:
    assert labelled.label is not None
    bound = bind(output, labelled, error="dice", classes=[1])
    assert bound.names == ("white soft Dice",) and not bound.linear and bound.differentiable
    for one, score in zip(others.softmax(1), bound.score(others), strict=True):
        inside = labelled.label == 1
        torch.testing.assert_close(score[0], 2 * one[1][inside].sum() / (one[1].sum() + inside.sum()))
    perfect = torch.where(torch.stack([labelled.label == c for c in range(3)])[None], 100.0, -100.0)
    torch.testing.assert_close(bound.score(perfect), torch.ones(1, 1))


def test_one_channel_has_two_classes(image: Image) -> None:
    label = torch.zeros(SIZE, dtype=torch.long)
    label[2:5] = 1
    image = replace(image, label=label)
    raw = torch.randn(1, 1, *SIZE, generator=torch.Generator().manual_seed(1))
    bound = bind(raw, image, OutputInfo(), error="false_negative")
    assert bound.names == ("class 0 false negatives", "class 1 false negatives")
    missed, invented = (label == 1) & (raw[0, 0] <= 0), (label == 0) & (raw[0, 0] > 0)
    expected = torch.stack([-raw[0, 0][invented].sum(), raw[0, 0][missed].sum()])
    torch.testing.assert_close(bound.score(raw)[0], expected)


def test_sigmoid_channels_overlap(output: Tensor, labelled: Image) -> None:
    assert labelled.label is not None
    info = OutputInfo("sigmoid", NAMES.class_names)
    bound = bind(output, labelled, info, error="true_positive", classes=[2], score="probability")
    inside = (output[0, 2] > 0) & (labelled.label == 2)
    torch.testing.assert_close(bound.score(output)[0, 0], output[0, 2].sigmoid()[inside].sum())


def test_only_classes_that_have_such_voxels(output: Tensor, image: Image) -> None:
    label = output[0].argmax(0)
    image = replace(image, label=label)
    with pytest.raises(IncompatibleError, match="no class has false negatives"):
        bind(output, image, error="false_negative")
    bound = bind(output, image, error="false_negative", classes=["white"])
    assert bound.incompatible == {"white false negatives": "class 'white' has no false negatives in this image"}
    image = replace(image, label=torch.where(label == 1, 255, label))
    assert bind(output, image, error="dice").indices == (0, 2)
    (reason,) = bind(output, image, error="dice", classes=[1]).incompatible.values()
    assert reason.endswith("the label holds the values 0, 2, 255, and the class is 1")


def test_what_cannot_be_is_refused(output: Tensor, logits: Tensor, image: Image, labelled: Image) -> None:
    with pytest.raises(IncompatibleError, match="needs a segmentation"):
        bind(logits, labelled, error="dice")
    with pytest.raises(ConfigError, match="nearest: 'white'"):
        bind(output, labelled, error="dice", classes=["whte"])
    with pytest.raises(IncompatibleError, match=r"shape \(8, 9, 9\), the model's output \(8, 9, 10\)"):
        bind(output, Image(torch.zeros(2, 8, 9, 9), label=torch.zeros(8, 9, 9, dtype=torch.long)), error="dice")
    with pytest.raises(IncompatibleError, match="needs a label, and image 'image' has none"):
        bind(output, Image(torch.zeros(2, *SIZE)), error="dice")
    for useless in ({"reduce": "mean"}, {"score": "probability"}, {"frozen": False}):
        with pytest.raises(ValidationError, match=f"leave out {next(iter(useless))}"):
            parse_target({"kind": "error", "error": "dice", **useless})


@pytest.mark.parametrize("error", ["false_negative", "dice"])
def test_explains_from_beginning_to_end(error: str) -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        net = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 2, 1)).eval()
    x = torch.randn(1, 9, 11, generator=torch.Generator().manual_seed(0))
    label = torch.randint(2, (9, 11), generator=torch.Generator().manual_seed(2))
    target = {"kind": "error", "error": error, "classes": ["vessel"]}
    maps = te.explain(
        net, te.Image(x, label=label), ["vanilla_backprop", "occlusion"], target, class_names=["nothing", "vessel"]
    )
    assert {one.target for one in maps} == {f"vessel {'soft Dice' if error == 'dice' else 'false negatives'}"}
    leaf = x[None].clone().requires_grad_()
    raw = net(leaf)
    if error == "dice":
        p, inside = raw.softmax(1)[0, 1], label == 1
        score = 2 * (p * inside).sum() / (p.sum() + inside.sum())
    else:
        score = raw[0, 1][(label == 1) & (raw[0].argmax(0) == 0)].sum()
    (gradient,) = torch.autograd.grad(score, leaf)
    assert maps[0].values is not None
    torch.testing.assert_close(maps[0].values, gradient[0])
    (unlabelled,) = te.explain(net, x, ["saliency"], target)
    assert unlabelled.status == "incompatible" and "needs a label" in (unlabelled.reason or "")
    assert maps[0].plot() is not None
