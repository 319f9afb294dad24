import json
import runpy
from pathlib import Path
from typing import Any

import pytest

import torchesegeta as te
from torchesegeta.execute import execute

EXAMPLES = Path(__file__).parents[2] / "examples"


def test_quickstart_explains_the_shipped_network(tmp_path: Path) -> None:
    pytest.importorskip("nilearn", reason="the template of the demo comes with nilearn")
    runpy.run_path(str(EXAMPLES / "quickstart.py"))["main"](tmp_path)
    maps = te.load(tmp_path / "maps")
    assert [m.status for m in maps] == ["ok"] * 3
    assert all((tmp_path / f"{m.label}.png").stat().st_size > 10_000 for m in maps)
    assert maps["integrated_gradients"].measures["completeness_gap"] < 0.1


@pytest.fixture
def imagenet() -> dict[str, Any]:
    pytest.importorskip("efficientnet_lite_pytorch", reason="the network comes with the extra [demo]")
    return runpy.run_path(str(EXAMPLES / "imagenet" / "explain.py"))


def test_imagenet_explains_what_the_network_sees(imagenet: dict[str, Any], tmp_path: Path) -> None:
    config = imagenet["write_config"](tmp_path, ["saliency", "layer_gradcam"])
    assert execute(config, lambda event: None).exit_code == 0
    maps = te.load(tmp_path / "run")
    seen = {m.image: m.target_index for m in maps}
    assert seen == {"chelsea": 285, "coffee": 967}, "an Egyptian cat and an espresso"


def test_imagenet_knows_every_method(imagenet: dict[str, Any], tmp_path: Path) -> None:
    names = {m["name"] for m in json.loads(imagenet["write_config"](tmp_path).read_text())["methods"]}
    assert names == te.methods().keys() - {"captum"}
    for name, parameters in imagenet["CHEAPER"].items():
        te.methods()[name].model_validate(parameters)


@pytest.mark.slow
def test_a_pictured_class_excites_the_network_more_than_a_photograph(imagenet: dict[str, Any], tmp_path: Path) -> None:
    pictured = {"name": "feature_visualization", "of": "class", "steps": 64}
    config = imagenet["write_config"](tmp_path, ["saliency"])
    content = json.loads(config.read_text())
    content |= {"images": content["images"][:1], "methods": [pictured], "target": {"kind": "class", "classes": [285]}}
    config.write_text(json.dumps(content))
    assert execute(config, lambda event: None).exit_code == 0
    (found,) = te.load(tmp_path / "run")
    assert found.measures["objective_reached"] > 2 * found.measures["in_image"] > 0
