"""What the signed-in person was told: unread lines first, opened and marked read in one step."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.accounts.permissions import Permission
from app.domain.notifications import actions as notifications_actions
from app.domain.notifications import queries as notifications_queries
from app.domain.notifications.tables import Notification
from app.domain.pairs import queries as pairs_queries
from app.domain.pairs.tables import Pair
from app.domain.projects import queries as projects_queries
from app.domain.projects.tables import Project
from app.domain.webhooks.event_types import KINDS
from app.http.transactions import DbSession
from app.web.deps import CsrfForm, CurrentUser, form_str, redirect, requires
from app.web.render import render, words

router = APIRouter()
HERE = "/notifications"
YOURS = {
    "pair.returned": "A pair of yours was returned",
    "pair.accepted": "A pair of yours was accepted",
    "pair.rejected": "A pair of yours was rejected",
    "pair.escalated": "A pair was passed on to the admins",
    "comment.added": "A new comment on a pair",
    "comment.resolved": "Your comment was resolved",
    "lease.taken_over": "Your time on a pair ran out, and it went to somebody else",
    "round.opened": "A round was opened for you",
    "round.assigned": "A round was assigned to you",
    "import.done": "Your import is done",
    "import.failed": "Your import failed",
    "version.done": "Your version is frozen",
    "version.failed": "Your version could not be frozen",
    "run.done": "Your training run is done",
    "run.failed": "Your training run failed",
}
PLACES = {"pair": "/pairs/{id}", "run": "/runs/{id}", "job": "/jobs/{id}", "version": "/versions/{id}"}
IN_PROJECT = {"round": "/rounds", "guideline": "/guidelines"}


@router.get(HERE, dependencies=[requires(Permission.USE)])
def index(
    request: Request, session: DbSession, user: CurrentUser, all: bool = False, cursor: str | None = None
) -> Response:
    """What is unread; `all` adds what was read in the last 90 days."""
    found = notifications_queries.page(session, user, only_unread=not all, limit=30, cursor=cursor)
    projects = {one.id: one for one in projects_queries.projects_of(session, user)}
    abouts = _abouts(session, [line for line in found.items if line.project_id in projects])
    keep = "all=true&" if all else ""
    return render(
        request,
        "notifications/list.html",
        lines=[(line, said(line), projects.get(line.project_id), abouts.get(line.id, "")) for line in found.items],
        all=all,
        next_href=f"{HERE}?{keep}cursor={found.next}" if found.next else None,
    )


@router.post(f"{HERE}/read", dependencies=[requires(Permission.USE)])
def read(request: Request, session: DbSession, user: CurrentUser, form: CsrfForm) -> Response:
    """Mark one line, or with `all` every line; `open` goes on to what the line tells of."""
    if form_str(form, "all"):
        notifications_actions.mark_read(session, user)
        return redirect(request, HERE, "All are marked as read.")
    line = notifications_queries.by_id(session, user, form_str(form, "id"))
    notifications_actions.mark_read(session, user, [line.id])
    return redirect(request, filtered_url(session, line) if form_str(form, "open") else HERE)


def said(line: Notification) -> str:
    return YOURS.get(line.kind) or KINDS.get(line.kind) or words(line.kind.replace(".", "_"))


def _abouts(session: Session, lines: list[Notification]) -> dict[str, str]:
    """line id -> the beginning of the pair it tells of, as it is now, or the number of the run, round or guideline."""
    ids = {line.subject_id for line in lines if line.subject_kind == "pair"}
    texts = pairs_queries.currents(session, list(session.scalars(select(Pair).where(Pair.id.in_(ids)))))
    prompts = {pair_id: revision.prompt[:120] for pair_id, revision in texts.items()}
    numbers = {line.id: f"Number {line.details['number']}" for line in lines if "number" in line.details}
    return {**numbers, **{line.id: prompts[line.subject_id] for line in lines if line.subject_id in prompts}}


def filtered_url(session: Session, line: Notification) -> str:
    """The page of what a line tells of."""
    if line.subject_kind in PLACES:
        anchor = "#comments" if line.kind.startswith("comment.") else ""
        return PLACES[line.subject_kind].format(id=line.subject_id) + anchor
    project: Any = session.get(Project, line.project_id)
    return f"/projects/{project.slug}{IN_PROJECT.get(line.subject_kind, '')}"
