"""Headers on everything that goes out: pages, JSON, files, errors and crashes."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from fastapi.testclient import TestClient

from app.domain.auth import actions as auth_actions
from app.http import middleware, route_permissions
from tests.fixtures.people import Cast

pytestmark = pytest.mark.assurance
FIXED = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}


@pytest.fixture
def database_url(sqlite_template: Any, tmp_path: Any) -> str:
    """One engine is enough: no header depends on it."""
    path = tmp_path / "test.sqlite3"
    path.write_bytes(sqlite_template.read_bytes())
    return f"sqlite:///{path}"


def check(answer: Any, *, cached: bool = False) -> None:
    assert FIXED.items() <= dict(answer.headers).items(), answer.url
    assert answer.headers["content-security-policy"] == middleware.CONTENT_POLICY, answer.url
    assert "camera=()" in answer.headers["permissions-policy"]
    assert ("no-store" in answer.headers.get("cache-control", "")) != cached, answer.url
    assert "server" not in answer.headers and "x-powered-by" not in answer.headers


def test_the_policy_is_strict() -> None:
    rules = dict(rule.split(" ", 1) for rule in middleware.CONTENT_POLICY.split("; "))
    assert rules["default-src"] == rules["frame-ancestors"] == rules["object-src"] == rules["base-uri"] == "'none'"
    assert not re.search(r"unsafe|\*|https?:|blob:|strict-dynamic", middleware.CONTENT_POLICY)
    assert "data:" not in rules["script-src"] + rules["style-src"] + rules["connect-src"]


def test_every_route_answers_with_them(
    app: Any, cast: Cast, signed_in: Callable[..., TestClient], tally: Callable[[str, int], None]
) -> None:
    """Signed in and not: pages, refusals, not found, wrong methods."""
    tried = 0
    for client in (signed_in(cast.carol), TestClient(app, follow_redirects=False)):
        for route in route_permissions.walk(app.routes):
            path = route.path.replace("{slug}", "clinic").replace("{", "").replace("}", "")
            for method in sorted(getattr(route, "methods", None) or ["GET"]):
                check(client.request(method, path))
                tried += 1
    tally("answers with every header", tried)


def test_what_no_route_answers(client: TestClient) -> None:
    for method, path in (
        ("GET", "/nowhere"),
        ("GET", "/api/v1/nowhere"),
        ("DELETE", "/healthz"),
        ("BREW", "/projects"),
    ):
        check(client.request(method, path))
    check(client.get("/healthz", headers={"Host": "evil.example"}))
    check(client.post("/projects", content=b"x", headers={"Content-Type": "text/plain"}))
    check(
        client.post(
            "/api/v1/projects",
            content=b"x" * (middleware.DEFAULT_LIMIT + 1),
            headers={"Content-Type": "application/json"},
        )
    )


def test_files_may_be_kept(client: TestClient) -> None:
    check(client.get("/static/css/tokens.css"), cached=True)
    check(client.get("/static/nothing.css"))


@pytest.mark.parametrize("path", ["/broken", "/api/v1/broken"])
def test_a_crash_has_them_too_and_tells_nothing(app: Any, path: str) -> None:
    def broken() -> None:
        raise RuntimeError("the password is swordfish")

    app.add_api_route(path, broken)
    answer = TestClient(app, raise_server_exceptions=False).get(path)
    assert answer.status_code == 500 and "swordfish" not in answer.text and "Traceback" not in answer.text
    check(answer)


def test_https_is_remembered_and_its_cookies_are_bound_to_the_host(app: Any, cast: Cast) -> None:
    with app.state.database.session() as session:
        link = auth_actions.create_sign_in_link(session, user=cast.alice)
    secure = TestClient(app, base_url="https://testserver", follow_redirects=False)
    answer = secure.post(f"/sign-in/{link}")
    assert answer.headers["strict-transport-security"].startswith("max-age=31536000")
    cookie = next(one for one in answer.headers.get_list("set-cookie") if "session" in one).lower()
    assert cookie.startswith("__host-preceptor_session=")
    assert {"secure", "httponly", "samesite=lax", "path=/"} <= {part.strip() for part in cookie.split(";")}
    assert "domain=" not in cookie


def test_a_cookie_planted_without_the_prefix_is_not_taken_over_https(app: Any, cast: Cast) -> None:
    with app.state.database.session() as session:
        raw = auth_actions.start_session(session, cast.alice)
    secure = TestClient(app, base_url="https://testserver", follow_redirects=False, cookies={"preceptor_session": raw})
    assert secure.get("/api/v1/projects").status_code == 401
    assert secure.get("/projects").status_code in (303, 401)
