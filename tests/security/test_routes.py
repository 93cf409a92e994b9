"""Every route of the running application, without credentials and with unusual methods."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import func, select
from starlette.websockets import WebSocketDisconnect

from app.core.db.database import Database
from app.domain.audit.tables import AuditEvent
from app.http import route_permissions
from app.http.error_responses import API_PREFIXES
from app.main import create_app
from app.settings import Settings
from tests.conftest import HOSTS, KEY

pytestmark = pytest.mark.assurance
Tally = Callable[[str, int], None]
ODD = ["FOO", "__CLASS__", "__init__", "TRACE", "CONNECT", "PROPFIND", "OPTIONS", "HEAD", "DELETE", "PATCH"]
ANSWERS = {"/healthz", "/openapi.json"}
"""What a stranger gets data from; the sign-in pages are asked apart."""


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Iterator[FastAPI]:
    folder = tmp_path_factory.mktemp("routes")
    (folder / "preceptor.sqlite3").write_bytes(sqlite_template.read_bytes())
    app = create_app(Settings(data_dir=folder, secret_key=KEY, trusted_hosts=HOSTS))
    yield app
    app.state.database.dispose()


@pytest.fixture
def stranger(app: FastAPI) -> TestClient:
    return TestClient(app, follow_redirects=False, raise_server_exceptions=False)


def routes(app: FastAPI) -> Iterator[tuple[str, str]]:
    for route in route_permissions.walk(app.routes):
        for method in sorted(getattr(route, "methods", None) or ["GET"]):
            yield method, route.path


def filled(path: str) -> str:
    return path.replace("{", "").replace("}", "")


def events(database: Database) -> int:
    with database.read() as session:
        return session.scalar(select(func.count()).select_from(AuditEvent)) or 0


def test_stranger_gets_nothing(app: FastAPI, stranger: TestClient, tally: Tally) -> None:
    """401 from the API; from pages 401 or a redirect to the sign-in page, with any invalid credential."""
    credentials: list[dict[str, str]] = [
        {},
        {"Authorization": "Bearer prc_guess"},
        {"Authorization": "Bearer "},
        {"Authorization": "Basic YWRtaW46YWRtaW4="},
        {"Cookie": "preceptor_session=guess; __Host-preceptor_session=guess"},
    ]
    tried = 0
    before = events(app.state.database)
    for method, path in routes(app):
        if path in route_permissions.PUBLIC:
            continue
        for headers in credentials:
            answer = stranger.request(method, filled(path), headers=headers)
            where = answer.headers.get("location", "")
            to_the_door = (
                not path.startswith(API_PREFIXES) and answer.status_code == 303 and where.startswith("/sign-in")
            )
            assert answer.status_code in (401, 429) or to_the_door, (method, path, headers, answer.status_code)
            tried += 1
    assert events(app.state.database) == before
    tally("routes walked", tried // len(credentials))


def test_public_routes_are_few(app: FastAPI) -> None:
    paths = {path for _, path in routes(app)}
    assert paths >= route_permissions.PUBLIC and len(route_permissions.PUBLIC) == 8
    assert {path for path in route_permissions.PUBLIC if not path.startswith("/sign-in")} == {*ANSWERS, "/static"}


HIDDEN = [
    "/docs", "/redoc", "/metrics", "/debug", "/console", "/admin", "/.env", "/.git/config", "/api", "/api/v1",
    "/api/v1/openapi.json", "/worker/v1", "/static/", "/static/..%2f..%2fpyproject.toml", "/static/css",
    "/static/%2e%2e/pyproject.toml", "/static//etc/passwd",
]  # fmt: skip


@pytest.mark.parametrize("path", HIDDEN)
def test_no_debug_pages(stranger: TestClient, path: str) -> None:
    assert stranger.get(path).status_code in (401, 404, 405)


def test_websockets_are_refused(app: FastAPI, stranger: TestClient) -> None:
    for path in ("/", "/runs/x/events", "/api/v1/runs/x/events"):
        with pytest.raises(WebSocketDisconnect), stranger.websocket_connect(path):
            pass


def test_odd_methods_are_refused(app: FastAPI, stranger: TestClient, tally: Tally) -> None:
    """An unknown method gets 405, or 404 for an unknown path."""
    known: dict[str, set[str]] = {}
    for method, path in routes(app):
        known.setdefault(path, set()).add(method)
    tried = 0
    for path, methods in known.items():
        if path == "/static":
            continue
        for method in (one for one in ODD if one not in methods):
            status = stranger.request(method, filled(path)).status_code
            assert status in (400, 401, 404, 405), (method, path, status)
            tried += 1
    tally("odd methods refused", tried)
    assert tried > 500


def test_odd_methods_on_static_files(stranger: TestClient) -> None:
    for method in ODD:
        expected = (200,) if method == "HEAD" else (400, 404, 405)
        assert stranger.request(method, "/static/css/tokens.css").status_code in expected, method


def test_public_documents_hold_no_data(stranger: TestClient) -> None:
    assert stranger.get("/healthz").json() == {"status": "ok"}
    described = stranger.get("/openapi.json").json()
    assert not [path for path in described["paths"] if not path.startswith(("/api/v1/", "/healthz"))]


# --- what the installation keeps on disk ---


def test_files_are_private_to_owner(tmp_path: Path) -> None:
    """Under umask 0, as some containers start."""
    import os

    before = os.umask(0)
    try:
        folder = tmp_path / "data"
        app = create_app(Settings(data_dir=folder, trusted_hosts=HOSTS))
        assert app.state.settings.key
        app.state.storage.put([b"an artifact"])
        with app.state.database.session() as session:
            session.execute(select(1))
    finally:
        os.umask(before)
    wrong = [
        f"{path.relative_to(tmp_path)} {path.stat().st_mode & 0o777:o}"
        for path in (folder, *folder.rglob("*"))
        if path.stat().st_mode & 0o777 != (0o700 if path.is_dir() else 0o600)
    ]
    app.state.database.dispose()
    assert wrong == []


@pytest.mark.parametrize(
    "key", ["short", "x" * 64, "changeme" * 8, "change-me-change-me-change-me-change-me", "PRECEPTOR" * 6, "0123" * 20]
)
def test_weak_key_stops_start(tmp_path: Path, key: str) -> None:
    with pytest.raises(ValueError, match="random characters"):
        Settings(data_dir=tmp_path, secret_key=key)
    (tmp_path / "key").write_text(f"{key}\n")
    with pytest.raises(ValueError, match="random characters"):
        _ = Settings(data_dir=tmp_path, secret_key_file=tmp_path / "key").key
    assert Settings(data_dir=tmp_path).key != Settings(data_dir=tmp_path / "other").key


def test_no_predictable_temporary_names() -> None:
    import ast

    from tests.conftest import ROOT

    for folder in ("app", "trainer"):
        for path in (ROOT / folder).rglob("*.py"):
            names = {node.attr for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Attribute)}
            assert not names & {"mktemp", "tmpnam", "tempnam"}, path


def unguarded(app: Any) -> list[str]:
    return [route.path for route in route_permissions.walk(app.routes) if not route_permissions.permissions(route)]


def test_private_routes_need_permission(app: FastAPI) -> None:
    assert set(unguarded(app)) <= route_permissions.PUBLIC
