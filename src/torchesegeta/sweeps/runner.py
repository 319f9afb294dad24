"""The one place that calls a model: devices, evaluation mode, passes counted, everything put back afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from torchesegeta.errors import IncompatibleError, ModelError
from torchesegeta.models.output import pick_output
from torchesegeta.sweeps.chunks import is_out_of_memory
from torchesegeta.targets import OutputInfo


@dataclass
class Passes:
    """Passes of single points through the model: a batch of B points counts B."""

    forward: int = 0
    backward: int = 0

    def since(self, earlier: Passes) -> dict[str, int]:
        """The passes made after `earlier` was copied."""
        return {"forward": self.forward - earlier.forward, "backward": self.backward - earlier.backward}

    def copy(self) -> Passes:
        """A snapshot."""
        return Passes(self.forward, self.backward)


@dataclass
class Runner:
    """A model that is ready to run.

    Attributes:
        model: In evaluation mode, on `device`.
        device: Where it runs.
        info: What is known of its output.
        output: Which of several outputs is explained (see `pick_output`).
        passes: Counts every pass.
        calls: How often each module is called in a pass, once a pass has told.
    """

    model: nn.Module
    device: torch.device
    info: OutputInfo = field(default_factory=OutputInfo)
    output: int | str | None = None
    passes: Passes = field(default_factory=Passes)
    calls: dict[str, int] = field(default_factory=dict)

    @property
    def dtype(self) -> torch.dtype:
        """The dtype of the model's weights: images are given in it."""
        floating = (p.dtype for p in self.model.parameters() if p.is_floating_point())
        return next(floating, torch.float32)

    @property
    def takes_single_points(self) -> bool:
        """Whether batches hold one point: an exported program has a fixed batch size, and some models mix points."""
        return self.mixes_points or isinstance(self.model, torch.fx.GraphModule)

    @property
    def mixes_points(self) -> bool:
        """Whether points of a batch change each other's output: a batch norm without running statistics."""
        return any(isinstance(m, _BatchNorm) and m.running_mean is None for m in self.model.modules())

    def forward(self, points: Tensor, extras: tuple[Tensor, ...] = ()) -> Tensor:
        """The raw output for a batch of points, (B, C, ...).

        Raises:
            ModelError: The model refuses the points, or has no such output.
        """
        self.passes.forward += len(points)
        others = [e.to(points.device)[None].expand(len(points), *e.shape) for e in extras]
        return pick_output(self._call(points.clone(), others), self.output)  # models may change their input in place

    def _call(self, points: Tensor, others: list[Tensor]) -> Any:
        try:
            return self.model(points, *others)
        except IncompatibleError:
            raise  # a rule's, of an operation in the model
        except Exception as error:
            if is_out_of_memory(error):
                raise
            said = f"{type(error).__name__}: {error}"
            raise ModelError(f"the model refuses an input of shape {tuple(points.shape)}: {said}") from error


@contextmanager
def prepared(model: nn.Module, device: torch.device, seed: int) -> Iterator[nn.Module]:
    """Make a model ready, and give it back as it was: mode, device, buffers; the global random state too.

    A compiled model is unwrapped: hooks and rules do not act on compiled code. The caller's gradient mode and autocast
    are of no consequence inside.
    """
    inner = getattr(model, "_orig_mod", model)
    modes = [(m, m.training) for m in inner.modules()]
    buffers = [(m, name, b, b.clone()) for m in inner.modules() for name, b in m._buffers.items() if b is not None]
    homes = [(p, p.device) for p in inner.parameters()]
    devices = [device] if device.type == "cuda" else []
    with (
        torch.random.fork_rng(devices=devices),
        torch.inference_mode(False),
        torch.enable_grad(),
        torch.autocast(device.type, enabled=False),
    ):
        _seed(device, seed)
        try:
            inner.to(device)
            with suppress(NotImplementedError):  # an exported program's mode is fixed
                inner.eval()
            yield inner
        finally:
            for module, training in modes:
                module.training = training
            for parameter, home in homes:
                if parameter.device != home:
                    parameter.data = parameter.data.to(home)
            _restore(buffers)


def _seed(device: torch.device, seed: int) -> None:
    """Seed the generators that `fork_rng` gives back; `torch.manual_seed` would seed those of all GPUs."""
    torch.default_generator.manual_seed(seed)
    if device.type == "cuda":
        with torch.cuda.device(device):
            torch.cuda.manual_seed(seed)


@torch.no_grad()
def _restore(buffers: list[tuple[nn.Module, str, Tensor, Tensor]]) -> None:
    for module, name, buffer, before in buffers:
        if buffer.device != before.device:
            buffer.data = before
        elif not torch.equal(buffer, before):
            buffer.copy_(before)
        module._buffers[name] = buffer
