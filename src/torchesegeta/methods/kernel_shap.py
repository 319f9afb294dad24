"""Kernel SHAP: Shapley values as a weighted linear fit (Lundberg & Lee 2017, arXiv:1705.07874)."""

from __future__ import annotations

from math import comb

import torch
from torch import Tensor

from torchesegeta.methods.registry import register
from torchesegeta.methods.surrogate import SurrogateMethod, Tried
from torchesegeta.sweeps.coalitions import all_fit


@register("kernel_shap")
class KernelShap(SurrogateMethod):
    """Each feature's Shapley value, from a linear fit to random coalitions; exact where all coalitions are tried.

    The fit is bound to the score's change from the baseline to the image, so that the values add up to it. Patch by
    patch, a score that is linear in the prediction is a sum of games: each patch has its own fit, of as many coalitions
    of the features that touch it, and the values add up.
    """

    title = "Kernel SHAP"
    source = "Lundberg & Lee 2017, arXiv:1705.07874"
    quantity = "share of the score"
    additive = True

    def fit(self, tried: Tried) -> tuple[Tensor, Tensor, Tensor]:
        """Weighted least squares under Σ values = score(image) − score(baseline)."""
        rows, change = tried.rows, tried.context.score_change or 0.0
        empty = tried.whole_score - change
        weights = self._weights(rows)
        root = weights.sqrt()
        last = rows[:, -1]
        design = root[:, None] * (rows[:, :-1] - last[:, None])
        goal = root * (tried.scores - empty - change * last)
        free = torch.linalg.lstsq(design, goal[:, None], driver="gelsd").solution[:, 0]
        values = torch.cat([free, change - free.sum()[None]])
        return values, empty + rows @ values, weights

    def _weights(self, rows: Tensor) -> Tensor:
        """The Shapley kernel over how often a coalition is drawn: its size evenly, then its members."""
        features, sizes = rows.shape[1], rows.sum(1)
        weights = 1 / (sizes * (features - sizes))
        if all_fit(features, self.samples):
            weights = weights / torch.tensor([comb(features, int(size)) for size in sizes], dtype=weights.dtype)
        return weights / weights.sum()
