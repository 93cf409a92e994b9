"""Only our own names and literal addresses are answered, and nothing is ever decided by an assembled URL."""

from __future__ import annotations

import ast
import asyncio
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from app.http import middleware, route_permissions
from app.main import create_app
from app.settings import Settings
from tests.conftest import KEY, ROOT
from tests.fixtures.people import Cast

pytestmark = pytest.mark.assurance
FOREIGN = [
    "evil.example", "a@b", "x/admin", "localhost/healthz?", "localhost#", "localhost:80:80", "localhost:http", "",
    "localhost.evil.example", "evil.example:8080", "127.0.0.1.evil.example", "127.1", "0x7f.0.0.1", "2130706433",
    "[::1", "[::1]evil.example", "localhost evil.example", "local\thost", "*", "testserver,evil.example",
    "xn--testserver", "ｌocalhost", "localhost%00",
]  # fmt: skip
OURS = ["localhost", "LOCALHOST:8080", "localhost.", "127.0.0.1", "127.0.0.1:8080", "[::1]:8080", "192.168.7.20",
        "preceptor.example.org", "preceptor.example.org:443", "web", "a.team.example", "testserver"]  # fmt: skip


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> FastAPI:
    hosts = ["web", "*.team.example", "testserver"]
    folder = tmp_path_factory.mktemp("hosts")
    return create_app(
        Settings(data_dir=folder, secret_key=KEY, url="https://preceptor.example.org", trusted_hosts=hosts)
    )


def ask(app: FastAPI, path: str, hosts: list[str], method: str = "GET", **scope: Any) -> int:
    """The status of a request whose target and Host headers no client would send."""
    return asyncio.run(_ask(app, path, hosts, method, scope))


async def _ask(app: FastAPI, path: str, hosts: list[str], method: str, more: dict[str, Any]) -> int:
    headers = [(b"host", host.encode()) for host in hosts] + more.pop("headers", [])
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "scheme": "http",
        "path": path, "raw_path": path.encode(), "query_string": b"", "headers": headers,
        "client": ("127.0.0.1", 5), "server": ("127.0.0.1", 8080), **more,
    }  # fmt: skip
    seen: list[int] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            seen.append(message["status"])

    await app(scope, receive, send)
    return seen[0]


def test_a_foreign_name_is_refused_before_routing_on_every_route(
    ours: FastAPI, tally: Callable[[str, int], None]
) -> None:
    """What a page of another site reaches when it makes its own name point here."""
    tried = 0
    for route in route_permissions.walk(ours.routes):
        path = route.path.replace("{", "").replace("}", "")
        for method in getattr(route, "methods", None) or ["GET"]:
            assert ask(ours, path, ["evil.example"], method) == 400, path
            tried += 1
    tally("routes walked", tried)


@pytest.mark.parametrize("host", FOREIGN)
def test_a_host_that_is_not_ours(ours: FastAPI, host: str) -> None:
    for path in ("/healthz", "/api/v1/projects", "/", "/static/css/tokens.css", "/nowhere"):
        assert ask(ours, path, [host]) == 400


@pytest.mark.parametrize("host", [*OURS, socket.gethostname()])
def test_our_names_and_any_literal_address(ours: FastAPI, host: str) -> None:
    assert ask(ours, "/healthz", [host]) == 200


def test_exactly_one_host(ours: FastAPI) -> None:
    assert ask(ours, "/healthz", []) == 400
    assert ask(ours, "/healthz", ["localhost", "localhost"]) == 400
    assert ask(ours, "/healthz", ["localhost", "evil.example"]) == 400


def test_a_star_trusts_nobody(tmp_path: Path) -> None:
    for hosts in (["*"], ["localhost", "*"], ["*."], ["*.*"], [""]):
        with pytest.raises(ValueError, match="name each host"):
            Settings(data_dir=tmp_path, secret_key=KEY, trusted_hosts=hosts)
    assert "testserver" not in middleware.trusted_hosts(Settings(data_dir=tmp_path, secret_key=KEY))


def test_a_refusal_says_nothing_of_what_was_asked(ours: FastAPI) -> None:
    for path in ("/projects", "/api/v1/projects"):
        answer = TestClient(ours, base_url="http://evil.example").get(path)
        assert answer.status_code == 400 and "evil" not in answer.text
        assert answer.headers["content-security-policy"] == middleware.CONTENT_POLICY


# --- the path as it was routed, and nothing else ---


LOOKALIKES = [
    "//healthz", "/healthz/", "@evil", "http://localhost/healthz", "/./healthz", "/api/v1/../../healthz",
    "/api/v1/projects#/healthz", "/api/v1/projects?/healthz", "/;/healthz", "healthz", "",
    "/static/../api/v1/projects", "/API/v1/projects", "/sign-in/../audit",
]  # fmt: skip


@pytest.mark.parametrize("path", LOOKALIKES)
def test_a_target_that_only_looks_like_a_public_one(ours: FastAPI, path: str) -> None:
    """The answer of an address that does not exist, or of one that asks who is there; never data."""
    assert ask(ours, path, ["localhost"]) in (303, 307, 400, 401, 404)


def test_a_host_cannot_stand_in_for_the_path(ours: FastAPI) -> None:
    for host in ("localhost/healthz?", "localhost/static/", "localhost/sign-in#"):
        assert ask(ours, "/api/v1/projects", [host]) == 400


def test_forwarded_headers_of_strangers_mean_nothing(cast: Cast, signed_in: Callable[..., TestClient]) -> None:
    """The application reads no X-Forwarded-… itself: uvicorn does, from the addresses it was told to trust."""
    alice = signed_in(cast.alice)
    forged = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "evil.example", "X-Forwarded-For": "127.0.0.1",
              "Forwarded": "host=evil.example;proto=https", "X-Original-URL": "/healthz", "X-Rewrite-URL": "/healthz",
              "X-HTTP-Method-Override": "DELETE"}  # fmt: skip
    answer = alice.get("/projects", headers=forged)
    assert answer.status_code == 200 and "evil.example" not in answer.text
    assert "strict-transport-security" not in answer.headers


ALLOWED = {("app/web/csrf.py", "scheme")}
DECIDES = ["app/http/middleware.py", "app/http/route_permissions.py", "app/http/exception_handlers.py", "app/main.py"]


def test_nothing_is_decided_by_an_assembled_url() -> None:
    """`request.url` is put together from Host, which the sender writes. `scope` holds what the server saw."""
    found = set()
    for path in [
        *(ROOT / "app" / "api").glob("*.py"),
        *(ROOT / "app" / "web").glob("*.py"),
        *map(ROOT.joinpath, DECIDES),
    ]:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute) and node.attr in ("url", "base_url", "url_for"):
                owner = node.value.id if isinstance(node.value, ast.Name) else ""
                if owner in ("request", "connection"):
                    found.add((str(path.relative_to(ROOT)), node.attr))
    assert found - ALLOWED == set()
