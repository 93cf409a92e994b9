"""What an admin chose for a project, and how its pairs are judged: read it, change parts of it."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from app.api.deps import Body, CurrentProject, CurrentUser, requires
from app.api.strict_route import StrictRoute
from app.domain.accounts.permissions import Permission
from app.domain.projects import actions as projects_actions
from app.domain.projects import settings as project_settings
from app.domain.projects.tables import Project
from app.domain.reviews import settings_actions
from app.http.transactions import DbSession

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


@router.get("/projects/{slug}/settings", dependencies=[requires(Permission.MANAGE_PROJECT)])
def show(project: CurrentProject, session: DbSession, user: CurrentUser) -> dict[str, Any]:
    return _shown(project)


@router.patch("/projects/{slug}/settings", dependencies=[requires(Permission.MANAGE_PROJECT)])
def change(project: CurrentProject, body: Changes, session: DbSession, user: CurrentUser) -> dict[str, Any]:
    given = body.model_dump(exclude_unset=True, exclude_none=True)
    settings_actions.change_review_settings(
        session, user, project, overlap=given.pop("overlap", None), criteria=given.pop("criteria", None)
    )
    projects_actions.change_settings(session, user, project, given)
    return _shown(project)


def _shown(project: Project) -> dict[str, Any]:
    return {**project_settings.of(project.settings), "overlap": project.overlap, "criteria": project.criteria}
