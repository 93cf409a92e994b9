"""One ZIP holds everything a person gave, and nothing that anybody else did."""

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
from app.domain.pairs import actions as pairs_actions
from app.domain.pairs import content as pair_content
from app.domain.privacy.personal_data_map import PLAN
from app.domain.privacy.portability_queries import file_name
from tests.fixtures.people import Cast


def opened(body: bytes) -> dict[str, list[dict[str, Any]]]:
    with ZipFile(io.BytesIO(body)) as bundle:
        assert bundle.testzip() is None
        return {
            name: [json.loads(line) for line in bundle.read(name).splitlines()]
            for name in bundle.namelist()
            if name.endswith(".jsonl")
        }


@pytest.fixture
def given(database: Database, cast: Cast) -> Cast:
    """Alice and Bob have each written one pair under the terms."""
    with database.session() as session:
        terms = consent_actions.publish(session, cast.carol, "Give what is yours.")
        for one, word in ((cast.alice, "alpha"), (cast.bob, "beta")):
            consent_actions.accept(session, one, terms.number, how="api")
            pair = pair_content.pair(f"{word} question ünï", f"{word} answer", source="own", licence="CC0")
            pairs_actions.create(session, one, cast.project, pair)
    return cast


def test_it_holds_a_file_for_each_table_and_only_one_s_own(given: Cast, as_user: Callable[..., TestClient]) -> None:
    files = opened(as_user(given.alice).get(f"/api/v1/people/{given.alice.id}/data").content)
    assert set(files) == {f"{file_name(one)}.jsonl" for one in PLAN if one.exported}
    assert files["persons.jsonl"][0]["email"] == "alice@example.org"
    assert [one["prompt"] for one in files["revisions.jsonl"]] == ["alpha question ünï"]
    assert files["revisions.jsonl"][0]["terms_id"] == files["acceptances.jsonl"][0]["terms_id"]
    assert len(files["pairs.jsonl"]) == 1 and len(files["api_tokens.jsonl"]) == 1
    assert {one["action"] for one in files["audit_events.jsonl"]} >= {"pair.created", "terms.accepted"}
    assert "beta" not in json.dumps(files) and "digest" not in files["api_tokens.jsonl"][0]


def test_the_read_me_says_in_words_what_it_is(given: Cast, signed_in: Callable[[User], TestClient]) -> None:
    answer = signed_in(given.alice).get("/account/data.zip")
    assert answer.headers["content-type"] == "application/zip"
    with ZipFile(io.BytesIO(answer.content)) as bundle:
        words = bundle.read("README.txt").decode()
    assert "alice@example.org" in words and "revisions.jsonl" in words and "1 record\n" in words


def test_one_s_own_and_nobody_else_s(given: Cast, as_user: Callable[..., TestClient]) -> None:
    address = f"/api/v1/people/{given.alice.id}"
    for part in ("data", "contributions"):
        assert as_user(given.bob).get(f"{address}/{part}").status_code == 403
        assert as_user(given.carol).get(f"{address}/{part}").status_code == 200
        assert as_user(given.carol).get(f"/api/v1/people/{'0' * 32}/{part}").status_code == 404


def test_the_contributions_count_what_was_given(given: Cast, as_user: Callable[..., TestClient]) -> None:
    found = as_user(given.alice).get(f"/api/v1/people/{given.alice.id}/contributions").json()
    assert found["pairs"] == [{"slug": "clinic", "state": "draft", "count": 1}]
    assert found["revisions"] == 1 and found["versions"] == []
