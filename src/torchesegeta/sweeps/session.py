"""One image before a ready model: the target bound once, the scores at the image and at baselines."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from math import prod

import torch
from torch import Tensor, nn

from torchesegeta.arrays import count_not_finite, fingerprint, in_space
from torchesegeta.errors import IncompatibleError, ModelError
from torchesegeta.patches import Patches
from torchesegeta.rules import Rule
from torchesegeta.sweeps.chunks import Chunks
from torchesegeta.sweeps.image_set import ImageSet
from torchesegeta.sweeps.patch_runner import PatchRunner, check_extras
from torchesegeta.sweeps.runner import Runner
from torchesegeta.sweeps.scratch import Scratch
from torchesegeta.targets import BoundTarget, Target, segmentation
from torchesegeta.targets.base import slabs
from torchesegeta.types import Image, Precision

Start = Callable[[Tensor, Tensor], Tensor]
INTEGERS = (torch.int8, torch.int16, torch.int32, torch.int64)


class Session:
    """An image, a target and a runner.

    Args:
        runner: Runs the model.
        image: What is explained.
        target: Bound at the first pass over the unperturbed image.
        seed: Of the run.
        chunk_size: Points at once; None chooses.
        image_set: All images of the run, this one included; None: it is alone.
        keep_output: Whether `output` is kept, for rules to be checked against it.
        patches: How the image is run patch by patch; None: as a whole.
        scratch: Makes the volumes that patches are added up in; None: in memory, while there is enough.

    Attributes:
        runner: Runs the model over whole images; patch by patch where there are patches.
        alone: Runs the model itself: the same where there are none.
        tiling: The image's patches, or None.
        rules_score: Whether the score's own operations are under a rule that compares with baselines.
        data: (C, *spatial), on the runner's device and in the model's dtype, in float32 where that is narrower.
        key: Names the seed and the image, for draws.
        prediction: Predicted label of the unperturbed image, (*spatial) or (), on the CPU, once bound; of the
            smallest integer type that holds the classes.
        channels: Of the raw output, once bound.
        reach: Of scores that are linear in a stitched prediction: by number of the patch those with a slope there, as
            far as it is known.
        masses: By layer and number of the score, what target and opposite have at a layer of the whole computation,
            where a pass sees a part of it; see `Sample.masses`.
    """

    def __init__(
        self,
        runner: Runner,
        image: Image,
        target: Target,
        *,
        seed: int = 0,
        chunk_size: int | None = None,
        image_set: ImageSet | None = None,
        keep_output: bool = True,
        patches: Patches | None = None,
        scratch: Scratch | None = None,
    ) -> None:
        self.runner = self.alone = runner
        self.image = image
        self.target = target
        data = image.data.to(runner.device, runner.dtype)
        self.data = data.clone() if data.is_inference() else data  # inference tensors take no gradient
        self.key = f"{seed}|{fingerprint(image.data)}"
        self.seed = seed
        self.chunk_size = chunk_size
        self.keep_output = keep_output and patches is None  # patches are checked one by one
        self.patches, self.tiling = patches, None if patches is None else patches.over(image.shape, self.data)
        self.scratch = scratch or Scratch()
        if self.tiling is not None:
            check_extras(image)
            self.runner = PatchRunner.over(runner, self.tiling, chunk_size, self.scratch)
        self.rules_score = True
        self.image_set = ImageSet.of([image]) if image_set is None else image_set
        self.prediction: Tensor | None = None
        self.channels = 0
        self.reach: dict[int, frozenset[int]] = {}
        self.masses: dict[tuple[str, int], tuple[float, float]] = {}
        self._bound: BoundTarget | None = None
        self._outputs: dict[Precision, Tensor] = {}
        self._scores: dict[Precision, Tensor] = {}
        self._scored: dict[tuple[Precision, str], Tensor] = {}

    def beside(self, number: int) -> Session:
        """The session of an image of the set, this one's own where it is this image; nobody else holds it.

        Raises:
            InputError: It cannot be read.
        """
        image = self.image_set.read(number)
        if image.name == self.image.name:
            return self
        return Session(
            self.alone,
            image,
            self.target,
            seed=self.seed,
            keep_output=False,
            patches=self.patches,
            scratch=self.scratch,
        )

    @property
    def piece(self) -> Session:
        """The session of what the model itself is given: this one or, of patches, that of the first."""
        return self if self.tiling is None else self._of_patch(0)

    @property
    def liveliest(self) -> Session:
        """The session of the patch whose values vary most; this one where there are no patches."""
        if self.tiling is None:
            return self
        spread = [float(self.tiling.crop(self.data, patch).float().std()) for patch in range(self.tiling.count)]
        return self._of_patch(spread.index(max(spread)))

    def _of_patch(self, patch: int) -> Session:
        assert self.tiling is not None
        data = self.tiling.crop(self.data, patch)
        alone = replace(self.image, data=data, affine=None, label=None, file_grid=None)
        return Session(self.alone, alone, self.target, seed=self.seed, chunk_size=self.chunk_size)

    def chunks(
        self, together: int = 1, *, inputs: int = 1, spatial: Sequence[int] | None = None, room: int = 1
    ) -> Chunks:
        """A fresh plan of chunks for this image; of single points where the model mixes those of a batch.

        Args:
            together: Points that a batch must hold (see `Points.together`).
            inputs: Inputs of the model that a point makes.
            spatial: Their spatial shape, where it is not the image's.
            room: See `Chunks`.

        Raises:
            IncompatibleError: It must hold several, and the model takes one.
        """
        if together * inputs > 1 and self.runner.takes_single_points:
            raise IncompatibleError(
                f"the method runs {together * inputs} points in one batch; an exported program, or a model with a "
                "batch norm without running statistics, takes one at a time"
            )
        if self.tiling is not None:  # what runs at once are patches
            return Chunks(self.data.numel(), self.runner.device, together, least=together)
        if together > 1:
            return Chunks(self.data.numel(), self.runner.device, together, least=together)
        size = 1 if self.runner.takes_single_points else self.chunk_size
        if size is not None:
            size = max(1, size // inputs)
        voxels, sharing = prod(spatial or self.image.shape) * inputs, self.runner.sharing
        return Chunks(voxels, self.runner.device, size, room=room, sharing=sharing)

    @property
    def bound(self) -> BoundTarget:
        """The target, bound to the unperturbed image; runs one pass if none has been run yet.

        That is in float32, so that the region is the same in every precision.
        """
        if self._bound is None:
            with self.runner.at("float32"):
                self.bind(self._own_pass())
        assert self._bound is not None
        return self._bound

    @torch.no_grad()
    def _own_pass(self) -> Tensor:
        return self.runner.forward(self.data[None], self.image.extras)

    def try_precision(self) -> None:
        """Run a pass, where it is not in float32, to see that the model can.

        Raises:
            PrecisionError: It cannot.
            ModelError: It refuses the image.
        """
        if self.runner.precision != "float32":
            self._own_pass()

    @property
    def output(self) -> Tensor | None:
        """Raw output for the unperturbed image in the present precision, once a pass has bound it, if it is kept."""
        return self._outputs.get(self.runner.precision)

    @property
    def is_bound(self) -> bool:
        """Whether a pass over the unperturbed image has been run."""
        return self._bound is not None

    @property
    def scores(self) -> Tensor:
        """Scores (K,) of the unperturbed image in the present precision, whose rounding others have too.

        Raises:
            ModelError: One is NaN or infinite.
        """
        bound, precision = self.bound, self.runner.precision
        if precision not in self._scores:
            scores = self._score_of(bound, self._own_pass())
            if not bool(torch.isfinite(scores).all()):
                raise ModelError(f"the score of {self.image.name!r} is NaN or infinite")
            self._scores[precision] = scores
        return self._scores[precision]

    def bind(self, output: Tensor) -> BoundTarget:
        """Bind the target to the raw output for the unperturbed image.

        Raises:
            ModelError: The output is not finite, or has no classes.
            ConfigError: The target names a class that does not exist.
            IncompatibleError: The target does not fit the output.
        """
        output = output.detach()
        if output.ndim < 2 or len(output) != 1:
            raise ModelError(f"the model's output has shape {tuple(output.shape)}; expected (1, classes, ...)")
        if bad := count_not_finite(output):
            raise ModelError(
                f"the model returns NaN or infinite values ({bad} of {output.numel()}) for {self.image.name!r}"
            )
        self._bound, self.channels = self.target.bind(output, self.image, self.runner.info), output.shape[1]
        self._scores[self.runner.precision] = self._score_of(self._bound, output)
        small = next(t for t in INTEGERS if self.runner.info.classes(output) <= torch.iinfo(t).max)
        self.prediction = segmentation(output, self.runner.info)[0].to("cpu", small)
        if self.keep_output:
            self._outputs[self.runner.precision] = output
        return self._bound

    def see(self, output: Tensor) -> None:
        """Take in the raw output for the unperturbed image, from a pass in float32 that was made anyway.

        It binds the target unless that is bound, and spares the pass for the scores.

        Raises:
            EsegetaError: As `bind`.
        """
        if self._bound is None:
            self.bind(output)
        elif self.runner.precision not in self._scores:
            self._scores[self.runner.precision] = self._score_of(self._bound, output.detach())

    def elsewhere(
        self, data: Tensor | None = None, model: nn.Module | None = None, bound: BoundTarget | None = None
    ) -> Session:
        """The same target, bound as here, and the same draws, at another image or before another model.

        Args:
            data: (C, *spatial); None: this image.
            model: Ready, on the same device; None: this one.
            bound: Another target; None: this one.
        """
        image = self.image if data is None else replace(self.image, data=data)
        runner = self.alone
        if model is not None:
            runner = Runner(model, runner.device, runner.info, runner.output, runner.passes, sharing=runner.sharing)
        made = Session(
            runner,
            image,
            self.target,
            seed=self.seed,
            chunk_size=self.chunk_size,
            image_set=self.image_set.instead(image),
            keep_output=False,
            patches=self.patches,
            scratch=self.scratch,
        )
        made.key, made._bound = self.key, bound or self.bound
        made.channels = self.channels
        return made

    def _score_of(self, bound: BoundTarget, output: Tensor) -> Tensor:
        """Scores (K,) of a raw output; of large ones slab by slab, without a copy of them."""
        if self.tiling is None or bound.within is None:
            return bound.score(output)[0]
        parts = [bound.within(slab)(output[in_space(slab)])[0] for slab in slabs(output.shape[2:])]
        return torch.stack(parts).sum(0)

    @torch.no_grad()
    def score(self, point: Tensor) -> Tensor:
        """Scores (K,) at a point (C, *spatial); no pass where they are remembered."""
        known = self._scored.get((self.runner.precision, fingerprint(point)))
        if known is not None:
            return known
        bound = self.bound
        return bound.score(self.runner.forward(point[None], self.image.extras))[0]

    def remember(self, points: Tensor, scores: Tensor) -> None:
        """Keep the scores (B, K) that a pass found at points (B, C, *spatial)."""
        precision = self.runner.precision
        self._scored |= {(precision, fingerprint(point)): score for point, score in zip(points, scores, strict=True)}

    def starting(self, rule: Rule) -> Start:
        """What a rule that shares a quantity out begins with, from the output and the score's slope there."""
        return rule.start

    def is_flat(self, target: int) -> bool:
        """Whether a score is known to have no slope at what is run now, so that no backward pass is made for it."""
        return False

    def require_gradient(self) -> None:
        """Refuse a target that has no gradient.

        Raises:
            IncompatibleError: The score counts voxels.
        """
        if not self.bound.differentiable:
            raise IncompatibleError(
                "a voxel count is piecewise constant, its gradient is zero: use a mask method, or leave out 'count'"
            )
