from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

import docs.browser

from . import project


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    reason = docs.browser.missing()
    if reason is not None:
        pytest.skip(reason)
    with docs.browser.browser() as started:
        yield started


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("web")
    project.write(made)
    return made


@pytest.fixture(scope="session")
def link(browser: Browser, folder: Path) -> Iterator[str]:
    with project.serving(folder) as address:
        yield address


@pytest.fixture
def page(browser: Browser, link: str) -> Iterator[Page]:
    """A page of a user of their own, at the first screen; errors of the page and requests elsewhere fail the test."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    context.set_default_timeout(30_000)
    errors: list[str] = []
    opened = context.new_page()
    opened.on("pageerror", lambda error: errors.append(str(error)))
    opened.on("request", lambda request: _local(request.url, errors))
    opened.goto(link)
    expect(opened.get_by_role("radio").first).to_be_visible()
    yield opened
    context.close()
    assert errors == []


def _local(url: str, errors: list[str]) -> None:
    if not url.startswith(("http://127.0.0.1:", "blob:", "data:")):
        errors.append(f"a request left the machine: {url}")
