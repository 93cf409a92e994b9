"""A data folder that version 0.1.0 wrote is migrated and works, on SQLite and on PostgreSQL."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from starlette.testclient import TestClient

from app.bootstrap import Installation, migrate
from app.core.db.database import Database
from app.domain.audit import verify_queries
from app.main import create_app
from app.settings import Settings
from app.worker import loop
from tests.conftest import postgres_database

FOLDER = Path(__file__).resolve().parents[1] / "fixtures" / "v0_1_0"
KEY = "the key of a data folder that version 0.1.0 wrote, for tests alone"
PAIRS = 62
ANSWERS = 30


@dataclass
class Upgraded:
    """The migrated installation and a client with the administrator's old token."""

    installation: Installation
    client: TestClient

    def get(self, path: str) -> Any:
        response = self.client.get(f"/api/v1{path}")
        assert response.status_code == 200, response.text
        return response.json()

    def all(self, path: str) -> list[dict[str, Any]]:
        items, cursor = [], ""
        while cursor is not None:
            page = self.get(f"{path}?limit=50" + (f"&cursor={cursor}" if cursor else ""))
            items += page["items"]
            cursor = page["next"]
        return items


def unpack(engine: str, folder: Path) -> None:
    with tarfile.open(FOLDER / f"{engine}.tar.xz") as archive:
        archive.extractall(folder, filter="data")


def load_rows(url: str, script: Path) -> None:
    """Run a dump of pg_dump; its lines for psql alone are left out."""
    statements = "".join(line for line in script.open() if not line.startswith("\\"))
    with psycopg.connect(url.replace("postgresql+psycopg://", "postgresql://"), autocommit=True) as connection:
        connection.execute(statements)  # type: ignore[arg-type]


@pytest.fixture
def old_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The database as version 0.1.0 left it; its files lie in tmp_path / "data"."""
    engine, folder = request.param, tmp_path / "data"
    unpack(engine, folder)
    if engine == "sqlite":
        yield f"sqlite:///{folder / 'preceptor.sqlite3'}"
        return
    with postgres_database(request.getfixturevalue("postgres_url")) as url:
        load_rows(url, folder / "database.sql")
        yield url


@pytest.fixture
def upgraded(old_url: str, tmp_path: Path) -> Iterator[Upgraded]:
    settings = Settings(data_dir=tmp_path / "data", database_url=old_url, secret_key=KEY, trusted_hosts=["testserver"])
    database = Database(old_url)
    migrate(database)
    database.dispose()
    app = create_app(settings)
    token = (tmp_path / "data" / "token.txt").read_text()
    with TestClient(app, headers={"Authorization": f"Bearer {token}"}) as client:
        yield Upgraded(Installation(settings, app.state.database, app.state.storage), client)
    app.state.database.dispose()


both_engines = pytest.mark.parametrize("old_url", ["sqlite", "postgresql"], indirect=True)


@both_engines
def test_old_rows_are_readable(upgraded: Upgraded) -> None:
    pairs = upgraded.all("/projects/triage/pairs")
    assert len(pairs) == PAIRS
    assert all(upgraded.get(f"/pairs/{pair['id']}")["revisions"] for pair in pairs)
    assert upgraded.get("/projects/triage")["task"] == "classification"
    assert len(upgraded.all("/projects/triage/rounds")) == 1


@both_engines
def test_old_run_keeps_its_report(upgraded: Upgraded) -> None:
    runs = upgraded.all("/projects/triage/runs")
    done = next(run for run in runs if run["state"] == "done")
    report = upgraded.get(f"/runs/{done['id']}/report")
    assert report["n"] == 120
    assert report["metrics"]["exact_match"]["tuned"]["value"] == pytest.approx(0.88)
    assert report["metrics"]["exact_match"]["delta"]["p"] == pytest.approx(0.0004)
    answers = upgraded.all(f"/runs/{done['id']}/answers")
    assert len(answers) == ANSWERS
    assert {"base", "tuned", "scores", "reference"} <= set(answers[0])


@both_engines
def test_old_version_exports(upgraded: Upgraded) -> None:
    version = next(row for row in upgraded.all("/projects/triage/versions") if row["counts"]["test"])
    first, again = (
        upgraded.client.get(f"/api/v1/versions/{version['id']}/export?format=jsonl&split=test") for _ in range(2)
    )
    assert first.status_code == 200 and first.content == again.content
    assert len(first.text.splitlines()) == version["counts"]["test"]


@both_engines
def test_old_audit_log_is_intact(upgraded: Upgraded) -> None:
    with upgraded.installation.database.read() as session:
        result = verify_queries.verify_log(session, upgraded.installation.settings)
    assert result.intact and result.count == 253


@both_engines
def test_old_project_goes_on(upgraded: Upgraded) -> None:
    """Write, submit and check a pair, and freeze the next version, with what the old version left."""
    client = upgraded.client
    body = {
        "messages": [
            {"role": "user", "content": "My ankle has been swollen since a fall two days ago. What should I do?"},
            {"role": "assistant", "content": "General practice"},
        ],
        "tags": {"category": "injury", "language": "en"},
        "source": "Written for this test",
        "licence": "CC BY 4.0",
    }
    written = client.post("/api/v1/projects/triage/pairs", json=body)
    assert written.status_code == 201, written.text
    assert client.post(f"/api/v1/pairs/{written.json()['id']}/submit").status_code == 200
    matches = upgraded.get("/projects/triage/pairs?q=swollen")["items"]
    assert [pair["id"] for pair in matches] == [written.json()["id"]]
    request = {"name": "Second", "splits": {"train": 0.6, "validation": 0.2, "test": 0.2}, "seed": 1}
    job = client.post("/api/v1/projects/triage/versions", json=request)
    assert job.status_code == 202, job.text
    loop.drain(upgraded.installation)
    done = upgraded.get(f"/jobs/{job.json()['id']}")
    assert done["state"] == "done", done
    assert upgraded.get(f"/versions/{done['result']['version']}")["counts"]["train"] > 0
