"""The suite itself: every check on every method and network."""

from __future__ import annotations

import pytest

import torchesegeta as te

from .checks import CHECKS, Check, is_a_value, is_documented, is_strict
from .rows import ROWS
from .subject import Subject

KINDS = ("classification", "segmentation")


def test_rows_equal_the_registry() -> None:
    missing, extra = te.methods().keys() - ROWS.keys(), ROWS.keys() - te.methods().keys()
    assert not missing and not extra, f"rows missing for {sorted(missing)}; rows of no method: {sorted(extra)}"


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("dims", [2, 3])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("method", ROWS)
def test_method(method: str, kind: str, dims: int, check: Check) -> None:
    check(Subject(method, ROWS[method], kind, dims))


@pytest.mark.parametrize("method", ROWS)
def test_parameters(method: str) -> None:
    kind = te.methods()[method]
    is_documented(kind)
    is_strict(kind)
    is_a_value(kind, ROWS[method].parameters)
    is_a_value(kind, {})
