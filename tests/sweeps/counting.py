"""A network that counts its own passes, node by node, and may run out of memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from torchesegeta.jobs import group, run_job
from torchesegeta.sweeps import Runner, Session, prepared
from torchesegeta.targets import parse_target
from torchesegeta.tasks import Entry, make_tasks, parse_methods
from torchesegeta.types import Attribution, Image

LAYERS = tuple(f"blocks.{i}" for i in range(7))


class _Node(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, net: CountingNet, name: str) -> Tensor:
        ctx.net, ctx.name = net, name
        net.forwards[name] += len(x)
        return x.clone()

    @staticmethod
    def backward(ctx: Any, *slopes: Tensor) -> tuple[Tensor | None, ...]:
        ctx.net.backwards[ctx.name] += len(slopes[0])
        ctx.net.backward_calls += 1
        if ctx.net.backward_calls == ctx.net.fail_at_backward:
            raise torch.OutOfMemoryError("out of memory on the way back")
        return slopes[0], None, None


class CountingNet(nn.Module):
    """(B, 1, H, W) to three logits through seven blocks.

    Attributes:
        forwards: Points that entered each block.
        backwards: Points whose gradient left each block towards the input.
        batch_limit: More points at once run out of memory.
        fail_at_call: The number of the forward call that runs out of memory, counted from 1.
        fail_at_backward: The same for backward nodes.
    """

    def __init__(self) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            convs = (nn.Conv2d(1 if i == 0 else 4, 4, 3, padding=1) for i in range(len(LAYERS)))
            self.blocks = nn.ModuleList(nn.Sequential(conv, nn.Tanh()) for conv in convs)
            self.head = nn.Linear(4, 3)
        self.forwards: Counter[str] = Counter()
        self.backwards: Counter[str] = Counter()
        self.calls = self.backward_calls = 0
        self.batch_limit = 1000
        self.fail_at_call = self.fail_at_backward = 0

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        if len(x) > self.batch_limit or self.calls == self.fail_at_call:
            raise torch.OutOfMemoryError("out of memory")
        for name, block in zip(LAYERS, self.blocks, strict=True):
            x = block(_Node.apply(x, self, name))  # type: ignore[no-untyped-call]
        logits: Tensor = self.head(x.square().mean((2, 3)))
        return logits


IMAGE = Image(torch.randn(1, 9, 11, generator=torch.Generator().manual_seed(1)))


@contextmanager
def session_of(net: nn.Module, target: Any = 1, **options: Any) -> Iterator[Session]:
    """The image before a ready network."""
    with prepared(net, torch.device("cpu"), 0) as ready:
        yield Session(Runner(ready, torch.device("cpu")), IMAGE, parse_target(target), **options)


def run(session: Session, methods: Sequence[Entry], layers: Sequence[str] = ()) -> list[Attribution]:
    """The maps of methods that share what they can."""
    return [m for job in group(make_tasks(parse_methods(methods), layers)) for m in run_job(job, session)]
