from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("fastapi", reason="the web interface's packages are not installed")

from fastapi.testclient import TestClient

from .project import Project


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A folder for tests that leave it as it is."""
    return Project(tmp_path_factory.mktemp("web"))


@pytest.fixture(scope="module")
def client(shared: Project) -> Iterator[TestClient]:
    with shared.client() as client:
        yield client


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)
