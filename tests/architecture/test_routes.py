"""Every route requires one permission or is on the list of public routes; otherwise the application does not start."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from fastapi import APIRouter, FastAPI

from app.api import deps as api_deps
from app.domain.accounts.permissions import Permission
from app.http import route_permissions
from app.main import create_app
from app.settings import Settings
from app.web import deps as web_deps

KEY = "these tests sign nothing that anybody reads"


@pytest.fixture(scope="module")
def routes(tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    app = create_app(Settings(data_dir=Path(tmp_path_factory.mktemp("routes")), secret_key=KEY))
    return list(route_permissions.walk(app.routes))


def test_walk_finds_all_routes(routes: list[Any]) -> None:
    paths = {route.path for route in routes}
    assert {"/healthz", "/static", "/openapi.json", "/api/v1/projects", "/worker/v1/claim", "/"} <= paths
    assert len(paths) > 70


def test_worker_routes_need_worker_token(routes: list[Any]) -> None:
    for route in routes:
        assert (route_permissions.permissions(route) == {route_permissions.WORKER}) == route.path.startswith(
            "/worker/"
        ), route.path


def test_no_route_is_declared_twice(routes: list[Any]) -> None:
    seen = [(route.path, method) for route in routes for method in (getattr(route, "methods", None) or ())]
    assert len(seen) == len(set(seen))


@pytest.mark.parametrize("declared", [[], [web_deps.requires(Permission.USE), web_deps.requires(Permission.TRAIN)]])
def test_undeclared_route_stops_start(declared: list[Any]) -> None:
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    router = APIRouter(prefix="/rooms")

    @router.post("/forgotten", dependencies=declared)
    def forgotten() -> None: ...

    app.include_router(router)
    with pytest.raises(route_permissions.Undeclared, match="POST /rooms/forgotten"):
        route_permissions.check(app.routes)


def test_mount_needs_permission() -> None:
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    app.mount("/metrics", FastAPI())
    with pytest.raises(route_permissions.Undeclared, match="/metrics"):
        route_permissions.check(app.routes)


def test_path_must_name_project() -> None:
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)

    @app.get("/rooms/{room_id}", dependencies=[web_deps.requires(Permission.READ_PROJECT)])
    def room() -> None: ...

    with pytest.raises(route_permissions.Undeclared, match=r"GET /rooms/\{room_id\}"):
        route_permissions.check(app.routes)


@pytest.mark.parametrize("deps", [api_deps, web_deps], ids=["json", "pages"])
def test_handler_runs_only_with_permission(app: Any, cast: Any, as_user: Any, signed_in: Any, deps: Any) -> None:
    prefix = "/api/v1" if deps is api_deps else "/rooms"
    called = []
    app.add_api_route(
        f"{prefix}/{{slug}}/guarded",
        lambda: called.append(1),
        methods=["GET", "POST"],
        dependencies=[deps.requires(Permission.MANAGE_PROJECT)],
    )
    for user, status in ((cast.alice, 403), (cast.bob, 403), (cast.dave, 404), (cast.carol, 200)):
        client = as_user(user) if deps is api_deps else signed_in(user)
        for method in ("GET", "POST") if deps is api_deps else ("GET",):  # a form needs its token
            assert client.request(method, f"{prefix}/clinic/guarded").status_code == status, (user.name, method)
    assert len(called) == (2 if deps is api_deps else 1)
