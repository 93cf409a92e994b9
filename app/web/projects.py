"""Projects: the list, a new project, the overview, and members."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Response

from app.core.errors import Conflict, Invalid
from app.domain.accounts import queries as accounts_queries
from app.domain.accounts.permissions import Permission
from app.domain.auth import actions as auth_actions
from app.domain.guidelines import queries as guidelines_queries
from app.domain.pairs import queries as pairs_queries
from app.domain.progress import queries as progress_queries
from app.domain.projects import actions as projects_actions, queries as projects_queries
from app.domain.reviews import actions as reviews_actions, queries as reviews_queries
from app.web.accounts import sign_in_url
from app.web.deps import Page, requires
from app.web.rounds import chart, open_rows

router = APIRouter()
TASKS = ["generation", "classification", "extraction", "translation", "regression", "code"]


@router.get("/projects", dependencies=[requires(Permission.USE)])
def index(page: Page) -> Response:
    rows = [
        (
            project,
            pairs_queries.counts_by_state(page.session, project),
            projects_queries.role_of(page.session, page.user, project),
        )
        for project in projects_queries.projects_of(page.session, page.user)
    ]
    return page.render("projects/list.html", rows=rows)


@router.get("/projects/new", dependencies=[requires(Permission.OPEN_PROJECT)])
def new(page: Page) -> Response:
    return page.render("projects/new.html", tasks=TASKS, values={}, error=None)


@router.post("/projects", dependencies=[requires(Permission.OPEN_PROJECT)])
def create(page: Page) -> Response:
    values = page.form.texts("slug", "name", "task", "languages", "domains", "base_model")
    try:
        project = projects_actions.create_project(
            page.session,
            page.user,
            slug=values["slug"],
            name=values["name"],
            task=values["task"],
            languages=_items(values["languages"]),
            domains=_items(values["domains"]),
            overlap=page.form.number("overlap", int) or 1,
            base_model=values["base_model"] or "starter",
        )
    except (Conflict, Invalid) as error:
        return page.render("projects/new.html", tasks=TASKS, values=values, error=error)
    return page.redirect(f"/projects/{project.slug}/guidelines", "Project created. Publish its guideline next.")


@router.get("/projects/{slug}", dependencies=[requires(Permission.READ_PROJECT)])
def show(page: Page) -> Response:
    rows = open_rows(page.session, page.user, page.project)
    paced = next((item for item in sorted(rows, key=lambda item: item["late"]) if item["pace"]), None)
    return page.render(
        "projects/show.html",
        tab="",
        rows=rows,
        paced=paced,
        chart=chart(paced["pace"]) if paced else None,
        coverage=progress_queries.coverage(page.session, page.project),
        counts=pairs_queries.counts_by_state(page.session, page.project),
        tag_values=pairs_queries.tag_values(page.session, page.project),
        guideline=guidelines_queries.current(page.session, page.project),
    )


@router.get("/projects/{slug}/members", dependencies=[requires(Permission.READ_PROJECT)])
def members(page: Page) -> Response:
    return _members(page)


def _members(page: Page, link: str | None = None, link_user: str = "") -> Response:
    return page.render(
        "projects/members.html",
        tab="/members",
        members=projects_queries.members(page.session, page.project),
        link=link,
        link_user=link_user,
    )


@router.post("/projects/{slug}/members", dependencies=[requires(Permission.MANAGE_PROJECT)])
def add_member(page: Page) -> Response:
    email, role = page.form.text("email"), page.form.text("role")
    known = accounts_queries.user_by_email(page.session, email)
    is_new, had_role = known is None, known and projects_queries.role_of(page.session, known, page.project)
    membership = projects_actions.add_member(page.session, page.user, page.project, email=email, role=role)
    if is_new:
        raw = auth_actions.create_sign_in_link(
            page.session, user=accounts_queries.get_user(page.session, membership.user_id), actor=page.user
        )
        return _members(page, sign_in_url(page.request, raw), email)
    message = f"Role of {email} changed to {role}" if had_role else f"{email} added"
    return page.redirect(f"{page.root}/members", message)


@router.get("/projects/{slug}/members/{user_id}/remove", dependencies=[requires(Permission.MANAGE_PROJECT)])
def confirm_removal(page: Page, user_id: str) -> Response:
    """Show what removing the member affects, before it is done."""
    membership = projects_queries.membership_of(page.session, page.project, user_id)
    return page.render(
        "projects/remove.html",
        tab="/members",
        membership=membership,
        person=accounts_queries.get_user(page.session, user_id),
        held=len(reviews_queries.leases_of_member(page.session, user_id, page.project)),
        counts=pairs_queries.counts_by_state(page.session, page.project, author=user_id),
    )


@router.post("/projects/{slug}/members/{user_id}/remove", dependencies=[requires(Permission.MANAGE_PROJECT)])
def remove_member(page: Page, user_id: str) -> Response:
    reviews_actions.remove_member(page.session, page.user, page.project, user_id)
    name = accounts_queries.get_user(page.session, user_id).name
    return page.redirect(f"{page.root}/members", f"{name} removed from the project")


def _items(raw: str) -> list[Any]:
    return [item.strip() for item in raw.replace("\n", ",").split(",") if item.strip()]
