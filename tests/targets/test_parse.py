"""What a user writes for a target, and what is said to what cannot be."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import TypeAdapter, ValidationError

from torchesegeta.targets import ClassTarget, MulticlassTarget, RegionTarget, TargetSpec, ThresholdTarget, parse_target
from torchesegeta.validation import describe


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, ClassTarget()),
        (2, ClassTarget(classes=(2,))),
        ("grey", ClassTarget(classes=("grey",))),
        ([1, "grey"], ClassTarget(classes=(1, "grey"))),
        ((0,), ClassTarget(classes=(0,))),
        ({"kind": "class", "score": "log_odds"}, ClassTarget(score="log_odds")),
        ({"kind": "multiclass", "classes": [1], "reduce": "mean"}, MulticlassTarget(classes=(1,), reduce="mean")),
        ({"kind": "threshold", "frozen": False}, ThresholdTarget(frozen=False)),
        (ThresholdTarget(count=True), ThresholdTarget(count=True)),
    ],
)
def test_forms(value: Any, expected: Any) -> None:
    assert parse_target(value) == expected
    assert hash(parse_target(value)) == hash(expected)


@pytest.mark.parametrize(
    "value",
    [
        [1, "grey"],
        {"kind": "multiclass", "count": True},
        {"kind": "threshold"},
        {"kind": "region", "class": ["white"], "box": [[0, 2], [1, 3]]},
        {"kind": "region", "class": 1, "mask": "lesion.nii.gz"},
        {"kind": "region", "class": 1, "component": "largest"},
        {"kind": "error", "error": "false_negative", "classes": ["white"]},
        {"kind": "error", "error": "dice"},
    ],
)
def test_json_and_pickle_round_trip(value: Any) -> None:
    target = parse_target(value)
    adapter: TypeAdapter[Any] = TypeAdapter(TargetSpec)
    assert adapter.validate_json(adapter.dump_json(target, by_alias=True)) == target
    assert pickle.loads(pickle.dumps(target)) == target


def test_masks_compare_by_content() -> None:
    mask = torch.arange(6).view(2, 3)
    one = parse_target({"kind": "region", "class": 1, "mask": mask})
    same = parse_target({"kind": "region", "class": 1, "mask": mask.numpy().copy()})
    other = parse_target({"kind": "region", "class": 1, "mask": np.zeros((2, 3))})
    assert isinstance(one, RegionTarget)
    assert one == same and hash(one) == hash(same) and one != other


def test_classes_named() -> None:
    assert parse_target([1, "grey"]).class_references() == (1, "grey")
    assert parse_target({"kind": "region", "class": "grey", "voxel": [0, 0]}).class_references() == ("grey",)
    assert parse_target(None).class_references() == parse_target({"kind": "threshold"}).class_references() == ()


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"kind": "multiclas"}, "'multiclas' does not exist; nearest: 'multiclass', 'class'; allowed: class, error"),
        ({"classes": [1]}, "None does not exist; allowed: class, error, multiclass, region, threshold"),
        ({"kind": "multiclass", "class": [1]}, "field 'class' does not exist; nearest: 'classes'; allowed: classes, "),
        ({"kind": "threshold", "counts": True}, "field 'counts' does not exist; nearest: 'count'"),
        ({"kind": "class", "score": "logits"}, "'logits' is not allowed"),
        ({"kind": "class", "classes": []}, "at least 1"),
        ([], "at least 1"),
        ({"kind": "region", "voxel": [0, 0]}, "region.class: this field is required"),
        ({"kind": "region", "class": 1}, "give exactly one of mask, box, voxel, component; got none"),
        (
            {"kind": "region", "class": 1, "voxel": [0], "box": [[0, 1]]},
            "exactly one of mask, box, voxel, component; got",
        ),
        ({"kind": "region", "class": 1, "voxel": [0], "frozen": False}, "a region is always frozen"),
        (True, "expected a class index or name, a list of them, or a mapping with a 'kind'; got True"),
        (1.5, "a list of them, or a mapping with a 'kind'; got 1.5"),
    ],
)
def test_what_cannot_be(value: Any, message: str) -> None:
    with pytest.raises(ValidationError) as caught:
        parse_target(value)
    assert message in describe(caught.value, "target")
