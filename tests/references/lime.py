"""A weighted lasso, ridge or regression tree over given coalitions (Ribeiro et al. 2016), each written out."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from .record import Score


@torch.no_grad()
def reference(
    score: Score,
    image: Tensor,
    *,
    features: Tensor,
    coalitions: Sequence[Tensor],
    layer: nn.Module | None = None,
    baseline: Tensor | float = 0.0,
    samples: int = 1000,
    paired: bool = True,
    surrogate: str = "lasso",
    alpha: float = 0.01,
    depth: int = 4,
    distance: str = "features",
    kernel_width: float = 0.25,
) -> Tensor:
    """`features` is (*spatial), a label at every voxel; a coalition numbers the labels by size."""
    labels = sorted(set(features.flatten().tolist()))
    empty = torch.zeros_like(image) + baseline
    rows = [row for half in coalitions for row in ((half, 1 - half) if paired else (half,))][:samples]
    scores, weights = [], []
    for row in rows:
        inside = torch.isin(features, torch.tensor([label for label, kept in zip(labels, row, strict=True) if kept]))
        point = torch.where(inside, image, empty)
        one, other = (row, torch.ones_like(row)) if distance == "features" else (point.flatten(), image.flatten())
        apart = 1 - float(one @ other / (one.norm() * other.norm()))
        scores.append(float(score(point)))
        weights.append(torch.tensor(-(apart**2) / (2 * kernel_width**2), dtype=torch.float64).exp())
    z, y, w = torch.stack(rows).double(), torch.tensor(scores).double(), torch.stack(weights)
    if surrogate == "tree":
        gains = torch.zeros(len(labels), dtype=torch.float64)
        _split(z, y, w, depth, gains)
        values = gains / gains.sum()
    else:
        values = _linear(z, y, w, alpha, surrogate)
    result = torch.zeros(1, *image.shape[2:])
    for label, value in zip(labels, values.tolist(), strict=True):
        result[:, features == label] = value
    return result


def _linear(z: Tensor, y: Tensor, w: Tensor, alpha: float, penalty: str) -> Tensor:
    """Coordinate descent on the weighted squares with an intercept."""
    share = w / w.sum()
    z, y = z - share @ z, y - share @ y
    if penalty == "ridge":
        ridge: Tensor = torch.linalg.solve(z.T @ (w[:, None] * z) + alpha * torch.eye(z.shape[1]), z.T @ (w * y))
        return ridge
    threshold = alpha * float((share @ y**2).sqrt())
    values = torch.zeros(z.shape[1]).double()
    for _ in range(2000):
        for j in range(len(values)):
            rest = y - z @ values + z[:, j] * values[j]
            pull = share @ (z[:, j] * rest)
            values[j] = pull.sign() * (pull.abs() - threshold).clamp(min=0) / (share @ z[:, j] ** 2)
    return values


def _split(z: Tensor, y: Tensor, w: Tensor, depth: int, gains: Tensor) -> None:
    """Split where the weighted squares fall most, and go on in both halves."""

    def squares(at: Tensor) -> float:
        mean = (w[at] * y[at]).sum() / w[at].sum()
        return float((w[at] * (y[at] - mean) ** 2).sum())

    everything = torch.ones(len(y), dtype=torch.bool)
    best, feature = 1e-12 * squares(everything), -1
    for j in range(z.shape[1]):
        inside = z[:, j] > 0.5
        if inside.any() and not inside.all():
            gain = squares(everything) - squares(inside) - squares(~inside)
            if gain > best:
                best, feature = gain, j
    if depth == 0 or feature < 0 or len(y) < 2:
        return
    gains[feature] += best
    inside = z[:, feature] > 0.5
    for half in (inside, ~inside):
        _split(z[half], y[half], w[half], depth - 1, gains)
