"""A browser that carries the cookie is not enough: who sends the form must be one of our own pages."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import func, select

from app.core.security import derive, digest
from app.domain.audit.tables import AuditEvent
from app.domain.auth import actions as auth_actions
from app.http import route_permissions
from app.http.error_responses import API_PREFIXES
from tests.conftest import KEY
from tests.fixtures.people import Cast

pytestmark = pytest.mark.assurance
SAFE = {"GET", "HEAD"}
HERE = "http://testserver"
FORM = {"slug": "stolen", "name": "Stolen", "task": "generation", "languages": "en"}
JSON = {"slug": "stolen", "name": "Stolen"}
Counted = dict[str, int]


@dataclass
class Browser:
    client: TestClient
    token: str


@pytest.fixture
def browsers(app: Any, cast: Cast) -> Callable[[Any], Browser]:
    def make(user: Any) -> Browser:
        with app.state.database.session() as session:
            raw = auth_actions.start_session(session, user)
        client = TestClient(app, cookies={"preceptor_session": raw}, follow_redirects=False)
        return Browser(client, derive(KEY, f"csrf:{digest(raw)}"))

    return make


@pytest.fixture
def carol(browsers: Callable[[Any], Browser], cast: Cast) -> Browser:
    return browsers(cast.carol)


def events(app: Any) -> Counted:
    with app.state.database.read() as session:
        rows = session.execute(select(AuditEvent.action, func.count()).group_by(AuditEvent.action))
        return {action: count for action, count in rows}


def only_a_denial(before: Counted, after: Counted) -> bool:
    return after == {**before, "access.denied": before.get("access.denied", 0) + 1}


def unsafe_pages(app: Any) -> Iterator[tuple[str, str]]:
    for route in route_permissions.walk(app.routes):
        if not route.path.startswith(API_PREFIXES) and route_permissions.permissions(route):
            yield from ((method, route.path) for method in route.methods - SAFE)


FOREIGN = {
    "another site": {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"},
    "another site, an old browser": {"Origin": "https://evil.example"},
    "a sister site": {"Sec-Fetch-Site": "same-site"},
    "no origin it would own up to": {"Origin": "null"},
    "the same name, another port": {"Origin": "http://testserver:9000"},
    "a name that begins like ours": {"Origin": "http://testserver.evil.example"},
    "our name in another place": {"Origin": "http://evil.example/?http://testserver"},
    "nonsense": {"Origin": "http://["},
}


@pytest.mark.parametrize("headers", FOREIGN.values(), ids=FOREIGN)
def test_a_form_from_elsewhere_is_refused_though_its_token_is_right(
    app: Any, carol: Browser, headers: dict[str, str]
) -> None:
    before = events(app)
    answer = carol.client.post("/projects", data={**FORM, "csrf": carol.token}, headers=headers)
    assert answer.status_code == 403
    assert only_a_denial(before, events(app))


@pytest.mark.parametrize("headers", [{}, {"Origin": HERE}, {"Origin": HERE, "Sec-Fetch-Site": "same-origin"}])
def test_our_own_form_is_taken(carol: Browser, headers: dict[str, str]) -> None:
    assert carol.client.post("/projects", data={**FORM, "csrf": carol.token}, headers=headers).status_code == 303


def test_a_form_without_the_sessions_own_token_is_refused(
    app: Any, carol: Browser, browsers: Callable[[Any], Browser], cast: Cast
) -> None:
    others = {"none": "", "wrong": "0" * 64, "bob's": browsers(cast.bob).token, "hers": browsers(cast.carol).token}
    for whose, token in others.items():
        before = events(app)
        assert carol.client.post("/projects", data={**FORM, "csrf": token}).status_code == 403, whose
        assert only_a_denial(before, events(app)), whose


def test_the_event_of_a_refusal_names_the_route_and_no_secret(app: Any, carol: Browser, cast: Cast) -> None:
    carol.client.post(f"/projects/{cast.project.slug}/members?token=s3cret", data={"csrf": "forged"})
    with app.state.database.read() as session:
        event = session.scalars(select(AuditEvent).order_by(AuditEvent.id.desc()).limit(1)).one()
        assert (event.action, event.actor, event.subject_kind) == ("access.denied", cast.carol.id, "route")
        assert event.details == {
            "method": "POST",
            "route": "/projects/{slug}/members",
            "permission": "project:manage",
            "reason": "csrf",
        }


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_every_page_that_changes_something_asks_for_the_token(
    app: Any, carol: Browser, tally: Callable[[str, int], None]
) -> None:
    """With a session and without a token: refused before anything of the address is looked up."""
    tried = 0
    for method, path in unsafe_pages(app):
        before = events(app)
        answer = carol.client.request(method, path.replace("{", "").replace("}", ""), data={"name": "x"})
        assert answer.status_code == 403, (method, path)
        assert only_a_denial(before, events(app)), (method, path)
        tried += 1
    tally("forms without a token refused", tried)
    assert tried > 30


# --- the API with a cookie ---


@pytest.mark.parametrize("headers", [{}, *FOREIGN.values()], ids=["no word of where from", *FOREIGN])
def test_the_api_takes_a_cookie_from_our_own_pages_only(app: Any, carol: Browser, headers: dict[str, str]) -> None:
    before = events(app)
    answer = carol.client.post("/api/v1/projects", json=JSON, headers=headers)
    assert (answer.status_code, answer.json()["error"]) == (403, "cross_site")
    assert only_a_denial(before, events(app))
    ours = {"Sec-Fetch-Site": "same-origin", "Origin": HERE}
    assert carol.client.post("/api/v1/projects", json=JSON, headers=ours).status_code == 201


def test_a_delete_is_covered_too(app: Any, carol: Browser) -> None:
    before = events(app)
    assert carol.client.delete("/api/v1/tokens/x", headers=FOREIGN["another site"]).status_code == 403
    assert only_a_denial(before, events(app))


def test_json_as_plain_text_needs_no_preflight_and_is_not_read(app: Any, carol: Browser) -> None:
    before = events(app)
    for path in ("/api/v1/projects", "/projects"):
        answer = carol.client.post(
            path, content='{"slug": "stolen", "name": "x"}', headers={"Content-Type": "text/plain"}
        )
        assert answer.status_code == 415, path
    assert events(app) == before


def test_who_sends_a_token_speaks_by_it_alone(cast: Cast, carol: Browser, as_user: Callable[..., TestClient]) -> None:
    """A cookie beside it is not looked at: an admin's lends the expert's token nothing, and saves no wrong one."""
    alice = as_user(cast.alice).headers["authorization"]
    own = {"Sec-Fetch-Site": "same-origin"}
    for token, status in ((alice, 403), ("Bearer prc_wrong", 401), ("Basic YTpi", 401), ("Bearer", 401), ("", 401)):
        answer = carol.client.post("/api/v1/projects", json=JSON, headers={**own, "Authorization": token})
        assert answer.status_code == status, token
    token = as_user(cast.carol).headers["authorization"]
    answer = carol.client.post("/api/v1/projects", json=JSON, headers={"Authorization": token})
    assert answer.status_code == 201


def test_a_token_opens_no_page(cast: Cast, as_user: Callable[..., TestClient]) -> None:
    assert as_user(cast.carol).get("/projects").status_code in (303, 401)


# --- signing somebody in as somebody else ---


@pytest.mark.parametrize("headers", FOREIGN.values(), ids=FOREIGN)
def test_a_foreign_page_signs_nobody_in(app: Any, cast: Cast, client: TestClient, headers: dict[str, str]) -> None:
    with app.state.database.session() as session:
        raw = auth_actions.create_sign_in_link(session, user=cast.bob)
    before = events(app)
    answer = client.post(f"/sign-in/{raw}", headers=headers)
    assert answer.status_code == 403 and "set-cookie" not in answer.headers
    assert only_a_denial(before, events(app))
    assert client.post(f"/sign-in/{raw}").status_code == 303


# --- streams ---


def test_nothing_is_shared_with_other_origins(carol: Browser) -> None:
    """No CORS header on anything, server-sent events included."""
    for path in ("/api/v1/projects", "/projects", "/static/css/tokens.css", "/healthz"):
        answer = carol.client.get(path, headers={"Origin": "https://evil.example"})
        assert not [name for name in answer.headers if name.startswith("access-control-")], path
        preflight = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
        assert carol.client.options(path, headers=preflight).status_code == 405, path
