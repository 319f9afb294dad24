"""Runs in real processes: interrupted, killed, crashed. Each start of one takes seconds."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .project import Project

METHODS = ["saliency", "layer_gradcam", {"name": "smoothgrad", "samples": 3}, {"name": "vargrad", "samples": 3}]
ESEGETA = [sys.executable, "-c", "from torchesegeta.cli import main; main()"]
TIMEOUT = 60.0


def wait_for(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + TIMEOUT
    while not condition():
        assert time.monotonic() < end, "nothing happened"
        time.sleep(0.02)


def is_alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().split()[2] != "Z"
    except OSError:
        return False


def children_of(process: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{process}/task/{process}/children").read_text().split()]


def workers_of(process: int) -> list[int]:
    """The workers of a run: children of its fork server."""
    servers = [c for c in children_of(process) if "forkserver" in Path(f"/proc/{c}/cmdline").read_text()]
    return [worker for server in servers for worker in children_of(server)]


def hear_interrupts() -> None:
    """What a shell starts in the background ignores interrupts, and so would the run."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@contextmanager
def held(
    project: Project, *, native: bool = False, workers: int = 1
) -> Iterator[tuple[subprocess.Popen[str], Path, list[int]]]:
    """A run in a process group of its own, in which one worker hangs in the noise sweep and all else is done.

    Yields:
        The run, what to remove to free the worker, and all workers.
    """
    hold = project.folder / "hold"
    hold.touch()
    model = {"factory": "net.py:Net", "arguments": {"hold": str(hold), "native": native}}
    execution = {"workers_per_device": workers}
    config = project.config(model=model, methods=METHODS, execution=execution)
    process = subprocess.Popen(
        [*ESEGETA, "run", str(config)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        preexec_fn=hear_interrupts,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    try:
        wait_for(hold.with_suffix(".reached").exists)
        wait_for(lambda: len(project.statuses()) == 2)
        found = workers_of(process.pid)
        assert len(found) == workers
        yield process, hold, found
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def resumes(project: Project) -> None:
    """The rest is run, what was finished is not, and the maps are those of a run that was never cut off."""
    config = project.folder / "config.json"
    lines = (project.output / "manifest.jsonl").read_bytes()
    done = lines[: lines.rindex(b"\n") + 1]
    assert project.statuses() == {"a/saliency": "ok", "a/layer_gradcam": "ok"}
    events = project.run(config)
    assert [event["labels"] for event in events if event["kind"] == "job"] == [["smoothgrad", "vargrad"]]
    assert (project.output / "manifest.jsonl").read_bytes().startswith(done)
    assert project.state() == "finished" and set(project.statuses().values()) == {"ok"}
    assert not list(project.output.rglob(".part-*"))
    fresh = {"model": {"factory": "net.py:Net"}, "methods": METHODS, "output": "fresh"}
    project.run(project.config("fresh.json", **fresh))
    assert project.values() == project.values(project.folder / "fresh")


def test_an_interrupt_ends_workers_in_native_code_and_the_run_resumes(project: Project) -> None:
    with held(project, native=True, workers=2) as (process, hold, workers):
        second = project.run(project.folder / "config.json")
        assert "another process is writing to" in second[-1]["text"] and second[-1]["kind"] == "refused"
        os.killpg(process.pid, signal.SIGINT)
        output, _ = process.communicate(timeout=10)
        assert not any(map(is_alive, workers))
        hold.unlink()
    assert process.returncode == 1
    assert "interrupted\n" in output and "the same command goes on from there" in output
    assert "Traceback" not in output and "KeyboardInterrupt" not in output
    assert project.state() == "interrupted"
    resumes(project)


def test_a_worker_in_native_code_ends_with_its_parent_and_the_run_resumes(project: Project) -> None:
    with held(project, native=True) as (process, hold, workers):
        process.kill()
        wait_for(lambda: not any(map(is_alive, workers)))
        hold.unlink()
    resumes(project)


def test_a_killed_worker_is_started_again_with_halves(project: Project) -> None:
    with held(project) as (process, hold, (worker,)):
        hold.unlink()
        os.kill(worker, signal.SIGKILL)
        output, _ = process.communicate(timeout=TIMEOUT)
    assert process.returncode == 0, output
    assert "the worker process was killed, as when memory runs out; its 2 methods are tried again apart" in output
    assert set(project.statuses().values()) == {"ok"} and len(project.statuses()) == 4
    assert "[3/4] a: smoothgrad\n" in output and "[4/4] a: vargrad\n" in output


def test_a_config_that_is_wrong_ends_with_2_and_without_a_traceback(project: Project) -> None:
    done: Any = subprocess.run(
        [*ESEGETA, "run", str(project.config(methods=["saliancy"]))], capture_output=True, text=True, timeout=TIMEOUT
    )
    assert done.returncode == 2
    assert done.stderr.startswith("error: methods[0]: method 'saliancy' does not exist; nearest: 'saliency'")
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""


def test_the_help_needs_no_torch() -> None:
    code = "import sys, torchesegeta, torchesegeta.cli; sys.exit(any(m in sys.modules for m in ('torch', 'numpy')))"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
