"""The settings of a project: show them, change some of them."""

from __future__ import annotations

from fastapi import APIRouter

from app.api.deps import CurrentProject, CurrentUser, requires
from app.api.schemas.projects import ChangedSettings, ProjectSettings
from app.api.strict_route import StrictRoute
from app.domain.accounts.permissions import Permission
from app.domain.projects import actions as projects_actions, settings as project_settings
from app.domain.projects.tables import Project
from app.domain.reviews import settings_actions
from app.http.transactions import DbSession

router = APIRouter(tags=["projects"], route_class=StrictRoute)


@router.get("/projects/{slug}/settings", dependencies=[requires(Permission.MANAGE_PROJECT)])
def show(project: CurrentProject) -> ProjectSettings:
    return _shown(project)


@router.patch("/projects/{slug}/settings", dependencies=[requires(Permission.MANAGE_PROJECT)])
def change(project: CurrentProject, body: ChangedSettings, session: DbSession, user: CurrentUser) -> ProjectSettings:
    fields = body.model_dump(exclude_unset=True, exclude_none=True)
    settings_actions.change_review_settings(
        session, user, project, overlap=fields.pop("overlap", None), criteria=fields.pop("criteria", None)
    )
    projects_actions.change_settings(session, user, project, fields)
    return _shown(project)


def _shown(project: Project) -> ProjectSettings:
    settings = project_settings.of(project.settings)
    return ProjectSettings(**settings, overlap=project.overlap, criteria=project.criteria)
