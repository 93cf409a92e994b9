"""What an admin chose for a project, and how its pairs are judged: read it, change parts of it."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from app.api.deps import Body, Db, InProject, Me, asks
from app.api.strict import StrictRoute
from app.domain.accounts.permissions import Permission
from app.domain.projects import access, actions, settings
from app.domain.projects.tables import Project
from app.domain.reviews import judging

router = APIRouter(tags=["projects"], route_class=StrictRoute)


class Changes(Body):
    """Only what is given changes; `checks` and `rules` are replaced whole.

    `criteria` are all criteria from now on; what one of them does not say stays as it was.
    """

    checks: dict[str, str] | None = None
    rules: list[dict[str, Any]] | None = None
    second_opinions: float | None = None
    gold: float | None = None
    gold_first: int | None = None
    least_for_agreement: int | None = None
    overlap: int | None = None
    criteria: list[str | dict[str, Any]] | None = None


@router.get("/projects/{slug}/settings", dependencies=[asks(Permission.MANAGE_PROJECT)])
def show(project: InProject, session: Db, user: Me) -> dict[str, Any]:
    access.require(session, user, Permission.MANAGE_PROJECT, project)
    return _shown(project)


@router.patch("/projects/{slug}/settings", dependencies=[asks(Permission.MANAGE_PROJECT)])
def change(project: InProject, body: Changes, session: Db, user: Me) -> dict[str, Any]:
    given = body.model_dump(exclude_unset=True, exclude_none=True)
    judging.change(session, user, project, overlap=given.pop("overlap", None), given=given.pop("criteria", None))
    actions.change_settings(session, user, project, given)
    return _shown(project)


def _shown(project: Project) -> dict[str, Any]:
    return {**settings.of(project.settings), "overlap": project.overlap, "criteria": project.criteria}
