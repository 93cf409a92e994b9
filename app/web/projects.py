"""Projects: the list, a new one, the overview, its members."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response

from app.core.errors import AppError
from app.domain.accounts.permissions import Permission, require_global
from app.domain.guidelines import queries as guidelines
from app.domain.pairs import queries as pairs
from app.domain.projects import access, actions, queries
from app.domain.rounds import queries as rounds
from app.web.deps import Db, Me, Posted, go, in_project, number, text
from app.web.render import page

router = APIRouter()
TASKS = ["generation", "classification", "extraction", "translation", "regression", "code"]


@router.get("/projects")
def index(request: Request, session: Db, user: Me) -> Response:
    rows = [
        (project, pairs.counts_by_state(session, project), queries.role_of(session, user, project))
        for project in queries.projects_of(session, user)
    ]
    return page(request, "projects/list.html", rows=rows)


@router.get("/projects/new")
def new(request: Request, session: Db, user: Me) -> Response:
    require_global(session, user, Permission.OPEN_PROJECT)
    return page(request, "projects/new.html", tasks=TASKS, given={}, error=None)


@router.post("/projects")
def create(request: Request, session: Db, user: Me, form: Posted) -> Response:
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


@router.get("/projects/{slug}")
def show(request: Request, session: Db, user: Me, slug: str) -> Response:
    project = access.visible_project(session, user, slug)
    progress = [(one, pairs.round_progress(session, one)) for one in rounds.open_rounds(session, project)]
    return page(
        request,
        "projects/show.html",
        **in_project(session, user, project, ""),
        progress=progress,
        counts=pairs.counts_by_state(session, project),
        tag_values=pairs.tag_values(session, project),
        guideline=guidelines.current(session, project),
    )


@router.get("/projects/{slug}/members")
def members(request: Request, session: Db, user: Me, slug: str) -> Response:
    project = access.visible_project(session, user, slug)
    return page(
        request,
        "projects/members.html",
        **in_project(session, user, project, "/members"),
        members=queries.members(session, project),
    )


@router.post("/projects/{slug}/members")
def add_member(request: Request, session: Db, user: Me, form: Posted, slug: str) -> Response:
    project = access.visible_project(session, user, slug)
    email = text(form, "email")
    actions.add_member(session, user, project, email=email, role=text(form, "role"))
    return go(request, f"/projects/{slug}/members", f"{email} is a member now.")


def _words(raw: str) -> list[Any]:
    return [word.strip() for word in raw.replace("\n", ",").split(",") if word.strip()]
