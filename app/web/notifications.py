"""The user's notifications: list, open, mark as read."""

from __future__ import annotations

from fastapi import APIRouter, Response

from app.domain.accounts.permissions import Permission
from app.domain.notifications import actions as notifications_actions, queries as notifications_queries
from app.domain.notifications.tables import Notification
from app.domain.pairs import queries as pairs_queries
from app.domain.projects import queries as projects_queries
from app.domain.webhooks.event_types import KINDS
from app.web.deps import Page, requires
from app.web.render import words

router = APIRouter()
ROOT = "/notifications"
TITLES = {
    "pair.returned": "Your pair was returned",
    "pair.accepted": "Your pair was accepted",
    "pair.rejected": "Your pair was rejected",
    "pair.escalated": "A pair was escalated",
    "comment.added": "A new comment on a pair",
    "comment.resolved": "Your comment was resolved",
    "lease.taken_over": "Another reviewer took over your pair",
    "round.opened": "A new round opened",
    "round.assigned": "A round was assigned to you",
    "import.done": "Your import is done",
    "import.failed": "Your import failed",
    "version.done": "Your version is ready",
    "version.failed": "Your version failed",
    "run.done": "Your run is done",
    "run.failed": "Your run failed",
}
PAGES = {"pair": "/pairs/{id}", "run": "/runs/{id}", "job": "/jobs/{id}", "version": "/versions/{id}"}
PROJECT_PAGES = {"round": "/rounds", "guideline": "/guidelines"}


@router.get(ROOT, dependencies=[requires(Permission.USE)])
def index(page: Page, all: bool = False, cursor: str | None = None) -> Response:
    """List unread notifications; `all` adds those read in the last 90 days."""
    lines = notifications_queries.page(page.session, page.user, only_unread=not all, limit=30, cursor=cursor)
    projects = {project.id: project for project in projects_queries.projects_of(page.session, page.user)}
    subjects = _subjects(page, [line for line in lines.items if line.project_id in projects])
    query = "all=true&" if all else ""
    return page.render(
        "notifications/list.html",
        lines=[(line, title(line), projects.get(line.project_id), subjects.get(line.id, "")) for line in lines.items],
        all=all,
        next_href=f"{ROOT}?{query}cursor={lines.next}" if lines.next else None,
    )


@router.post(f"{ROOT}/read", dependencies=[requires(Permission.USE)])
def read(page: Page) -> Response:
    """Mark one notification as read, or all of them with `all`. `open` redirects to its subject."""
    if page.form.text("all"):
        notifications_actions.mark_read(page.session, page.user)
        return page.redirect(ROOT, "All marked as read.")
    line = notifications_queries.by_id(page.session, page.user, page.form.text("id"))
    notifications_actions.mark_read(page.session, page.user, [line.id])
    return page.redirect(_subject_url(page, line) if page.form.text("open") else ROOT)


def title(line: Notification) -> str:
    return TITLES.get(line.kind) or KINDS.get(line.kind) or words(line.kind.replace(".", "_"))


def _subjects(page: Page, lines: list[Notification]) -> dict[str, str]:
    """Map notification id -> start of the pair's current prompt, or the number of the run, round or guideline."""
    ids = {line.subject_id for line in lines if line.subject_kind == "pair"}
    texts = pairs_queries.currents(page.session, pairs_queries.by_ids(page.session, ids))
    prompts = {pair_id: revision.prompt[:120] for pair_id, revision in texts.items()}
    kinds = {line.id: "Version" if line.subject_kind == "guideline" else words(line.subject_kind) for line in lines}
    numbers = {line.id: f"{kinds[line.id]} {line.details['number']}" for line in lines if "number" in line.details}
    return {**numbers, **{line.id: prompts[line.subject_id] for line in lines if line.subject_id in prompts}}


def _subject_url(page: Page, line: Notification) -> str:
    """Return the page of a notification's subject."""
    if line.subject_kind in PAGES:
        anchor = "#comments" if line.kind.startswith("comment.") else ""
        return PAGES[line.subject_kind].format(id=line.subject_id) + anchor
    slug = projects_queries.slug_of(page.session, line.project_id)
    return f"/projects/{slug}{PROJECT_PAGES.get(line.subject_kind, '')}"
