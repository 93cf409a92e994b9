"""The reviewing desk: take the next item under a lease, keep the lease, decide, undo."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response
from sqlalchemy.orm import Session
from starlette.datastructures import FormData

from app.core.errors import Conflict, NotFound
from app.domain.accounts.permissions import Permission
from app.domain.accounts.tables import User
from app.domain.guidelines import queries as guidelines
from app.domain.pairs import queries as pairs
from app.domain.pairs.tables import Pair
from app.domain.projects import access
from app.domain.projects.tables import Project
from app.domain.reviews import actions, queries
from app.web import contents
from app.web.deps import Db, Me, Posted, asks, go, in_project, text
from app.web.render import page, words
from app.web.writing import open_pair

router = APIRouter()


@router.get("/projects/{slug}/review", dependencies=[asks(Permission.REVIEW_PAIR)])
def queue(request: Request, session: Db, user: Me, slug: str) -> Response:
    project = access.visible_project(session, user, slug)
    access.require(session, user, Permission.REVIEW_PAIR, project)
    return page(
        request,
        "reviews/queue.html",
        **in_project(session, user, project, "/review"),
        waiting=queries.queue_length(session, project, user),
        last=_last(session, user, project),
    )


@router.post("/projects/{slug}/review/next", dependencies=[asks(Permission.REVIEW_PAIR)])
def take(request: Request, session: Db, user: Me, form: Posted, slug: str) -> Response:
    project = access.visible_project(session, user, slug)
    return _next(request, session, user, project)


@router.get("/pairs/{pair_id}/review", dependencies=[asks(Permission.REVIEW_PAIR)])
def desk(request: Request, session: Db, user: Me, pair_id: str) -> Response:
    pair, project = open_pair(session, user, pair_id)
    access.require(session, user, Permission.REVIEW_PAIR, project)
    lease = queries.live_lease(session, pair)
    if lease is None or lease.reviewer_id != user.id:
        raise Conflict("You do not hold this item (any more). Take the next one from the queue.")
    revision = pairs.submitted(session, pair)
    return page(
        request,
        "reviews/desk.html",
        **in_project(session, user, project, "/review"),
        pair=pair,
        lease=lease,
        revision=revision,
        guideline=guidelines.current(session, project),
        last=_last(session, user, project),
        waiting=queries.queue_length(session, project, user),
        notes=_notes(session, pair),
        previous=_previous(session, pair, revision),
        plain=contents.plain,
    )


@router.post("/pairs/{pair_id}/review", dependencies=[asks(Permission.REVIEW_PAIR)])
def decide(request: Request, session: Db, user: Me, form: Posted, pair_id: str) -> Response:
    """Record the decision and serve the next item at once."""
    pair, project = open_pair(session, user, pair_id)
    decision = text(form, "decision")
    given = contents.from_form(form)["messages"] if decision == "fix_and_accept" else None
    actions.decide(
        session,
        user,
        pair,
        lease=text(form, "lease"),
        decision=decision,
        ratings=_ratings(form, project),
        comment=text(form, "comment"),
        messages=given,
    )
    session.flush()
    return _next(request, session, user, project, flash=f"{words(decision)}: recorded.")


@router.post("/leases/{lease_id}/renew", dependencies=[asks(Permission.REVIEW_PAIR)])
def renew(request: Request, session: Db, user: Me, form: Posted, lease_id: str) -> Response:
    actions.renew(session, user, lease_id)
    return Response(status_code=204)


@router.post("/leases/{lease_id}/release", dependencies=[asks(Permission.REVIEW_PAIR)])
def release(request: Request, session: Db, user: Me, form: Posted, lease_id: str) -> Response:
    actions.release(session, user, lease_id)
    return go(request, text(form, "back") if text(form, "back").startswith("/projects/") else "/", "Given back.")


@router.post("/projects/{slug}/review/undo", dependencies=[asks(Permission.REVIEW_PAIR)])
def undo(request: Request, session: Db, user: Me, form: Posted, slug: str) -> Response:
    """Undo one's last decision in this project."""
    project = access.visible_project(session, user, slug)
    access.require(session, user, Permission.REVIEW_PAIR, project)
    last = queries.latest_by(session, user, project)
    if last is None or last.id != text(form, "review"):
        raise NotFound("There is no later decision of yours to undo.")
    actions.undo(session, user, last)
    return go(request, f"/pairs/{last.pair_id}", "Undone: the pair waits for a decision again.")


def _next(request: Request, session: Session, user: User, project: Project, flash: str | None = None) -> Response:
    lease = actions.take_next(session, user, project)
    if lease is None:
        return go(request, f"/projects/{project.slug}/review", flash or "Nothing waits for you now.")
    return go(request, f"/pairs/{lease.pair_id}/review", flash)


def _ratings(form: FormData, project: Project) -> dict[str, int | None]:
    """criterion -> 1..5, or None where it was not judged, which is never zero."""
    given = {one["name"]: text(form, f"rating:{one['name']}") for one in project.criteria}
    return {name: int(value) if value in ("1", "2", "3", "4", "5") else None for name, value in given.items()}


def _last(session: Session, user: User, project: Project) -> Any:
    last = queries.latest_by(session, user, project)
    return last if last and not last.undone_at else None


def _previous(session: Session, pair: Pair, revision: Any) -> Any:
    """The revision that was last judged, when this one mends it."""
    judged = {one.revision_id for one in queries.of_pair(session, pair)} - {revision.id}
    older = [one for one in pairs.revisions(session, pair) if one.id in judged and one.number < revision.number]
    return max(older, key=lambda one: one.number, default=None)


def _notes(session: Session, pair: Pair) -> list[Any]:
    """Why it was returned before; verdicts on the present revision stay blind."""
    return [
        one
        for one in queries.of_pair(session, pair)
        if one.revision_id != pair.current_revision_id and one.comment and not one.undone_at
    ]
