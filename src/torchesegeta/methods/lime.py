"""LIME: a simple model of the score around the image (Ribeiro et al. 2016, arXiv:1602.04938)."""

from __future__ import annotations

from typing import Any, Literal

import torch
from pydantic import Field
from torch import Tensor

from torchesegeta.methods.readouts import need
from torchesegeta.methods.registry import register
from torchesegeta.methods.surrogate import SurrogateMethod, Tried


@register("lime")
class Lime(SurrogateMethod):
    """What a simple model of the features, fitted to the scores of images near this one, gives to each feature."""

    title = "LIME"
    source = "Ribeiro et al. 2016, arXiv:1602.04938"
    quantity = "weight in the surrogate"

    surrogate: Literal["lasso", "ridge", "tree"] = Field(
        "lasso", description="Sparse or dense linear model, or a regression tree, whose map holds its importances."
    )
    alpha: float = Field(
        0.01, ge=0, description="Penalty of the linear models; of the lasso in standard deviations of the scores."
    )
    depth: int = Field(4, ge=1, le=64, description="Most splits in a row of the tree.")
    distance: Literal["features", "image"] = Field(
        "features", description="Cosine distance between feature vectors, or between image and masked image."
    )
    kernel_width: float = Field(0.25, gt=0, description="Width of the Gaussian of the distance that weighs samples.")

    @property
    def signed(self) -> bool:
        """Importances of a tree have no sign."""
        return self.surrogate != "tree"

    def fit(self, tried: Tried) -> tuple[Tensor, Tensor, Tensor]:
        """A weighted fit by scikit-learn."""
        weights = (-(self._distances(tried) ** 2) / (2 * self.kernel_width**2)).exp()
        mean = (weights * tried.scores).sum() / weights.sum()
        scale = float(((weights * (tried.scores - mean) ** 2).sum() / weights.sum()).sqrt()) or 1.0
        rows, goal = tried.rows.numpy(), (tried.scores / scale).numpy()
        model = self._model().fit(rows, goal, sample_weight=weights.numpy())
        tree = self.surrogate == "tree"
        values = torch.from_numpy(model.feature_importances_ if tree else model.coef_ * scale)
        return values, torch.from_numpy(model.predict(rows)) * scale, weights

    def _model(self) -> Any:
        from sklearn.linear_model import Lasso, LinearRegression, Ridge
        from sklearn.tree import DecisionTreeRegressor

        if self.surrogate == "tree":
            return DecisionTreeRegressor(max_depth=self.depth, random_state=0)
        if self.alpha == 0:
            return LinearRegression()
        if self.surrogate == "ridge":
            return Ridge(alpha=self.alpha, random_state=0)
        return Lasso(alpha=self.alpha, tol=1e-9, max_iter=100_000, random_state=0)

    def _distances(self, tried: Tried) -> Tensor:
        """Cosine distance of every sample from the image: (N,)."""
        rows = tried.rows
        if self.distance == "features":
            return 1 - (rows.sum(1) / rows.shape[1]).sqrt()
        # A voxel is the image's or the baseline's, so sums over features give the products of whole images.
        image, baseline = tried.context.image.double(), need(tried.context.baseline).double()
        squares, crossed, empty = (
            tried.regions.sums(v).cpu() for v in (image * image, image * baseline, baseline * baseline)
        )
        product = rows @ squares + (1 - rows) @ crossed
        lengths = (rows @ squares + (1 - rows) @ empty).sqrt() * squares.sum().sqrt()
        return 1 - product / lengths.clamp(min=1e-12)
