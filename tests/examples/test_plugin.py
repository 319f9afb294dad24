"""The example of a plug-in: once it is installed, its method is there like any other."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

PLUGIN = Path(__file__).parents[2] / "examples" / "plugin"
SCRIPT = """
import json, torch, torchesegeta as te
from torchesegeta.overview import method_rows
from torchesegeta.tasks import parse_methods

net = torch.nn.Conv2d(2, 2, 3)
image = torch.randn(2, 6, 7)
maps = te.explain(net, image, ["gradient_norm", {"name": "saliency"}], target={"kind": "class", "classes": [1]})
norm, plain = (maps[name].values for name in ("gradient_norm", "saliency"))
assert torch.allclose(norm[0], plain.square().sum(0).sqrt(), atol=1e-6)
assert maps["gradient_norm"].passes == {"forward": 1, "backward": 1}
[wanted] = parse_methods([{"name": "gradient_norm", "order": 1}])
print(json.dumps(method_rows("gradient_norm")))
"""


def install(folder: Path) -> None:
    """What pip would write beside the package: its name and its entry points."""
    project = tomllib.loads((PLUGIN / "pyproject.toml").read_text())["project"]
    info = folder / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n")
    lines = [
        f"[{group}]\n" + "\n".join(f"{name} = {value}" for name, value in points.items())
        for group, points in project["entry-points"].items()
    ]
    (info / "entry_points.txt").write_text("\n".join(lines) + "\n")


def run(folder: Path, script: str) -> subprocess.CompletedProcess[str]:
    paths = [str(folder), str(PLUGIN / "src"), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    return subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=False)


def test_installed_method_is_there_like_any_other(tmp_path: Path) -> None:
    install(tmp_path)
    done = run(tmp_path, SCRIPT)
    assert done.returncode == 0, done.stderr
    assert '"Order of the norm."' in done.stdout


def test_broken_plugin_costs_its_own_method_only(tmp_path: Path) -> None:
    install(tmp_path)
    points = next(tmp_path.glob("*.dist-info/entry_points.txt"))
    points.write_text(points.read_text().replace("= torchesegeta_gradient_norm", "= no_such_module"))
    done = run(tmp_path, "import torchesegeta as te; print(len(te.methods()), 'gradient_norm' in te.methods())")
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[1] == "False"
    assert "gradient_norm" in done.stderr and "no_such_module" in done.stderr


@pytest.mark.parametrize("name", ["README.md", "pyproject.toml"])
def test_plugin_is_a_complete_package(name: str) -> None:
    assert (PLUGIN / name).is_file()
