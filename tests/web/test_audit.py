"""The audit log on pages and in the interface: who may see it, filters, downloads, its verification."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from starlette.testclient import TestClient

from app.core.db.base import now
from app.core.db.database import Database
from app.domain.accounts.tables import User
from app.domain.audit import actions as audit_actions
from app.settings import Settings
from tests.fixtures.people import Cast
from tests.security import tampering

Client = Callable[[User], TestClient]
PAGES = ("/audit", "/audit/verification", "/audit/log.jsonl")
INTERFACE = ("/api/v1/audit", "/api/v1/audit/verification", "/api/v1/audit/log")


@pytest.fixture
def log(database: Database, cast: Cast) -> Database:
    with database.session() as session:
        note = {"note": "<b>bold</b>\r\nsecond line", "long": "x" * 400, "ratings": {"accuracy": 4}}
        audit_actions.record(session, cast.alice.id, "pair.saved", "pair", "p" * 32, project_id=cast.project.id, **note)
        audit_actions.record(session, cast.dave.id, "request.denied", "pair", "p" * 32, reason="not a member")
    return database


@pytest.mark.parametrize("address", PAGES)
def test_only_admins_see_the_pages(signed_in: Client, cast: Cast, log: Database, address: str) -> None:
    assert signed_in(cast.carol).get(address).status_code == 200
    assert [signed_in(user).get(address).status_code for user in (cast.alice, cast.bob, cast.dave)] == [403] * 3


@pytest.mark.parametrize("address", INTERFACE)
def test_only_admins_read_the_interface(
    as_user: Callable[..., TestClient], client: TestClient, cast: Cast, log: Database, address: str
) -> None:
    assert as_user(cast.carol).get(address).status_code == 200
    assert as_user(cast.bob).get(address).status_code == 403
    assert client.get(address).status_code == 401


def test_the_page_escapes_what_was_typed_and_marks_denials(signed_in: Client, cast: Cast, log: Database) -> None:
    html = signed_in(cast.carol).get("/audit").text
    assert "<b>bold</b>" not in html
    assert "&lt;b&gt;bold&lt;/b&gt;" in html
    assert html.count("badge--bad") == 1
    assert "verified" in html or "intact" in html


def _items(client: TestClient, **filters: Any) -> list[str]:
    answer = client.get("/api/v1/audit", params={"limit": 500, **filters})
    assert answer.status_code == 200, answer.text
    return [item["action"] for item in answer.json()["items"]]


def test_filters_narrow_the_log(as_user: Callable[..., TestClient], cast: Cast, log: Database) -> None:
    carol = as_user(cast.carol)
    everything, today = _items(carol), f"{now():%Y-%m-%d}"
    assert _items(carol, actor=cast.alice.id) == ["pair.saved"]
    assert _items(carol, action="pair") == ["pair.saved"]
    assert _items(carol, action="pai") == []
    assert _items(carol, action="%") == []
    assert set(_items(carol, project="clinic")) == {
        "project.opened",
        "member.added",
        "guideline.published",
        "pair.saved",
    }
    assert _items(carol, subject="p" * 32) == ["request.denied", "pair.saved"]
    assert _items(carol, since=today, until=today) == everything
    assert _items(carol, until="2020-01-01") == _items(carol, since="2999-01-01") == []
    assert carol.get("/api/v1/audit", params={"since": "yesterday"}).status_code == 422
    assert carol.get("/api/v1/audit", params={"until": "9999-12-31"}).status_code == 422
    assert carol.get("/api/v1/audit", params={"project": "nowhere"}).status_code == 404


def test_the_pages_of_a_filter_keep_it(signed_in: Client, cast: Cast, log: Database) -> None:
    with log.session() as session:
        for at in range(60):
            audit_actions.record(session, cast.alice.id, "pair.saved", "pair", str(at))
    carol = signed_in(cast.carol)
    first = carol.get("/audit", params={"action": "pair", "project": ""}).text
    assert "action=pair&amp;cursor=" in first
    assert "Next page" not in carol.get("/audit", params={"action": "pair", "cursor": "20"}).text
    assert "No matching events" in carol.get("/audit", params={"project": "nowhere"}).text
    assert carol.get("/audit", params={"since": "31.12.2026"}).status_code == 422


@pytest.mark.parametrize("events", [0, 1000, 1001])
def test_the_download_is_the_whole_log_line_by_line(signed_in: Client, cast: Cast, log: Database, events: int) -> None:
    with log.session() as session:
        for at in range(events):
            audit_actions.record(session, None, "pair.touched", "pair", str(at))
    answer = signed_in(cast.carol).get("/audit/log.jsonl")
    lines = [json.loads(line) for line in answer.text.splitlines()]
    assert [line["id"] for line in lines] == list(range(1, len(lines) + 1))
    assert len([line for line in lines if line["action"] == "pair.touched"]) == events
    assert answer.headers["content-disposition"].startswith("attachment")
    narrowed = signed_in(cast.carol).get("/audit/log.jsonl", params={"action": "request.denied"}).text
    assert len(narrowed.splitlines()) == 1


def test_the_verification_says_where_the_log_was_cut(
    as_user: Callable[..., TestClient], signed_in: Client, cast: Cast, log: Database, settings: Settings
) -> None:
    with log.read() as session:
        made = audit_actions.make_checkpoint(session, settings)
    assert made is not None
    carol = as_user(cast.carol)
    good = carol.get("/api/v1/audit/verification").json()
    assert (good["intact"], good["agreeing"], good["last_checkpoint"]["count"]) == (True, 1, made.count)
    tampering.forge(log, tampering.delete(made.count - 1, made.count + 9))
    bad = carol.get("/api/v1/audit/verification").json()
    assert (bad["intact"], bad["first_bad"]) == (False, made.count - 1)
    page = signed_in(cast.carol).get("/audit/verification").text
    assert "Tampered" in page
    assert bad["words"] in page
    assert "note--bad" in signed_in(cast.carol).get("/audit").text
