"""Every route asks who is there, unless it stands on the list of public ones."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.main import create_app
from app.settings import Settings

PUBLIC = {
    "/openapi.json",  # the description of the interface
    "/static",
    "/healthz",  # says only that the database answers
    "/sign-in",
    "/sign-in/{token}",
    "/sign-out",
}
DOORS = {"signed_in", "worker"}


@pytest.fixture(scope="module")
def routes(tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    app = create_app(Settings(data_dir=Path(tmp_path_factory.mktemp("routes")), secret_key="x" * 40))
    return list(walk(app.routes))


def walk(routes: Any) -> Iterator[Any]:
    """Routes with their full paths; FastAPI keeps included routers as one entry each."""
    for route in routes:
        if hasattr(route, "effective_route_contexts"):
            yield from route.effective_route_contexts()
        else:
            yield route


def doors(dependant: Any) -> Iterator[str]:
    """Names of all dependencies below a route."""
    for inner in dependant.dependencies:
        yield getattr(inner.call, "__name__", "")
        yield from doors(inner)


def test_the_walk_finds_the_routes(routes: list[Any]) -> None:
    paths = {route.path for route in routes}
    assert {"/healthz", "/api/v1/projects", "/worker/v1/claim", "/"} <= paths


def test_every_route_has_a_door_or_is_listed_as_public(routes: list[Any]) -> None:
    open_ = {
        route.path
        for route in routes
        if not getattr(route, "dependant", None) or not DOORS & set(doors(route.dependant))
    }
    assert open_ - PUBLIC == set()


def test_the_worker_routes_take_worker_tokens_only(routes: list[Any]) -> None:
    for route in routes:
        if route.path.startswith("/worker/"):
            assert "worker" in set(doors(route.dependant)), route.path
        elif getattr(route, "dependant", None):
            assert "worker" not in set(doors(route.dependant)), route.path


def test_no_address_is_declared_twice(routes: list[Any]) -> None:
    seen = [(route.path, method) for route in routes for method in (getattr(route, "methods", None) or ())]
    assert len(seen) == len(set(seen))
