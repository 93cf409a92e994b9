"""Projects: the list, a new one, the overview, its members, and taking one of them out."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response
from sqlalchemy.orm import Session

from app.core.errors import AppError
from app.domain.accounts import queries as accounts
from app.domain.accounts.permissions import Permission, require_global
from app.domain.accounts.tables import User
from app.domain.guidelines import queries as guidelines
from app.domain.pairs import progress
from app.domain.pairs import queries as pairs
from app.domain.projects import access, actions, queries
from app.domain.projects.tables import Project
from app.domain.reviews import actions as desks
from app.domain.reviews import queries as reviews
from app.domain.rounds import queries as rounds
from app.domain.signin import actions as signin
from app.web.deps import Db, Me, Posted, asks, go, in_project, number, text
from app.web.people import link_address
from app.web.render import page
from app.web.rounds import chart, row

router = APIRouter()
TASKS = ["generation", "classification", "extraction", "translation", "regression", "code"]


@router.get("/projects", dependencies=[asks(Permission.USE)])
def index(request: Request, session: Db, user: Me) -> Response:
    rows = [
        (project, pairs.counts_by_state(session, project), queries.role_of(session, user, project))
        for project in queries.projects_of(session, user)
    ]
    return page(request, "projects/list.html", rows=rows)


@router.get("/projects/new", dependencies=[asks(Permission.OPEN_PROJECT)])
def new(request: Request, session: Db, user: Me) -> Response:
    require_global(session, user, Permission.OPEN_PROJECT)
    return page(request, "projects/new.html", tasks=TASKS, given={}, error=None)


@router.post("/projects", dependencies=[asks(Permission.OPEN_PROJECT)])
def create(request: Request, session: Db, user: Me, form: Posted) -> Response:
    require_global(session, user, Permission.OPEN_PROJECT)
    given = {name: text(form, name) for name in ("slug", "name", "task", "languages", "domains", "base_model")}
    try:
        project = actions.open_project(
            session,
            user,
            slug=given["slug"],
            name=given["name"],
            task=given["task"],
            languages=_words(given["languages"]),
            domains=_words(given["domains"]),
            overlap=number(form, "overlap", int) or 1,
            base_model=given["base_model"] or "starter",
        )
    except AppError as error:
        if error.status not in (409, 422):
            raise
        return page(request, "projects/new.html", status=error.status, tasks=TASKS, given=given, error=error)
    return go(request, f"/projects/{project.slug}/guidelines", "Project opened. Publish its guideline next.")


@router.get("/projects/{slug}", dependencies=[asks(Permission.READ_PROJECT)])
def show(request: Request, session: Db, user: Me, slug: str) -> Response:
    project = access.visible_project(session, user, slug)
    rows = [row(session, user, project, one) for one in rounds.by_urgency(rounds.open_rounds(session, project))]
    paced = next((one for one in sorted(rows, key=lambda one: one["late"]) if one["pace"]), None)
    return page(
        request,
        "projects/show.html",
        **in_project(session, user, project, ""),
        rows=rows,
        paced=paced,
        chart=chart(paced["pace"]) if paced else None,
        coverage=progress.coverage(session, project),
        counts=pairs.counts_by_state(session, project),
        tag_values=pairs.tag_values(session, project),
        guideline=guidelines.current(session, project),
    )


@router.get("/projects/{slug}/members", dependencies=[asks(Permission.READ_PROJECT)])
def members(request: Request, session: Db, user: Me, slug: str) -> Response:
    return _members(request, session, user, access.visible_project(session, user, slug))


def _members(
    request: Request, session: Session, user: User, project: Project, link: str | None = None, whose: str = ""
) -> Response:
    return page(
        request,
        "projects/members.html",
        **in_project(session, user, project, "/members"),
        members=queries.members(session, project),
        link=link,
        whose=whose,
    )


@router.post("/projects/{slug}/members", dependencies=[asks(Permission.MANAGE_PROJECT)])
def add_member(request: Request, session: Db, user: Me, form: Posted, slug: str) -> Response:
    project = access.visible_project(session, user, slug)
    email, role = text(form, "email"), text(form, "role")
    known = accounts.user_by_email(session, email)
    is_new, had = known is None, known and queries.role_of(session, known, project)
    membership = actions.add_member(session, user, project, email=email, role=role)
    if is_new:
        raw = signin.create_sign_in_link(session, user=session.get_one(User, membership.user_id), actor=user)
        return _members(request, session, user, project, link_address(request, raw), email)
    said = f"{email} is {role} now." if had else f"{email} is a member now."
    return go(request, f"/projects/{slug}/members", said)


@router.get("/projects/{slug}/members/{user_id}/remove", dependencies=[asks(Permission.MANAGE_PROJECT)])
def confirm_removal(request: Request, session: Db, user: Me, slug: str, user_id: str) -> Response:
    """What taking somebody out comes to, before it is done."""
    project = access.visible_project(session, user, slug)
    access.require(session, user, Permission.MANAGE_PROJECT, project)
    membership = queries.membership_of(session, project, user_id)
    return page(
        request,
        "projects/remove.html",
        **in_project(session, user, project, "/members"),
        membership=membership,
        person=session.get_one(User, user_id),
        held=len(reviews.held_by(session, user_id, project)),
        counts=pairs.counts_by_state(session, project, author=user_id),
    )


@router.post("/projects/{slug}/members/{user_id}/remove", dependencies=[asks(Permission.MANAGE_PROJECT)])
def remove_member(request: Request, session: Db, user: Me, form: Posted, slug: str, user_id: str) -> Response:
    project = access.visible_project(session, user, slug)
    desks.remove_member(session, user, project, user_id)
    name = session.get_one(User, user_id).name
    return go(request, f"/projects/{slug}/members", f"{name} is no member any more.")


def _words(raw: str) -> list[Any]:
    return [word.strip() for word in raw.replace("\n", ",").split(",") if word.strip()]
