"""Where a path is sampled and how much each point counts, one rule at a time."""

import numpy as np


def nodes_and_weights(quadrature: str, steps: int) -> list[tuple[float, float]]:
    """Positions in [0, 1] with their weights, which add up to 1."""
    n = steps
    if quadrature == "gauss_legendre":
        nodes, weights = np.polynomial.legendre.leggauss(n)
        return [((float(t) + 1) / 2, float(w) / 2) for t, w in zip(nodes, weights, strict=True)]
    if quadrature == "riemann_left":
        return [(i / n, 1 / n) for i in range(n)]
    if quadrature == "riemann_right":
        return [((i + 1) / n, 1 / n) for i in range(n)]
    if quadrature == "riemann_middle":
        return [((i + 0.5) / n, 1 / n) for i in range(n)]
    if quadrature == "riemann_trapezoid":
        return [(i / (n - 1), (0.5 if i in (0, n - 1) else 1.0) / (n - 1)) for i in range(n)]
    raise ValueError(quadrature)
