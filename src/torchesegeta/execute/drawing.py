"""Draws what a run makes: every map, one method over all layers, all targets side by side, the prediction."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from matplotlib.figure import Figure

from torchesegeta.errors import StoreError
from torchesegeta.figures import Scene, draw, layer_strip, save, target_panel
from torchesegeta.figures.files import save_pixels
from torchesegeta.figures.frame import Convention
from torchesegeta.figures.prints import print_of
from torchesegeta.inputs import output_grid, to_file_grid
from torchesegeta.ledger import Record
from torchesegeta.methods import methods
from torchesegeta.store import file_stem, slug, write_values
from torchesegeta.sweeps import Session
from torchesegeta.types import Attribution

log = logging.getLogger(__name__)

DOTS_PER_INCH = 110
"""Enough for a screen; a run draws hundreds of figures, and half its time could go into their dots."""


class Drawing:
    """The figures of one image of a run. A figure that cannot be drawn costs no map.

    Args:
        session: The image before the model.
        folder: The run folder.
        convention: Of figures of slices.
        add: Gets the record of every figure of several maps or pictures.
        maps: Whether maps are drawn; pictures are in any case.
    """

    def __init__(
        self,
        session: Session,
        folder: Path,
        convention: Convention,
        add: Callable[[Record], None],
        *,
        maps: bool = True,
    ) -> None:
        self.session, self.run, self.add, self.maps = session, folder, add, maps
        self.folder = folder / "figures" / slug(session.image.name)
        self.scene = self._scene(convention)

    def _scene(self, convention: Convention) -> Scene:
        prediction = self.session.prediction
        spatial = prediction is not None and tuple(prediction.shape) == self.session.image.shape
        return Scene(
            self.session.image,
            prediction=prediction.numpy() if prediction is not None and spatial else None,
            class_names=self.session.runner.info.class_names,
            convention=convention,
        )

    def prediction(self) -> None:
        """Store the predicted segmentation beside the maps."""
        predicted, image = self.session.prediction, self.session.image
        if predicted is None or tuple(predicted.shape) != image.shape:
            return
        values = to_file_grid(predicted[None].float(), image, order=0)
        write_values(self.run / "predictions" / slug(image.name), values, output_grid(image))

    def map(self, attribution: Attribution, record: Record) -> None:
        """Draw one map and note its figure in the record; pictures are drawn when all of their task are there.

        A 2D picture is written as a PNG of its own size too, for people who want to open it.
        """
        if attribution.values is None:
            return
        if attribution.shows == "map":
            if self.maps:
                self.one(attribution, record)
        elif attribution.values.ndim == 3 and (pixels := print_of(attribution, self.scene).pixels) is not None:
            path = self.run / "attributions" / slug(attribution.image) / f"{file_stem(attribution)}.png"
            record["files"]["picture"] = self._name_of(save_pixels(pixels, path))

    def one(self, attribution: Attribution, record: Record) -> None:
        """Draw one map or picture and note its figure in the record."""
        make = partial(draw, attribution, self.scene, title=title_of(attribution))
        name = self.save(f"{file_stem(attribution)}.png", make)
        if name is not None:
            record["files"]["figure"] = name
        else:
            record["warnings"].append("the figure could not be drawn; see log.txt")

    def overview(self, maps: Sequence[Attribution]) -> None:
        """Draw the layer strips and target panels of one task, where there are several layers or targets.

        Of several layers the strips tell, target by target; a panel for each would double the figures.
        """
        dims = self.session.image.data.ndim
        drawn = [m for m in maps if self.maps and m.values is not None and m.values.ndim == dims]
        for target in dict.fromkeys(m.target for m in drawn):
            several = [m for m in drawn if m.target == target and m.layer is not None]
            self._compare("layer_strip", several, layer_strip, target=target)
        places = list(dict.fromkeys(m.layer for m in drawn))
        for layer in places if len(places) == 1 else [None]:
            several = [m for m in drawn if m.layer == layer and m.target is not None]
            self._compare("target_panel", several, target_panel, layer=layer)

    def _compare(
        self, kind: str, maps: Sequence[Attribution], make: Callable[..., Figure], **place: str | None
    ) -> None:
        if len(maps) > 1:
            self.several(kind, maps, make, **place)

    def several(
        self,
        kind: str,
        maps: Sequence[Attribution],
        make: Callable[..., Figure],
        *,
        layer: str | None = None,
        target: str | None = None,
    ) -> None:
        """Draw a figure of several maps or pictures, and note it in the manifest.

        Args:
            kind: Of the figure; the last word of it names its folder.
            maps: What is drawn, of one task.
            make: Draws them.
            layer: The layer they have in common.
            target: The target they have in common, or what they are called together.
        """
        first = maps[0]
        stem = "__".join(slug(part) for part in (first.label, layer, target) if part is not None)
        folder = kind.rpartition("_")[2] + "s"
        name = self.save(f"{folder}/{stem}.png", partial(make, maps, self.scene, title=title_of(first)))
        if name is not None:
            self.add(
                {
                    "record": "figure",
                    "kind": kind,
                    "method": first.method,
                    "label": first.label,
                    "target": target,
                    "layer": layer,
                    "image": first.image,
                    "shows": first.shows,
                    "of_model": first.of_model,
                    "members": [{"layer": one.layer, "target": one.target} for one in maps],
                    "status": "ok",
                    "files": {"figure": name},
                }
            )

    def save(self, name: str, make: Callable[[], Figure]) -> str | None:
        """Draw and write a figure.

        Returns:
            Its name in the run folder; None where it cannot be drawn.

        Raises:
            StoreError: It cannot be written.
        """
        path = self.folder / name
        try:
            save(make(), path, dpi=DOTS_PER_INCH)
        except StoreError:
            raise
        except Exception:
            log.exception("the figure %s could not be drawn", name)
            return None
        return self._name_of(path)

    def _name_of(self, path: Path) -> str:
        """A file's name as records give it: its path in the run folder."""
        return path.relative_to(self.run).as_posix()


def title_of(attribution: Attribution) -> str:
    """The method's name for people."""
    return methods()[attribution.method].title
