"""Methods that go wrong, each in its own way; installed as a plug-in."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from torchesegeta.methods import registry as methods
from torchesegeta.metrics import registry as metrics

SOURCE = '''
import ctypes
import gc
import os
import resource
import signal
import time

import torch

from torchesegeta.methods import register
from torchesegeta.methods.readouts import single
from torchesegeta.methods.saliency import Saliency
from torchesegeta.metrics import MapMetric, Measurement
from torchesegeta.metrics import register as register_metric


@register("hangs")
class Hangs(Saliency):
    """Hangs in Python."""

    def readout(self, context):
        while True:
            time.sleep(0.01)


@register("hangs_natively")
class HangsNatively(Saliency):
    """Hangs in native code that holds the interpreter's lock."""

    def readout(self, context):
        ctypes.PyDLL(None).sleep(1000)


@register("kills_itself")
class KillsItself(Saliency):
    """Kills its process."""

    def readout(self, context):
        os.kill(os.getpid(), signal.SIGKILL)


@register("crashes")
class Crashes(Saliency):
    """Reads where nothing is."""

    def readout(self, context):
        ctypes.string_at(0)


@register("raises")
class Raises(Saliency):
    """Raises."""

    def readout(self, context):
        raise LookupError("nothing found")


@register("devours")
class Devours(Saliency):
    """Allocates until memory runs out."""

    def readout(self, context):
        limits = resource.getrlimit(resource.RLIMIT_AS)
        used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + 2**28, limits[1]))
        kept = []
        try:
            while True:
                kept.append(torch.ones(2**22))
        finally:
            resource.setrlimit(resource.RLIMIT_AS, limits)


@register("is_nan")
class IsNan(Saliency):
    """Makes a map of NaN."""

    def readout(self, context):
        return single(lambda sample: sample.input_gradient * float("nan"))


@register("misshapen")
class Misshapen(Saliency):
    """Makes a map of the wrong shape."""

    def readout(self, context):
        return single(lambda sample: sample.input_gradient[..., 1:])


@register("leaves_a_hook")
class LeavesAHook(Saliency):
    """Leaves a hook on the model."""

    def readout(self, context):
        for model in [o for o in gc.get_objects() if type(o).__name__ == "Net" and isinstance(o, torch.nn.Module)]:
            model.enc.register_forward_hook(lambda module, inputs, output: output * 2)
        return super().readout(context)


class Judge(MapMetric):
    """Judges saliency in a way that goes wrong."""

    title, family, source, span = "Judge", "Complexity", "nobody", "any"

    def measure(self, case):
        if case.attribution.label == "saliency":
            self.go_wrong()
        return Measurement(1.0)


@register_metric("dies_judging")
class DiesJudging(Judge):
    def go_wrong(self):
        os.kill(os.getpid(), signal.SIGKILL)


@register_metric("hangs_judging")
class HangsJudging(Judge):
    def go_wrong(self):
        while True:
            time.sleep(0.01)
'''


def write(folder: Path) -> None:
    """Put the plug-in where it counts as installed as soon as that folder is searched for modules."""
    information = folder / "faults-1.0.dist-info"
    information.mkdir(parents=True)
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: faults\nVersion: 1.0\n")
    groups = ("torchesegeta.methods", "torchesegeta.metrics")
    (information / "entry_points.txt").write_text("\n".join(f"[{group}]\nfaults = faulty_methods" for group in groups))
    (folder / "faulty_methods.py").write_text(SOURCE)


def install(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the methods and metrics known to this process and those it starts."""
    write(folder)
    monkeypatch.syspath_prepend(str(folder))
    for kind in (methods.REGISTRY, metrics.REGISTRY):
        kind.known()  # what is scanned before stays; what this test adds goes with it
        monkeypatch.setattr(kind, "classes", dict(kind.classes))
        monkeypatch.setattr(kind, "scanned", False)
    monkeypatch.delitem(sys.modules, "faulty_methods", raising=False)
