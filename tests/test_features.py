"""Features: what an image is cut into."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from pydantic import BaseModel, ValidationError

from torchesegeta.errors import IncompatibleError
from torchesegeta.features import Features, FeaturesField, Windows


class _Holder(BaseModel):
    features: FeaturesField


def parse(value: object) -> Features:
    return _Holder.model_validate({"features": value}).features


SHAPES = [(2, 9, 11), (1, 8, 9, 10)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(
    "value", ["voxels", "grid", 4, "supervoxels", {"kind": "blocks", "size": 3, "per_channel": True}]
)
def test_partitions_number_every_voxel(shape: tuple[int, ...], value: object) -> None:
    image = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    part = parse(value).partition(image)
    assert part.labels.shape[1:] == shape[1:]
    assert sorted(set(part.labels.flatten().tolist())) == list(range(part.count))
    torch.testing.assert_close(
        part.sums(image), torch.stack([image[(part.labels == i).expand_as(image)].sum() for i in range(part.count)])
    )


def test_sizes_of_features() -> None:
    image = torch.zeros(1, 9, 11)
    assert parse("grid").partition(image).count == 64
    assert parse("voxels").partition(image).count == 99
    assert parse(4).partition(image).count == 9
    assert parse({"kind": "blocks", "size": [9, 4]}).partition(image).count == 3
    assert parse("grid").partition(torch.zeros(1, 8, 9, 10)).count == 64
    assert parse({"kind": "grid", "cells": 5, "per_channel": True}).partition(torch.zeros(2, 9, 9)).count == 50


def test_supervoxels_follow_the_image() -> None:
    image = torch.zeros(1, 12, 12, 12)
    image[:, 6:] = 1
    labels = parse({"kind": "supervoxels", "count": 8, "compactness": 0.01}).partition(image).labels[0]
    assert not set(labels[:6].flatten().tolist()) & set(labels[6:].flatten().tolist())


def test_label_maps_keep_any_numbers(tmp_path: Path) -> None:
    labels = torch.tensor([[7, 7, -1], [40, 40, 7]])
    assert parse(labels).partition(torch.zeros(2, 2, 3)).labels.tolist() == [[[1, 1, 0], [2, 2, 1]]]
    np.save(tmp_path / "atlas.npy", labels.numpy()[None].astype(np.float32))
    from_file = parse({"path": tmp_path / "atlas.npy"}).partition(torch.zeros(2, 2, 3))
    assert from_file.labels.tolist() == [[[1, 1, 0], [2, 2, 1]]]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"kind": "blocks", "size": [2, 2, 2]}, "3 numbers; the image has 2 axes"),
        (torch.zeros(3, 3), r"labels of shape \(1, 3, 3\) do not fit"),
        (torch.full((4, 5), 0.5), "whole numbers"),
        ({"kind": "blocks", "size": 4, "stride": 2}, "overlap"),
    ],
)
def test_what_does_not_fit_is_refused(value: object, message: str) -> None:
    with pytest.raises(IncompatibleError, match=message):
        parse(value).partition(torch.zeros(1, 4, 5))


def test_names_and_kinds_are_checked() -> None:
    with pytest.raises(ValidationError, match="nearest: 'supervoxels'"):
        parse("supervoxel")
    with pytest.raises(ValidationError, match="of kind 'grid' have no field 'size'; theirs: 'cells'"):
        parse({"kind": "grid", "size": 4})
    with pytest.raises(ValidationError, match="need a 'path' or an 'array'"):
        parse({"kind": "labels"})


@pytest.mark.parametrize("value", ["grid", 5, {"kind": "supervoxels", "count": 7}, torch.ones(2, 2)])
def test_features_are_values(value: object) -> None:
    features = parse(value)
    assert features == parse(value) and hash(features) == hash(parse(value))
    assert isinstance(features.model_dump(mode="json"), str | dict)


def test_windows_cover_the_image_and_stop_at_its_border() -> None:
    windows = Windows((1, 10, 7), (4, 3), (3, 2))
    cover = torch.zeros(1, 10, 7)
    for index in range(windows.count):
        cover[windows.place(index)] += 1
    assert windows.count == 3 * 3
    assert float(cover.min()) >= 1
    torch.testing.assert_close(windows.spread(torch.ones(windows.count)), torch.ones(1, 10, 7))


@pytest.mark.parametrize(
    ("shape", "size", "stride", "per_channel"),
    [
        ((2, 9, 11), (4, 3), (2, 3), False),
        ((2, 9, 11), (4, 3), (3, 1), True),
        ((1, 8, 9, 10), (3, 9, 4), (2, 9, 3), False),
    ],
)
def test_overlapping_windows_are_averaged(
    shape: tuple[int, ...], size: tuple[int, ...], stride: tuple[int, ...], per_channel: bool
) -> None:
    windows = Windows(shape, size, stride, per_channel)
    values = torch.randn(windows.count, generator=torch.Generator().manual_seed(0))
    total = torch.zeros(shape)
    cover = torch.zeros(shape)
    for index, value in enumerate(values):
        total[windows.place(index)] += value
        cover[windows.place(index)] += 1
    found = windows.spread(values)
    assert len(found) == (shape[0] if per_channel else 1)
    torch.testing.assert_close(found.expand(shape), total / cover)
