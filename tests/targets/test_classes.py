from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from torchesegeta.errors import ConfigError
from torchesegeta.targets import OutputInfo, parse_target
from torchesegeta.types import Image

NAMES = OutputInfo(class_names=("background", "white", "grey"))
BATCH = torch.tensor([[0.3, -1.2, 2.5], [1.0, 2.0, 3.0]])


def scores(target: Any, logits: Tensor, image: Image, info: OutputInfo = NAMES, at: Tensor | None = None) -> Tensor:
    return parse_target(target).bind(logits, image, info).score(logits if at is None else at)


def test_logit(logits: Tensor, image: Image) -> None:
    assert torch.equal(scores([2, 0], logits, image, at=BATCH), BATCH[:, [2, 0]])


def test_probability_and_log_odds(logits: Tensor, image: Image) -> None:
    p = BATCH.double().softmax(1)[:, [1]]
    probability = scores({"kind": "class", "classes": [1], "score": "probability"}, logits, image, at=BATCH)
    log_odds = scores({"kind": "class", "classes": [1], "score": "log_odds"}, logits, image, at=BATCH)
    torch.testing.assert_close(probability, p.float())
    torch.testing.assert_close(log_odds, torch.logit(p).float())


def test_log_odds_of_a_certain_class_keeps_its_gradient(image: Image) -> None:
    sure = torch.tensor([[60.0, -60.0]], requires_grad=True)
    (slope,) = torch.autograd.grad(
        scores({"kind": "class", "classes": [0], "score": "log_odds"}, sure, image).sum(), sure
    )
    assert torch.equal(slope, torch.tensor([[1.0, -1.0]]))


@pytest.mark.parametrize("raw", [[[60.0, -60.0]], [[60.0]]])
def test_log_odds_of_a_sigmoid_are_its_logits(raw: list[list[float]], image: Image) -> None:
    output, info = torch.tensor(raw), OutputInfo("sigmoid")
    found = scores({"kind": "class", "classes": [1], "score": "log_odds"}, output, image, info)
    assert torch.equal(found, output[:, -1:])


def test_softmax_of_one_channel_is_refused(image: Image) -> None:
    with pytest.raises(ConfigError) as caught:
        scores(None, torch.ones(1, 1), image, OutputInfo("softmax"))
    assert (
        str(caught.value) == "activation: 'softmax' needs several channels, the model's output has one; use 'sigmoid'"
    )


@pytest.mark.parametrize(("activation", "p"), [("sigmoid", [0.5744, 0.2315]), ("none", [0.3, 0.2])])
def test_other_activations(activation: Any, p: list[float], image: Image) -> None:
    raw = torch.tensor([[0.3, -1.2]]) if activation == "sigmoid" else torch.tensor([p])
    found = scores({"kind": "class", "classes": [0, 1], "score": "probability"}, raw, image, OutputInfo(activation))
    torch.testing.assert_close(found, torch.tensor([p]), atol=1e-4, rtol=0)


def test_predicted_class_stays_the_predicted_one(logits: Tensor, image: Image) -> None:
    bound = parse_target(None).bind(logits, image, NAMES)
    assert (bound.names, bound.indices) == (("grey",), (2,))
    assert torch.equal(bound.score(-BATCH), -BATCH[:, [2]])


def test_names(logits: Tensor, image: Image) -> None:
    bound = parse_target(["white", 0]).bind(logits, image, NAMES)
    assert (bound.names, bound.indices) == (("white", "background"), (1, 0))
    assert parse_target([1]).bind(logits, image, OutputInfo()).names == ("1",)


@pytest.mark.parametrize(("raw", "predicted"), [(1.5, 1), (-0.1, 0)])
def test_one_channel_speaks_for_two_classes(raw: float, predicted: int, image: Image) -> None:
    output = torch.tensor([[raw]])
    assert scores([0, 1], output, image, OutputInfo()).tolist() == [[-output.item(), output.item()]]
    assert parse_target(None).bind(output, image, OutputInfo()).indices == (predicted,)
    p = output.sigmoid().item()
    both = scores({"kind": "class", "classes": [0, 1], "score": "probability"}, output, image, OutputInfo())
    torch.testing.assert_close(both, torch.tensor([[1 - p, p]]))
    odds = scores({"kind": "class", "classes": [0, 1], "score": "log_odds"}, output, image, OutputInfo())
    torch.testing.assert_close(odds, torch.tensor([[-raw, raw]]))


def test_one_channel_of_probabilities(image: Image) -> None:
    output, info = torch.tensor([[0.3]]), OutputInfo("none")
    assert parse_target(None).bind(output, image, info).indices == (0,)
    both = scores({"kind": "class", "classes": [0, 1], "score": "probability"}, output, image, info)
    torch.testing.assert_close(both, torch.tensor([[0.7, 0.3]]))


@pytest.mark.parametrize("score", ["logit", "probability", "log_odds"])
def test_linear_says_the_truth(score: str, logits: Tensor, image: Image) -> None:
    bound = parse_target({"kind": "class", "classes": [1], "score": score}).bind(logits, image, NAMES)
    doubled = torch.allclose(bound.score(2 * BATCH), 2 * bound.score(BATCH))
    assert bound.linear is (score == "logit") and bound.differentiable
    assert doubled or not bound.linear


@pytest.mark.parametrize(
    ("target", "info", "message"),
    [
        (3, NAMES, "target: class 3 does not exist; the model has the classes 0 to 2"),
        (-1, NAMES, "target: class -1 does not exist; the model has the classes 0 to 2"),
        ([2, 1, 2], OutputInfo(), "target: class '2' stands 2 times"),
        (["white", 1], NAMES, "target: class 'white' stands 2 times"),
        ({"kind": "multiclass", "classes": [0, "background"]}, NAMES, "class 'background' stands 2 times"),
        ("gray", NAMES, "class 'gray' does not exist; nearest: 'grey'; allowed: background, grey, white"),
        ("grey", OutputInfo(), "class 'grey' does not exist; allowed: 0, 1, 2"),
    ],
)
def test_classes_that_cannot_be(target: Any, info: OutputInfo, message: str, logits: Tensor, image: Image) -> None:
    raw = logits[..., None, None, None] if isinstance(target, dict) else logits
    with pytest.raises(ConfigError) as caught:
        scores(target, raw, image, info)
    assert message in str(caught.value)


def test_on_a_segmentation_it_means_multiclass(output: Tensor, image: Image) -> None:
    given = {"classes": (1,), "score": "probability", "frozen": False}
    mine = scores({"kind": "class", **given}, output, image)
    assert torch.equal(mine, scores({"kind": "multiclass", **given}, output, image))
