"""The one place that calls a model: devices, evaluation mode, passes counted, everything put back afterwards."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from torchesegeta.errors import IncompatibleError, ModelError
from torchesegeta.models import pick_output, takes_single_points
from torchesegeta.sweeps.chunks import is_out_of_memory
from torchesegeta.sweeps.precision import Arithmetic
from torchesegeta.targets import OutputInfo
from torchesegeta.types import Precision


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
        writes_input: Whether the model changes its input in place, once a pass has told.
        sharing: Workers that share the device.
        arithmetic: The number format of its passes.
    """

    model: nn.Module
    device: torch.device
    info: OutputInfo = field(default_factory=OutputInfo)
    output: int | str | None = None
    passes: Passes = field(default_factory=Passes)
    calls: dict[str, int] = field(default_factory=dict)
    writes_input: bool | None = None
    sharing: int = 1
    arithmetic: Arithmetic = field(init=False)

    def __post_init__(self) -> None:
        self.arithmetic = Arithmetic(self.model, self.device)

    @property
    def dtype(self) -> torch.dtype:
        """The dtype of images and points: that of the model's weights, float32 where these are narrower."""
        return torch.promote_types(self.arithmetic.dtype, torch.float32)

    @property
    def precision(self) -> Precision:
        """What passes made now run in."""
        return self.arithmetic.active

    def at(self, precision: Precision) -> AbstractContextManager[None]:
        """Make passes in a precision; see `Arithmetic.at`."""
        return self.arithmetic.at(precision)

    @property
    def takes_single_points(self) -> bool:
        """Whether batches hold one point: a program's batch size may be fixed, and some models mix points."""
        return takes_single_points(self.model)

    def forward(self, points: Tensor, extras: tuple[Tensor, ...] = ()) -> Tensor:
        """The raw output for a batch of points, (B, C, ...); in float32 where the model runs in less.

        Raises:
            ModelError: The model refuses the points, or has no such output.
        """
        self.passes.forward += len(points)
        others = [self.arithmetic.beside(e.to(points.device))[None].expand(len(points), *e.shape) for e in extras]
        given = self.arithmetic.lower(points)
        if given is points:
            given = points.view_as(points) if self._may_share(points) else points.clone()
        raw = self._call(given, others)
        if self.writes_input is None:
            self.writes_input = given._version > 0
        return self.arithmetic.lift(pick_output(raw, self.output))

    def gradients(
        self,
        ends: Sequence[Any],
        wanted: Sequence[Any],
        starts: Sequence[Tensor] | None = None,
        *,
        keep: bool = False,
    ) -> list[Tensor | None]:
        """Gradients that go back through the model; see `Arithmetic.gradients`."""
        return self.arithmetic.gradients(ends, wanted, starts, keep=keep)

    def count_backward(self, points: int) -> None:
        """Count a backward pass of some points."""
        self.passes.backward += points

    def _may_share(self, points: Tensor) -> bool:
        """Whether the model gets points themselves, not a copy that it may change in place.

        Only a sweep's own points, given to models that were seen to leave their input alone; and only where a change
        would be an error of autograd, so that it cannot go unseen.
        """
        own = points.is_leaf and points.requires_grad and not points._is_view()
        return own and torch.is_grad_enabled() and self.writes_input is False

    def _call(self, points: Tensor, others: list[Tensor]) -> Any:
        try:
            with self.arithmetic.calling():
                return self.model(points, *others)
        except IncompatibleError:
            raise  # a rule's, of an operation in the model
        except Exception as error:
            if is_out_of_memory(error):
                raise
            said = f"{type(error).__name__}: {error}"
            self.arithmetic.blame(said, [points, *others])
            raise ModelError(f"the model refuses an input of shape {tuple(points.shape)}: {said}") from error


@contextmanager
def prepared(model: nn.Module, device: torch.device, seed: int) -> Iterator[nn.Module]:
    """Make a model ready, and give it back as it was: mode, device, buffers; the global random state too.

    A compiled model is unwrapped, its compiled parts run as they were written: hooks and rules do not act on compiled
    code. The caller's gradient mode and autocast are of no consequence inside. Weights require no gradient there:
    nothing is kept for one, and what requires a gradient depends on the image, which tells rules what is a weight.
    On a GPU that device is the current one, which code that says only "cuda" means, and float32 is not TF32.
    """
    inner = getattr(model, "_orig_mod", model)
    modes = [(m, m.training) for m in inner.modules() if hasattr(m, "training")]  # frozen TorchScript has none
    buffers = [(m, name, b, b.clone()) for m in inner.modules() for name, b in m._buffers.items() if b is not None]
    homes = [(p, p.device) for p in inner.parameters()]
    learning = [p for p in inner.parameters() if p.requires_grad]
    devices = [device] if device.type == "cuda" else []
    with (
        torch.random.fork_rng(devices=devices),
        torch.inference_mode(False),
        torch.enable_grad(),
        torch.autocast(device.type, enabled=False),
        _uncompiled(),
        torch.cuda.device(device) if device.type == "cuda" else nullcontext(),
        _whole_float32() if device.type == "cuda" else nullcontext(),
    ):
        _seed(device, seed)
        try:
            inner.to(device)
            with suppress(NotImplementedError):  # an exported program's mode is fixed
                inner.eval()
            for parameter in learning:
                parameter.requires_grad_(False)
            yield inner
        finally:
            for parameter in learning:
                parameter.requires_grad_(True)
            for module, training in modes:
                module.training = training
            for parameter, home in homes:
                if parameter.device != home:
                    parameter.data = parameter.data.to(home)
            _restore(buffers)


def _uncompiled() -> AbstractContextManager[Any]:
    """Compiled modules and functions run as they were written; where nothing was compiled, nothing is imported."""
    return torch.compiler.set_stance("force_eager") if "torch._dynamo" in sys.modules else nullcontext()


@contextmanager
def _whole_float32() -> Iterator[None]:
    """float32 is computed as such: convolutions on a GPU else keep ten bits of a fraction, too few for sums."""
    convolutions, products = torch.backends.cudnn, torch.backends.cuda.matmul
    before = (convolutions.allow_tf32, products.allow_tf32)
    try:
        convolutions.allow_tf32 = products.allow_tf32 = False
        yield
    finally:
        convolutions.allow_tf32, products.allow_tf32 = before


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
