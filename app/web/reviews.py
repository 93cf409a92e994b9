"""The reviewing desk: take the next item under a lease, keep the lease, decide, undo; who has what on the desk."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response
from sqlalchemy.orm import Session
from starlette.datastructures import FormData

from app.core.errors import AppError, Conflict, NotFound
from app.domain.accounts import queries as accounts_queries
from app.domain.accounts.permissions import Permission
from app.domain.accounts.tables import User
from app.domain.guidelines import queries as guidelines_queries
from app.domain.pairs import content as pair_content
from app.domain.pairs import queries as pairs_queries
from app.domain.pairs.tables import Pair
from app.domain.projects.tables import Project
from app.domain.reviews import actions as reviews_actions
from app.domain.reviews import queries as reviews_queries
from app.domain.reviews import queue_queries
from app.domain.reviews import tables as reviews_tables
from app.domain.reviews.tables import GoldAnswer
from app.http.transactions import DbSession
from app.web import comments, pair_form, queue_filter
from app.web.deps import CsrfForm, CurrentProject, CurrentUser, form_str, project_context, redirect, requires
from app.web.forms import form_errors
from app.web.queue_filter import Tag, address, queue_of, tag_of
from app.web.render import render, words

router = APIRouter()
UNTOUCHED: dict[str, Any] = {"ratings": {}, "comment": "", "messages": None}


@router.get("/projects/{slug}/reviews", dependencies=[requires(Permission.REVIEW_PAIR)])
def queue(request: Request, session: DbSession, user: CurrentUser, project: CurrentProject, tag: str = "") -> Response:
    """`tag` is name:value: the queue is narrowed to it, here and wherever one goes from here."""
    mine = reviews_queries.lease_of(session, user, project)
    return render(
        request,
        "reviews/queue.html",
        **project_context(session, user, project, "/reviews"),
        **queue_tabs(session, user, project),
        **last_verdict(session, user, project),
        **queue_filter.on_page(session, user, project, tag_of(tag), mine),
        mine=mine,
    )


@router.post("/projects/{slug}/reviews/next", dependencies=[requires(Permission.REVIEW_PAIR)])
def take(request: Request, session: DbSession, user: CurrentUser, form: CsrfForm, project: CurrentProject) -> Response:
    return _next(request, session, user, project, tag_of(form_str(form, "tag")))


@router.get("/pairs/{pair_id}/review", dependencies=[requires(Permission.REVIEW_PAIR)])
def desk(
    request: Request, session: DbSession, user: CurrentUser, project: CurrentProject, pair_id: str, tag: str = ""
) -> Response:
    pair = pairs_queries.by_id(session, pair_id)
    lease = reviews_queries.lease_on(session, user, pair)
    if lease is None:
        raise Conflict("You do not hold this item (any more). Take the next one from the queue.")
    return _desk(request, session, user, project, pair, lease.id, tag_of(tag))


@router.post("/pairs/{pair_id}/review", dependencies=[requires(Permission.REVIEW_PAIR)])
def decide(
    request: Request, session: DbSession, user: CurrentUser, form: CsrfForm, project: CurrentProject, pair_id: str
) -> Response:
    """Record the decision and serve the next item at once. What is refused comes back with everything typed."""
    pair = pairs_queries.by_id(session, pair_id)
    given = verdict_of(form, project)
    decision, only = form_str(form, "decision"), tag_of(form_str(form, "tag"))
    with form_errors() as result:
        reviews_actions.decide(
            session,
            user,
            pair,
            lease=form_str(form, "lease"),
            revision=form_str(form, "revision") or None,
            decision=decision,
            **{**given, "messages": given["messages"] if decision == "fix_and_accept" else None},
        )
    if result.error:
        lease = form_str(form, "lease")
        return _desk(request, session, user, project, pair, lease, only, given=given, error=result.error)
    session.flush()
    return _next(request, session, user, project, only, flash=f"{words(decision)}: recorded.")


@router.post("/leases/{lease_id}/renew", dependencies=[requires(Permission.REVIEW_PAIR)])
def renew(request: Request, session: DbSession, user: CurrentUser, form: CsrfForm, lease_id: str) -> Response:
    reviews_actions.renew(session, user, lease_id)
    return Response(status_code=204)


@router.post("/leases/{lease_id}/release", dependencies=[requires(Permission.REVIEW_PAIR)])
def release(request: Request, session: DbSession, user: CurrentUser, form: CsrfForm, lease_id: str) -> Response:
    reviews_actions.release(session, user, lease_id)
    return redirect(
        request, form_str(form, "back") if form_str(form, "back").startswith("/projects/") else "/", "Given back."
    )


@router.get("/projects/{slug}/reviews/leases", dependencies=[requires(Permission.REVIEW_PAIR)])
def leases(request: Request, session: DbSession, user: CurrentUser, project: CurrentProject) -> Response:
    """Who has which pair on the desk, since when and until when."""
    found = reviews_queries.open_leases(session, project)
    return render(
        request,
        "reviews/leases.html",
        **project_context(session, user, project, "/reviews"),
        **queue_tabs(session, user, project),
        leases=[(lease, pair, pairs_queries.submitted(session, pair)) for lease, pair in found],
        names=accounts_queries.names(session, {lease.reviewer_id for lease, _ in found}),
    )


@router.post("/leases/{lease_id}/take-over", dependencies=[requires(Permission.MANAGE_PROJECT)])
def take_over(request: Request, session: DbSession, user: CurrentUser, form: CsrfForm, lease_id: str) -> Response:
    lease = reviews_actions.take_over(session, user, lease_id)
    return redirect(request, f"/pairs/{lease.pair_id}/review", "Taken over: the item is on your desk now.")


@router.post("/projects/{slug}/reviews/undo", dependencies=[requires(Permission.REVIEW_PAIR)])
def undo(request: Request, session: DbSession, user: CurrentUser, form: CsrfForm, project: CurrentProject) -> Response:
    """Undo one's last decision in this project. Who works through one tag stays in its queue."""
    only = tag_of(form_str(form, "tag"))
    last = reviews_queries.latest_by(session, user, project)
    if last is None or last.id != form_str(form, "review"):
        raise NotFound("There is no later decision of yours to undo.")
    reviews_actions.undo(session, user, last)
    back = queue_of(project, only) if only else f"/pairs/{last.pair_id}"
    return redirect(request, back, "Undone: the pair waits for a decision again.")


