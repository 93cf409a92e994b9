"""The reviewing desk: take the next item under a lease, keep the lease, decide, undo; who has what on the desk."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response
from sqlalchemy.orm import Session
from starlette.datastructures import FormData

from app.core.errors import AppError, Conflict, NotFound
from app.domain.accounts import queries as accounts
from app.domain.accounts.permissions import Permission
from app.domain.accounts.tables import User
from app.domain.guidelines import queries as guidelines
from app.domain.pairs import messages
from app.domain.pairs import queries as pairs
from app.domain.pairs.tables import Pair
from app.domain.projects import access
from app.domain.projects.tables import Project
from app.domain.reviews import actions, precedents, queries
from app.domain.reviews.tables import GoldAnswer
from app.web import comments, contents, narrowing
from app.web.deps import Db, Me, Posted, asks, go, in_project, text
from app.web.narrowing import Tag, address, queue_of, tag_of
from app.web.render import page, words
from app.web.writing import open_pair

router = APIRouter()
UNTOUCHED: dict[str, Any] = {"ratings": {}, "comment": "", "messages": None}


@router.get("/projects/{slug}/review", dependencies=[asks(Permission.REVIEW_PAIR)])
def queue(request: Request, session: Db, user: Me, slug: str, tag: str = "") -> Response:
    """`tag` is name:value: the queue is narrowed to it, here and wherever one goes from here."""
    project = access.visible_project(session, user, slug)
    access.require(session, user, Permission.REVIEW_PAIR, project)
    mine = queries.lease_of(session, user, project)
    return page(
        request,
        "reviews/queue.html",
        **in_project(session, user, project, "/review"),
        **queue_tabs(session, user, project),
        **last_verdict(session, user, project),
        **narrowing.on_page(session, user, project, tag_of(tag), mine),
        mine=mine,
    )


@router.post("/projects/{slug}/review/next", dependencies=[asks(Permission.REVIEW_PAIR)])
def take(request: Request, session: Db, user: Me, form: Posted, slug: str) -> Response:
    project = access.visible_project(session, user, slug)
    return _next(request, session, user, project, tag_of(text(form, "tag")))


@router.get("/pairs/{pair_id}/review", dependencies=[asks(Permission.REVIEW_PAIR)])
def desk(request: Request, session: Db, user: Me, pair_id: str, tag: str = "") -> Response:
    pair, project = open_pair(session, user, pair_id)
    access.require(session, user, Permission.REVIEW_PAIR, project)
    lease = queries.lease_on(session, user, pair)
    if lease is None:
        raise Conflict("You do not hold this item (any more). Take the next one from the queue.")
    return _desk(request, session, user, project, pair, lease.id, tag_of(tag))


@router.post("/pairs/{pair_id}/review", dependencies=[asks(Permission.REVIEW_PAIR)])
def decide(request: Request, session: Db, user: Me, form: Posted, pair_id: str) -> Response:
    """Record the decision and serve the next item at once. What is refused comes back with everything typed."""
    pair, project = open_pair(session, user, pair_id)
    given = verdict_of(form, project)
    decision, only = text(form, "decision"), tag_of(text(form, "tag"))
    try:
        actions.decide(
            session,
            user,
            pair,
            lease=text(form, "lease"),
            revision=text(form, "revision") or None,
            decision=decision,
            **{**given, "messages": given["messages"] if decision == "fix_and_accept" else None},
        )
    except AppError as error:
        if error.status not in (409, 422):
            raise
        return _desk(request, session, user, project, pair, text(form, "lease"), only, given=given, error=error)
    session.flush()
    return _next(request, session, user, project, only, flash=f"{words(decision)}: recorded.")


@router.post("/leases/{lease_id}/renew", dependencies=[asks(Permission.REVIEW_PAIR)])
def renew(request: Request, session: Db, user: Me, form: Posted, lease_id: str) -> Response:
    actions.renew(session, user, lease_id)
    return Response(status_code=204)


@router.post("/leases/{lease_id}/release", dependencies=[asks(Permission.REVIEW_PAIR)])
def release(request: Request, session: Db, user: Me, form: Posted, lease_id: str) -> Response:
    actions.release(session, user, lease_id)
    return go(request, text(form, "back") if text(form, "back").startswith("/projects/") else "/", "Given back.")


@router.get("/projects/{slug}/review/leases", dependencies=[asks(Permission.REVIEW_PAIR)])
def leases(request: Request, session: Db, user: Me, slug: str) -> Response:
    """Who has which pair on the desk, since when and until when."""
    project = access.visible_project(session, user, slug)
    access.require(session, user, Permission.REVIEW_PAIR, project)
    found = queries.open_leases(session, project)
    return page(
        request,
        "reviews/leases.html",
        **in_project(session, user, project, "/review"),
        **queue_tabs(session, user, project),
        leases=[(lease, pair, pairs.submitted(session, pair)) for lease, pair in found],
        names=accounts.names(session, {lease.reviewer_id for lease, _ in found}),
    )


@router.post("/leases/{lease_id}/take-over", dependencies=[asks(Permission.MANAGE_PROJECT)])
def take_over(request: Request, session: Db, user: Me, form: Posted, lease_id: str) -> Response:
    lease = actions.take_over(session, user, lease_id)
    return go(request, f"/pairs/{lease.pair_id}/review", "Taken over: the item is on your desk now.")


@router.post("/projects/{slug}/review/undo", dependencies=[asks(Permission.REVIEW_PAIR)])
def undo(request: Request, session: Db, user: Me, form: Posted, slug: str) -> Response:
    """Undo one's last decision in this project. Who works through one tag stays in its queue."""
    project = access.visible_project(session, user, slug)
    access.require(session, user, Permission.REVIEW_PAIR, project)
    only = tag_of(text(form, "tag"))
    last = queries.latest_by(session, user, project)
    if last is None or last.id != text(form, "review"):
        raise NotFound("There is no later decision of yours to undo.")
    actions.undo(session, user, last)
    back = queue_of(project, only) if only else f"/pairs/{last.pair_id}"
    return go(request, back, "Undone: the pair waits for a decision again.")


