import sys

import pytest

from benchmarks import __main__ as bench
from benchmarks import timing
from benchmarks.rules import rule_rows


def test_a_ratio_is_taken_pair_by_pair(monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter([1.0, 1.0, 2.0, 1.0, 2.0, 4.0, 6.0, 3.0, 8.0, 16.0])
    monkeypatch.setattr(timing, "seconds_of", lambda work: next(times))
    ratio = timing.compare(lambda: None, lambda: None, pairs=4)
    assert ratio.median == 2.0 and ratio.pairs == 4


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Setting")
def test_rules_are_timed_on_maps_that_agree() -> None:
    assert [row.peer for row in rule_rows(1, quick=True)] == ["Captum 0.9"] * 5


@pytest.mark.slow
def test_benchmark_runs(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["benchmarks", "--quick"])
    monkeypatch.setattr(bench, "keep", lambda rows, folder: None)
    bench.main()
    assert "23 gradient maps" in capsys.readouterr().out
