"""What an admin chose for a project: read it, change parts of it."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from app.api.deps import Body, Db, InProject, Me, asks
from app.api.strict import StrictRoute
from app.domain.accounts.permissions import Permission
from app.domain.projects import access, actions, settings

router = APIRouter(tags=["projects"], route_class=StrictRoute)


class Changes(Body):
    """Only what is given changes; `checks` and `rules` are replaced whole."""

    checks: dict[str, str] | None = None
    rules: list[dict[str, Any]] | None = None
    second_opinions: float | None = None
    gold: float | None = None
    gold_first: int | None = None
    least_for_agreement: int | None = None


@router.get("/projects/{slug}/settings", dependencies=[asks(Permission.MANAGE_PROJECT)])
def show(project: InProject, session: Db, user: Me) -> dict[str, Any]:
    access.require(session, user, Permission.MANAGE_PROJECT, project)
    return settings.of(project.settings)


@router.patch("/projects/{slug}/settings", dependencies=[asks(Permission.MANAGE_PROJECT)])
def change(project: InProject, body: Changes, session: Db, user: Me) -> dict[str, Any]:
    return actions.change_settings(session, user, project, body.model_dump(exclude_unset=True, exclude_none=True))
