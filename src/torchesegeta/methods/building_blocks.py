"""Building blocks: groups of a layer's channels that act together in an image (Olah et al. 2018, distill.00010)."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from pydantic import Field
from torch import Tensor

from torchesegeta.draws import whole_number
from torchesegeta.errors import IncompatibleError
from torchesegeta.methods.base import Context
from torchesegeta.methods.cam import check_spatial
from torchesegeta.methods.direction_method import DirectionMethod, Pictured
from torchesegeta.methods.optimise_method import reached, stopped
from torchesegeta.methods.readouts import activation, need
from torchesegeta.methods.registry import register
from torchesegeta.sweeps import Gather, Gathered, Part, Readout, Sample, Sweep


@register("building_blocks")
class BuildingBlocks(DirectionMethod):
    """A layer's activation at an image as a few groups: what each calls for, where it is, what it adds to the target.

    Non-negative matrix factorisation splits the positive part of the activation into groups of channels. A group's
    picture does not depend on the target; its attribution, Σ gradient · activation over the group, is given for each.
    """

    title = "Building blocks"
    source = "Olah et al. 2018, doi:10.23915/distill.00010"
    quantity = "picture of a group of channels"

    components: int = Field(
        6, ge=1, le=256, description="Groups, at most; never more than the layer has channels or places."
    )
    iterations: int = Field(400, ge=1, le=100_000, description="Of the factorisation, at most.")
    attribute: bool = Field(
        True, description="Attribute every target to the groups; takes a backward pass for each, and a gradient."
    )

    def sweeps(self) -> tuple[Sweep, ...]:
        """One pass at the image, then an optimisation."""
        return (Gather(whole_set=False, graded=self.attribute), self.drawing(self.components))

    def readout(self, context: Context) -> Readout:
        """A picture (C, *cell) per group.

        In `arrays`: `where` it is (1, *layer), its `direction` (channels,), and its part of the attribution to each
        target, by place (targets, *layer) and by channel (targets, channels).
        """
        return _Blocks(self, context, components=self.components, iterations=self.iterations)


@dataclass(frozen=True, eq=False)
class Groups:
    """A factorisation of the positive part of an activation: where · directions.

    Attributes:
        where: (groups, *layer).
        directions: (groups, channels), of length 1.
        shares: (groups,), of the activation's sum; the largest first.
        error: ‖activation − where · directions‖ / ‖activation‖.
        settled: Whether the iterations sufficed.
    """

    where: Tensor
    directions: Tensor
    shares: Tensor
    error: float
    settled: bool


def factorise(values: Tensor, components: int, iterations: int, seed: int) -> Groups:
    """Split an activation (channels, *layer) that is nowhere negative into groups.

    Args:
        values: The activation.
        components: Groups, at most.
        iterations: At most.
        seed: Of the start.
    """
    from sklearn.decomposition import NMF
    from sklearn.exceptions import ConvergenceWarning

    places = values.flatten(1).T.double()
    count = min(components, *places.shape)
    nmf = NMF(count, init="nndsvda", max_iter=iterations, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        where = torch.from_numpy(nmf.fit_transform(places.numpy()))
    directions = torch.from_numpy(nmf.components_)
    lengths = directions.norm(dim=1)
    where, directions = where * lengths, directions / lengths.clamp(min=torch.finfo(torch.double).tiny)[:, None]
    shares = where.sum(0) * directions.sum(1) / places.sum()
    order = shares.argsort(descending=True, stable=True)
    error = float((places - where @ directions).norm() / places.norm())
    placed = where.T[order].view(count, *values.shape[1:])
    # A single group starts at its optimum, where a rule that looks at the progress since the start never ends.
    return Groups(placed, directions[order], shares[order], error, count == 1 or nmf.n_iter_ < iterations)


@dataclass
class _Blocks(Pictured):
    components: int = 1
    iterations: int = 1
    activation: Tensor | None = None
    gradients: dict[str, Tensor] = field(default_factory=dict)
    key: str = ""
    groups: Groups | None = None

    def update(self, sample: Sample) -> None:
        """See `Readout.update`."""
        values = activation(sample)
        check_spatial(self.context.layer, values, self.context)
        assert isinstance(sample, Gathered)
        self.activation, self.key = values[0].cpu(), sample.key
        self.gradients = {name: gradient[0].cpu().double() for name, gradient in sample.gradients.items()}

    def directions(self) -> Tensor:
        """Those of the groups."""
        positive = need(self.activation).relu()
        if not bool(positive.any()):
            raise IncompatibleError(f"layer {self.context.layer!r} puts out nothing above 0 for this image: no groups")
        seed = whole_number(f"{self.key}|groups", 0)
        self.groups = factorise(positive, self.components, self.iterations, seed)
        return self.groups.directions.to(positive)

    def several(self) -> Sequence[Part]:
        """One picture per group."""
        assert self.groups is not None
        return [self._part(number, self.groups) for number in range(len(self.groups.where))]

    def _part(self, number: int, groups: Groups) -> Part:
        part = Part(f"group {number}", number, warnings=self._warnings(groups))
        missed, result = self.missed.get(number), self.results.get(number)
        part.measures = {"share": float(groups.shares[number]), "reconstruction_error": groups.error}
        self._attribute(part, groups.where[number], groups.directions[number])
        if result is not None:
            part.values, part.stopped = result.pictures[0], stopped(result)
            part.measures |= reached(result)
        elif missed is not None:
            part.error = missed.error
        return part

    def _attribute(self, part: Part, where: Tensor, direction: Tensor) -> None:
        """What the group adds to each target, to first order."""
        part.arrays = {"where": where[None], "direction": direction}
        if not self.gradients:
            return
        slopes = torch.stack(list(self.gradients.values()))
        places = torch.einsum("tc...,c->t...", slopes, direction) * where
        channels = torch.einsum("tc...,...->tc", slopes, where) * direction
        part.arrays |= {"spatial_attribution": places, "channel_attribution": channels}
        for name, placed in zip(self.gradients, places, strict=True):
            part.measures[f"attribution_to_{name}"] = float(placed.sum())

    def _warnings(self, groups: Groups) -> list[str]:
        values, said = need(self.activation), []
        below = float(-values.clamp(max=0).sum() / values.abs().sum())
        if below > 0.01:
            said.append(f"{below:.0%} of the layer's activation is negative and belongs to no group")
        if not groups.settled:
            said.append(f"the groups had not settled after {self.iterations} iterations")
        return said
