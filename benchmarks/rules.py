"""Rules: one method beside Captum's run of it, and DeepLIFT at all layers at once beside one run for each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

import captum.attr as attr
import torch
from torch import Tensor, nn
from torch.nn import functional

import torchesegeta as te
from benchmarks.subject import LAYERS, Subject
from benchmarks.table import Row, faster_row, slower_row
from benchmarks.timing import compare
from torchesegeta.models.nets import UNet

AGREE = 1e-6
"""Σ |difference| as a share of Σ |map|, up to which two maps count as the same, in double precision."""

Maps = Callable[[], list[Tensor]]


class AveragingUNet(UNet):
    """The subject's network with average instead of max-pooling, on which Captum's DeepLIFT is right."""

    def forward(self, image: Tensor) -> Tensor:
        """(B, in_channels, *spatial) to logits (B, out_channels, *spatial)."""
        skips, features = [], image
        for encode in self.encoder:
            skips.append(encode(features))
            features = functional.avg_pool3d(skips[-1], 2)
        features = self.bottleneck(features)
        for decode, skip in zip(self.decoder, reversed(skips), strict=True):
            features = decode(features, skip)
        logits: Tensor = self.head(features)
        return logits


class Scored(nn.Module):
    """A subject's score as a module of its own, (B, 1), as Captum's DeepLIFT wants it."""

    def __init__(self, model: nn.Module, mask: Tensor) -> None:
        super().__init__()
        self.model, self.mask = model, mask

    def forward(self, points: Tensor) -> Tensor:
        """Sum of the class's logits over its region."""
        scores: Tensor = (self.model(points)[:, 1] * self.mask).flatten(1).sum(1, keepdim=True)
        return scores


@dataclass(frozen=True)
class RuleSubject(Subject):
    """The same for rules: batch norms with statistics, so that nothing sits on a ReLU's kink at a baseline of zeros.

    Attributes:
        dtype: Of weights and image.
    """

    dtype: torch.dtype = torch.float32

    @cached_property
    def image(self) -> Tensor:
        """(1, 1, size, size, size)."""
        return torch.rand(1, 1, *[self.size] * 3, generator=torch.Generator().manual_seed(1)).to(self.dtype)

    @cached_property
    def model(self) -> nn.Module:
        """In evaluation mode, weights drawn under a fixed seed."""
        torch.manual_seed(0)
        model = AveragingUNet(3, 1, 2, self.features)
        for module in model.modules():
            if isinstance(module, nn.BatchNorm3d):
                nn.init.normal_(module.bias, std=0.3)
                nn.init.uniform_(module.weight, 0.8, 1.6)
        return model.to(self.dtype).eval()

    @cached_property
    def scored(self) -> Scored:
        """The score, in evaluation mode."""
        return Scored(self.model, self.mask).eval()

    @property
    def baselines(self) -> Tensor:
        """(2, 1, size, size, size): zeros, and the image backwards."""
        return torch.cat([torch.zeros_like(self.image), self.image.flip(2)])

    def ours(self, method: str, layers: tuple[str, ...] = (), **parameters: object) -> list[Tensor]:
        """Our maps."""
        asked = [{"name": method, **parameters}]
        found = te.explain(self.model, self.image, asked, target=self.target, layers=layers)
        return [m.values for m in found if m.values is not None]

    def all_layers(self) -> list[Tensor]:
        """Our DeepLIFT at all layers."""
        return self.ours("layer_deeplift", LAYERS)

    def layer_by_layer(self) -> list[Tensor]:
        """Captum's DeepLIFT, one run for each layer."""
        runs = (attr.LayerDeepLift(self.scored, self.layer(name)) for name in LAYERS)
        return [run.attribute(self.image, self.baselines[:1], target=0).detach()[0] for run in runs]


def rule_rows(pairs: int, quick: bool) -> Iterator[Row]:
    """What one backward pass for all layers is worth, and what a single method costs.

    Args:
        pairs: Pairs of times that a ratio is taken of.
        quick: A small network, to see that it runs; the figures mean nothing.
    """
    subject = RuleSubject(16, (4, 8, 8, 8)) if quick else RuleSubject()
    _check_agreement(RuleSubject(16, subject.features, dtype=torch.float64))
    layers = compare(subject.all_layers, subject.layer_by_layer, pairs)
    yield faster_row("layer_deeplift, 7 layers", "Captum 0.9", layers, 3)
    for name, ours, captum in _alone(subject):
        yield slower_row(name, "Captum 0.9", compare(ours, captum, pairs))


def _alone(subject: RuleSubject) -> list[tuple[str, Maps, Maps]]:
    guided, deconvolved = attr.GuidedBackprop(subject.scored), attr.Deconvolution(subject.scored)
    plain, averaged = attr.DeepLift(subject.scored), attr.DeepLiftShap(subject.scored)
    image, baselines = subject.image, subject.baselines
    return [
        (
            "guided_backprop",
            lambda: subject.ours("guided_backprop"),
            lambda: [guided.attribute(image, target=0)[0]],
        ),
        (
            "deconvolution",
            lambda: subject.ours("deconvolution"),
            lambda: [deconvolved.attribute(image, target=0)[0]],
        ),
        (
            "deeplift",
            lambda: subject.ours("deeplift"),
            lambda: [plain.attribute(image, baselines[:1], target=0)[0].detach()],
        ),
        (
            "deeplift_shap, 2 baselines",
            lambda: subject.ours("deeplift_shap", baselines=baselines),
            lambda: [averaged.attribute(image, baselines, target=0)[0].detach()],
        ),
    ]


def _check_agreement(subject: RuleSubject) -> None:
    """Only work with the same result is compared.

    Raises:
        AssertionError: The maps differ.
    """
    cases: list[tuple[str, Maps, Maps]] = [("layer_deeplift", subject.all_layers, subject.layer_by_layer)]
    for name, ours, captum in [*cases, *_alone(subject)]:
        for mine, theirs in zip(ours(), captum(), strict=True):
            apart = float((mine - theirs).abs().sum() / theirs.abs().sum())
            if not apart <= AGREE:
                raise AssertionError(f"{name}: the maps differ by {apart:.1e} of their size")
