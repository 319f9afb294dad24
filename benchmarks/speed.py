"""Speed: fused sweeps against Captum method by method; one method against a hand-written loop and against Captum."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import partial

import captum.attr as attr

import torchesegeta as te
from benchmarks import loops
from benchmarks.loops import STEPS
from benchmarks.subject import LAYERS, Subject
from benchmarks.table import Row
from benchmarks.timing import Ratio, Work, compare

THREE = LAYERS[1::2]
GRADIENT = ["saliency", "input_x_gradient", "layer_activation", "layer_gradcam", "layer_gradient_x_activation"]


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


def fused_rows(subject: Subject, pairs: int, steps: int) -> list[Row]:
    """What sharing passes is worth."""
    path = [{"name": n, "steps": steps} for n in ("integrated_gradients", "layer_conductance", "internal_influence")]
    gradient = compare(lambda: explain(subject, list(GRADIENT), LAYERS), lambda: captum_gradient(subject), pairs)
    # Minutes a pair: long enough to need no warming up.
    along = compare(lambda: explain(subject, list(path), THREE), lambda: captum_path(subject, steps), 2, warm_up=False)
    return [
        _fused("23 gradient maps, 7 layers", gradient, 10),
        _fused(f"integrated gradients ({steps} steps) + conductance and influence, 3 layers", along, 5),
    ]


def _fused(what: str, ratio: Ratio, at_least: float) -> Row:
    times = 1 / ratio.median
    spread = f"{1 / ratio.high:.1f}–{1 / ratio.low:.1f}"
    return Row(
        what, "Captum 0.9, method by method", f"{times:.1f} × faster", spread, f"≥ {at_least:g} ×", times >= at_least
    )


def alone_rows(subject: Subject, pairs: int) -> list[Row]:
    """One method at a time: nothing is shared, so nothing is gained; it must not cost more either."""
    layer = "bottleneck"
    path = {"name": "integrated_gradients", "steps": STEPS}
    noise = {"name": "smoothgrad", "samples": STEPS}
    plain, tunnel = attr.IntegratedGradients(subject.scores), attr.NoiseTunnel(attr.Saliency(subject.scores))
    cases: list[tuple[str, Work, Work, Work]] = [
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
    rows = [row for case in cases for row in _alone(*case, pairs)]
    itself = compare(cases[0][2], cases[0][2], pairs)
    return [*rows, Row("noise floor: the saliency loop", "itself", f"{itself.median:.2f}", _spread(itself), "", None)]


def _alone(name: str, ours: Work, loop: Work, captum: Work, pairs: int) -> list[Row]:
    rows = []
    for peer, work in (("hand-written loop", loop), ("Captum 0.9", captum)):
        ratio = compare(ours, work, pairs)
        rows.append(Row(name, peer, f"{ratio.median:.2f} of its time", _spread(ratio), "≤ 1.10", ratio.median <= 1.10))
    return rows


def _spread(ratio: Ratio) -> str:
    return f"{ratio.low:.2f}–{ratio.high:.2f}"


def quiet(work: Callable[[], list[Row]]) -> list[Row]:
    """Captum warns of the gradients it sets itself."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return work()
