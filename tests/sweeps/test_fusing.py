"""What several methods need of the model is computed once, and is the same as if each were alone."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import torchesegeta as te
from torchesegeta.sweeps import Gradient, Path, probe_layers
from torchesegeta.types import Attribution

from .counting import IMAGE, LAYERS, CountingNet, run, session_of

GRADIENT = [name for name, method in te.methods().items() if method().sweeps() == (Gradient(),)]
FEW: dict[str, dict[str, Any]] = {
    **dict.fromkeys(("integrated_gradients", "layer_conductance", "internal_influence"), {"steps": 4}),
    **dict.fromkeys(("smoothgrad", "smoothgrad_squared", "vargrad"), {"samples": 3}),
    **dict.fromkeys(("lime", "kernel_shap", "hsic"), {"samples": 20, "features": 5}),
    "shapley_value_sampling": {"permutations": 2, "features": 5},
    "sobol": {"samples": 3, "features": 5},
    "rise": {"masks": 9},
    "expected_gradients": {"samples": 3, "baselines": ["zero", "noise"]},
    **dict.fromkeys(("blur_integrated_gradients", "guided_integrated_gradients"), {"steps": 3}),
    **dict.fromkeys(("class_image", "deep_dream", "inverted_representation", "layer_visualization"), {"steps": 3}),
    **dict.fromkeys(("gradient_shap", "layer_gradient_shap"), {"samples": 3, "baselines": ["zero", "noise"]}),
}
ALL = [
    {"name": name, **FEW.get(name, {})}
    for name, method in te.methods().items()
    if method.fewest_images == 1 and all(sweep.rule is None for sweep in method().sweeps())
]
"""Methods under a rule refuse this network, whose counting nodes are autograd functions in Python."""


@pytest.fixture
def net() -> CountingNet:
    return CountingNet()


def by_key(maps: list[Attribution]) -> dict[Any, torch.Tensor]:
    found = {}
    for m in maps:
        assert m.values is not None, f"{m.label}: {m.reason}"
        found[m.key] = m.values
    return found


def test_all_together_equal_each_alone(net: CountingNet) -> None:
    options: dict[str, Any] = {"target": [0, 2], "layers": LAYERS[2:4], "seed": 5}
    together = by_key(list(te.explain(net, IMAGE, ALL, **options)))
    alone = by_key([m for entry in ALL for m in te.explain(net, IMAGE, [entry], **options)])
    assert together.keys() == alone.keys()
    for key, values in together.items():
        assert torch.equal(values, alone[key]), key


@pytest.mark.parametrize("target", [1, [0, 2], [0, 1, 2]])
def test_gradient_methods_cost_one_forward_and_one_backward_per_target(net: CountingNet, target: Any) -> None:
    assert len(GRADIENT) >= 13
    maps = te.explain(net, IMAGE, GRADIENT, target=target, layers=LAYERS)
    targets = len(target) if isinstance(target, list) else 1
    assert all(m.status == "ok" for m in maps)
    assert net.calls == 1
    assert net.forwards == dict.fromkeys(LAYERS, 1)
    assert net.backwards == dict.fromkeys(LAYERS, targets)
    assert {tuple(m.passes.items()) for m in maps} == {(("forward", 1), ("backward", targets))}


def test_activations_stop_after_the_deepest_layer(net: CountingNet) -> None:
    with session_of(net) as session:
        probe_layers(session)
        net.forwards.clear()
        maps = run(session, ["layer_activation"], [LAYERS[3], LAYERS[1]])
    assert net.forwards == dict.fromkeys(LAYERS[:4], 1)
    assert not net.backwards
    assert [m.passes for m in maps] == [{"forward": 1, "backward": 0}] * 2


def test_gradients_go_back_to_the_shallowest_layer_read(net: CountingNet) -> None:
    te.explain(
        net, IMAGE, ["layer_gradcam", "gradcam", "linear_approximation"], target=1, layers=[LAYERS[5], LAYERS[3]]
    )
    assert net.backwards == dict.fromkeys(LAYERS[4:], 1)


@pytest.mark.parametrize("chunk_size", [1, 3, 8])
def test_path_methods_share_one_path(net: CountingNet, chunk_size: int) -> None:
    steps, targets = 5, 2
    names = ("integrated_gradients", "layer_conductance", "internal_influence")
    layers = LAYERS[1:4]
    maps = te.explain(net, IMAGE, [{"name": n, "steps": steps} for n in names], [0, 2], layers, chunk_size=chunk_size)
    ends, corners = 2, steps + 1
    assert len(maps) == (1 + 3 + 3) * targets
    assert {tuple(m.passes.values()) for m in maps} == {(steps + ends + corners, steps * targets)}
    assert net.forwards[LAYERS[0]] == steps + ends + corners
    assert net.forwards[LAYERS[4]] < steps + ends + corners, "corners go no further than the deepest layer read"
    assert net.backwards == dict.fromkeys(LAYERS, steps * targets)
    reads = [method().reads_at(None) for method in (te.methods()[n] for n in names)]
    assert Path(steps=steps).passes(targets, reads) == maps[0].passes


def test_one_network_call_binds_and_explains(net: CountingNet) -> None:
    with session_of(net) as session:
        run(session, ["saliency"])
        assert net.calls == 1
        run(session, ["input_x_gradient"])
        assert net.calls == 2


def test_methods_that_differ_in_their_points_do_not_share(net: CountingNet) -> None:
    maps = te.explain(
        net,
        IMAGE,
        [
            {"name": "smoothgrad", "samples": 2},
            {"name": "vargrad", "samples": 2},
            {"name": "smoothgrad_squared", "samples": 3},
        ],
        target=1,
    )
    assert [m.passes["backward"] for m in maps] == [2, 2, 3]
    assert net.backwards[LAYERS[0]] == 5


def test_failed_readout_costs_its_own_map_only(net: CountingNet, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> Any:
        raise ZeroDivisionError("planted")

    monkeypatch.setattr(te.methods()["hires_cam"], "combine", broken)
    maps = te.explain(net, IMAGE, ["saliency", "hires_cam", "gradcam"], target=1, layers=[LAYERS[2]])
    assert {m.label: m.status for m in maps} == {"saliency": "ok", "hires_cam": "failed", "gradcam": "ok"}
    assert maps["hires_cam"].reason == "ZeroDivisionError: planted"
    assert net.calls == 1


def test_methods_without_a_target_survive_one_that_cannot_be_explained(net: CountingNet) -> None:
    maps = te.explain(net, IMAGE, ["saliency", "layer_activation"], {"kind": "multiclass"}, [LAYERS[2]])
    assert {m.label: m.status for m in maps} == {"saliency": "incompatible", "layer_activation": "ok"}
    assert "needs a segmentation" in str(maps["saliency"].reason)
