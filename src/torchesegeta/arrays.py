"""Arrays as values: are they finite, and as parameters frozen, comparable and hashable by content.

So a sweep's specification stays a value.
"""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import torch
from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema
from torch import Tensor

LINEAR = {1: "linear", 2: "bilinear", 3: "trilinear"}
"""What torch calls linear interpolation, by the number of spatial axes."""


def fingerprint(tensor: Tensor) -> str:
    """SHA-256 of a tensor's dtype, shape and bytes."""
    plain = tensor.detach().cpu()
    whole = plain.float() if plain.dtype == torch.bfloat16 else plain  # NumPy has no such type
    array = np.ascontiguousarray(whole.numpy())
    digest = hashlib.sha256(f"{array.dtype}{array.shape}".encode())
    digest.update(array.tobytes())
    return digest.hexdigest()


def at_least_single(tensor: Tensor) -> Tensor:
    """In float32 where the values are narrower: sums of half precision overflow, and lose what is small."""
    return tensor.float() if tensor.dtype.itemsize < 4 else tensor


def count_not_finite(tensor: Tensor) -> int:
    """How many values are NaN or infinite."""
    if bool(torch.isfinite(tensor.sum())):  # then all terms are finite, and no copy was made to see it
        return 0
    return int((~torch.isfinite(tensor)).sum())


class ArrayValue:
    """A tensor that compares and hashes by content; Python callers pass tensors or arrays, files cannot hold one."""

    def __init__(self, tensor: Tensor) -> None:
        self.tensor = tensor.detach().cpu().clone()
        self.digest = fingerprint(self.tensor)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ArrayValue) and self.digest == other.digest

    def __hash__(self) -> int:
        return hash(self.digest)

    def __repr__(self) -> str:
        return f"array {tuple(self.tensor.shape)} sha256:{self.digest[:12]}"

    @classmethod
    def parse(cls, value: Any) -> ArrayValue:
        """Wrap a tensor or array.

        Raises:
            ValueError: The value is neither.
        """
        if isinstance(value, ArrayValue):
            return value
        if isinstance(value, np.ndarray):
            value = torch.from_numpy(np.ascontiguousarray(value))
        if not isinstance(value, Tensor):
            raise ValueError(f"expected a tensor or array, got {type(value).__name__}")
        return cls(value)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            cls.parse, serialization=core_schema.plain_serializer_function_ser_schema(repr)
        )

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {"type": "string", "description": "An array, given from Python only."}


def in_space(box: tuple[slice, ...]) -> tuple[Any, ...]:
    """The index of a box along the last axes of a tensor."""
    return (Ellipsis, *box)
