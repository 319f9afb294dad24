"""Nodes and weights on [0, 1] for path integrals."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

Quadrature = Literal["gauss_legendre", "riemann_left", "riemann_right", "riemann_middle", "riemann_trapezoid"]


def nodes_and_weights(rule: Quadrature, steps: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Nodes and weights; the weights add up to 1.

    Args:
        rule: Gauss-Legendre is exact for polynomials of degree 2 · steps − 1; the Riemann sums are there to reproduce
            published figures. The trapezoid has a node at both ends, so it needs two steps.
        steps: Number of nodes.
    """
    if rule == "gauss_legendre":
        nodes, weights = np.polynomial.legendre.leggauss(steps)
        return (nodes + 1) / 2, weights / 2
    if rule == "riemann_trapezoid":
        weights = np.full(steps, 1 / max(steps - 1, 1))
        weights[[0, -1]] /= 2 if steps > 1 else 1
        return np.linspace(0, 1, steps), weights
    shift = {"riemann_left": 0.0, "riemann_middle": 0.5, "riemann_right": 1.0}[rule]
    return (np.arange(steps) + shift) / steps, np.full(steps, 1 / steps)
