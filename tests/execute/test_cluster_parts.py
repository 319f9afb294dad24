"""What runs on a cluster need beside the cluster: places, results, what the user is told. No cluster is started."""

from __future__ import annotations

import json
import signal
import socket
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from torchesegeta import cli
from torchesegeta.config import parse_config
from torchesegeta.errors import ConfigError
from torchesegeta.execute import execute
from torchesegeta.execute.cluster import outbox, results, scratch
from torchesegeta.execute.cluster.relay import News
from torchesegeta.execute.tickets import Blueprint
from torchesegeta.ledger import LOG
from torchesegeta.plan import on_this_machine, threads, workers

from .project import Project

ADDRESS = "execution.executor.address"


def refusal(project: Project, **executor: Any) -> str:
    execution = {"devices": executor.pop("devices", "cpu"), "executor": {"kind": "ray", **executor}}
    outcome = execute(project.config(execution=execution), lambda event: None)
    assert outcome.state == "refused" and not project.output.exists()
    return outcome.text


@pytest.mark.parametrize(
    ("execution", "message"),
    [
        ({"executor": {"kind": "rai"}}, "execution.executor: kind 'rai' does not exist; nearest: 'ray'"),
        ({"executor": {"kind": "ray", "adress": "auto"}}, "field 'adress' does not exist; nearest: 'address'"),
        (
            {"executor": {"kind": "ray", "workers": 0}},
            "execution.executor.workers: 0 is not allowed; allowed: 1 or more",
        ),
        (
            {"executor": {"kind": "ray", "address": "head"}},
            f"{ADDRESS}: 'head' is not allowed; allowed: 'auto', null, ",
        ),
        ({"executor": {"kind": "ray", "results": "disk"}}, "'disk' is not allowed; allowed: 'folder' or 'objects'"),
        (
            {"executor": {"kind": "ray"}, "devices": ["cuda:1"]},
            "'devices' may be 'auto', 'cpu' or 'cuda', not 'cuda:1'",
        ),
        ({"executor": {"kind": "ray"}, "workers_per_device": 2}, "'workers_per_device' is for GPUs; 'cpus_per_worker'"),
    ],
)
def test_a_wrong_executor_is_named(project: Project, execution: dict[str, Any], message: str) -> None:
    path = project.config(execution=execution)
    with pytest.raises(ConfigError) as error:
        parse_config(json.loads(path.read_text()), project.folder)
    assert message in str(error.value)
    assert message in execute(path, lambda event: None).text


