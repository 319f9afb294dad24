"""Runs on a Ray cluster of two nodes on this machine. A relay, and a worker that imports torch, start in seconds."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from torchesegeta.execute import Event, Listener, deadlines, execute
from torchesegeta.execute.outcome import Outcome

from .plugins import write
from .project import Project
from .test_faults import FAULTY, LIMITED
from .test_processes import ESEGETA, METHODS, is_alive, resumes, wait_for
from .test_workers import FEW, assert_same

pytestmark = pytest.mark.cluster
SMALL = {"object_store_memory": 80 * 2**20}


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A head for the driver, and two nodes with a place each, where the faulty methods are installed."""
    pytest.importorskip("ray", reason="needs the extra 'cluster'")
    from ray.cluster_utils import Cluster

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        plugin = tmp_path_factory.mktemp("plugin")
        write(plugin)
        patch.setenv("PYTHONPATH", os.pathsep.join([str(plugin), *filter(None, [os.environ.get("PYTHONPATH")])]))
        head = {"num_cpus": 0, "include_dashboard": False, **SMALL}
        nodes = Cluster(initialize_head=True, head_node_args=head)
        for _ in range(2):
            nodes.add_node(num_cpus=1, **SMALL)
        yield nodes
        nodes.shutdown()


def config(project: Project, cluster: Any, name: str = "config.json", **changes: Any) -> Path:
    executor = {"kind": "ray", "address": cluster.address, "wait_s": 90, **changes.pop("executor", {})}
    return project.config(name, execution={"executor": executor}, **changes)


def run(path: Path, also: Listener = lambda event: None) -> tuple[Outcome, list[Event]]:
    events: list[Event] = []

    def listen(event: Event) -> None:
        events.append(event)
        also(event)

    return execute(path, listen), events


def test_two_nodes_give_what_one_machine_gives(project: Project, cluster: Any) -> None:
    images = [{"path": "a.nii.gz"}, {"path": "b.nii.gz"}]
    hold = project.folder / "hold"
    hold.touch()
    model = {"factory": "net.py:Net", "arguments": {"hold": str(hold)}}
    same: Any = {"images": images, "methods": FEW, "model": model}

    def free(event: Event) -> None:
        if event["kind"] == "job" and event["worker"] == 1:
            hold.unlink(missing_ok=True)

    outcome, events = run(config(project, cluster, executor={"results": "objects"}, **same), free)
    assert outcome.exit_code == 0, outcome
    assert {event["worker"] for event in events if event["kind"] == "job"} == {0, 1}
    assert outcome.report == project.output / "report.html" and outcome.report.is_file()
    project.run(project.config("one.json", output="one", **same))
    assert_same(project, project.output, project.folder / "one")
    assert files(project.output) == files(project.folder / "one")
    log = (project.output / "log.txt").read_text().splitlines()
    assert {tuple(line.split("\t")[2:4]) for line in log} >= {("a", "rise"), ("b", "smoothgrad")}


def test_scores_made_on_nodes_are_those_of_one_machine(project: Project, cluster: Any) -> None:
    """The values, the further figures, the curves, and the verdicts, whatever node a map lies on."""
    evaluation = {"metrics": ["gini", {"name": "infidelity", "samples": 4}], "verdict": {}}
    same: Any = {"images": [{"path": "a.nii.gz"}, {"path": "b.nii.gz"}], "methods": FEW[:2], "evaluation": evaluation}
    outcome, events = run(config(project, cluster, executor={"results": "objects"}, **same))
    assert outcome.exit_code == 0, outcome
    assert outcome.scores == {"ok": sum(event["kind"] == "score" for event in events)}
    project.run(project.config("one.json", output="one", **same))
    one = project.folder / "one"
    assert sorted(rows(project.output / "metrics.csv")) == sorted(rows(one / "metrics.csv"))
    assert (project.output / "verdicts.json").read_text() == (one / "verdicts.json").read_text()


def rows(path: Path) -> list[tuple[tuple[str, str], ...]]:
    """Of a table of scores, but for how long they took."""
    with path.open(newline="", encoding="utf-8") as stream:
        return [tuple(item for item in row.items() if item[0] != "seconds") for row in csv.DictReader(stream)]


def files(folder: Path) -> set[Path]:
    return {path.relative_to(folder) for path in folder.rglob("*")}


