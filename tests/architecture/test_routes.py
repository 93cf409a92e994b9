"""Every route declares what it asks, or stands on the list of public ones: otherwise the application does not start."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from fastapi import APIRouter, FastAPI
from sqlalchemy import select
from starlette.testclient import TestClient

from app.api import deps as api_deps
from app.core.errors import NotFound
from app.domain.accounts.permissions import Permission
from app.domain.accounts.tables import User
from app.domain.audit import actions as audit_actions
from app.domain.audit.tables import AuditEvent
from app.domain.projects import access
from app.http import route_permissions
from app.main import create_app
from app.settings import Settings
from app.web import deps as web_deps

KEY = "these tests sign nothing that anybody reads"


@pytest.fixture(scope="module")
def routes(tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    app = create_app(Settings(data_dir=Path(tmp_path_factory.mktemp("routes")), secret_key=KEY))
    return list(route_permissions.walk(app.routes))


def test_the_walk_finds_the_routes(routes: list[Any]) -> None:
    paths = {route.path for route in routes}
    assert {"/healthz", "/static", "/openapi.json", "/api/v1/projects", "/worker/v1/claim", "/"} <= paths
    assert len(paths) > 70


def test_the_worker_routes_take_worker_tokens_only(routes: list[Any]) -> None:
    for route in routes:
        assert (route_permissions.permissions(route) == {route_permissions.WORKER}) == route.path.startswith(
            "/worker/"
        ), route.path


def test_no_address_is_declared_twice(routes: list[Any]) -> None:
    seen = [(route.path, method) for route in routes for method in (getattr(route, "methods", None) or ())]
    assert len(seen) == len(set(seen))


@pytest.mark.parametrize("declared", [[], [web_deps.requires(Permission.USE), web_deps.requires(Permission.TRAIN)]])
def test_a_route_without_exactly_one_permission_stops_the_start(declared: list[Any]) -> None:
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    router = APIRouter(prefix="/rooms")

    @router.post("/forgotten", dependencies=declared)
    def forgotten() -> None: ...

    app.include_router(router)
    with pytest.raises(route_permissions.Undeclared, match="POST /rooms/forgotten"):
        route_permissions.check(app.routes)


def test_a_mount_is_a_route_too() -> None:
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    app.mount("/metrics", FastAPI())
    with pytest.raises(route_permissions.Undeclared, match="/metrics"):
        route_permissions.check(app.routes)


@pytest.mark.parametrize("face", [api_deps, web_deps], ids=["json", "pages"])
def test_a_route_that_forgets_to_ask_is_not_answered_and_nothing_is_kept(
    app: Any, cast: Any, as_user: Any, signed_in: Any, face: Any
) -> None:
    """It declares MANAGE_PROJECT and lets everybody write: the door notices after the handler, before the commit."""
    prefix = "/api/v1" if face is api_deps else "/rooms"

    def forgets(session: face.DbSession, user: face.CurrentUser) -> dict[str, str]:  # type: ignore[name-defined]
        audit_actions.record(session, user.id, "forged", "project", "x")
        return {"secret": "what the handler found"}

    forgets.__annotations__ = {"session": face.DbSession, "user": face.CurrentUser}
    app.add_api_route(
        f"{prefix}/forgets", forgets, methods=["POST"], dependencies=[face.requires(Permission.MANAGE_PROJECT)]
    )
    who = as_user(cast.carol) if face is api_deps else signed_in(cast.carol)
    client = TestClient(app, headers=who.headers, cookies=who.cookies, raise_server_exceptions=False)
    answer = client.post(f"{prefix}/forgets")
    assert answer.status_code == 500 and "secret" not in answer.text
    with app.state.database.read() as session:
        assert session.scalar(select(AuditEvent.id).where(AuditEvent.action == "forged")) is None


def test_asking_for_something_else_is_not_enough(database: Any, cast: Any) -> None:
    with database.read() as session:
        with pytest.raises(NotFound):
            access.require(session, session.get_one(User, cast.dave.id), Permission.READ_PROJECT, cast.project)
        assert session.info["asked"] == {Permission.READ_PROJECT}
