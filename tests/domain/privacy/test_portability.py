"""The data export contains all data of one person and no data of others."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from typing import Any
from zipfile import ZipFile

import pytest
from starlette.testclient import TestClient

from app.core.db.database import Database
from app.domain.accounts.tables import User
from app.domain.consent import actions as consent_actions
from app.domain.pairs import actions as pairs_actions, content as pair_content
from app.domain.privacy.personal_data_map import PLAN
from app.domain.privacy.portability_queries import file_name
from tests.fixtures.people import Cast


def read_zip(body: bytes) -> dict[str, list[dict[str, Any]]]:
    with ZipFile(io.BytesIO(body)) as bundle:
        assert bundle.testzip() is None
        return {
            name: [json.loads(line) for line in bundle.read(name).splitlines()]
            for name in bundle.namelist()
            if name.endswith(".jsonl")
        }


@pytest.fixture
def authors(database: Database, cast: Cast) -> Cast:
    """Alice and Bob have each written one pair under accepted terms."""
    with database.session() as session:
        terms = consent_actions.publish(session, cast.carol, "Submit only your own work.")
        for user, word in ((cast.alice, "alpha"), (cast.bob, "beta")):
            consent_actions.accept(session, user, terms.number, how="api")
            pair = pair_content.pair(f"{word} question ünï", f"{word} answer", source="own", licence="CC0")
            pairs_actions.create(session, user, cast.project, pair)
    return cast


def test_export_has_own_rows_per_table(authors: Cast, as_user: Callable[..., TestClient]) -> None:
    files = read_zip(as_user(authors.alice).get(f"/api/v1/people/{authors.alice.id}/data").content)
    assert set(files) == {f"{file_name(entry)}.jsonl" for entry in PLAN if entry.exported}
    assert files["persons.jsonl"][0]["email"] == "alice@example.org"
    assert [row["prompt"] for row in files["revisions.jsonl"]] == ["alpha question ünï"]
    assert files["revisions.jsonl"][0]["terms_id"] == files["acceptances.jsonl"][0]["terms_id"]
    assert len(files["pairs.jsonl"]) == 1 and len(files["api_tokens.jsonl"]) == 1
    assert {row["action"] for row in files["audit_events.jsonl"]} >= {"pair.created", "terms.accepted"}
    assert "beta" not in json.dumps(files) and "digest" not in files["api_tokens.jsonl"][0]


def test_readme_describes_the_files(authors: Cast, signed_in: Callable[[User], TestClient]) -> None:
    answer = signed_in(authors.alice).get("/account/data.zip")
    assert answer.headers["content-type"] == "application/zip"
    with ZipFile(io.BytesIO(answer.content)) as bundle:
        readme = bundle.read("README.txt").decode()
    assert "alice@example.org" in readme and "revisions.jsonl" in readme and "1 record\n" in readme


def test_only_own_data_except_for_admins(authors: Cast, as_user: Callable[..., TestClient]) -> None:
    address = f"/api/v1/people/{authors.alice.id}"
    for part in ("data", "contributions"):
        assert as_user(authors.bob).get(f"{address}/{part}").status_code == 403
        assert as_user(authors.carol).get(f"{address}/{part}").status_code == 200
        assert as_user(authors.carol).get(f"/api/v1/people/{'0' * 32}/{part}").status_code == 404


def test_contributions_are_counted(authors: Cast, as_user: Callable[..., TestClient]) -> None:
    contributions = as_user(authors.alice).get(f"/api/v1/people/{authors.alice.id}/contributions").json()
    assert contributions["pairs"] == [{"slug": "clinic", "state": "draft", "count": 1}]
    assert contributions["revisions"] == 1 and contributions["versions"] == []
