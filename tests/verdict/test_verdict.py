"""Verdicts: words, intervals, ranks, and who passes."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from torchesegeta.verdict import Thresholds, Verdict, judge, write_verdicts
from torchesegeta.verdict.judging import interval_of

CHANCE = {"name": "deletion", "steps": 8}


def line(label: str, image: str, metric: str, value: float | None, **more: Any) -> dict[str, Any]:
    return {
        **{"record": "score", "method": label, "label": label, "image": image, "layer": None, "target": "1"},
        **{"metric": metric, "metric_name": metric, "value": value, "parameters": {}, "curves": {}, **more},
    }


def cascade(label: str, image: str, *curve: float | None, order: str = "cascading") -> dict[str, Any]:
    return line(
        label,
        image,
        "cascading_randomisation",
        0.5,
        curves={"spearman_inside": [1.0, *curve]},
        parameters={"order": order},
    )


def deletion(label: str, image: str, value: float, chance: float) -> list[dict[str, Any]]:
    return [
        line(label, image, "deletion", value, parameters={"steps": 8}),
        line(label, image, "chance", chance, parameters={"metric": CHANCE, "maps": 5}),
    ]


def one(scores: list[dict[str, Any]], maps: list[dict[str, Any]] | None = None) -> Verdict:
    (verdict,) = judge(scores, maps or [])
    return verdict


def words(verdict: Verdict) -> dict[str, str]:
    return {name: answer.word for name, answer in verdict.answers.items()}


def test_every_question_has_its_words() -> None:
    scores = [cascade("a", "x", 0.9, 0.1), line("a", "x", "sensitivity", 0.7), *deletion("a", "x", 0.2, 0.5)]
    found = one(scores)
    assert words(found) == {"weights": "yes", "stable": "weak", "faithful": "yes", "complete": "not claimed"}
    assert found.word == "weak" and not found.open
    assert found.answers["faithful"].value == pytest.approx(0.3)
    assert found.answers["weights"].low is None, "one image gives no interval"


def test_completeness_is_that_of_methods_that_claim_it() -> None:
    place = {"method": "a", "label": "a", "image": "x", "layer": None, "target": "1"}
    maps = [{**place, "measures": {"completeness_gap": 0.5}}]
    found = one([cascade("a", "x", 0.1)], maps)
    assert found.answers["complete"].word == "no" and found.word == "no"
    assert not judge([line("a", "x", "gini", 0.5)], maps), "nothing that was scored answers a question"


def test_chance_of_other_parameters_says_nothing() -> None:
    scores = deletion("a", "x", 0.2, 0.5)
    scores[0]["parameters"] = {"steps": 9}
    assert judge(scores) == []
    assert words(one([*scores, cascade("a", "x", 0.3)]))["faithful"] == "not tested"


def test_a_lead_is_towards_the_good_side() -> None:
    insertion = [
        line("a", "x", "insertion", 0.8, parameters={"steps": 8}),
        line("a", "x", "chance", 0.5, parameters={"metric": {"name": "insertion", "steps": 8}}),
    ]
    found = one([*deletion("a", "x", 0.4, 0.5), *insertion])
    assert found.answers["faithful"].value == pytest.approx(0.2)


def test_the_end_of_the_cascade_counts_where_it_can_be_told() -> None:
    assert one([cascade("a", "x", 0.9, 0.3, None)]).answers["weights"].value == 0.3
    assert judge([cascade("a", "x", 0.3, order="independent")]) == []


def test_images_count_alike_whatever_their_targets() -> None:
    scores = [line("a", "x", "sensitivity", v, target=str(t)) for t, v in enumerate((0.0, 0.2, 0.4))]
    assert one([*scores, line("a", "y", "sensitivity", 0.8)]).answers["stable"].value == pytest.approx(0.5)


@pytest.fixture
def many() -> Iterator[list[dict[str, Any]]]:
    yield [
        *(line("steady", f"i{n}", "sensitivity", 0.1 + 0.01 * n) for n in range(6)),
        *(line("shaky", f"i{n}", "sensitivity", 0.2 + 0.3 * n) for n in range(6)),
        *(cascade("steady", f"i{n}", 0.95) for n in range(6)),
    ]


def test_methods_are_ranked_with_intervals(many: list[dict[str, Any]]) -> None:
    first, second = judge(many)
    assert (first.label, second.label) == ("shaky", "steady"), "that which fails a question comes last"
    shaky, steady = first.answers["stable"], second.answers["stable"]
    assert (steady.rank, shaky.rank, first.answers["weights"].rank) == (1, 2, None)
    assert steady.sure and not shaky.sure and shaky.word == "weak"
    for answer in (shaky, steady):
        assert answer.low is not None and answer.high is not None and answer.value is not None
        assert answer.low < answer.value < answer.high and answer.images == 6
    assert [q.name for q in first.open] == ["weights", "faithful"]


def test_the_interval_of_a_mean_is_that_of_the_normal_law() -> None:
    import numpy as np

    values = np.random.default_rng(1).normal(3, 2, 200)
    found = interval_of(values.tolist())
    assert found is not None
    half = 1.96 * values.std(ddof=1) / 200**0.5
    assert found == pytest.approx((values.mean() - half, values.mean() + half), abs=0.05)
    assert interval_of([1.0, 2.0]) is None and interval_of([2.0] * 4) == (2.0, 2.0)


def test_thresholds_are_the_users(many: list[dict[str, Any]]) -> None:
    strict = Thresholds(stable_yes=0.05, stable_no=0.1)
    assert {v.label: v.answers["stable"].word for v in judge(many, thresholds=strict)} == {
        "steady": "no",
        "shaky": "no",
    }
    with pytest.raises(ValidationError, match="'stable_yes' must be at most 'stable_no'"):
        Thresholds(stable_yes=2)
    with pytest.raises(ValidationError, match="'faithful_yes' must be at least 'faithful_no'"):
        Thresholds(faithful_yes=0)


def test_files(many: list[dict[str, Any]], tmp_path: Path) -> None:
    verdicts = judge(many)
    write_verdicts(tmp_path, verdicts, Thresholds())
    content = json.loads((tmp_path / "verdicts.json").read_text())
    assert [v["label"] for v in content["verdicts"]] == ["shaky", "steady"]
    assert content["verdicts"][1]["answers"]["weights"]["word"] == "no" == content["verdicts"][1]["word"]
    assert content["questions"][0]["rule"] == "yes up to 0.5, no above 0.8"
    with (tmp_path / "verdicts.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == 2 * 4 and {row["answer"] for row in rows} == {"yes", "weak", "no", "not tested", "not claimed"}
