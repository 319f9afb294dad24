from collections import namedtuple
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import Tensor

from torchesegeta.errors import ModelError
from torchesegeta.models.output import pick_output

A, B = torch.zeros(1, 3, 4, 4), torch.ones(1, 2, dtype=torch.float16)
Pair = namedtuple("Pair", ["logits", "features"])


@dataclass
class Result:
    logits: Tensor
    loss: float | None = None


@pytest.mark.parametrize("raw", [A, [A], (A,), {"out": A}, [{"out": (A,)}]])
def test_the_only_tensor_needs_no_selector(raw: object) -> None:
    assert pick_output(raw, None) is A


@pytest.mark.parametrize(
    ("raw", "selector"),
    [
        (A, 0),
        (A, "0"),
        ([B, A], 1),
        ([B, A], -1),
        ((A, B), "0"),
        ({"out": A, "aux": B}, "out"),
        ({"out": [A, B]}, "out.0"),
        ({0: A, 1: B}, 0),
        (Pair(A, B), "logits"),
        (Pair(B, A), 1),
        ([None, Result(A)], "1.logits"),
    ],
)
def test_selectors(raw: object, selector: int | str) -> None:
    assert pick_output(raw, selector) is A


@pytest.mark.parametrize(
    ("raw", "selector", "message"),
    [
        ([A, B], None, "output must be chosen; there are: 0 (1, 3, 4, 4) float32; 1 (1, 2) float16"),
        ({"out": [A, B]}, "out.2", "output 'out.2' is not a tensor of the model's output; there are: out.0 (1, 3"),
        ({"out": [A, B]}, "out", "output 'out' is not a tensor"),
        ([A], "0.0", "output '0.0' is not a tensor"),
        ([A, B], -3, "output -3 is not a tensor"),
        (A, 1, "output 1 is not a tensor of the model's output; there are: 0 (1, 3, 4, 4) float32"),
        (Result(A), None, "there are: logits (1, 3, 4, 4) float32"),
        (5, None, "there are: no tensors (a int)"),
        ([], None, "there are: no tensors (a list)"),
        (A.argmax(dim=1), None, "is of type int64"),
        ([A > 0, A], 0, "output 0 is of type bool; explanations need scores"),
    ],
)
def test_refusals(raw: Any, selector: int | str | None, message: str) -> None:
    with pytest.raises(ModelError) as caught:
        pick_output(raw, selector)
    assert message in str(caught.value)
