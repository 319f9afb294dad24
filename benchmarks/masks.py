"""Mask methods beside Captum and torchcam with as many forward passes, and beside bare forward passes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import captum.attr as attr
import torch
from torch import Tensor, nn
from torchcam.methods import ScoreCAM

import torchesegeta as te
from benchmarks.classifier import LAYER, Classifier
from benchmarks.subject import Subject
from benchmarks.table import Row, faster_row, slower_row
from benchmarks.timing import compare
from torchesegeta.features import Features
from torchesegeta.sweeps.chunks import Chunks

CELLS = 2
"""Of the grid along each axis: eight features."""
SAMPLES = 10
"""Coalitions of LIME and Kernel SHAP; the image and the baseline are run besides."""
GRID = {"features": {"kind": "grid", "cells": CELLS}}
SCORE_CAM = {"name": "score_cam"}
IN_2D = "EfficientNet-Lite0"
CAPTUM, TORCHCAM = "Captum 0.9", "torchcam 0.5"
SMALL = (4, 8, 8, 8)
Scores = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Case:
    """A method in our words, and the peer's call for one class.

    Attributes:
        method: Our parameters.
        peer: Called with the subject and the class's scores.
        images: How many are explained together.
    """

    method: dict[str, Any]
    peer: Callable[[Subject, Scores], object]
    images: int = 1

    def ours(self, subject: Subject, classes: list[int]) -> object:
        """Our call."""
        batch = list(_batch(subject)) if self.images > 1 else subject.image
        return te.explain(subject.model, batch, [self.method], target=subject.targets(classes))


def _batch(subject: Subject) -> Tensor:
    """Two images."""
    return torch.cat([subject.image, 1 - subject.image])


def _grid(subject: Subject) -> Tensor:
    return Features(kind="grid", cells=CELLS).partition(subject.image[0]).labels[None]


def _captum(algorithm: str, **arguments: Any) -> Callable[[Subject, Scores], object]:
    def call(subject: Subject, scores: Scores) -> object:
        images = _batch(subject) if algorithm == "FeaturePermutation" else subject.image
        explainer = getattr(attr, algorithm)(scores)
        return explainer.attribute(images, target=0, feature_mask=_grid(subject), **arguments)

    return call


def _occlusion(subject: Subject, scores: Scores) -> object:
    window = (1, *[subject.size // CELLS] * 3)
    return attr.Occlusion(scores).attribute(subject.image, window, strides=window, target=0)


def cases(subject: Subject) -> list[Case]:
    """All methods that Captum has too."""
    sampled = {"samples": SAMPLES, **GRID}
    return [
        Case({"name": "feature_ablation", **GRID}, _captum("FeatureAblation")),
        Case({"name": "feature_permutation", **GRID}, _captum("FeaturePermutation"), images=2),
        Case({"name": "occlusion", "window": subject.size // CELLS}, _occlusion),
        Case(
            {"name": "shapley_value_sampling", "permutations": 1, **GRID},
            _captum("ShapleyValueSampling", n_samples=1),
        ),
        Case({"name": "lime", **sampled}, _captum("Lime", n_samples=SAMPLES + 2)),
        Case({"name": "kernel_shap", **sampled}, _captum("KernelShap", n_samples=SAMPLES + 2)),
    ]


def torchcam_score_cam(subject: Classifier, index: int) -> object:
    """Torchcam's Score-CAM, at its own batch size."""
    with ScoreCAM(subject.model, LAYER) as cam:
        return cam(index, subject.model(subject.image))


def peer_rows(pairs: int, quick: bool) -> Iterator[Row]:
    """One method for one class: never much slower than the peer."""
    subject, classifier = Subject(16, SMALL) if quick else Subject(48), Classifier()
    for case in cases(subject):
        ratio = compare(partial(case.ours, subject, [1]), partial(case.peer, subject, subject.scores), pairs)
        yield slower_row(case.method["name"], CAPTUM, ratio)
    ratio = compare(partial(classifier.explain, SCORE_CAM, [1]), partial(torchcam_score_cam, classifier, 1), pairs)
    yield slower_row(f"score_cam, {IN_2D}", TORCHCAM, ratio)


def target_rows(pairs: int, quick: bool) -> Iterator[Row]:
    """Ten classes from the same forward passes, where the peer runs once for each."""
    subject, classifier = Subject(16, SMALL, 10) if quick else Subject(48, outputs=10), Classifier()
    classes, few = list(range(10)), max(1, pairs // 7)  # of ten runs each

    def captum_in_turn(case: Case) -> None:
        for index in classes:
            case.peer(subject, subject.scores_of(index))

    def torchcam_in_turn() -> None:
        for index in classes:
            torchcam_score_cam(classifier, index)

    for case in cases(subject):
        ratio = compare(partial(case.ours, subject, classes), partial(captum_in_turn, case), few, warm_up=False)
        yield faster_row(f"{case.method['name']}, 10 classes", f"{CAPTUM}, class by class", ratio, 8)
    ratio = compare(partial(classifier.explain, SCORE_CAM, classes), torchcam_in_turn, few, warm_up=False)
    yield faster_row(f"score_cam, {IN_2D}, 10 classes", f"{TORCHCAM}, class by class", ratio, 8)


def class_rows(pairs: int, quick: bool) -> Iterator[Row]:
    """Twenty classes beside one."""
    subject, classifier = Subject(16, SMALL, 20) if quick else Subject(48, outputs=20), Classifier()
    tried: list[tuple[str, Callable[[list[int]], object]]] = [
        ("occlusion", partial(subject.explain, {"name": "occlusion", "window": subject.size // CELLS})),
        ("rise", partial(subject.explain, {"name": "rise", "masks": 12})),
        (f"rise, {IN_2D}", partial(classifier.explain, {"name": "rise", "masks": 40})),
        (f"score_cam, {IN_2D}", partial(classifier.explain, SCORE_CAM)),
    ]
    for what, explain in tried:
        ratio = compare(partial(explain, list(range(20))), partial(explain, [1]), pairs)
        yield slower_row(f"{what}, 20 classes", "the same, one class", ratio)


def bare_rows(pairs: int, quick: bool) -> Iterator[Row]:
    """Score-CAM and RISE beside nothing but as many forward passes, in batches of the same size.

    As many as masks, and one each for the image and, in Score-CAM, the baseline.
    """
    volume = Subject(16, SMALL) if quick else Subject()
    fewer = (pairs + 1) // 2  # of passes that take seconds
    tried = (("3D U-Net", volume, volume.features[0], fewer), (IN_2D, Classifier(), 40, pairs))
    for network, subject, channels, count in tried:
        for method, passes in ((SCORE_CAM, channels + 2), ({"name": "rise", "masks": channels}, channels + 1)):
            bare = partial(forwards, subject.model, subject.image, passes)
            ratio = compare(partial(subject.explain, method, [1]), bare, count)
            yield slower_row(f"{method['name']}, {network}", f"{passes} bare forward passes", ratio)


@torch.no_grad()
def forwards(model: nn.Module, image: Tensor, count: int) -> None:
    """Nothing but forward passes."""
    for chunk in Chunks(image[0, 0].numel(), image.device).split(count):
        model(image.repeat(len(chunk), *[1] * (image.ndim - 1)))
