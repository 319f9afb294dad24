"""Layer-wise relevance propagation (Bach et al. 2015, doi:10.1371/journal.pone.0130140)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator
from torch import Tensor

from torchesegeta.methods.backprop_method import BackpropMethod
from torchesegeta.methods.base import Context
from torchesegeta.methods.registry import register
from torchesegeta.methods.rule_method import RuleMethod
from torchesegeta.rules import Lrp
from torchesegeta.rules.lrp import Part
from torchesegeta.rules.relevance import AlphaBeta, Epsilon, Flat, Gamma, Sharing, ZPlus
from torchesegeta.sweeps import Gradient, Sweep
from torchesegeta.validation import Strict

LARGE_GAP = 0.5
"""A conservation gap above this share of the score is said aloud."""

RuleName = Literal["epsilon", "zplus", "gamma", "alpha_beta", "flat"]
Place = Literal["first", "last", "convolution", "linear", "any"]
Depth = Annotated[float, Field(ge=0, le=1)]


class PartOfComposite(Strict):
    """A rule, and the weighted sums for which it holds."""

    rule: RuleName = Field(description="The rule.")
    at: Place | tuple[Depth, Depth] = Field(
        "any",
        description="The first or the last weighted sum, all convolutions, all linear layers, or a range of depths "
        "from 0 (image) to 1 (output).",
    )


COMPOSITES: dict[str, tuple[PartOfComposite, ...]] = {
    "epsilon_plus": (PartOfComposite(rule="zplus", at="convolution"),),
    "epsilon_plus_flat": (
        PartOfComposite(rule="flat", at="first"),
        PartOfComposite(rule="zplus", at="convolution"),
    ),
    "epsilon_gamma": (PartOfComposite(rule="gamma", at="convolution"),),
    "epsilon_alpha_beta": (PartOfComposite(rule="alpha_beta", at="convolution"),),
    "epsilon_alpha_beta_flat": (
        PartOfComposite(rule="flat", at="first"),
        PartOfComposite(rule="alpha_beta", at="convolution"),
    ),
}
"""Composites by name; the epsilon rule holds where no part does."""

CompositeName = Literal[
    "epsilon_plus", "epsilon_plus_flat", "epsilon_gamma", "epsilon_alpha_beta", "epsilon_alpha_beta_flat"
]


@register("lrp")
class LayerwiseRelevancePropagation(RuleMethod, BackpropMethod):
    """The score itself goes back and is divided, at every layer, among the units that made it.

    Batch norms are merged with the layer before them. What the map's sum misses of the score is in the record: biases
    keep their part under most rules.
    """

    title = "Layer-wise relevance propagation"
    source = "Bach et al. 2015, doi:10.1371/journal.pone.0130140"
    quantity = "share of the score"

    rule: RuleName | None = Field(None, description="One rule for every weighted sum, in place of a composite.")
    composite: CompositeName | Annotated[tuple[PartOfComposite, ...], Field(min_length=1)] | None = Field(
        None,
        description="Rules by place: a name, or a list of parts of which the first that holds is taken, and 'epsilon' "
        "where none does; without a rule: 'epsilon_plus'.",
    )
    epsilon: float = Field(1e-6, gt=0, le=1e3, description="Keeps divisors from zero; larger values damp the map.")
    gamma: float = Field(0.25, ge=0, le=1e3, description="How much more counts what agrees with the output's sign.")
    alpha: float = Field(2.0, ge=1, le=10, description="Factor of what is positive; beta is alpha − 1.")

    @model_validator(mode="after")
    def _one_of_both(self) -> LayerwiseRelevancePropagation:
        if self.rule is not None and self.composite is not None:
            raise ValueError("give a rule or a composite, not both")
        return self

    def sweeps(self) -> tuple[Sweep, ...]:
        """One pass under the composite."""
        return (Gradient(Lrp(tuple(self._parts()), self.epsilon, unknown=self.unknown)),)

    def _parts(self) -> list[Part]:
        if self.rule is not None:
            return [Part(self._sharing(self.rule))]
        chosen = self.composite or "epsilon_plus"
        listed = COMPOSITES[chosen] if isinstance(chosen, str) else chosen
        return [Part(self._sharing(part.rule), part.at) for part in listed]

    def _sharing(self, name: RuleName) -> Sharing:
        match name:
            case "epsilon":
                return Epsilon(self.epsilon)
            case "zplus":
                return ZPlus(self.epsilon)
            case "gamma":
                return Gamma(self.epsilon, self.gamma)
            case "alpha_beta":
                return AlphaBeta(self.epsilon, self.alpha)
            case "flat":
                return Flat(self.epsilon)

    def measures(self, values: Tensor, context: Context) -> dict[str, float]:
        """|Σ map − score| / |score|; at a layer the share of the score that passes through it."""
        if not context.score:
            return {}
        share = float(values.double().sum()) / context.score
        return {"conservation_gap": abs(share - 1)} if context.layer is None else {"score_share": share}

    def cautions(self, measures: dict[str, float], context: Context) -> list[str]:
        """A sum that is not the score."""
        gap = measures.get("conservation_gap", 0.0)
        if gap <= LARGE_GAP:
            return []
        return [f"the map's sum misses the score by {gap:.0%}: biases and norms keep their part of it"]
