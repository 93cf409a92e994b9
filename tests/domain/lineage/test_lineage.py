"""Lineage in both directions over the API; erasure over the API and the command line."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from zipfile import ZipFile

import pytest
from starlette.testclient import TestClient
from typer.testing import CliRunner

from app.bootstrap import Installation
from app.cli import accounts, main
from app.core.db.database import Database
from app.domain.accounts.tables import Person, User
from app.domain.imports import actions as imports_actions, queries as imports_queries
from app.domain.privacy import queries as privacy_queries
from app.domain.versions import actions as versions_actions, queries as versions_queries
from tests.fixtures.people import Cast


@pytest.fixture
def version(app: Any, cast: Cast) -> str:
    """A version of twelve pairs from two sources, which Bob imported and approved."""
    storage, database = app.state.storage, app.state.database
    with database.session() as session:
        for source in ("shelf", "desk"):
            lines = [{"prompt": f"{source} question {at} {at * 37}", "completion": "Yes"} for at in range(6)]
            job = imports_actions.request_import(
                session, cast.bob, cast.project, storage=storage, data="\n".join(map(json.dumps, lines)).encode(),
                filename="x.jsonl", source=source, license="CC0", approve=True,
            )  # fmt: skip
            imports_actions.save_rows(
                session, job.payload, imports_queries.check_rows(session, storage, job.payload, lambda *_: None)
            )
            job.state = "done"
        job = versions_actions.request_version(session, cast.carol, cast.project, name="v")
        job.state = "done"
        return versions_actions.freeze(session, versions_queries.prepare_version(session, storage, job.payload)).id


def test_version_lineage_is_paged(cast: Cast, version: str, as_user: Callable[..., TestClient]) -> None:
    alice = as_user(cast.alice)
    address = f"/api/v1/versions/{version}/provenance"
    whole = alice.get(address).json()
    assert (whole["pairs"], whole["withdrawn"], whole["next"]) == (12, 0, None)
    assert whole["sources"] == [{"source": "desk", "count": 6}, {"source": "shelf", "count": 6}]
    assert whole["licenses"] == [{"license": "CC0", "count": 12}]
    assert whole["decisions"] == [{"decision": "accept", "in_bulk": True, "count": 12}]
    assert [row["number"] for row in whole["guidelines"]] == [1] and whole["terms"][0]["number"] is None
    assert "name" not in whole["authors"][0] and whole["authors"][0]["count"] == 12
    seen, cursor = [], None
    while True:
        page = alice.get(address, params={"limit": 5, **({"cursor": cursor} if cursor else {})}).json()
        seen += [item["revision"] for item in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert seen == [item["revision"] for item in whole["items"]] and len(set(seen)) == 12
    assert as_user(cast.carol).get(address).json()["authors"][0]["name"] == "Bob"
    assert as_user(cast.dave).get(address).status_code == 404


def test_contributions_name_the_version(cast: Cast, version: str, as_user: Callable[..., TestClient]) -> None:
    contributions = as_user(cast.bob).get(f"/api/v1/people/{cast.bob.id}/contributions").json()
    assert [(row["version"], row["pairs"]) for row in contributions["versions"]] == [(version, 12)]
    assert contributions["reviews"] == [{"decision": "accept", "count": 12}]


def test_erasure_over_the_api(
    cast: Cast, version: str, app: Any, as_user: Callable[..., TestClient], database: Database
) -> None:
    carol, address = as_user(cast.carol), f"/api/v1/people/{cast.bob.id}/erasure"
    assert as_user(cast.alice).post(address, json={"content": "keep"}).status_code == 403
    assert carol.post(address, json={"content": "burn"}).status_code == 422
    answer = carol.post(address, json={"content": "withdraw"})
    assert answer.status_code == 201 and answer.json()["report"]["pairs"] == 12
    assert carol.post(address, json={"content": "withdraw"}).status_code == 409
    assert carol.get(f"/api/v1/versions/{version}").json()["redactions"]["train"]["examples"] == 0
    with database.read() as session:
        assert session.get_one(User, cast.bob.id).person.email.endswith("@erased.invalid")
        assert privacy_queries.erasures_to_sweep(session) == []
    started = carol.post("/api/v1/projects/clinic/runs", json={"version": version})
    assert started.status_code == 409 and "empty" in started.json()["detail"]


def test_commands_export_and_erase(
    cast: Cast, app: Any, settings: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    installation = Installation(settings, app.state.database, app.state.storage)
    path = tmp_path / "alice.zip"
    monkeypatch.setattr(accounts, "open_installation", lambda: installation)
    exported = CliRunner().invoke(main.app, ["person", "export", "alice@example.org", "--out", str(path)])
    assert exported.output.endswith(f": {path.stat().st_size:,} bytes\n")
    assert "persons.jsonl" in ZipFile(path).namelist()
    command = ["person", "erase", "alice@example.org", "--content", "keep"]
    aborted = CliRunner().invoke(main.app, command, input="n\n")
    assert aborted.exit_code == 1
    done = CliRunner().invoke(main.app, [*command, "--yes"])
    assert done.exit_code == 0 and done.output.startswith("Erased. 0 revisions")
    with app.state.database.read() as session:
        assert session.query(Person).filter(Person.erased_at.is_not(None)).count() == 1
