from __future__ import annotations

from io import BufferedWriter
from pathlib import Path

import pytest
from matplotlib.figure import Figure

from torchesegeta import figures
from torchesegeta.errors import StoreError

from .support import attribution, image, noise


@pytest.fixture(scope="module")
def figure() -> Figure:
    return figures.draw(attribution(noise(1, 8, 9, 10)), image())


@pytest.mark.parametrize(("ending", "start"), [("png", b"\x89PNG"), ("svg", b"<?xml"), ("pdf", b"%PDF")])
def test_the_ending_decides_and_bytes_repeat(figure: Figure, tmp_path: Path, ending: str, start: bytes) -> None:
    first = figures.save(figure, tmp_path / "deep" / f"a.{ending}").read_bytes()
    second = figures.save(figure, tmp_path / f"b.{ending}").read_bytes()
    assert first.startswith(start) and first == second


def test_svg_keeps_its_text(figure: Figure, tmp_path: Path) -> None:
    assert "Saliency for vessel" in figures.save(figure, tmp_path / "a.svg").read_text()


def test_an_unknown_ending_is_refused(figure: Figure, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"'\.gif' does not exist"):
        figures.save(figure, tmp_path / "a.gif")


def test_nothing_half_written_is_left(tmp_path: Path) -> None:
    class Broken(Figure):
        def savefig(self, fname: object, **kwargs: object) -> None:
            assert isinstance(fname, BufferedWriter)
            fname.write(b"half")
            raise OSError(28, "No space left on device")

    with pytest.raises(StoreError, match="No space left"):
        figures.save(Broken(), tmp_path / "a.png")
    assert not list(tmp_path.iterdir())
