"""Inputs that two parsers, two engines or two people would read in two ways: refused at the door, alike everywhere."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute
from hypothesis import HealthCheck, given, settings, strategies as st
from starlette.testclient import TestClient

from app.api.downloads import disposition
from app.api.strict_route import StrictRoute
from app.bootstrap import Installation
from app.core.db.database import Database
from app.core.storage import Storage
from app.domain.imports import actions as imports_actions
from app.domain.pairs import actions as pairs_actions, content as pair_content, queries as pairs_queries
from app.domain.versions import actions as versions_actions
from app.settings import Settings
from app.worker import loop
from tests.fixtures.people import Cast
from tests.worker.test_loop import rows

pytestmark = pytest.mark.assurance
Tally = Callable[[str, int], None]
BODY = {
    "messages": [{"role": "user", "content": "Which desk takes it?"}, {"role": "assistant", "content": "billing"}],
    "source": "s",
    "licence": "l",
}
GOOD = json.dumps(BODY).encode()
TRAPS = {
    "NaN": GOOD[:-1] + b', "tags": {"n": NaN}}',
    "Infinity": GOOD[:-1] + b', "tags": {"n": -Infinity}}',
    "a key twice": GOOD[:-1] + b', "licence": "other"}',
    "half a character": GOOD.replace(b"billing", b"\\ud83d"),
    "NUL": GOOD.replace(b"billing", b"a\\u0000b"),
    "2^63": GOOD[:-1] + b', "tags": {"n": 9223372036854775808}}',
    "5,000 digits": GOOD[:-1] + b', "tags": {"n": ' + b"9" * 5000 + b"}}",
    "33 deep": GOOD[:-1] + b', "tags": {"n": ' + b"[" * 33 + b"]" * 33 + b"}}",
    "200,000 deep": GOOD[:-1] + b', "tags": ' + b"[" * 200_000,
    "not UTF-8": GOOD.replace(b"billing", b"\xff"),
    "UTF-16": json.dumps(BODY).encode("utf-16"),
    "byte order mark": b"\xef\xbb\xbf" + GOOD,
    "two values": GOOD + GOOD,
    "no object": b"[]",
    "a number": b"1",
    "a field that nobody knows": GOOD[:-1] + b', "is_admin": true}',
    "tags that are one": GOOD[:-1] + b', "tags": {"Topic": "a", "topic": "b"}}',
    "a tag of nothing but format characters": GOOD[:-1] + b', "tags": {"\\u200b\\u202e": "b"}}',
    "a licence that grows": GOOD[:-1] + b', "tags": {"n": "' + "\u0958".encode() * 120 + b'"}}',
}


@pytest.mark.parametrize("name", TRAPS)
def test_a_trap_in_a_body_is_refused_in_words(
    name: str, cast: Cast, as_user: Callable[..., TestClient], tally: Tally
) -> None:
    client = as_user(cast.alice)
    answer = client.post(
        "/api/v1/projects/clinic/pairs", content=TRAPS[name], headers={"Content-Type": "application/json"}
    )
    assert answer.status_code in (400, 422), answer.text
    assert answer.json()["detail"]
    tally("traps refused", 1)


def test_every_json_route_is_strict(app: FastAPI) -> None:
    from app.api.routes import ROUTERS
    from app.api.worker import router as worker_router

    routes = [route for router in [*ROUTERS, worker_router] for route in router.routes if isinstance(route, APIRoute)]
    assert len(routes) > 30
    assert [route.path for route in routes if not isinstance(route, StrictRoute)] == []


# --- the same on both engines ---

WORDS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=30)
CONTENT = st.fixed_dictionaries(
    {
        "messages": st.lists(
            st.fixed_dictionaries({"role": st.sampled_from(pair_content.ROLES), "content": WORDS}),
            min_size=1,
            max_size=3,
        ).map(lambda turns: [*turns, {"role": "assistant", "content": "yes"}]),
        "context": st.lists(
            st.fixed_dictionaries({"text": WORDS}, optional={"title": WORDS, "source": WORDS}), max_size=2
        ),
        "tags": st.dictionaries(
            WORDS,
            WORDS | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False),
            max_size=4,
        ),
        "source": st.just("s"),
        "licence": st.just("l") | WORDS.map(lambda words: f"l{words}"),
    }
)


def test_what_is_saved_comes_back_the_same(cast: Cast, database: Database, tally: Tally) -> None:
    """Sixty contents of any characters and numbers, each saved, read back by another session and compared."""
    saved: list[tuple[str, pair_content.Content]] = []

    @settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(CONTENT)
    def save(body: dict[str, Any]) -> None:
        try:
            content = pair_content.parse(body)
        except pair_content.Invalid:
            return
        with database.session() as session:
            saved.append((pairs_actions.create(session, cast.alice, cast.project, content).id, content))

    save()
    assert len(saved) > 20
    with database.read() as session:
        for pair_id, content in saved:
            revision = pairs_queries.current(session, pairs_queries.by_id(session, pair_id))
            assert pairs_actions.content_of(revision) == content
            assert (revision.prompt, revision.completion) == (content.prompt, content.completion)
    tally("contents saved and read back alike", len(saved))


def test_tags_are_names_without_anything_invisible(
    cast: Cast, as_user: Callable[..., TestClient], tally: Tally
) -> None:
    """Composed, decomposed, in capitals or with something invisible in it: one tag, found by any spelling."""
    client = as_user(cast.alice)
    for number, spelt in enumerate(
        ["Caf\u00e9", "Cafe\u0301", "CAF\u00c9", "Ca\u200bf\u00e9", "Caf\u00e9\u202e", " Caf\u00e9 "]
    ):
        body = {**BODY, "tags": {"Place" if number % 2 else "place": spelt}}
        body["messages"] = [{"role": "user", "content": f"Number {number}, where?"}, BODY["messages"][1]]
        assert client.post("/api/v1/projects/clinic/pairs", json=body).status_code == 201
    for asked in ("place:caf\u00e9", "PLACE:CAFE\u0301"):
        assert len(client.get("/api/v1/projects/clinic/pairs", params={"tag": asked}).json()["items"]) == 6
    tally("traps refused", 6)


# --- what leaves is saved and never shown ---

NAMES = [
    "<script>alert(1)</script>",
    '"; filename="x.html',
    "../../etc/passwd",
    "a\r\nSet-Cookie: x=1",
    "ünï/code\u202e",
    "x" * 110,
]


@pytest.mark.parametrize("name", NAMES)
def test_a_download_is_an_attachment_that_runs_nothing(
    name: str, cast: Cast, database: Database, settings: Settings, as_user: Callable[..., TestClient], tally: Tally
) -> None:
    installation = Installation(settings, database, Storage(settings.resolved_storage_url))
    with database.session() as session:
        imports_actions.request_import(
            session,
            cast.bob,
            cast.project,
            storage=installation.storage,
            data=rows(30),
            filename="x.jsonl",
            source="s",
            license="l",
            approve=True,
        )
    loop.drain(installation)
    with database.session() as session:
        versions_actions.request_version(session, cast.carol, cast.project, name=name)
    loop.drain(installation)
    client = as_user(cast.alice)
    [version] = client.get("/api/v1/projects/clinic/versions").json()["items"]
    for form in ("jsonl", "csv", "parquet", "trl"):
        answer = client.get(f"/api/v1/versions/{version['id']}/export", params={"format": form})
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-security-policy"] == "sandbox; default-src 'none'"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["content-type"].split(";")[0] in (
            "application/jsonl",
            "text/csv",
            "application/vnd.apache.parquet",
        )
        header = answer.headers["content-disposition"]
        assert header.startswith('attachment; filename="') and header.count('"') == 2 and "filename*=UTF-8''" in header
        assert not set(header) & set("<>/\\\r\n")
        assert "set-cookie" not in answer.headers
    assert client.get(f"/api/v1/versions/{version['id']}/export", params={"format": "html"}).status_code == 422
    tally("downloads that cannot be shown", 4)


@given(st.text(max_size=80))
def test_any_name_makes_one_safe_header(name: str) -> None:
    header = disposition(name)
    assert header.isascii() and header.isprintable() and header.count('"') == 2 and not set(header) & set("<>/\\")
