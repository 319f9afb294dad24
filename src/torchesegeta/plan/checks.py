"""Names in a config that only the model or the image can judge."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from torch import nn

from torchesegeta.errors import ConfigError, IncompatibleError
from torchesegeta.models import format_of
from torchesegeta.store import slug
from torchesegeta.sweeps import LayerInfo, Session
from torchesegeta.sweeps.capture import check_layers
from torchesegeta.sweeps.passes import forward_pass
from torchesegeta.tasks import Wanted
from torchesegeta.types import Image


def check_distinct(field: str, names: Sequence[str]) -> None:
    """Refuse names that would give the same files.

    Raises:
        ConfigError: Two names are equal, or too much alike.
    """
    seen: dict[str, str] = {}
    counts = Counter(names)
    for name in names:
        other = seen.setdefault(slug(name), name)
        if counts[name] > 1:
            raise ConfigError(f"{field}: the name {name!r} stands {counts[name]} times")
        if other != name:
            raise ConfigError(f"{field}: {other!r} and {name!r} would give files of the same name; change one")


def check_class_names(names: Sequence[str], layers: Sequence[LayerInfo]) -> None:
    """Refuse more names than the model has classes, as far as a layer shows them.

    Raises:
        ConfigError: There are more.
    """
    for shape in (shape for info in layers if info.is_output for shape in info.shapes):
        if len(names) > max(2, shape[0]):
            raise ConfigError(f"model.class_names: {len(names)} names; the model has {max(2, shape[0])} classes")


def check_dimensions(parsed: Sequence[Wanted], image: Image) -> None:
    """Refuse methods that do not work in the image's dimensions.

    Raises:
        ConfigError: One does not.
    """
    for i, wanted in enumerate(parsed):
        if image.spatial_dims not in wanted.method.spatial_dims:
            allowed = " or ".join(f"{dims}D" for dims in wanted.method.spatial_dims)
            here = f"{image.name!r} is {image.spatial_dims}D"
            raise ConfigError(f"methods[{i}]: {wanted.label!r} works in {allowed}; {here}")


def check_layer_names(model: nn.Module, layers: Sequence[str] | None, parsed: Sequence[Wanted]) -> None:
    """Refuse layers that the model does not have; a format without layers is refused with each of its maps.

    Args:
        model: The model.
        layers: Those of the run.
        parsed: Methods, which may name layers of their own.

    Raises:
        ConfigError: With the field, and the nearest name or the possible ones.
    """
    for field, layer in _named_layers(layers, parsed) if format_of(model).layers else ():
        with _naming(field):
            check_layers(model, [layer])


def check_named_layers(layers: Sequence[str] | None, parsed: Sequence[Wanted], session: Session) -> None:
    """Refuse layers that cannot be recorded: unknown, not called, called several times, with several outputs.

    Runs a pass where layers are named.

    Raises:
        ConfigError: With the field, and the nearest name or the possible ones.
    """
    check_layer_names(session.runner.model, layers, parsed)
    named = list(_named_layers(layers, parsed))
    if not named or not format_of(session.runner.model).layers:
        return
    distinct = list(dict.fromkeys(layer for _, layer in named))
    piece = session.piece
    _, capture = forward_pass(piece, piece.data[None].clone(), distinct, scored=False)
    for field, layer in named:
        with _naming(field):
            capture.record(layer)


def _named_layers(layers: Sequence[str] | None, parsed: Sequence[Wanted]) -> Iterator[tuple[str, str]]:
    for i, layer in enumerate(layers or ()):
        yield f"layers[{i}]", layer
    for i, method in enumerate(wanted.method for wanted in parsed):
        for j, layer in enumerate(getattr(method, "layers", None) or ()):
            yield f"methods[{i}].layers[{j}]", layer
        contrast = getattr(method, "contrast_layer", None)
        if contrast is not None:
            yield f"methods[{i}].contrast_layer", contrast


@contextmanager
def _naming(field: str) -> Iterator[None]:
    """Says in which field an unfit layer stands."""
    try:
        yield
    except IncompatibleError as error:
        raise ConfigError(f"{field}: {error}") from error
