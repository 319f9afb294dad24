"""Occlusion: a block slides over the image and hides it (Zeiler & Fergus 2014, arXiv:1311.2901)."""

from __future__ import annotations

from pydantic import Field, model_validator

from torchesegeta.features import Features, Lengths
from torchesegeta.methods.base import Context
from torchesegeta.methods.mask_method import Drops, MaskMethod
from torchesegeta.methods.registry import register
from torchesegeta.sweeps import Mask, OneOut, Readout, Sweep


@register("occlusion")
class Occlusion(MaskMethod):
    """How far the score drops when a block hides a place, averaged over the blocks that cover it."""

    title = "Occlusion"
    source = "Zeiler & Fergus 2014, arXiv:1311.2901"
    quantity = "drop of the score"

    window: Lengths = Field(8, description="Size of the block in voxels: one number, or one per axis.")
    stride: Lengths | None = Field(None, description="Step of the block in voxels; without: its size, no overlap.")
    per_channel: bool = Field(False, description="Hide each channel by itself.")

    @model_validator(mode="after")
    def _covers(self) -> Occlusion:
        window, stride = (v if isinstance(v, tuple) else (v,) for v in (self.window, self.stride or self.window))
        axes = max(len(window), len(stride))
        if {len(window), len(stride)} - {1, axes}:
            raise ValueError(f"window {window} and stride {stride} need as many numbers each")
        if any(s > w for s, w in zip(stride * (axes // len(stride)), window * (axes // len(window)), strict=True)):
            raise ValueError(
                f"a stride {self.stride} beyond the window {self.window} leaves voxels that no block covers"
            )
        return self

    def sweeps(self) -> tuple[Sweep, ...]:
        """One mask per position; without overlap the same as feature ablation on blocks."""
        stride = {} if self.stride in (None, self.window) else {"stride": self.stride}
        apart = {"per_channel": True} if self.per_channel else {}
        blocks = Features(kind="blocks", size=self.window, **stride, **apart)
        return (Mask(OneOut(blocks), self.baseline),)

    def readout(self, context: Context) -> Readout:
        """(1, *spatial), or (C, *spatial) where channels are apart."""
        return Drops()