def queue_tabs(session: Session, user: User, project: Project) -> dict[str, Any]:
    """How much is behind each tab of the queue."""
    count, _ = queries.older_approvals(session, project, limit=0)
    behind = {
        "rulings": len(queries.to_adjudicate(session, project)),
        "leases": len(queries.open_leases(session, project)),
        "older": count,
    }
    return {"waiting": queries.queue_length(session, project, user), "behind": behind}


def last_verdict(session: Session, user: User, project: Project) -> dict[str, Any]:
    """The user's last verdict and, where it was on a gold pair, the right one."""
    last = queries.latest_by(session, user, project)
    right = session.get(GoldAnswer, last.pair_id) if last and last.kind == queries.GOLD else None
    return {"last": last, "right": right}


def verdict_of(form: FormData, project: Project) -> dict[str, Any]:
    """criterion -> 1..5, or None where it was not judged, which is never zero; comment; the text as it was left."""
    rated = {one["name"]: text(form, f"rating:{one['name']}") for one in project.criteria}
    return {
        "ratings": {name: int(value) if value in ("1", "2", "3", "4", "5") else None for name, value in rated.items()},
        "comment": text(form, "comment"),
        "messages": contents.from_form(form)["messages"],
    }


def _desk(
    request: Request,
    session: Session,
    user: User,
    project: Project,
    pair: Pair,
    lease: str,
    only: Tag,
    *,
    given: dict[str, Any] = UNTOUCHED,
    error: AppError | None = None,
) -> Response:
    revision = pairs.submitted(session, pair)
    earlier = queries.earlier(session, pair) if not pair.is_gold else []
    return page(
        request,
        "reviews/desk.html",
        **in_project(session, user, project, "/review"),
        pair=pair,
        lease=lease,
        revision=revision,
        given=given,
        error=error,
        guideline=guidelines.current(session, project),
        **last_verdict(session, user, project),
        **comments.on_page(session, user, project, pair, revision, back=comments.DESK, only=only),
        only=only,
        other=only is not None and not messages.has_tag(revision.tags, only),
        queue=queue_of(project, only),
        waiting=queries.queue_length(session, project, user),
        notes=[one for one in earlier if one.comment],
        previous=_previous(session, pair, revision, {one.revision_id for one in earlier}),
        precedents=precedents.like(session, project, revision),
        plain=contents.plain,
    )


def _next(
    request: Request, session: Session, user: User, project: Project, only: Tag, flash: str | None = None
) -> Response:
    lease = actions.take_next(session, user, project, only)
    if lease is None:
        nothing = "Nothing with this tag waits for you now." if only else "Nothing waits for you now."
        return go(request, queue_of(project, only), flash or nothing)
    return go(request, address(f"/pairs/{lease.pair_id}/review", only), flash)


def _previous(session: Session, pair: Pair, revision: Any, judged: set[str]) -> Any:
    """The revision that came back last, when this one mends it."""
    older = [one for one in pairs.revisions(session, pair) if one.id in judged and one.number < revision.number]
    return max(older, key=lambda one: one.number, default=None)
