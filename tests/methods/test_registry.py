from __future__ import annotations

import pkgutil
from importlib import import_module
from typing import Any

import pytest

import torchesegeta as te
from torchesegeta import plugins
from torchesegeta.methods import Context, LayerMethod, Method, register, registry
from torchesegeta.methods.readouts import input_gradient, single
from torchesegeta.sweeps import Gradient, Readout, Sweep

package: Any = import_module("torchesegeta.methods")


class Mine(Method):
    """A method that another package brings, good for nothing else."""

    def sweeps(self) -> tuple[Sweep, ...]:
        return (Gradient(),)

    def readout(self, context: Context) -> Readout:
        return single(input_gradient)


def test_every_method_file_registers_its_own_name() -> None:
    found = {name: method.__module__.rpartition(".")[2] for name, method in te.methods().items()}
    assert all(name == module for name, module in found.items())
    assert list(found) == sorted(found)
    files = {module.name for module in pkgutil.iter_modules(package.__path__)}
    shared = {"base", "registry", "readouts", "surrogate", "cam", "channel_cam", "estimator"}
    shared |= {"pictures"}
    shared |= {name for name in files if name.endswith("_method")}
    assert files - shared == set(found)


def test_titles_and_classes_are_told_apart() -> None:
    found = te.methods().values()
    assert len({method.title for method in found}) == len(set(found)) == len(found)
    for method in found:
        assert method.__doc__ != Method.__doc__ and method.__doc__ is not None
        assert issubclass(method, LayerMethod) == (
            "layers" in method.model_fields and method.name not in ("vanilla_backprop", "guided_backprop", "lrp")
        )


def test_a_name_is_taken_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry.REGISTRY, "classes", dict(te.methods()))
    with pytest.raises(ValueError, match=r"'saliency' is registered twice: torchesegeta\.methods\.saliency, "):
        register("saliency")(Mine)
    assert registry.REGISTRY.classes["saliency"] is te.methods()["saliency"]
    assert register("mine")(Mine) is Mine and Mine.name == "mine"
    assert te.methods()["mine"] is Mine


def test_other_packages_bring_methods(monkeypatch: pytest.MonkeyPatch) -> None:
    class Point:
        def load(self) -> Any:
            return register("brought")(Mine)

    before = dict(te.methods())
    monkeypatch.setattr(registry.REGISTRY, "classes", dict(before))
    monkeypatch.setattr(registry.REGISTRY, "scanned", False)
    monkeypatch.setattr(plugins, "entry_points", lambda group: [Point()] if group == "torchesegeta.methods" else [])
    assert te.methods().keys() - before.keys() == {"brought"}
    assert te.methods().keys() - before.keys() == {"brought"}, "scanned once only"


def test_package_is_callable_and_still_a_package() -> None:
    assert te.methods() == package.methods()
    assert import_module("torchesegeta.methods.saliency").Saliency is te.methods()["saliency"]


def test_two_names_for_one_map() -> None:
    assert te.methods()["grad_times_image"]().sweeps() == te.methods()["input_x_gradient"]().sweeps()
