"""The gradients of a chunk for one target: from its score, from the score's negative, and from seeds at layers."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor
from torch.autograd.graph import GradientEdge

from torchesegeta.errors import IncompatibleError
from torchesegeta.sweeps.base import Read, Request, Sample, Seed
from torchesegeta.sweeps.capture import Record
from torchesegeta.sweeps.passes import backward_pass, seeded_pass
from torchesegeta.sweeps.readers import layers_of
from torchesegeta.sweeps.session import Session

Edges = dict[str, GradientEdge | None]
Found = dict[str, Tensor | IncompatibleError]


class Slopes:
    """What goes back through one chunk's graph.

    Args:
        session: The image before a model.
        batch: The points, (B, C, *spatial).
        records: Of the layers that are read.
        requests: Of the readers of this target.
        score: (B,), of the target; None where none is read.
        target: Its number.
        keep: Keep the graph for another target.

    Attributes:
        at_input: ∂score/∂points, where a request reads it.
    """

    def __init__(
        self,
        session: Session,
        batch: Tensor,
        records: dict[str, Record],
        requests: Sequence[Request],
        score: Tensor | None,
        target: int | None,
        *,
        keep: bool,
    ) -> None:
        self.session, self.batch, self.records, self.requests = session, batch, records, requests
        self.target = target
        self.at_input: Tensor | None = None
        self._layers: Found = {}
        self._opposite: Found = {}
        self._seeded: dict[Seed, tuple[Tensor | None, Found]] = {}
        if score is not None:
            self._from_score(score, keep=keep)

    def _from_score(self, score: Tensor, *, keep: bool) -> None:
        contrasted = [r for r in self.requests if Read.CONTRAST in r.reads]
        seeds = list(filter(None, (r.layer if r.seed is None else r.seed.layer for r in contrasted)))
        whole = self.batch if any(Read.INPUT_GRADIENT in r.reads for r in self.requests) else None
        edges = self._edges([*layers_of(self.requests, Read.LAYER_GRADIENT), *seeds])
        self.at_input, self._layers = backward_pass(self.session, score, whole, edges, keep=keep or bool(seeds))
        if seeds:
            _, self._opposite = backward_pass(self.session, -score, None, self._edges(seeds), keep=True)

    def _edges(self, layers: Sequence[str]) -> Edges:
        return {layer: self.records[layer].edge for layer in layers}

    def at(self, layer: str) -> Tensor:
        """∂score/∂activation of a layer, (B, *layer).

        Raises:
            IncompatibleError: The score does not depend on it.
        """
        return _found(self._layers[layer])

    def opposite_at(self, layer: str) -> Tensor:
        """The same of the score's negative.

        Raises:
            IncompatibleError: As `at`.
        """
        return _found(self._opposite[layer])

    def seeded(self, request: Request, sample: Sample) -> tuple[Tensor | None, Tensor | None]:
        """The gradients at the points and at the request's layer that start from its seed, those that it reads.

        Args:
            request: What is read.
            sample: Of the chunk: what the seed is made of is added to a copy.

        Raises:
            IncompatibleError: The seed does not get there.
        """
        seed = request.seed
        assert seed is not None
        if seed not in self._seeded:
            self._seeded[seed] = self._from_seed(seed, sample, contrast=Read.CONTRAST in request.reads)
        at_input, layers = self._seeded[seed]
        at_layer = request.layer if Read.SEEDED_LAYER_GRADIENT in request.reads else None
        return at_input, None if at_layer is None else _found(layers[at_layer])

    def _from_seed(self, seed: Seed, sample: Sample, *, contrast: bool) -> tuple[Tensor | None, Found]:
        mine = [request for request in self.requests if request.seed is seed]
        start = Sample(sample.weights, sample.indices, activation=self.records[seed.layer].values)
        if contrast:
            start.gradient, start.opposite = self.at(seed.layer), self.opposite_at(seed.layer)
            start.masses = None if self.target is None else self.session.masses.get((seed.layer, self.target))
        whole = self.batch if any(Read.SEEDED_GRADIENT in request.reads for request in mine) else None
        edges = self._edges(layers_of(mine, Read.SEEDED_LAYER_GRADIENT))
        record = self.records[seed.layer]
        return seeded_pass(self.session, seed.layer, record, whole, edges, seed.make(start))


def _found(slope: Tensor | IncompatibleError) -> Tensor:
    if isinstance(slope, IncompatibleError):
        raise slope
    return slope
