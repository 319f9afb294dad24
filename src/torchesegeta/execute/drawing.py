"""Draws what a run makes: every map, one method over all layers, all targets side by side, the prediction."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from matplotlib.figure import Figure

from torchesegeta.figures import Scene, draw, layer_strip, save, target_panel
from torchesegeta.figures.frame import Convention
from torchesegeta.methods import methods
from torchesegeta.store import Store, file_stem, slug, write_values
from torchesegeta.sweeps import Session
from torchesegeta.types import Attribution

log = logging.getLogger(__name__)


class Drawing:
    """The figures of one image of a run. A figure that cannot be drawn costs no map."""

    def __init__(self, session: Session, store: Store, convention: Convention) -> None:
        self.session, self.store = session, store
        self.folder = store.folder / "figures" / slug(session.image.name)
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
        from torchesegeta.inputs import output_grid, to_file_grid

        values = to_file_grid(predicted[None].float(), image, order=0)
        write_values(self.store.folder / "predictions" / slug(image.name), values, output_grid(image))

    def map(self, attribution: Attribution, record: dict[str, Any]) -> None:
        """Draw one map and note its figure in the record."""
        if attribution.values is not None:
            make = partial(draw, attribution, self.scene, title=_title(attribution))
            name = self._save(f"{file_stem(attribution)}.png", make)
            if name is not None:
                record["files"]["figure"] = name

    def overview(self, label: str, maps: Sequence[Attribution]) -> None:
        """Draw the layer strips and target panels of one method, where there are several layers or targets."""
        drawn = [m for m in maps if m.values is not None]
        for target in dict.fromkeys(m.target for m in drawn):
            several = [m for m in drawn if m.target == target and m.layer is not None and self._spatial(m)]
            if len(several) > 1:
                self._note(
                    "layer_strip",
                    "strips",
                    label,
                    None,
                    target,
                    partial(layer_strip, several, self.scene, title=_title(several[0])),
                )
        for layer in dict.fromkeys(m.layer for m in drawn):
            several = [m for m in drawn if m.layer == layer and m.target is not None and self._spatial(m)]
            if len(several) > 1:
                self._note(
                    "target_panel",
                    "panels",
                    label,
                    layer,
                    None,
                    partial(target_panel, several, self.scene, title=_title(several[0])),
                )

    def _spatial(self, attribution: Attribution) -> bool:
        return attribution.values is not None and attribution.values.ndim == self.session.image.data.ndim

    def _note(
        self, kind: str, folder: str, label: str, layer: str | None, target: str | None, make: Callable[[], Figure]
    ) -> None:
        parts = [slug(p) for p in (label, layer, target) if p is not None]
        name = self._save(f"{folder}/{'__'.join(parts)}.png", make)
        if name is not None:
            self.store.add(
                {
                    "record": "figure",
                    "kind": kind,
                    "image": self.session.image.name,
                    "label": label,
                    "layer": layer,
                    "target": target,
                    "files": {"figure": name},
                }
            )

    def _save(self, name: str, make: Callable[[], Figure]) -> str | None:
        path = self.folder / name
        try:
            save(make(), path)
        except OSError:
            raise
        except Exception:
            log.exception("the figure %s could not be drawn", name)
            return None
        return str(path.relative_to(self.store.folder))


def _title(attribution: Attribution) -> str:
    """The method's name for people."""
    return methods()[attribution.method].title
