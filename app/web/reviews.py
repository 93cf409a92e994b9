"""Reviews: the queue, the review page, leases, decisions and their undo."""

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
from app.domain.pairs import content as pair_content, queries as pairs_queries
from app.domain.pairs.tables import Pair
from app.domain.projects.tables import Project
from app.domain.reviews import (
    actions as reviews_actions,
    queries as reviews_queries,
    queue_queries,
    tables as reviews_tables,
)
from app.http.transactions import DbSession
from app.web import comments, pairs_form, reviews_filter
from app.web.deps import CsrfForm, CurrentProject, CurrentUser, form_str, project_context, redirect, requires
from app.web.forms import form_errors
from app.web.render import render
from app.web.reviews_filter import Tag, filtered_url, queue_url, tag_of

router = APIRouter()
BLANK_REVIEW: dict[str, Any] = {"ratings": {}, "comment": "", "messages": None}
DONE = {
    "accept": "Accepted",
    "fix_and_accept": "Fixed and accepted",
    "return": "Returned",
    "reject": "Rejected",
    "escalate": "Escalated",
}
"""The message shown after each decision."""


@router.get("/projects/{slug}/reviews", dependencies=[requires(Permission.REVIEW_PAIR)])
def queue(request: Request, session: DbSession, user: CurrentUser, project: CurrentProject, tag: str = "") -> Response:
    """Show the queue. `tag` is name:value and filters the queue; every link from this page keeps the filter."""
    mine = reviews_queries.lease_of(session, user, project)
    return render(
        request,
        "reviews/queue.html",
        **project_context(session, user, project, "/reviews"),
        **queue_tabs(session, user, project),
        **last_decision(session, user, project),
        **reviews_filter.filter_context(session, user, project, tag_of(tag), mine),
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
        raise Conflict("You no longer hold this pair. Take the next one from the queue.")
    return _desk(request, session, user, project, pair, lease.id, tag_of(tag))


@router.post("/pairs/{pair_id}/review", dependencies=[requires(Permission.REVIEW_PAIR)])
def decide(
    request: Request, session: DbSession, user: CurrentUser, form: CsrfForm, project: CurrentProject, pair_id: str
) -> Response:
    """Save the decision and open the next pair. A rejected form is shown again with everything typed."""
    pair = pairs_queries.by_id(session, pair_id)
    values = review_form(form, project)
    decision, only = form_str(form, "decision"), tag_of(form_str(form, "tag"))
    with form_errors() as result:
        reviews_actions.decide(
            session,
            user,
            pair,
            lease=form_str(form, "lease"),
            revision=form_str(form, "revision") or None,
            decision=decision,
            **{**values, "messages": values["messages"] if decision == "fix_and_accept" else None},
        )
    if result.error:
        lease = form_str(form, "lease")
        return _desk(request, session, user, project, pair, lease, only, values=values, error=result.error)
    return _next(request, session, user, project, only, flash=DONE[decision])


@router.post("/leases/{lease_id}/renew", dependencies=[requires(Permission.REVIEW_PAIR)])
def renew(request: Request, session: DbSession, user: CurrentUser, form: CsrfForm, lease_id: str) -> Response:
    reviews_actions.renew(session, user, lease_id)
    return Response(status_code=204)


@router.post("/leases/{lease_id}/release", dependencies=[requires(Permission.REVIEW_PAIR)])
def release(request: Request, session: DbSession, user: CurrentUser, form: CsrfForm, lease_id: str) -> Response:
    reviews_actions.release(session, user, lease_id)
    back = form_str(form, "back")
    return redirect(request, back if back.startswith("/projects/") else "/", "Pair released")


@router.get("/projects/{slug}/reviews/leases", dependencies=[requires(Permission.REVIEW_PAIR)])
def leases(request: Request, session: DbSession, user: CurrentUser, project: CurrentProject) -> Response:
    """List the pairs under review: reviewer, start and expiry of each lease."""
    rows = reviews_queries.open_leases(session, project)
    return render(
        request,
        "reviews/leases.html",
        **project_context(session, user, project, "/reviews"),
        **queue_tabs(session, user, project),
        leases=[(lease, pair, pairs_queries.submitted(session, pair)) for lease, pair in rows],
        names=accounts_queries.display_names(session, {lease.reviewer_id for lease, _ in rows}),
    )


@router.post("/leases/{lease_id}/take-over", dependencies=[requires(Permission.MANAGE_PROJECT)])
def take_over(request: Request, session: DbSession, user: CurrentUser, form: CsrfForm, lease_id: str) -> Response:
    lease = reviews_actions.take_over(session, user, lease_id)
    return redirect(request, f"/pairs/{lease.pair_id}/review", "You took over this review")


@router.post("/projects/{slug}/reviews/undo", dependencies=[requires(Permission.REVIEW_PAIR)])
def undo(request: Request, session: DbSession, user: CurrentUser, form: CsrfForm, project: CurrentProject) -> Response:
    """Undo your last decision in this project. A filtered queue stays filtered."""
    only = tag_of(form_str(form, "tag"))
    last = reviews_queries.latest_by(session, user, project)
    if last is None or last.id != form_str(form, "review"):
        raise NotFound("You have no decision to undo.")
    reviews_actions.undo(session, user, last)
    back = queue_url(project, only) if only else f"/pairs/{last.pair_id}"
    return redirect(request, back, "Decision undone")


def queue_tabs(session: Session, user: User, project: Project) -> dict[str, Any]:
    """Return the counts that the tabs of the review pages show."""
    count, _ = reviews_queries.stale_approvals(session, project, limit=0)
    behind = {
        "adjudications": len(queue_queries.to_adjudicate(session, project)),
        "leases": len(reviews_queries.open_leases(session, project)),
        "older": count,
    }
    return {"waiting": queue_queries.queue_length(session, project, user), "behind": behind}


def last_decision(session: Session, user: User, project: Project) -> dict[str, Any]:
    """Return the user's last decision and, if it was on a gold pair, the correct answer."""
    last = reviews_queries.latest_by(session, user, project)
    right = reviews_queries.gold_answer(session, last.pair_id) if last and last.kind == reviews_tables.GOLD else None
    return {"last": last, "right": right}


def review_form(form: FormData, project: Project) -> dict[str, Any]:
    """Return ratings (criterion -> 1..5, None for N/A), comment and messages of a posted review."""
    rated = {item["name"]: form_str(form, f"rating:{item['name']}") for item in project.criteria}
    return {
        "ratings": {name: int(value) if value in ("1", "2", "3", "4", "5") else None for name, value in rated.items()},
        "comment": form_str(form, "comment"),
        "messages": pairs_form.from_form(form)["messages"],
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
    values: dict[str, Any] = BLANK_REVIEW,
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
        values=values,
        error=error,
        guideline=guidelines_queries.current(session, project),
        **last_decision(session, user, project),
        **comments.comments_context(session, user, project, pair, revision, back=comments.DESK, only=only),
        only=only,
        other=only is not None and not pair_content.has_tag(revision.tags, only),
        queue=queue_url(project, only),
        waiting=queue_queries.queue_length(session, project, user),
        notes=[review for review in earlier if review.comment],
        previous=_previous(session, pair, revision, {review.revision_id for review in earlier}),
        precedents=reviews_queries.precedents(session, project, revision),
        plain=pairs_form.plain,
    )


def _next(
    request: Request, session: Session, user: User, project: Project, only: Tag, flash: str | None = None
) -> Response:
    lease = reviews_actions.take_next(session, user, project, only)
    if lease is None:
        nothing = "No more pairs with this tag to review" if only else "No more pairs to review"
        return redirect(request, queue_url(project, only), flash or nothing)
    return redirect(request, filtered_url(f"/pairs/{lease.pair_id}/review", only), flash)


def _previous(session: Session, pair: Pair, revision: Any, reviewed: set[str]) -> Any:
    """Return the last reviewed revision before this one, None if there is none."""
    revisions = pairs_queries.revisions(session, pair)
    older = [item for item in revisions if item.id in reviewed and item.number < revision.number]
    return max(older, key=lambda item: item.number, default=None)
