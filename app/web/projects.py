"""Projects: the list, a new project, the overview, and members."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response
from sqlalchemy.orm import Session

from app.domain.accounts import queries as accounts_queries
from app.domain.accounts.permissions import Permission
from app.domain.accounts.tables import User
from app.domain.auth import actions as auth_actions
from app.domain.guidelines import queries as guidelines_queries
from app.domain.pairs import queries as pairs_queries
from app.domain.progress import queries as progress_queries
from app.domain.projects import actions as projects_actions, queries as projects_queries
from app.domain.projects.tables import Project
from app.domain.reviews import actions as reviews_actions, queries as reviews_queries
from app.domain.rounds import queries as rounds_queries
from app.http.transactions import DbSession
from app.web.accounts import sign_in_url
from app.web.deps import (
    CsrfForm,
    CurrentProject,
    CurrentUser,
    form_number,
    form_str,
    project_context,
    redirect,
    requires,
)
from app.web.forms import form_errors
from app.web.render import render
from app.web.rounds import chart, row

router = APIRouter()
TASKS = ["generation", "classification", "extraction", "translation", "regression", "code"]


@router.get("/projects", dependencies=[requires(Permission.USE)])
def index(request: Request, session: DbSession, user: CurrentUser) -> Response:
    rows = [
        (project, pairs_queries.counts_by_state(session, project), projects_queries.role_of(session, user, project))
        for project in projects_queries.projects_of(session, user)
    ]
    return render(request, "projects/list.html", rows=rows)


@router.get("/projects/new", dependencies=[requires(Permission.OPEN_PROJECT)])
def new(request: Request, session: DbSession, user: CurrentUser) -> Response:
    return render(request, "projects/new.html", tasks=TASKS, values={}, error=None)


@router.post("/projects", dependencies=[requires(Permission.OPEN_PROJECT)])
def create(request: Request, session: DbSession, user: CurrentUser, form: CsrfForm) -> Response:
    values = {name: form_str(form, name) for name in ("slug", "name", "task", "languages", "domains", "base_model")}
    with form_errors() as result:
        project = projects_actions.create_project(
            session,
            user,
            slug=values["slug"],
            name=values["name"],
            task=values["task"],
            languages=_items(values["languages"]),
            domains=_items(values["domains"]),
            overlap=form_number(form, "overlap", int) or 1,
            base_model=values["base_model"] or "starter",
        )
    if result.error:
        return render(request, "projects/new.html", tasks=TASKS, values=values, error=result.error)
    return redirect(request, f"/projects/{project.slug}/guidelines", "Project created. Publish its guideline next.")


@router.get("/projects/{slug}", dependencies=[requires(Permission.READ_PROJECT)])
def show(request: Request, session: DbSession, user: CurrentUser, project: CurrentProject) -> Response:
    rows = [
        row(session, user, project, round_)
        for round_ in rounds_queries.by_urgency(rounds_queries.open_rounds(session, project))
    ]
    paced = next((item for item in sorted(rows, key=lambda item: item["late"]) if item["pace"]), None)
    return render(
        request,
        "projects/show.html",
        **project_context(session, user, project, ""),
        rows=rows,
        paced=paced,
        chart=chart(paced["pace"]) if paced else None,
        coverage=progress_queries.coverage(session, project),
        counts=pairs_queries.counts_by_state(session, project),
        tag_values=pairs_queries.tag_values(session, project),
        guideline=guidelines_queries.current(session, project),
    )


@router.get("/projects/{slug}/members", dependencies=[requires(Permission.READ_PROJECT)])
def members(request: Request, session: DbSession, user: CurrentUser, project: CurrentProject) -> Response:
    return _members(request, session, user, project)


def _members(
    request: Request, session: Session, user: User, project: Project, link: str | None = None, link_user: str = ""
) -> Response:
    return render(
        request,
        "projects/members.html",
        **project_context(session, user, project, "/members"),
        members=projects_queries.members(session, project),
        link=link,
        link_user=link_user,
    )


@router.post("/projects/{slug}/members", dependencies=[requires(Permission.MANAGE_PROJECT)])
def add_member(
    request: Request, session: DbSession, user: CurrentUser, form: CsrfForm, project: CurrentProject
) -> Response:
    email, role = form_str(form, "email"), form_str(form, "role")
    known = accounts_queries.user_by_email(session, email)
    is_new, had_role = known is None, known and projects_queries.role_of(session, known, project)
    membership = projects_actions.add_member(session, user, project, email=email, role=role)
    if is_new:
        raw = auth_actions.create_sign_in_link(
            session, user=accounts_queries.get_user(session, membership.user_id), actor=user
        )
        return _members(request, session, user, project, sign_in_url(request, raw), email)
    message = f"Role of {email} changed to {role}" if had_role else f"{email} added"
    return redirect(request, f"/projects/{project.slug}/members", message)


@router.get("/projects/{slug}/members/{user_id}/remove", dependencies=[requires(Permission.MANAGE_PROJECT)])
def confirm_removal(
    request: Request, session: DbSession, user: CurrentUser, project: CurrentProject, user_id: str
) -> Response:
    """Show what removing the member affects, before it is done."""
    membership = projects_queries.membership_of(session, project, user_id)
    return render(
        request,
        "projects/remove.html",
        **project_context(session, user, project, "/members"),
        membership=membership,
        person=accounts_queries.get_user(session, user_id),
        held=len(reviews_queries.leases_of_member(session, user_id, project)),
        counts=pairs_queries.counts_by_state(session, project, author=user_id),
    )


@router.post("/projects/{slug}/members/{user_id}/remove", dependencies=[requires(Permission.MANAGE_PROJECT)])
def remove_member(
    request: Request, session: DbSession, user: CurrentUser, form: CsrfForm, project: CurrentProject, user_id: str
) -> Response:
    reviews_actions.remove_member(session, user, project, user_id)
    name = accounts_queries.get_user(session, user_id).name
    return redirect(request, f"/projects/{project.slug}/members", f"{name} removed from the project")


def _items(raw: str) -> list[Any]:
    return [item.strip() for item in raw.replace("\n", ",").split(",") if item.strip()]
