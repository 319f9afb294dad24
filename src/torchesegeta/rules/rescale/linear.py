"""Autograd nodes of linear operations, whose own gradient is DeepLIFT's multiplier."""

from __future__ import annotations

import re

from torch.autograd.graph import Node

from torchesegeta.rules.activations import node_name

LINEAR = re.compile(
    r"(Add|Sub|Rsub|Neg|Clone|Alias|Detach|Copy|CopySlices|ToCopy|Identity|AccumulateGrad|Contiguous|Real|"
    r"View|UnsafeView|ReshapeAlias|Reshape|AsStrided|T|Transpose|Permute|Swapaxes|Movedim|Squeeze|Unsqueeze|Expand|"
    r"Cat|Stack|Split|SplitWithSizes|UnsafeSplit|UnsafeSplitWithSizes|Unbind|Slice|Select|Index|IndexSelect|Gather|"
    r"Narrow|Diagonal|Repeat|Roll|Flip|Rot90|Unfold|Im2Col|Col2Im|Tril|Triu|ConstantPadNd|"
    r"(Reflection|Replication)Pad[123]D|PixelShuffle|PixelUnshuffle|ChannelShuffle|MaskedFill|MaskedSelect|"
    r"Mean|Sum|Nansum|Cumsum|AvgPool[23]D|(Mkldnn)?AdaptiveAvgPool[23]D|Upsample\w+|GridSampler[23]D|"
    r"(Native|Cudnn|Miopen)BatchNorm|NativeBatchNormLegitNoTraining|Fill|Zero|IndexPut|SelectScatter|SliceScatter|Embedding)"
)
MULTILINEAR = re.compile(
    r"(Mul|Div|Mm|Bmm|Addmm|Addbmm|Baddbmm|Mv|Dot|Linear|(Mkldnn|Cudnn|Miopen|Thnn)?Conv\w*|"
    r"SlowConv\w*|MkldnnLinear|Addmv|Addr|Lerp)"
)
"""Linear in each of their inputs: right where only one depends on the image."""


def is_linear(node: Node, inputs: int) -> bool:
    """Whether a node is linear in what depends on the image."""
    name = node_name(node)
    return LINEAR.fullmatch(name) is not None or (inputs <= 1 and MULTILINEAR.fullmatch(name) is not None)
