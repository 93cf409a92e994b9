"""No route without a door: each declares one permission (`asks`), or stands on the list of public ones.

Knows the routes that an application ended up with, mounts included; asks nobody anything at run time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from app.domain.accounts.permissions import Permission

PUBLIC = {
    "/openapi.json",  # the description of the interface, the same for everybody and free of data
    "/static",
    "/healthz",  # says only that the database answers
    "/sign-in",
    "/sign-in/{token}",
    "/sign-in/second-factor",
    "/sign-in/oidc",
    "/sign-in/oidc/callback",
}
WORKER = "worker"


class Undeclared(RuntimeError):
    """A route that nobody guards."""


def walk(routes: Iterable[Any]) -> Iterator[Any]:
    """Routes with their full paths; FastAPI keeps an included router as one entry."""
    for route in routes:
        if hasattr(route, "effective_route_contexts"):
            yield from route.effective_route_contexts()
        else:
            yield route


def permissions(route: Any) -> set[Any]:
    """What the route declares: a permission, or the trainer's door."""
    return set(_declared(route.dependant)) if getattr(route, "dependant", None) else set()


def _declared(dependant: Any) -> Iterator[Any]:
    for inner in dependant.dependencies:
        if (permission := getattr(inner.call, "permission", None)) is not None:
            yield permission
        yield from _declared(inner)


def check(routes: Iterable[Any]) -> None:
    """Raises Undeclared, naming the first route without exactly one door."""
    for route in walk(routes):
        found = permissions(route)
        if route.path in PUBLIC and not found:
            continue
        if len(found) != 1 or not all(one == WORKER or isinstance(one, Permission) for one in found):
            raise Undeclared(
                f"{_name(route)} declares {sorted(map(str, found)) or 'no permission'}. Give its decorator "
                "dependencies=[asks(Permission.…)], or add its path to PUBLIC here and say why."
            )


def _name(route: Any) -> str:
    return f"{'/'.join(sorted(getattr(route, 'methods', None) or ['*']))} {route.path}"