def test_lost_nodes_lose_nothing(project: Project, cluster: Any) -> None:
    hold = project.folder / "hold"
    hold.touch()

    def lose(event: Event) -> None:
        if event["kind"] == "job" and "smoothgrad" in event["labels"] and hold.exists():
            wait_for(hold.with_suffix(".reached").exists)
            for node in list(cluster.worker_nodes):
                cluster.remove_node(node, allow_graceful=False)
            hold.unlink()
            cluster.add_node(num_cpus=1, **SMALL)

    model = {"factory": "net.py:Net", "arguments": {"hold": str(hold)}}
    methods = METHODS[:3]  # the last of them is alone in its job, and yet not suspected
    outcome, events = run(config(project, cluster, model=model, methods=methods, executor={"workers": 1}), lose)
    assert outcome.exit_code == 0, outcome
    notes = [event["text"] for event in events if event["kind"] == "note"]
    assert len(notes) == 1 and notes[0].startswith("the node of the worker was lost") and "smoothgrad is" in notes[0]
    assert {m["label"]: m["retries"] for m in project.maps()} == {"saliency": 0, "layer_gradcam": 0, "smoothgrad": 1}
    plain = {"model": {"factory": "net.py:Net"}, "methods": methods}
    project.run(project.config("one.json", output="one", **plain))
    assert project.values() == project.values(project.folder / "one")


def test_what_hangs_or_kills_its_process_costs_itself(
    project: Project, cluster: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deadlines, "GRACE", 1.0)
    methods = [{"name": "hangs_natively", "timeout_s": 1}, "kills_itself", {"name": "smoothgrad", "samples": 2}]
    outcome, events = run(config(project, cluster, methods=methods, executor={"workers": 1}))
    assert (outcome.state, outcome.exit_code) == ("finished", 1), outcome
    assert project.statuses() == {"a/hangs_natively": "timeout", "a/kills_itself": "failed", "a/smoothgrad": "ok"}
    reasons = {m["label"]: m["reason"] for m in project.maps()}
    assert reasons["kills_itself"].startswith("the worker process was killed, as when memory runs out, on ")
    assert not list(project.output.rglob(".part-*"))


@pytest.mark.slow
def test_every_fault_costs_itself(project: Project, cluster: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deadlines, "GRACE", 1.0)
    good = ["saliency", "input_x_gradient", {"name": "smoothgrad", "samples": 3}]
    outcome, _ = run(config(project, cluster, methods=[*good, *LIMITED, *FAULTY], executor={"workers": 2}))
    assert (outcome.state, outcome.exit_code) == ("finished", 1), outcome
    found = project.statuses()
    assert [found.pop(f"a/{name}") for name in ("hangs", "hangs_natively")] == ["timeout", "timeout"]
    assert {found.pop(f"a/{name}") for name in FAULTY} == {"failed"}
    assert len(found) == 4 and set(found.values()) == {"ok"}
    plain = project.config("one.json", output="one", methods=[*good, {"name": "saliency", "label": "patient"}])
    project.run(plain)
    assert project.values() == project.values(project.folder / "one")


def test_a_run_that_gets_no_place_says_so(project: Project, cluster: Any) -> None:
    outcome, _ = run(config(project, cluster, executor={"workers": 1, "cpus_per_worker": 9, "wait_s": 1}))
    assert outcome.state == "refused"
    assert outcome.text.startswith(
        "the cluster has no place for a worker, which needs 9 CPUs on a node; all nodes have "
    )
    assert not project.output.exists()


def test_a_killed_head_takes_its_workers_along_and_the_run_resumes(project: Project, cluster: Any) -> None:
    hold = project.folder / "hold"
    hold.touch()
    model = {"factory": "net.py:Net", "arguments": {"hold": str(hold), "native": True}}
    path = config(project, cluster, model=model, methods=METHODS, executor={"workers": 1})
    with subprocess.Popen([*ESEGETA, "run", "--quiet", str(path)]) as head:
        wait_for(hold.with_suffix(".reached").exists)
        wait_for(lambda: len(project.statuses()) == 2)
        worker = int(hold.with_suffix(".reached").read_text())
        head.send_signal(signal.SIGKILL)
    wait_for(lambda: not is_alive(worker))
    hold.unlink()
    resumes(project)
