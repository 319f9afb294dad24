"""Out of memory patch by patch: fewer patches at once, and what exists for this run when a single one is too much."""

from __future__ import annotations

import logging
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import torchesegeta as te
from torchesegeta.errors import ModelError
from torchesegeta.patches import Patches
from torchesegeta.sweeps import Runner, Session, prepared
from torchesegeta.sweeps.remedies import remedy, saying_what_to_try
from torchesegeta.targets import parse_target
from torchesegeta.types import Image, Precision

from .test_patches import LOGITS, PROBABILITIES, check, image


class Hungry(nn.Module):
    """Runs out of memory with more points at once than it can hold, once it has been shown the image."""

    def __init__(self, most: int, free: int = 0) -> None:
        super().__init__()
        self.most, self.left = most, free
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            self.first, self.head = nn.Conv2d(1, 4, 3, padding=1), nn.Conv2d(4, 3, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        self.left -= len(x)
        if self.left < 0 and len(x) > self.most:
            raise torch.OutOfMemoryError("CUDA out of memory")
        output: Tensor = self.head(self.first(x).relu())
        return output


METHODS: list[Any] = [
    "vanilla_backprop",
    {"name": "smoothgrad", "samples": 3},
    {"name": "occlusion", "window": 5},
    {"name": "kernel_shap", "features": 3, "samples": 10},
    "gradcam",
    "score_cam",
    {"name": "class_image", "steps": 2},
]


@pytest.mark.parametrize("target", [LOGITS, PROBABILITIES], ids=["linear", "softmax"])
@pytest.mark.parametrize("most", [1, 3])
def test_fewer_patches_at_once(most: int, target: Any, caplog: pytest.LogCaptureFixture) -> None:
    data, cut = image((17, 13)), {"size": (8, 7), "overlap": 0.5}
    with caplog.at_level(logging.WARNING):
        found = te.explain(Hungry(most), data, METHODS, target, ["first"], patches=cut, chunk_size=8)
    assert "out of memory with 8 points at once; going on with 4" in caplog.text
    check(found, te.explain(Hungry(99), data, METHODS, target, ["first"], patches=cut, chunk_size=1))


def reason(size: int, precision: Precision, method: str = "vanilla_backprop", **options: Any) -> str:
    """Why there is no map, where memory runs out once the target is bound."""
    whole = "patches" not in options
    model = Hungry(0, free=1 if whole else 9)
    if precision != "float32":
        model.left *= 2
    (one, *_) = te.explain(model, image((size, size)), [method], LOGITS, precision=precision, **options)
    assert one.status == "failed"
    return str(one.reason).split(" (")[0]


@pytest.mark.parametrize(
    ("precision", "offered"), [("float32", "precision 'amp'"), ("amp", "precision 'bfloat16'"), ("bfloat16", None)]
)
@pytest.mark.parametrize(("size", "smaller"), [(64, 48), (48, 32), (32, 24), (8, None)])
def test_what_is_left_to_try(precision: Precision, offered: str | None, size: int, smaller: int | None) -> None:
    patches = None if smaller is None else f"patches of size [{smaller}, {smaller}]"
    offers = [text for text in (offered, patches, "a smaller image or a crop") if text is not None]
    said = reason(size * 3, precision, patches={"size": size, "overlap": 0})
    listed = " or ".join(filter(None, [", ".join(offers[:-1]), offers[-1]]))
    assert said == f"out of memory with a single patch at once: try {listed}"


def test_whole_images_may_be_cut() -> None:
    said = reason(64, "float32", "smoothgrad")
    assert said.startswith("out of memory with a single point at once: try precision 'amp', patches of size [48, 48]")


def test_no_precision_for_what_runs_in_float32_anyway() -> None:
    said = reason(192, "float32", "deeplift", patches={"size": 64, "overlap": 0})
    assert said.endswith("try patches of size [48, 48] or a smaller image or a crop")


def test_precisions_that_the_format_allows() -> None:
    model = torch.jit.trace(nn.Conv2d(1, 2, 1), torch.zeros(1, 1, 8, 8))  # type: ignore[no-untyped-call]
    with prepared(model, torch.device("cpu"), 0) as ready:
        runner = Runner(ready, torch.device("cpu"))
        session = Session(runner, Image(image((8, 8))), parse_target(LOGITS), patches=Patches(size=8))
        assert remedy(session, half_safe=True) == "try precision 'amp' or a smaller image or a crop"
        with runner.at("amp"):
            assert remedy(session, half_safe=True) == "try a smaller image or a crop"


def test_the_first_pass_says_so_too() -> None:
    with prepared(Hungry(0), torch.device("cpu"), 0) as ready:
        session = Session(Runner(ready, torch.device("cpu")), Image(image((8, 8)), name="one"), parse_target(LOGITS))
        message = "out of memory with image 'one' alone: try precision 'amp' or a smaller"
        with pytest.raises(ModelError, match=message), saying_what_to_try(session):
            _ = session.bound
        with pytest.raises(ValueError, match="other"), saying_what_to_try(session):
            raise ValueError("other")
