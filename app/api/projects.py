"""Projects, members and guidelines."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from pydantic import Field

from app.api.deps import Body, Db, InProject, Me, asks
from app.api.strict import StrictRoute
from app.domain.accounts.permissions import Permission
from app.domain.guidelines import actions as guidelines
from app.domain.guidelines import queries as guideline_queries
from app.domain.pairs import queries as pair_queries
from app.domain.projects import actions, queries
from app.domain.projects.tables import Project
from app.domain.reviews import actions as reviews

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


@router.post("/projects", status_code=201, dependencies=[asks(Permission.OPEN_PROJECT)])
def open_project(body: NewProject, session: Db, user: Me) -> dict[str, Any]:
    return project_json(actions.open_project(session, user, **body.model_dump()))


@router.get("/projects", dependencies=[asks(Permission.USE)])
def list_projects(session: Db, user: Me) -> dict[str, Any]:
    return {"items": [project_json(project) for project in queries.projects_of(session, user)], "next": None}


@router.get("/projects/{slug}", dependencies=[asks(Permission.READ_PROJECT)])
def show_project(project: InProject, session: Db) -> dict[str, Any]:
    return {**project_json(project), "counts": pair_queries.counts_by_state(session, project)}


@router.post("/projects/{slug}/members", status_code=201, dependencies=[asks(Permission.MANAGE_PROJECT)])
def add_member(project: InProject, body: NewMember, session: Db, user: Me) -> dict[str, Any]:
    membership = actions.add_member(session, user, project, email=body.email, role=body.role)
    return {"user": membership.user_id, "role": membership.role}


@router.delete("/projects/{slug}/members/{user_id}", status_code=204, dependencies=[asks(Permission.MANAGE_PROJECT)])
def remove_member(project: InProject, user_id: str, session: Db, user: Me) -> None:
    reviews.remove_member(session, user, project, user_id)


@router.post("/projects/{slug}/guidelines", status_code=201, dependencies=[asks(Permission.MANAGE_PROJECT)])
def publish_guideline(project: InProject, body: NewGuideline, session: Db, user: Me) -> dict[str, Any]:
    guideline = guidelines.publish(session, user, project, text=body.text)
    return {"id": guideline.id, "number": guideline.number, "published_at": guideline.published_at}


@router.get("/projects/{slug}/guidelines", dependencies=[asks(Permission.READ_PROJECT)])
def list_guidelines(project: InProject, session: Db) -> dict[str, Any]:
    versions = guideline_queries.all_versions(session, project)
    return {
        "items": [{"id": g.id, "number": g.number, "text": g.text, "published_at": g.published_at} for g in versions],
        "next": None,
    }
