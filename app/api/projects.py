"""Projects, members and guidelines."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from pydantic import Field

from app.api.deps import Body, CurrentProject, CurrentUser, requires
from app.api.strict_route import StrictRoute
from app.domain.accounts.permissions import Permission
from app.domain.guidelines import actions as guidelines_actions
from app.domain.guidelines import queries as guidelines_queries
from app.domain.pairs import queries as pairs_queries
from app.domain.projects import actions as projects_actions
from app.domain.projects import queries as projects_queries
from app.domain.projects.tables import Project
from app.domain.reviews import actions as reviews_actions
from app.http.transactions import DbSession

router = APIRouter(tags=["projects"], route_class=StrictRoute)


class NewProject(Body):
    slug: str
    name: str
    task: str = "generation"
    languages: list[str] = Field(default_factory=lambda: ["en"])
    domains: list[str] = Field(default_factory=list)
    criteria: list[str | dict[str, Any]] = Field(default_factory=list)
    overlap: int = 1
    base_model: str = "starter"


class NewMember(Body):
    email: str
    role: str


class NewGuideline(Body):
    text: str


def project_json(project: Project) -> dict[str, Any]:
    names = ("id", "slug", "name", "task", "languages", "domains", "criteria", "overlap", "base_model", "created_at")
    return {name: getattr(project, name) for name in names}


@router.post("/projects", status_code=201, dependencies=[requires(Permission.OPEN_PROJECT)])
def open_project(body: NewProject, session: DbSession, user: CurrentUser) -> dict[str, Any]:
    return project_json(projects_actions.create_project(session, user, **body.model_dump()))


@router.get("/projects", dependencies=[requires(Permission.USE)])
def list_projects(session: DbSession, user: CurrentUser) -> dict[str, Any]:
    return {"items": [project_json(project) for project in projects_queries.projects_of(session, user)], "next": None}


@router.get("/projects/{slug}", dependencies=[requires(Permission.READ_PROJECT)])
def show_project(project: CurrentProject, session: DbSession) -> dict[str, Any]:
    return {**project_json(project), "counts": pairs_queries.counts_by_state(session, project)}


@router.post("/projects/{slug}/members", status_code=201, dependencies=[requires(Permission.MANAGE_PROJECT)])
def add_member(project: CurrentProject, body: NewMember, session: DbSession, user: CurrentUser) -> dict[str, Any]:
    membership = projects_actions.add_member(session, user, project, email=body.email, role=body.role)
    return {"user": membership.user_id, "role": membership.role}


@router.delete(
    "/projects/{slug}/members/{user_id}", status_code=204, dependencies=[requires(Permission.MANAGE_PROJECT)]
)
def remove_member(project: CurrentProject, user_id: str, session: DbSession, user: CurrentUser) -> None:
    reviews_actions.remove_member(session, user, project, user_id)


@router.post("/projects/{slug}/guidelines", status_code=201, dependencies=[requires(Permission.MANAGE_PROJECT)])
def publish_guideline(
    project: CurrentProject, body: NewGuideline, session: DbSession, user: CurrentUser
) -> dict[str, Any]:
    guideline = guidelines_actions.publish(session, user, project, text=body.text)
    return {"id": guideline.id, "number": guideline.number, "published_at": guideline.published_at}


@router.get("/projects/{slug}/guidelines", dependencies=[requires(Permission.READ_PROJECT)])
def list_guidelines(project: CurrentProject, session: DbSession) -> dict[str, Any]:
    versions = guidelines_queries.all_versions(session, project)
    return {
        "items": [{"id": g.id, "number": g.number, "text": g.text, "published_at": g.published_at} for g in versions],
        "next": None,
    }
