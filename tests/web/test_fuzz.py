"""The API, asked what its own description allows, and what it does not: no answer is a mistake of the server."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, Phase, given, reject, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from hypothesis.strategies import SearchStrategy

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    schemathesis = pytest.importorskip("schemathesis")

STATEFUL = ("/api/runs/{run}/events", "/api/plan", "/api/predict", "/api/models/{name}/layers")
"""Addresses that stream, or run models: tested by hand."""


def test_no_mistake_of_the_server(client: TestClient) -> None:
    description = schemathesis.openapi.from_dict(client.get("/openapi.json").json())
    tried = []
    for found in description.exclude(path=list(STATEFUL)).get_all_operations():
        operation = found.ok()
        tried.append(operation.label)
        for mode in schemathesis.GenerationMode:
            with suppress(Unsatisfiable):  # nothing can be wrong with a request that has no parameters
                _try(operation.as_strategy(generation_mode=mode), client)
    assert len(tried) > 20


def _try(cases: SearchStrategy[Any], client: TestClient) -> None:
    @settings(max_examples=10, deadline=None, derandomize=True, database=None, phases=[Phase.generate],
              suppress_health_check=list(HealthCheck))  # fmt: skip
    @given(cases)
    def check(case: Any) -> None:
        sent = case.as_transport_kwargs(base_url="http://127.0.0.1:8765")
        sent["content"] = sent.pop("data", None)
        del sent["cookies"]
        try:
            answer = client.request(**{key: value for key, value in sent.items() if value is not None})
        except UnicodeEncodeError:  # half a character, which no client can send
            reject()
        assert answer.status_code < 500, answer.text
        if answer.status_code >= 400:
            assert answer.json()["error"]

    check()


SCALARS = st.none() | st.booleans() | st.integers(-5, 5) | st.floats(-2, 2) | st.text(max_size=5)
KEYS = st.sampled_from(("name", "path", "kind", "mask", "catalogue", "checkpoint", "size", "label", "layers", "x"))
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3), max_leaves=6
)
EXAMPLE = {
    "model": {"catalogue": "volume", "checkpoint": None},
    "images": [{"path": ["f/0/head.nii.gz"], "label": "f/0/label.nii.gz", "name": "head"}],
    "target": {"kind": "region", "class": 1, "box": [[0, 4], [0, 4], [0, 4]]},
    "layers": ["0"],
    "methods": ["saliency", {"name": "occlusion", "window": 4, "baseline": {"kind": "zero"}}, {"name": "rise"}],
    "patches": {"size": [8, 8, 8], "overlap": 0.5, "blend": "gaussian"},
    "precision": "float32",
    "execution": {"devices": ["cpu"], "timeout_s": 60},
    "notes": ["a"],
    "preprocess": [],
    "output": "first",
}


def _places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield (*path, key)
        yield from _places(item, (*path, key))


def _changed(path: tuple[Any, ...], value: Any) -> Any:
    config = copy.deepcopy(EXAMPLE)
    inner: Any = config
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    return config


@settings(max_examples=300, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
@given(path=st.sampled_from(list(_places(EXAMPLE))), value=JSON)
def test_any_value_in_any_field(client: TestClient, path: tuple[Any, ...], value: Any) -> None:
    config = _changed(path, value)
    checked = client.post("/api/validate", json=config)
    assert checked.status_code == 200, checked.text
    fields = checked.json()["fields"]
    exported = client.post("/api/export", json=config)
    assert exported.status_code in (200, 422), exported.text
    assert client.post("/api/import", json=config).status_code == 200
    if fields:
        assert client.post("/api/runs", json=config).status_code == 422
