"""`Cascade`: the same image before a model whose weights are drawn anew, layer by layer, on a copy."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from torch import Tensor, nn

from torchesegeta.errors import IncompatibleError
from torchesegeta.models import format_of
from torchesegeta.sweeps.layers import probe_layers
from torchesegeta.sweeps.random_weights import Fresh, own_tensors, randomise
from torchesegeta.sweeps.session import Session
from torchesegeta.sweeps.variations import Variation

Order = Literal["cascading", "independent", "bottom_up"]


@dataclass(frozen=True)
class Cascade(Variation):
    """Weights drawn anew (Adebayo et al. 2018, arXiv:1810.03292), with the statistics of norms.

    The order is that of execution. What no hook sees being called, such as a module whose weights are read by another,
    comes last of a cascade from the output. Weights that modules share are drawn once.

    Attributes:
        order: `cascading` from the output on, each step on top of the ones before; `bottom_up` the same from the
            input on; `independent`, each layer by itself.
        most: Most steps there are: neighbouring layers are put together where there are more; None: one each.
        fresh: What the weights are drawn from (see `randomise`).
        seed: Of the weights.
    """

    order: Order = "cascading"
    most: int | None = None
    fresh: Fresh = "initial"
    seed: int = 0

    def steps(self, session: Session) -> tuple[Sequence[str], Iterator[Session]]:
        """See `Variation.steps`; the target stays bound to the original model, draws are those of the original."""
        groups = self.groups(session)
        return [_title(group) for group in groups], self._sessions(session, groups)

    def groups(self, session: Session) -> list[tuple[str, ...]]:
        """The modules of each step, by dotted name, in the order of the steps.

        Raises:
            IncompatibleError: The model's format shows no modules, or it has no weights.
        """
        model = session.alone.model
        shown = format_of(model)
        if not shown.modules:
            raise IncompatibleError(
                f"the model is {shown.name}, whose parts know no initialisation: give the model it was made from"
            )
        names = _with_tensors(session)
        if not names:
            raise IncompatibleError("the model has no weights to be drawn anew")
        if self.order == "cascading":
            names.reverse()
        return _together(names, self.most or len(names))

    def _sessions(self, session: Session, groups: Sequence[Sequence[str]]) -> Iterator[Session]:
        with session.alone.at("float32"):
            model = copy.deepcopy(session.alone.model)
        modules = dict(model.named_modules())
        known: set[int] = set()
        for group in groups:
            before = {name: _copied(modules[name]) for name in group} if self.order == "independent" else {}
            for name in group:
                randomise(modules[name], self.fresh, f"{session.seed}|{self.seed}|{self.fresh}|{name}", known)
            yield session.elsewhere(model=model)
            for name, state in before.items():
                _put_back(modules[name], state)
            if before:
                known.clear()


def _with_tensors(session: Session) -> list[str]:
    """Modules with weights or statistics of their own, in the order in which they are first done, the uncalled first.

    The model's own parameters, such as a position's embedding, come with the uncalled: they are used early.
    """
    modules = {n: m for n, m in session.alone.model.named_modules() if any(True for _ in own_tensors(m))}
    called = [info.name for info in probe_layers(session)]
    return [*(name for name in modules if name not in called), *(name for name in called if name in modules)]


def _together(names: Sequence[str], steps: int) -> list[tuple[str, ...]]:
    """Names in at most so many groups of about the same size."""
    steps = min(steps, len(names))
    bounds = [len(names) * i // steps for i in range(steps + 1)]
    return [tuple(names[a:b]) for a, b in zip(bounds[:-1], bounds[1:], strict=True)]


def _title(group: Sequence[str]) -> str:
    shown = [name or "the model itself" for name in group]
    return shown[0] if len(shown) == 1 else f"{shown[0]} … {shown[-1]}"


def _copied(module: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in own_tensors(module)}


def _put_back(module: nn.Module, before: dict[str, Tensor]) -> None:
    for name, tensor in own_tensors(module):
        tensor.data.copy_(before[name])
