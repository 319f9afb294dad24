"""Maps as cases: what of an attribution a metric may judge, and why it may not."""

from __future__ import annotations

from pydantic import ValidationError

from torchesegeta.errors import IncompatibleError, unknown
from torchesegeta.methods import Method, methods
from torchesegeta.metrics.base import Case, summed
from torchesegeta.metrics.needs import check_values
from torchesegeta.sweeps import Session
from torchesegeta.types import Attribution


def case_of(attribution: Attribution, session: Session) -> Case:
    """A map, ready to be judged.

    Args:
        attribution: The map, with values.
        session: Its image before the model, its target bound as it was for the map.

    Raises:
        IncompatibleError: It is a picture of its own, holds what is no number, its target is not the session's, or its
            method is not known.
    """
    if attribution.shows == "picture" or attribution.of_model:
        raise IncompatibleError("a picture of its own is no map of the image: nothing in it is a place of the image")
    values = summed(attribution)
    check_values(values)
    return Case(attribution, values, _method(attribution), _target(attribution, session), session.image)


def _target(attribution: Attribution, session: Session) -> int | None:
    if attribution.target is None:
        return None
    names = session.bound.names
    if attribution.target not in names:
        raise IncompatibleError(unknown("target", attribution.target, names, where="among those that are evaluated"))
    return names.index(attribution.target)


def _method(attribution: Attribution) -> Method:
    if isinstance(attribution.maker, Method):
        return attribution.maker
    known = methods()
    if attribution.method not in known:
        raise IncompatibleError(unknown("method", attribution.method, known))
    try:
        return known[attribution.method].model_validate(attribution.parameters)
    except ValidationError as error:
        raise IncompatibleError(
            "its parameters are arrays that were not saved: evaluate it where it is made"
        ) from error
