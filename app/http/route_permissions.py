"""Route permissions: each route states one, its dependency checks it, and no application starts with a route without.

A permission outside projects is checked on the user alone. Any other is checked on the project that the path names, by
its slug or by an object of it. Knows nothing of how a request is authenticated.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Any

from fastapi import Depends, Request
from sqlalchemy import Select, bindparam, select
from sqlalchemy.orm import Session

from app.core.errors import NotFound
from app.core.jobs import Job
from app.domain.accounts.permissions import GLOBAL, Permission, require_global
from app.domain.accounts.tables import User
from app.domain.comments.tables import Comment
from app.domain.findings.tables import Finding
from app.domain.models.tables import ModelVersion
from app.domain.pairs.tables import Pair
from app.domain.projects import access
from app.domain.projects.tables import Project
from app.domain.reviews.tables import Lease, Review
from app.domain.runs.tables import TrainingRun
from app.domain.versions.tables import DatasetVersion
from app.domain.webhooks.tables import Webhook

PUBLIC = {
    "/openapi.json",  # the description of the interface: the same for everybody, without data
    "/static",
    "/healthz",  # says only that the database answers
    "/sign-in",
    "/sign-in/{token}",
    "/sign-in/second-factor",
    "/sign-in/oidc",
    "/sign-in/oidc/callback",
}
WORKER = "worker"
OUTSIDE_PROJECTS = GLOBAL | {Permission.USE}
SLUG = "slug"


def _project_id(table: Any) -> Select[Any]:
    return select(table.project_id).where(table.id == bindparam("id"))


def _project_id_of_pair(table: Any) -> Select[Any]:
    return select(Pair.project_id).join(table, table.pair_id == Pair.id).where(table.id == bindparam("id"))


PROJECT_ID: dict[str, Select[Any]] = {
    "pair_id": _project_id(Pair),
    "lease_id": _project_id_of_pair(Lease),
    "review_id": _project_id_of_pair(Review),
    "comment_id": _project_id_of_pair(Comment),
    "webhook_id": _project_id(Webhook),
    "job_id": _project_id(Job),
    "version_id": _project_id(DatasetVersion),
    "run_id": _project_id(TrainingRun),
    "model_id": _project_id(ModelVersion),
    "finding_id": _project_id(Finding),
}
"""Path parameter -> the project of the object it names. Objects below `/projects/{slug}/` need no entry."""


class Undeclared(RuntimeError):
    """A route without exactly one permission, or without the project that its permission is about."""


def authorize(session: Session, user: User, permission: Permission, params: Mapping[str, str]) -> Project | None:
    """Check a permission on the project that a route's path names; return that project, None outside projects.

    Raises NotFound when the user cannot see the project, Forbidden when the user lacks the permission.
    """
    if permission is Permission.USE:
        return None
    if permission in GLOBAL:
        require_global(session, user, permission)
        return None
    project = _project(session, user, params)
    access.require(session, user, permission, project)
    return project


def _project(session: Session, user: User, params: Mapping[str, str]) -> Project:
    if SLUG in params:
        return access.visible_project(session, user, params[SLUG])
    name = next(name for name in params if name in PROJECT_ID)
    project_id = session.scalar(PROJECT_ID[name], {"id": params[name]})
    if project_id is None:
        raise NotFound()
    return access.project_of(session, user, project_id)


async def current_project(request: Request) -> Project:
    """Return the project that the route's permission was checked on."""
    project: Project = request.state.project
    return project


CurrentProject = Annotated[Project, Depends(current_project)]


def walk(routes: Iterable[Any]) -> Iterator[Any]:
    """Yield routes with their full paths; FastAPI keeps an included router as one entry."""
    for route in routes:
        if hasattr(route, "effective_route_contexts"):
            yield from route.effective_route_contexts()
        else:
            yield route


def permissions(route: Any) -> set[Any]:
    """Return what the route's dependencies require: a permission, or a worker token."""
    return set(_declared(route.dependant)) if getattr(route, "dependant", None) else set()


def _declared(dependant: Any) -> Iterator[Any]:
    for inner in dependant.dependencies:
        if (permission := getattr(inner.call, "permission", None)) is not None:
            yield permission
        yield from _declared(inner)


def check(routes: Iterable[Any]) -> None:
    """Raises Undeclared, naming the first route that is not guarded."""
    for route in walk(routes):
        declared = permissions(route)
        if route.path in PUBLIC and not declared:
            continue
        if len(declared) != 1 or not all(item == WORKER or isinstance(item, Permission) for item in declared):
            raise Undeclared(
                f"{_name(route)} declares {sorted(map(str, declared)) or 'no permission'}. Give its decorator "
                "dependencies=[requires(Permission.…)], or add its path to PUBLIC here and say why."
            )
        if not declared <= {WORKER, *OUTSIDE_PROJECTS} and not _names_project(route.path):
            raise Undeclared(
                f"{_name(route)} declares {', '.join(declared)}, which is checked on a project, and its path names no "
                "project. Use {slug} or one of the parameters in PROJECT_ID, or add the parameter there."
            )


def _names_project(path: str) -> bool:
    return not {SLUG, *PROJECT_ID}.isdisjoint(re.findall(r"{(\w+)", path))


def _name(route: Any) -> str:
    return f"{'/'.join(sorted(getattr(route, 'methods', None) or ['*']))} {route.path}"
