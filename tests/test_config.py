from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from torchesegeta.config import load_config, parse_config
from torchesegeta.errors import ConfigError

SMALLEST: dict[str, Any] = {
    "model": {"factory": "net.py:Net"},
    "images": [{"path": "a.nii.gz"}],
    "methods": ["saliency"],
    "output": "run",
}


def said(**changes: Any) -> str:
    with pytest.raises(ConfigError) as error:
        parse_config({**SMALLEST, **changes}, Path("/project"))
    return str(error.value)


def test_paths_are_relative_to_the_config(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(
        json.dumps(
            {
                **SMALLEST,
                "model": {"factory": "net.py:Net", "checkpoint": "weights.pt"},
                "images": [{"path": ["a.nii", "/data/b.nii"], "label": "label.nii"}],
                "target": {"kind": "region", "class": 1, "mask": "mask.nii"},
                "methods": ["saliency", {"name": "integrated_gradients", "baseline": {"path": "empty.nii"}}],
            }
        )
    )
    config = load_config(tmp_path / "config.json")
    assert config.model.factory == f"{tmp_path}/net.py:Net"
    assert config.output == tmp_path / "run"
    assert config.files() == {
        "model.checkpoint": tmp_path / "weights.pt",
        "target.mask": tmp_path / "mask.nii",
        "images[0].path[0]": tmp_path / "a.nii",
        "images[0].path[1]": Path("/data/b.nii"),
        "images[0].label": tmp_path / "label.nii",
        "methods[1].baseline.path": tmp_path / "empty.nii",
    }


def test_a_factory_of_a_package_is_no_path() -> None:
    config = parse_config({**SMALLEST, "model": {"factory": "package.module:Net"}}, Path("/project"))
    assert config.model.factory == "package.module:Net"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "not JSON: Expecting property name enclosed in double quotes (line 1, column 2)"),
        ("[]", "a config is a JSON object; got a list"),
        ('{"seed": NaN}', "NaN is not JSON; write a finite number"),
        ('{"seed": 1, "seed": 2}', "the field 'seed' stands twice in one object"),
        ("[" * 100_000, "recursion"),
        (b"\xff\xfe\x00", "holds other than text"),
    ],
)
def test_what_is_not_json_is_refused(tmp_path: Path, content: str | bytes, message: str) -> None:
    path = tmp_path / "config.json"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ConfigError) as error:
        load_config(path)
    assert message in str(error.value)


def test_a_missing_config_names_the_nearest(tmp_path: Path) -> None:
    (tmp_path / "brain.json").write_text("{}")
    with pytest.raises(ConfigError, match=r"config 'brian.json' does not exist in .*; nearest: 'brain.json'"):
        load_config(tmp_path / "brian.json")
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        load_config(tmp_path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"mehtods": []}, "config: field 'mehtods' does not exist; nearest: 'methods'"),
        ({"model": {"factory": "a:B", "argumens": {}}}, "model: field 'argumens' does not exist; nearest: 'arguments'"),
        (
            {"model": {"program": "net.pt2", "checkpoint": "weights.pt"}},
            "model: a program holds its weights: leave out 'checkpoint'",
        ),
        ({"model": {}}, "model: give either a 'factory', which builds the model, or a 'program', a file that holds it"),
        ({"methods": []}, "methods: a list of 0 is not allowed; allowed: at least 1"),
        ({"methods": "saliency"}, "methods: 'saliency' is not allowed; allowed: a list"),
        ({"methods": [3]}, "methods[0]: 3 is not allowed; allowed: a text or an object"),
        ({"images": ["a.nii"]}, "images[0]: 'a.nii' is not allowed; allowed: an object"),
        ({"images": [{"path": []}]}, "images[0].path: a list of 0 is not allowed; allowed: at least 1"),
        ({"execution": {"chunk_size": 0}}, "execution.chunk_size: 0 is not allowed; allowed: 1 or more"),
        ({"execution": {"devices": []}}, "execution.devices: a list of 0 is not allowed; allowed: at least 1"),
        ({"execution": {"devices": ["cpu", 3]}}, "execution.devices[1]: 3 is not allowed; allowed: a text"),
        (
            {"execution": {"workers_per_device": 0}},
            "execution.workers_per_device: 0 is not allowed; allowed: 1 or",
        ),
        ({"execution": {"timeout_s": 0}}, "execution.timeout_s: 0 is not allowed; allowed: more than 0"),
        ({"seed": "x"}, "seed: 'x' is not allowed; allowed: a whole number"),
        ({"channels": "keeep"}, "channels: 'keeep' is not allowed; nearest: 'keep'; allowed: 'sum' or 'keep'"),
        ({"output": 3}, "output: 3 is not allowed; allowed: a path, as a text"),
        ({"target": {"kind": "multiklass"}}, "target: kind 'multiklass' does not exist; nearest: 'multiclass'"),
        (
            {"target": {"kind": "multiclass", "clases": [1]}},
            "target: field 'clases' does not exist; nearest: 'classes'",
        ),
        ({"target": {"kind": "class", "score": "p"}}, "target.score: 'p' is not allowed; allowed: 'logit'"),
        ({"target": {"kind": "region", "class": 1}}, "target: give exactly one of mask, box, voxel, component"),
    ],
)
def test_messages_name_field_value_and_what_is_allowed(changes: dict[str, Any], message: str) -> None:
    assert message in said(**changes)


def test_every_wrong_field_is_named() -> None:
    text = said(seed=-1, precision="fp16")
    assert text.splitlines() == [
        "precision: 'fp16' is not allowed; nearest: 'float16'; allowed: 'float32', 'amp', 'bfloat16' or 'float16'",
        "seed: -1 is not allowed; allowed: 0 or more",
    ]
