import runpy
from pathlib import Path

import pytest

import torchesegeta as te

EXAMPLES = Path(__file__).parents[2] / "examples"


def test_quickstart_explains_the_shipped_network(tmp_path: Path) -> None:
    pytest.importorskip("nilearn", reason="the template of the demo comes with nilearn")
    runpy.run_path(str(EXAMPLES / "quickstart.py"))["main"](tmp_path)
    maps = te.load(tmp_path / "maps")
    assert [m.status for m in maps] == ["ok"] * 3
    assert all((tmp_path / f"{m.label}.png").stat().st_size > 10_000 for m in maps)
    assert maps["integrated_gradients"].measures["completeness_gap"] < 0.1
