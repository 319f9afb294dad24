"""Scaled dot-product attention, written out in matrix products and a softmax."""

from __future__ import annotations

from collections.abc import Callable
from math import sqrt
from typing import Any

import torch
from torch import Tensor

from torchesegeta.rules.base import NoRule
from torchesegeta.rules.calls import Call


def decompose(call: Call) -> Callable[[], Any] | None:
    """The attention as plain operations; None for other calls.

    Raises:
        NoRule: It drops values at random, or groups its queries.
    """
    if call.name != "scaled_dot_product_attention":
        return None
    query, key, value = (call.argument(i, name) for i, name in enumerate(("query", "key", "value")))
    mask, causal = call.argument(3, "attn_mask"), call.argument(5, "is_causal", False)
    if call.argument(4, "dropout_p", 0.0) or call.options.get("enable_gqa"):
        raise NoRule("DeepLIFT has no rule for attention with dropout or grouped queries")
    scale = call.options.get("scale") or 1 / sqrt(query.shape[-1])

    def attention() -> Tensor:
        scores = torch.matmul(query * scale, key.transpose(-2, -1))
        if causal:
            scores = scores.masked_fill(torch.ones_like(scores).triu(1) > 0.5, float("-inf"))
        if mask is not None:
            scores = scores.masked_fill(~mask, float("-inf")) if mask.dtype == torch.bool else scores + mask
        return torch.matmul(scores.softmax(-1), value)

    return attention
