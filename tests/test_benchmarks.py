from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks import __main__ as bench
from benchmarks import timing
from benchmarks.table import Row, Table


def row(what: str, figure: str = "1") -> Row:
    return Row(what, "peer", figure, "", "", None)


def test_a_ratio_is_taken_pair_by_pair(monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter([1.0, 1.0, 2.0, 1.0, 2.0, 4.0, 6.0, 3.0, 8.0, 16.0])
    monkeypatch.setattr(timing, "seconds_of", lambda work: next(times))
    ratio = timing.compare(lambda: None, lambda: None, pairs=4)
    assert ratio.median == 2.0 and ratio.pairs == 4


def figures(folder: Path) -> dict[str, str]:
    return {entry["row"]["what"]: entry["row"]["figure"] for entry in json.loads((folder / "table.json").read_text())}


def test_rows_are_kept_as_they_come_and_replace_earlier_ones(tmp_path: Path) -> None:
    first = Table(tmp_path, ["one", "two"])
    first.add("two", row("b"))
    first.add("one", row("a"))
    again = Table(tmp_path, ["one", "two"])
    again.add("two", row("b", "2"))
    assert figures(tmp_path) == {"a": "1", "b": "2"}
    page = (tmp_path / "table.md").read_text()
    assert page.index("## one") < page.index("## two") and "Measured on 20" in page


def test_a_complete_section_drops_what_it_no_longer_measures(tmp_path: Path) -> None:
    table = Table(tmp_path, ["one", "two"])
    for section, what in (("one", "a"), ("two", "b"), ("two", "c")):
        table.add(section, row(what))
    table.close("two", [row("c")])
    assert set(figures(tmp_path)) == {"a", "c"}


def test_a_section_cut_off_keeps_its_rows(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def section(pairs: int, quick: bool):  # type: ignore[no-untyped-def]
        yield row("a")
        raise KeyboardInterrupt

    monkeypatch.setattr(bench, "RESULTS", tmp_path)
    monkeypatch.setattr(bench, "SECTIONS", {"one": section})
    with pytest.raises(KeyboardInterrupt):
        bench.run("one", 15, quick=False)
    assert figures(tmp_path) == {"a": "1"}


def test_an_unknown_section_is_refused(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["benchmarks", "masks", "speed"])
    with pytest.raises(SystemExit):
        bench.main()
    assert "unknown section: speed; choose from gradients, paths" in capsys.readouterr().err


def test_peers_make_as_many_forward_passes() -> None:
    from benchmarks.masks import SMALL, cases
    from benchmarks.subject import Subject

    subject, passes = Subject(16, SMALL), [0]
    _ = subject.mask
    subject.model.register_forward_pre_hook(lambda _, inputs: passes.__setitem__(0, passes[0] + len(inputs[0])))

    def count(work: Callable[[], object]) -> int:
        passes[0] = 0
        work()
        return passes[0]

    for case in cases(subject):
        ours, theirs = count(lambda c=case: c.ours(subject, [1])), count(lambda c=case: c.peer(subject, subject.scores))  # type: ignore[misc]
        assert ours == theirs, case.method["name"]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Setting", "ignore:Input Tensor")
def test_rules_are_timed_on_maps_that_agree() -> None:
    from benchmarks.rules import rule_rows

    assert {row.peer for row in rule_rows(1, quick=True)} == {"Captum 0.9"}


@pytest.mark.slow
@pytest.mark.parametrize("section", list(bench.SECTIONS))
def test_section_runs(section: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["benchmarks", "--quick", section])
    monkeypatch.setattr(bench, "Table", lambda *_: None)
    bench.main()
    assert capsys.readouterr().out.count("\n| ") >= 2
