"""Projects and their members."""

from __future__ import annotations

from fastapi import APIRouter

from app.api.deps import CurrentProject, CurrentUser, requires
from app.api.schemas.base import Items
from app.api.schemas.projects import Member, NewMember, NewProject, ProjectDetails, ProjectOut
from app.api.strict_route import StrictRoute
from app.domain.accounts.permissions import Permission
from app.domain.pairs import queries as pairs_queries
from app.domain.projects import actions as projects_actions, queries as projects_queries
from app.domain.reviews import actions as reviews_actions
from app.http.transactions import DbSession

router = APIRouter(tags=["projects"], route_class=StrictRoute)


@router.post("/projects", status_code=201, dependencies=[requires(Permission.OPEN_PROJECT)])
def create_project(body: NewProject, session: DbSession, user: CurrentUser) -> ProjectOut:
    return ProjectOut.model_validate(projects_actions.create_project(session, user, **body.model_dump()))


@router.get("/projects", dependencies=[requires(Permission.USE)])
def list_projects(session: DbSession, user: CurrentUser) -> Items[ProjectOut]:
    return Items(items=[ProjectOut.model_validate(project) for project in projects_queries.projects_of(session, user)])


@router.get("/projects/{slug}", dependencies=[requires(Permission.READ_PROJECT)])
def show_project(project: CurrentProject, session: DbSession) -> ProjectDetails:
    fields = ProjectOut.model_validate(project).model_dump()
    return ProjectDetails(**fields, counts=pairs_queries.counts_by_state(session, project))


@router.post("/projects/{slug}/members", status_code=201, dependencies=[requires(Permission.MANAGE_PROJECT)])
def add_member(project: CurrentProject, body: NewMember, session: DbSession, user: CurrentUser) -> Member:
    membership = projects_actions.add_member(session, user, project, email=body.email, role=body.role)
    return Member(user=membership.user_id, role=membership.role)


@router.delete(
    "/projects/{slug}/members/{user_id}", status_code=204, dependencies=[requires(Permission.MANAGE_PROJECT)]
)
def remove_member(project: CurrentProject, user_id: str, session: DbSession, user: CurrentUser) -> None:
    reviews_actions.remove_member(session, user, project, user_id)