def test_without_ray_the_user_is_told_how_to_install_it(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    assert "pip install 'torchesegeta[cluster]'" in refusal(project)


def test_an_address_where_nothing_answers_is_refused_soon(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("ray")
    with closing(socket.socket()) as unused:
        unused.bind(("127.0.0.1", 0))
        where = f"127.0.0.1:{unused.getsockname()[1]}"
        begun = time.monotonic()
        assert refusal(project, address=where).startswith(f"{ADDRESS}: nothing answers at '{where}'")
        assert refusal(project, address=f"ray://{where}").startswith(f"{ADDRESS}: nothing answers at 'ray://{where}'")
        monkeypatch.setenv("RAY_ADDRESS", where)
        assert refusal(project, address="auto").startswith(f"{ADDRESS}: nothing answers at '{where}'")
    assert time.monotonic() - begun < 10


def test_what_ray_says_is_handed_on(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    ray = pytest.importorskip("ray")

    def init(**arguments: Any) -> None:
        raise ConnectionError("no running instance\nmore")

    monkeypatch.setattr(ray, "init", init)
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    handler = signal.getsignal(signal.SIGTERM)
    said = refusal(project, address="auto")
    assert said == f"{ADDRESS}: no cluster can be reached at 'auto': no running instance"
    assert signal.getsignal(signal.SIGTERM) is handler


def places(monkeypatch: pytest.MonkeyPatch, nodes: list[dict[str, float]], **fields: Any) -> Any:
    pytest.importorskip("ray")
    from torchesegeta.config import ExecutionConfig
    from torchesegeta.execute.cluster import places as module

    monkeypatch.setattr(module, "living_nodes", lambda: [{"Resources": node} for node in nodes])
    executor: dict[str, Any] = {"kind": "ray"}
    executor |= {name: fields.pop(name) for name in ("workers", "cpus_per_worker", "wait_s") if name in fields}
    execution = ExecutionConfig.model_validate({**fields, "executor": executor})
    return module.Places(execution, execution.executor)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("fields", "device", "count", "needs"),
    [
        ({}, "cpu", 12, {"num_cpus": 1, "num_gpus": 0}),
        ({"cpus_per_worker": 3}, "cpu", 3, {"num_cpus": 3, "num_gpus": 0}),  # node by node: 2 + 1 + 0
        ({"devices": "auto"}, "cuda", 3, {"num_cpus": 1, "num_gpus": 1}),
        ({"devices": "cuda", "workers_per_device": 7}, "cuda", 11, {"num_cpus": 1, "num_gpus": 0.1428}),  # 7 + 4 CPUs
        ({"devices": "cuda", "workers": 40}, "cuda", 40, {"num_cpus": 1, "num_gpus": 1}),
    ],
)
def test_places(
    monkeypatch: pytest.MonkeyPatch, fields: dict[str, Any], device: str, count: int, needs: dict[str, float]
) -> None:
    found = places(monkeypatch, [{"CPU": 7, "GPU": 1}, {"CPU": 4, "GPU": 2}, {"CPU": 1}], **fields)
    assert (found.device, found.workers, found.needs) == (device, count, needs)


def test_a_cluster_without_a_place_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="'cuda' is not available: no node has a GPU; they have 4 CPUs and 0 GPUs"):
        places(monkeypatch, [{"CPU": 4}], devices="cuda")
    with pytest.raises(ConfigError, match="no place for a worker, which needs 5 CPUs on a node; all nodes have 8 CPUs"):
        places(monkeypatch, [{"CPU": 4}, {"CPU": 4}], cpus_per_worker=5)


def test_nobody_waits_while_others_work(monkeypatch: pytest.MonkeyPatch) -> None:
    found = places(monkeypatch, [{"CPU": 1}], wait_s=0.01)
    with found.taken():
        time.sleep(0.05)
        assert not found.waited_enough
    assert not found.waited_enough
    time.sleep(0.05)
    assert found.waited_enough


def test_files_come_once_and_whole(tmp_path: Path) -> None:
    box = outbox.Outbox(tmp_path / "run")
    assert box.collect() == {}
    (tmp_path / "run/maps").mkdir(parents=True)
    (tmp_path / "run/maps/a.nii.gz").write_bytes(b"one")
    (tmp_path / "run/maps/.part-b.nii.gz").write_bytes(b"half")
    assert box.collect() == {"maps/a.nii.gz": b"one"}
    assert box.collect() == {} and (tmp_path / "run/maps/a.nii.gz").exists()
    (tmp_path / "run/maps/a.nii.gz").write_bytes(b"other")
    assert box.collect() == {"maps/a.nii.gz": b"other"}
    box.clear()
    assert not (tmp_path / "run/maps/a.nii.gz").exists()


def test_what_comes_is_kept_under_its_name(tmp_path: Path) -> None:
    kept = results.Results(tmp_path, sent=True)
    for text in (b"one\n", b"two\n"):
        kept.add(News([], text, {"maps/a.nii.gz": text}, None))
    assert (tmp_path / LOG).read_text() == "one\ntwo\n"
    assert (tmp_path / "maps/a.nii.gz").read_bytes() == b"two\n"


def test_nodes_that_would_make_other_maps_are_refused(tmp_path: Path) -> None:
    kept = results.Results(tmp_path / "run", sent=False)

    def plan(checkpoint: str, torch: str) -> Blueprint:
        identity, about = {"files": {"model.checkpoint": checkpoint}}, {"versions": {"torch": torch}}
        return Blueprint(tmp_path / "run", identity, about, {}, [], {}, [], None, [])

    kept.received(plan("1f", "2.13"), "node1")
    kept.received(plan("1f", "2.13"), "node2")
    with pytest.raises(ConfigError, match="node3 has another model.checkpoint, another torch than node1"):
        kept.received(plan("2e", "2.12"), "node3")


def test_a_plan_from_elsewhere_is_of_this_folder(tmp_path: Path) -> None:
    about = {"versions": {}, "config": {"output": "/tmp/x/run", "seed": 0}}
    sent = Blueprint(Path("/tmp/x/run"), {"files": {}, "seed": 0}, about, {}, [], {}, [], None, [])
    kept = results.Results(tmp_path / "run", sent=True)
    received = kept.received(sent, "node1")
    assert received.folder == tmp_path / "run" and received.about["config"]["output"] == str(tmp_path / "run")
    (tmp_path / "run").mkdir()
    (tmp_path / "run/run.json").write_text('{"schema": 1, "identity": {"files": {}, "seed": 1}}')
    with pytest.raises(ConfigError, match="holds a run that differs in seed; choose another folder"):
        kept.received(sent, "node1")


def test_a_node_that_does_not_see_the_folder_is_refused(tmp_path: Path) -> None:
    kept = results.Results(tmp_path / "run", sent=False)
    with pytest.raises(ConfigError, match='output: node7 does not see .* "results": "objects"'):
        kept.check_shared(lambda path: False, "node7")
    assert not (tmp_path / "run").exists()
    kept.check_shared(lambda path: Path(path).exists(), "node7")
    assert list((tmp_path / "run").iterdir()) == []


def test_the_folder_of_a_killed_relay_goes_with_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    lives, dead = scratch.Scratch(), scratch.Scratch()
    dead._lock.close()
    third = scratch.Scratch()
    assert lives.folder.exists() and third.folder.exists() and not dead.folder.exists()
    for one in (lives, third):
        one.remove()
        assert not one.folder.exists()


def test_the_plan_names_the_executor(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    path = project.config(execution={"devices": "cuda", "executor": {"kind": "ray", "cpus_per_worker": 3}})
    cli.plan(path)
    text = " ".join(capsys.readouterr().out.split())
    assert "Executor: Ray at auto, as many workers as its nodes have place for." in text
    assert "Time and memory were measured on this machine, on " in text
    config = on_this_machine(parse_config(json.loads(path.read_text()), project.folder))
    assert threads(config) == 3 and len(workers(config)) == 1
