"""Speed: fused sweeps against Captum method by method; one method against a hand-written loop and against Captum."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import captum.attr as attr

import torchesegeta as te
from benchmarks import loops
from benchmarks.loops import STEPS
from benchmarks.subject import LAYERS, Subject
from benchmarks.table import Row, faster_row, slower_row
from benchmarks.timing import Work, compare

SMALL = Subject(16, (4, 8, 8, 8))
"""To show that it runs."""
THREE = LAYERS[1::2]
GRADIENT = ["saliency", "input_x_gradient", "layer_activation", "layer_gradcam", "layer_gradient_x_activation"]
PATH = ("integrated_gradients", "layer_conductance", "internal_influence")
CAPTUM, ONE_BY_ONE = "Captum 0.9", "Captum 0.9, method by method"


def explain(subject: Subject, methods: list[object], layers: tuple[str, ...] = ()) -> object:
    """Our call."""
    return te.explain(subject.model, subject.image, methods, target=subject.target, layers=layers)  # type: ignore[arg-type]


def captum_gradient(subject: Subject) -> None:
    """Two image methods and three methods at seven layers, one call each."""
    attr.Saliency(subject.scores).attribute(subject.image, target=0)
    attr.InputXGradient(subject.scores).attribute(subject.image, target=0)
    for name in LAYERS:
        layer = subject.layer(name)
        attr.LayerActivation(subject.scores, layer).attribute(subject.image)
        attr.LayerGradCam(subject.scores, layer).attribute(subject.image, target=0)
        attr.LayerGradientXActivation(subject.scores, layer).attribute(subject.image, target=0)


def captum_path(subject: Subject, steps: int) -> None:
    """Integrated gradients, and conductance and internal influence at three layers, one call each."""
    one = {"target": 0, "n_steps": steps, "internal_batch_size": 1}
    attr.IntegratedGradients(subject.scores).attribute(subject.image, **one)
    for name in THREE:
        attr.LayerConductance(subject.scores, subject.layer(name)).attribute(subject.image, **one)
        attr.InternalInfluence(subject.scores, subject.layer(name)).attribute(subject.image, **one)


def gradient_rows(pairs: int, quick: bool) -> Iterator[Row]:
    """One forward and one backward pass for 23 maps."""
    subject = SMALL if quick else Subject()
    ratio = compare(
        lambda: explain(subject, list(GRADIENT), LAYERS), lambda: captum_gradient(subject), max(1, pairs // 3)
    )
    yield faster_row("23 gradient maps, 7 layers", ONE_BY_ONE, ratio, 10)


def path_rows(pairs: int, quick: bool) -> Iterator[Row]:
    """One path for seven maps: minutes a pair, long enough for two pairs and no warming up."""
    subject, steps = (SMALL, 3) if quick else (Subject(), 20)
    path: list[object] = [{"name": name, "steps": steps} for name in PATH]
    ratio = compare(
        lambda: explain(subject, path, THREE), lambda: captum_path(subject, steps), min(2, pairs), warm_up=False
    )
    what = f"integrated gradients ({steps} steps) + conductance and influence, 3 layers"
    yield faster_row(what, ONE_BY_ONE, ratio, 5)


def alone_rows(pairs: int, quick: bool) -> Iterator[Row]:
    """One method at a time: nothing is shared, so nothing is gained; it must not cost more either."""
    subject = SMALL if quick else Subject()
    for name, ours, loop, captum in _alone(subject):
        for peer, work in (("hand-written loop", loop), (CAPTUM, captum)):
            yield slower_row(name, peer, compare(ours, work, pairs))
    loop = partial(loops.saliency, subject)
    yield slower_row("noise floor: the saliency loop", "itself", compare(loop, loop, pairs), at_most=None)


def _alone(subject: Subject) -> list[tuple[str, Work, Work, Work]]:
    """Each method: ours, the loop, Captum."""
    layer = "bottleneck"
    path = {"name": "integrated_gradients", "steps": STEPS}
    noise = {"name": "smoothgrad", "samples": STEPS}
    plain, tunnel = attr.IntegratedGradients(subject.scores), attr.NoiseTunnel(attr.Saliency(subject.scores))
    return [
        (
            "saliency",
            partial(explain, subject, ["saliency"]),
            partial(loops.saliency, subject),
            lambda: attr.Saliency(subject.scores).attribute(subject.image, target=0),
        ),
        (
            "layer_gradcam",
            partial(explain, subject, ["layer_gradcam"], (layer,)),
            partial(loops.layer_gradcam, subject, layer),
            lambda: attr.LayerGradCam(subject.scores, subject.layer(layer)).attribute(subject.image, target=0),
        ),
        (
            f"integrated_gradients, {STEPS} steps",
            partial(explain, subject, [path]),
            partial(loops.integrated_gradients, subject),
            lambda: plain.attribute(subject.image, target=0, n_steps=STEPS, return_convergence_delta=True),
        ),
        (
            f"smoothgrad, {STEPS} samples",
            partial(explain, subject, [noise]),
            partial(loops.smoothgrad, subject),
            lambda: tunnel.attribute(subject.image, target=0, nt_samples=STEPS, nt_samples_batch_size=1, abs=False),
        ),
    ]