def queue_tabs(session: Session, user: User, project: Project) -> dict[str, Any]:
    """How much is behind each tab of the queue."""
    count, _ = reviews_queries.stale_approvals(session, project, limit=0)
    behind = {
        "rulings": len(queue_queries.to_adjudicate(session, project)),
        "leases": len(reviews_queries.open_leases(session, project)),
        "older": count,
    }
    return {"waiting": queue_queries.queue_length(session, project, user), "behind": behind}


def last_verdict(session: Session, user: User, project: Project) -> dict[str, Any]:
    """The user's last verdict and, where it was on a gold pair, the right one."""
    last = reviews_queries.latest_by(session, user, project)
    right = session.get(GoldAnswer, last.pair_id) if last and last.kind == reviews_tables.GOLD else None
    return {"last": last, "right": right}


def verdict_of(form: FormData, project: Project) -> dict[str, Any]:
    """criterion -> 1..5, or None where it was not judged, which is never zero; comment; the text as it was left."""
    rated = {one["name"]: form_str(form, f"rating:{one['name']}") for one in project.criteria}
    return {
        "ratings": {name: int(value) if value in ("1", "2", "3", "4", "5") else None for name, value in rated.items()},
        "comment": form_str(form, "comment"),
        "messages": pair_form.from_form(form)["messages"],
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
    revision = pairs_queries.submitted(session, pair)
    earlier = reviews_queries.earlier(session, pair) if not pair.is_gold else []
    return render(
        request,
        "reviews/desk.html",
        **project_context(session, user, project, "/reviews"),
        pair=pair,
        lease=lease,
        revision=revision,
        given=given,
        error=error,
        guideline=guidelines_queries.current(session, project),
        **last_verdict(session, user, project),
        **comments.on_page(session, user, project, pair, revision, back=comments.DESK, only=only),
        only=only,
        other=only is not None and not pair_content.has_tag(revision.tags, only),
        queue=queue_of(project, only),
        waiting=queue_queries.queue_length(session, project, user),
        notes=[one for one in earlier if one.comment],
        previous=_previous(session, pair, revision, {one.revision_id for one in earlier}),
        precedents=reviews_queries.precedents(session, project, revision),
        plain=pair_form.plain,
    )


def _next(
    request: Request, session: Session, user: User, project: Project, only: Tag, flash: str | None = None
) -> Response:
    lease = reviews_actions.take_next(session, user, project, only)
    if lease is None:
        nothing = "Nothing with this tag waits for you now." if only else "Nothing waits for you now."
        return redirect(request, queue_of(project, only), flash or nothing)
    return redirect(request, address(f"/pairs/{lease.pair_id}/review", only), flash)


def _previous(session: Session, pair: Pair, revision: Any, judged: set[str]) -> Any:
    """The revision that came back last, when this one mends it."""
    older = [one for one in pairs_queries.revisions(session, pair) if one.id in judged and one.number < revision.number]
    return max(older, key=lambda one: one.number, default=None)
