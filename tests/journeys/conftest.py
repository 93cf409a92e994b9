"""Installations for the journeys."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fixtures.processes import Stack


@pytest.fixture
def stack(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Stack]:
    """On SQLite, or on each engine for a test that asks for `database_url`."""
    url = request.getfixturevalue("database_url") if "database_url" in request.fixturenames else ""
    running = Stack(tmp_path / "data", url)
    running.start("web", "worker", "trainer")
    yield running
    running.stop()
