from __future__ import annotations

import pickle
from typing import Any

import pytest
import torch

import torchesegeta as te


def attribution(method: str, **fields: Any) -> te.Attribution:
    given = {"label": method, "target": "white", "target_index": 1, "layer": None, "image": "patient_1", **fields}
    return te.Attribution(method, values=torch.zeros(1, 2, 3), **given)


MAPS = te.Attributions(
    [
        attribution("saliency"),
        attribution("saliency", target="grey", target_index=2),
        attribution("saliency", label="signed"),
        attribution("layer_gradcam", layer="encoder.0"),
        attribution("layer_gradcam", layer="encoder.1"),
        attribution("layer_gradcam", layer="encoder.1", image="patient_2"),
        attribution("vargrad", label="rough"),
        attribution("layer_activation", layer="encoder.0", target=None, target_index=None),
    ]
)


def test_it_is_a_sequence() -> None:
    assert len(MAPS) == 8 and list(MAPS)[0] is MAPS[0] and MAPS[-1].method == "layer_activation"
    assert [m.label for m in MAPS[1:3]] == ["saliency", "signed"]
    assert MAPS[0] in MAPS
    assert repr(MAPS) == "Attributions(8: saliency, signed, layer_gradcam, rough, layer_activation)"
    assert len(te.Attributions([])) == 0


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"method": "signed"}, 2),
        ({"method": "saliency", "target": "grey"}, 1),
        ({"method": "saliency", "target": 1}, 0),
        ({"target": 2}, 1),
        ({"method": "layer_gradcam", "layer": "encoder.1", "image": "patient_2"}, 5),
        ({"image": "patient_2"}, 5),
        ({"method": "vargrad"}, 6),
        ({"method": "rough", "target": "white"}, 6),
        ({"method": "layer_activation"}, 7),
    ],
)
def test_select(given: dict[str, Any], expected: int) -> None:
    assert MAPS.select(**given) is MAPS[expected]


def test_a_name_selects_like_select() -> None:
    assert MAPS["signed"] is MAPS[2]
    assert MAPS["vargrad"] is MAPS["rough"] is MAPS[6]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            {"method": "saliency"},
            "2 maps fit; narrow it down: (method='saliency', layer=None, target='white', image='patient_1'); "
            "(method='saliency', layer=None, target='grey', image='patient_1')",
        ),
        (
            {"method": "layer_gradcam", "layer": "encoder.1"},
            "2 maps fit; narrow it down: "
            "(method='layer_gradcam', layer='encoder.1', target='white', image='patient_1'); "
            "(method='layer_gradcam', layer='encoder.1', target='white', image='patient_2')",
        ),
        (
            {"method": "signed", "target": "air"},
            "no map fits; there are: (method='signed', layer=None, target='white', image='patient_1')",
        ),
        (
            {"method": "layer_gradcan"},
            "method 'layer_gradcan' does not exist among these maps; nearest: 'layer_gradcam'",
        ),
        ({"image": "patient_3"}, "no map fits; there are: (method='saliency', layer=None, target='white', "),
        ({}, "8 maps fit; narrow it down: "),
    ],
)
def test_anything_but_one_is_a_key_error_that_lists(given: dict[str, Any], message: str) -> None:
    with pytest.raises(KeyError) as caught:
        MAPS.select(**given)
    assert str(caught.value).startswith(message)


def test_long_lists_are_cut() -> None:
    many = te.Attributions(attribution("saliency", image=f"patient_{i}") for i in range(60))
    with pytest.raises(KeyError) as caught:
        many["saliency"]
    said = str(caught.value)
    assert said.startswith("60 maps fit") and said.endswith("image='patient_39'); …")


def test_maps_without_values() -> None:
    none = te.Attribution("saliency", "saliency", "white", 1, None, "a", status="failed", reason="it was not to be")
    assert not none.has_map
    with pytest.raises(ValueError, match="saliency has no map: failed, it was not to be"):
        none.plot()
    with pytest.raises(ValueError, match=r"the image of this map is not at hand; call torchesegeta\.figures\.draw"):
        MAPS[0].plot()


def test_key_tells_maps_apart() -> None:
    assert len({m.key for m in MAPS}) == len(MAPS)
    assert MAPS[5].key == ("patient_2", "layer_gradcam", "encoder.1", "white")


def test_maps_travel_between_processes() -> None:
    again: te.Attributions = pickle.loads(pickle.dumps(MAPS))
    assert [m.key for m in again] == [m.key for m in MAPS]
    assert again[0].values is not None and torch.equal(again[0].values, torch.zeros(1, 2, 3))
