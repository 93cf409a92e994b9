"""Projects, their members and settings."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from app.api.deps import CurrentProject, CurrentUser, DbSession, requires
from app.api.schemas import Body, Items, Json, Model, StoredModel
from app.api.strict_route import strict_router
from app.domain.accounts.permissions import Permission
from app.domain.pairs import queries as pairs_queries
from app.domain.projects import actions as projects_actions, queries as projects_queries, settings as project_settings
from app.domain.projects.tables import Project
from app.domain.reviews import actions as reviews_actions, settings_actions

router = strict_router("projects")


class NewProject(Body):
    slug: str
    name: str
    task: str = "generation"
    languages: list[str] = Field(default_factory=lambda: ["en"])
    domains: list[str] = Field(default_factory=list)
    criteria: list[str | Json] = Field(default_factory=list)
    overlap: int = 1
    base_model: str = "starter"


class NewMember(Body):
    email: str
    role: str


class ChangedSettings(Body):
    """A field that is left out stays as it is; `checks` and `rules` are replaced as a whole.

    `criteria` lists all criteria from now on; the parts of a criterion that are left out stay as they are.
    """

    checks: dict[str, str] | None = None
    rules: list[Json] | None = None
    second_opinions: float | None = None
    gold: float | None = None
    gold_first: int | None = None
    least_for_agreement: int | None = None
    overlap: int | None = None
    criteria: list[str | Json] | None = None


class ProjectOut(StoredModel):
    slug: str
    name: str
    task: str
    languages: list[str]
    domains: list[str]
    criteria: list[Json]
    overlap: int
    base_model: str


class ProjectDetails(ProjectOut):
    counts: dict[str, int] = Field(description="Pairs by state.")


class Member(Model):
    user: str = Field(validation_alias="user_id")
    role: str


class ProjectSettings(Model):
    checks: dict[str, str]
    rules: list[dict[str, Any]]
    second_opinions: float
    gold: float
    gold_first: int
    least_for_agreement: int
    overlap: int
    criteria: list[Json]


@router.post("/projects", status_code=201, dependencies=[requires(Permission.OPEN_PROJECT)])
def create_project(body: NewProject, session: DbSession, user: CurrentUser) -> ProjectOut:
    return ProjectOut.of(projects_actions.create_project(session, user, **body.model_dump()))


@router.get("/projects", dependencies=[requires(Permission.USE)])
def list_projects(session: DbSession, user: CurrentUser) -> Items[ProjectOut]:
    return Items[ProjectOut](items=projects_queries.projects_of(session, user))


@router.get("/projects/{slug}", dependencies=[requires(Permission.READ_PROJECT)])
def show_project(project: CurrentProject, session: DbSession) -> ProjectDetails:
    return ProjectDetails.of(project, counts=pairs_queries.counts_by_state(session, project))


@router.post("/projects/{slug}/members", status_code=201, dependencies=[requires(Permission.MANAGE_PROJECT)])
def add_member(project: CurrentProject, body: NewMember, session: DbSession, user: CurrentUser) -> Member:
    return Member.of(projects_actions.add_member(session, user, project, email=body.email, role=body.role))


@router.delete(
    "/projects/{slug}/members/{user_id}", status_code=204, dependencies=[requires(Permission.MANAGE_PROJECT)]
)
def remove_member(project: CurrentProject, user_id: str, session: DbSession, user: CurrentUser) -> None:
    reviews_actions.remove_member(session, user, project, user_id)


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
    return ProjectSettings.of(project, **project_settings.of(project.settings))
