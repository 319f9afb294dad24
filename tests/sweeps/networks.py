"""Networks as people write them: in place, functional, reused, with several outputs.

Each has a `plain` twin: the same modules, out of place and called by hand, which returns the logits and the tensors
that its layers put out.
"""

from __future__ import annotations

from abc import abstractmethod

import torch
from torch import Tensor, nn
from torch.nn import functional

Plain = tuple[Tensor, dict[str, Tensor]]


class Network(nn.Module):
    """(B, 2, H, W) to (B, 3) logits."""

    output: int | str | None = None

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(2, 4, 3, padding=1)
        self.second = nn.Conv2d(4, 4, 3, padding=1)
        self.norm = nn.BatchNorm2d(4)
        self.act = nn.ReLU()
        self.head = nn.Linear(4, 3)

    def classify(self, x: Tensor) -> Tensor:
        """Logits of features."""
        logits: Tensor = self.head(x.square().mean((2, 3)))
        return logits

    @abstractmethod
    def plain(self, x: Tensor) -> Plain:
        """Logits, and each layer's output."""


class InPlaceModule(Network):
    """An in-place ReLU overwrites what the convolution put out."""

    def __init__(self) -> None:
        super().__init__()
        self.act = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.classify(self.second(self.act(self.first(x))))

    def plain(self, x: Tensor) -> Plain:
        first = self.first(x)
        act = first.relu()
        second = self.second(act)
        return self.classify(second), {"first": first, "act": act, "second": second}


class Reused(Network):
    """One ReLU and one convolution, each called twice."""

    def forward(self, x: Tensor) -> Tensor:
        x = self.act(self.second(self.act(self.first(x))))
        return self.classify(self.second(x))

    def plain(self, x: Tensor) -> Plain:
        act0 = self.first(x).relu()
        second0 = self.second(act0)
        act1 = second0.relu()
        second1 = self.second(act1)
        return self.classify(second1), {"act#0": act0, "act#1": act1, "second#0": second0, "second#1": second1}


class Functional(Network):
    """`F.relu`, in place or not, and no module for it."""

    def forward(self, x: Tensor) -> Tensor:
        x = functional.relu(self.norm(self.first(x)))
        return self.classify(functional.relu(self.second(x), inplace=True))

    def plain(self, x: Tensor) -> Plain:
        first = self.first(x)
        norm = self.norm(first)
        second = self.second(norm.relu())
        return self.classify(second.relu()), {"first": first, "norm": norm, "second": second}


class TensorMethod(Network):
    """`x.relu_()` and its return value thrown away."""

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x)
        x.relu_()
        x = self.norm(self.second(x))
        x.relu_()
        return self.classify(x)

    def plain(self, x: Tensor) -> Plain:
        first = self.first(x)
        second = self.second(first.relu())
        norm = self.norm(second)
        return self.classify(norm.relu()), {"first": first, "second": second, "norm": norm}


class AddInPlace(Network):
    """A skip connection by `+=`."""

    def forward(self, x: Tensor) -> Tensor:
        skip = self.act(self.first(x))
        x = self.second(skip)
        x += skip
        return self.classify(self.norm(x))

    def plain(self, x: Tensor) -> Plain:
        act = self.first(x).relu()
        second = self.second(act)
        norm = self.norm(second + act)
        return self.classify(norm), {"act": act, "second": second, "norm": norm}


class Assigns(Network):
    """A channel and a row are overwritten."""

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x)
        x[:, 1] = 0
        x[:, :, 2:4] *= 2
        return self.classify(self.second(x))

    def plain(self, x: Tensor) -> Plain:
        first = self.first(x)
        keep, scale = torch.ones(4, 1, 1), torch.ones(first.shape[2], 1)
        keep[1], scale[2:4] = 0, 2
        second = self.second(first * keep * scale)
        return self.classify(second), {"first": first, "second": second}


class ChangesInput(Network):
    """The input itself is changed in place."""

    def forward(self, x: Tensor) -> Tensor:
        x -= 0.2
        x.mul_(2)
        return self.classify(self.first(x))

    def plain(self, x: Tensor) -> Plain:
        first = self.first((x - 0.2) * 2)
        return self.classify(first), {"first": first}


class _Split(nn.Module):
    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return x[:, :1] * 2, x[:, 1:] + 0.5


class TupleLayer(Network):
    """A layer that puts out two tensors, and a model that puts out a mapping."""

    output = "logits"

    def __init__(self) -> None:
        super().__init__()
        self.split = _Split()

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        one, three = self.split(self.first(x))
        return {"features": one, "logits": self.classify(torch.cat([three.relu_(), one], 1))}

    def plain(self, x: Tensor) -> Plain:
        first = self.first(x)
        one, three = first[:, :1] * 2, first[:, 1:] + 0.5
        logits = self.classify(torch.cat([three.relu(), one], 1))
        return logits, {"first": first, "split:0": one, "split:1": three}


class TupleOutput(Network):
    """A model that returns its auxiliary output first; a block and its last layer put out one tensor."""

    output = 1

    def __init__(self) -> None:
        super().__init__()
        self.block = nn.Sequential(nn.Conv2d(4, 4, 1), nn.ReLU(inplace=True))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        x = self.block(self.first(x))
        return x.mean(), self.classify(x)

    def plain(self, x: Tensor) -> Plain:
        first = self.first(x)
        inner = self.block[0](first)
        outer = inner.relu()
        return self.classify(outer), {"first": first, "block.0": inner, "block.1": outer, "block": outer}


class ViewLayer(Network):
    """A layer puts out a view of the one before."""

    def __init__(self) -> None:
        super().__init__()
        self.flat = nn.Flatten()
        self.head = nn.Linear(4 * 9 * 11, 3)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.head(self.flat(self.act(self.first(x))))
        return logits

    def plain(self, x: Tensor) -> Plain:
        act = self.first(x).relu()
        flat = act.reshape(len(act), -1)
        return self.head(flat), {"act": act, "flat": flat}


NETWORKS: tuple[type[Network], ...] = (
    InPlaceModule,
    Reused,
    Functional,
    TensorMethod,
    AddInPlace,
    Assigns,
    ChangesInput,
    TupleLayer,
    TupleOutput,
    ViewLayer,
)


@torch.no_grad()
def build(kind: type[Network]) -> Network:
    """A network, the same every time, in evaluation mode, with statistics in its norm."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(7)
        net = kind()
        for tensor in (*net.parameters(), *net.norm.buffers()):
            if tensor.is_floating_point():
                tensor.copy_(torch.rand_like(tensor) + 0.4 if tensor.ndim == 1 else torch.randn_like(tensor) * 0.4)
        nn.init.uniform_(net.norm.bias)
    return net.eval()
