from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from .live import Live, serving
from .project import Project, wait_for, wait_until_held

SLOW = ["saliency", {"name": "integrated_gradients", "steps": 4}]


def events(client: httpx2.Client, run: str) -> Iterator[tuple[str, Any]]:
    """What a page hears of a run, from its first line to its last."""
    with client.stream("GET", f"/api/runs/{run}/events") as answer:
        kind = ""
        for line in answer.iter_lines():
            name, _, content = line.partition(": ")
            if name == "event":
                kind = content
            elif name == "data":
                yield kind, json.loads(content)


def test_a_page_that_is_loaded_again_in_the_middle_of_a_run(project: Project) -> None:
    project.hold.touch()
    with serving(project) as live:
        live.client.post("/api/runs", json=project.config("held", methods=SLOW))
        wait_until_held(project)
        for _ in range(3):  # loaded, and closed again in the middle
            kind, state = next(events(live.client, "first"))
            assert (kind, state["status"]) == ("state", "running")
        heard = events(live.client, "first")
        kind, state = next(heard)
        assert state["counts"] == {"ok": 2}
        assert state["workers"][0]["labels"] == ["integrated_gradients"]
        project.hold.unlink()
        rest = list(heard)
    kinds = [kind for kind, _ in rest]
    assert kinds.count("map") == 2
    assert kinds[-1] == "end"
    assert [state["status"] for kind, state in rest if kind == "state"][-1] == "done"


@pytest.mark.slow
def test_a_server_that_is_killed(project: Project) -> None:
    project.hold.touch()
    with serving(project) as live:
        live.client.post("/api/runs", json=project.config("held", methods=SLOW))
        live.client.post("/api/runs", json=project.config(output="second"))
        wait_until_held(project)
        live.kill()
    project.hold.unlink()
    with serving(project) as live:
        for run, count in (("first", 4), ("second", 2)):
            assert _done(live, run)["counts"] == {"ok": count}


def _done(live: Live, run: str) -> dict[str, Any]:
    row = wait_for(live.client, run, "done", "failed")  # type: ignore[arg-type]
    assert row["status"] == "done", row["error"]
    return row


PAGES, PAUSE, TIMES = 50, 2.0, 3


@pytest.mark.slow
def test_fifty_pages(project: Project) -> None:
    """50 pages, each asking for maps and progress every 2 s: no error, and the run hardly slower.

    It needs a machine with little else to do.
    """
    seconds: dict[int, list[float]] = {0: [], PAGES: []}
    with serving(project) as live:
        for number in range(TIMES):
            for pages, times in seconds.items():
                times.append(_run_watched(live, project, f"run-{number}-{pages}", pages))
        took = live.cpu_seconds
    alone, watched = min(seconds[0]), min(seconds[PAGES])
    print(f"the server took {took:.1f} s of a processor")
    print(f"alone {alone:.1f} s, with {PAGES} pages {watched:.1f} s: {watched / alone - 1:+.1%}; all: {seconds}")
    assert watched < 1.1 * alone


def _run_watched(live: Live, project: Project, name: str, pages: int) -> float:
    """Seconds that the sweep took."""
    live.client.post("/api/runs", json=project.config(methods=[{"name": "rise", "masks": 100_000}], output=name))
    with _watching(live, name, pages) as failures:
        _done(live, name)
    assert failures == []
    return max(float(row["seconds"]) for row in live.client.get(f"/api/runs/{name}/maps").json())


class _watching:
    """Pages that look at a run; gives what went wrong."""

    def __init__(self, live: Live, run: str, pages: int) -> None:
        self.live, self.run, self.failures, self.over = live, run, list[str](), threading.Event()
        self.threads = [threading.Thread(target=self._page, args=(number,)) for number in range(pages)]

    def __enter__(self) -> list[str]:
        for thread in self.threads:
            thread.start()
        return self.failures

    def __exit__(self, *error: object) -> None:
        self.over.set()
        for thread in self.threads:
            thread.join()

    def _page(self, number: int) -> None:
        time.sleep(PAUSE * number / PAGES)
        with httpx2.Client(base_url=self.live.client.base_url, cookies=self.live.client.cookies, timeout=30) as client:
            while not self.over.wait(PAUSE):
                for address in (f"/api/runs/{self.run}/maps", f"/api/runs/{self.run}"):
                    try:
                        status = client.get(address).status_code
                    except httpx2.HTTPError as error:
                        self.failures.append(f"{address}: {error}")
                        continue
                    if status != 200:
                        self.failures.append(f"{address}: {status}")
