"""Reviews: the queue, the review page, leases, decisions and their undo."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Response

from app.core.errors import AppError, Conflict, Invalid, NotFound
from app.domain.accounts import queries as accounts_queries
from app.domain.accounts.permissions import Permission
from app.domain.guidelines import queries as guidelines_queries
from app.domain.pairs import content as pair_content, queries as pairs_queries
from app.domain.pairs.tables import Pair
from app.domain.reviews import (
    actions as reviews_actions,
    queries as reviews_queries,
    queue_queries,
    tables as reviews_tables,
)
from app.web import comments, pairs_form, reviews_filter
from app.web.deps import CurrentPair, Page, requires
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
def queue(page: Page, tag: str = "") -> Response:
    """Show the queue. `tag` is name:value and filters the queue; every link from this page keeps the filter."""
    mine = reviews_queries.lease_of(page.session, page.user, page.project)
    return page.render(
        "reviews/queue.html",
        tab="/reviews",
        **queue_tabs(page),
        **last_decision(page),
        **reviews_filter.filter_context(page, tag_of(tag), mine),
        mine=mine,
    )


@router.post("/projects/{slug}/reviews/next", dependencies=[requires(Permission.REVIEW_PAIR)])
def take(page: Page) -> Response:
    return _next(page, tag_of(page.form.text("tag")))


@router.get("/pairs/{pair_id}/review", dependencies=[requires(Permission.REVIEW_PAIR)])
def desk(page: Page, pair: CurrentPair, tag: str = "") -> Response:
    lease = reviews_queries.lease_on(page.session, page.user, pair)
    if lease is None:
        raise Conflict("You no longer hold this pair. Take the next one from the queue.")
    return _desk(page, pair, lease.id, tag_of(tag))


@router.post("/pairs/{pair_id}/review", dependencies=[requires(Permission.REVIEW_PAIR)])
def decide(page: Page, pair: CurrentPair) -> Response:
    """Save the decision and open the next pair. A rejected form is shown again with everything typed."""
    values = review_form(page)
    decision, only = page.form.text("decision"), tag_of(page.form.text("tag"))
    try:
        reviews_actions.decide(
            page.session,
            page.user,
            pair,
            lease=page.form.text("lease"),
            revision=page.form.text("revision") or None,
            decision=decision,
            **{**values, "messages": values["messages"] if decision == "fix_and_accept" else None},
        )
    except (Conflict, Invalid) as error:
        lease = page.form.text("lease")
        return _desk(page, pair, lease, only, values=values, error=error)
    return _next(page, only, flash=DONE[decision])


@router.post("/leases/{lease_id}/renew", dependencies=[requires(Permission.REVIEW_PAIR)])
def renew(page: Page, lease_id: str) -> Response:
    reviews_actions.renew(page.session, page.user, lease_id)
    return Response(status_code=204)


@router.post("/leases/{lease_id}/release", dependencies=[requires(Permission.REVIEW_PAIR)])
def release(page: Page, lease_id: str) -> Response:
    reviews_actions.release(page.session, page.user, lease_id)
    back = page.form.text("back")
    return page.redirect(back if back.startswith("/projects/") else "/", "Pair released")


@router.get("/projects/{slug}/reviews/leases", dependencies=[requires(Permission.REVIEW_PAIR)])
def leases(page: Page) -> Response:
    """List the pairs under review: reviewer, start and expiry of each lease."""
    rows = reviews_queries.open_leases(page.session, page.project)
    return page.render(
        "reviews/leases.html",
        tab="/reviews",
        **queue_tabs(page),
        leases=[(lease, pair, pairs_queries.submitted(page.session, pair)) for lease, pair in rows],
        names=accounts_queries.display_names(page.session, {lease.reviewer_id for lease, _ in rows}),
    )


@router.post("/leases/{lease_id}/take-over", dependencies=[requires(Permission.MANAGE_PROJECT)])
def take_over(page: Page, lease_id: str) -> Response:
    lease = reviews_actions.take_over(page.session, page.user, lease_id)
    return page.redirect(f"/pairs/{lease.pair_id}/review", "You took over this review")


@router.post("/projects/{slug}/reviews/undo", dependencies=[requires(Permission.REVIEW_PAIR)])
def undo(page: Page) -> Response:
    """Undo your last decision in this project. A filtered queue stays filtered."""
    only = tag_of(page.form.text("tag"))
    last = reviews_queries.latest_by(page.session, page.user, page.project)
    if last is None or last.id != page.form.text("review"):
        raise NotFound("You have no decision to undo.")
    reviews_actions.undo(page.session, page.user, last)
    back = queue_url(page.project, only) if only else f"/pairs/{last.pair_id}"
    return page.redirect(back, "Decision undone")


def queue_tabs(page: Page) -> dict[str, Any]:
    """Return the counts that the tabs of the review pages show."""
    count, _ = reviews_queries.stale_approvals(page.session, page.project, limit=0)
    behind = {
        "adjudications": len(queue_queries.to_adjudicate(page.session, page.project)),
        "leases": len(reviews_queries.open_leases(page.session, page.project)),
        "older": count,
    }
    return {"waiting": queue_queries.queue_length(page.session, page.project, page.user), "behind": behind}


def last_decision(page: Page) -> dict[str, Any]:
    """Return the user's last decision and, if it was on a gold pair, the correct answer."""
    last = reviews_queries.latest_by(page.session, page.user, page.project)
    right = (
        reviews_queries.gold_answer(page.session, last.pair_id) if last and last.kind == reviews_tables.GOLD else None
    )
    return {"last": last, "right": right}


def review_form(page: Page) -> dict[str, Any]:
    """Return ratings (criterion -> 1..5, None for N/A), comment and messages of a posted review."""
    rated = {item["name"]: page.form.text(f"rating:{item['name']}") for item in page.project.criteria}
    return {
        "ratings": {name: int(value) if value in ("1", "2", "3", "4", "5") else None for name, value in rated.items()},
        "comment": page.form.text("comment"),
        "messages": pairs_form.from_form(page.form)["messages"],
    }


def _desk(
    page: Page,
    pair: Pair,
    lease: str,
    only: Tag,
    *,
    values: dict[str, Any] = BLANK_REVIEW,
    error: AppError | None = None,
) -> Response:
    revision = pairs_queries.submitted(page.session, pair)
    earlier = reviews_queries.earlier(page.session, pair) if not pair.is_gold else []
    return page.render(
        "reviews/desk.html",
        tab="/reviews",
        pair=pair,
        lease=lease,
        revision=revision,
        values=values,
        error=error,
        guideline=guidelines_queries.current(page.session, page.project),
        **last_decision(page),
        **comments.comments_context(page, pair, revision, back=comments.DESK, only=only),
        only=only,
        other=only is not None and not pair_content.has_tag(revision.tags, only),
        queue=queue_url(page.project, only),
        waiting=queue_queries.queue_length(page.session, page.project, page.user),
        notes=[review for review in earlier if review.comment],
        previous=_previous(page, pair, revision, {review.revision_id for review in earlier}),
        precedents=reviews_queries.precedents(page.session, page.project, revision),
        plain=pairs_form.plain,
    )


def _next(page: Page, only: Tag, flash: str | None = None) -> Response:
    lease = reviews_actions.take_next(page.session, page.user, page.project, only)
    if lease is None:
        nothing = "No more pairs with this tag to review" if only else "No more pairs to review"
        return page.redirect(queue_url(page.project, only), flash or nothing)
    return page.redirect(filtered_url(f"/pairs/{lease.pair_id}/review", only), flash)


def _previous(page: Page, pair: Pair, revision: Any, reviewed: set[str]) -> Any:
    """Return the last reviewed revision before this one, None if there is none."""
    revisions = pairs_queries.revisions(page.session, pair)
    older = [item for item in revisions if item.id in reviewed and item.number < revision.number]
    return max(older, key=lambda item: item.number, default=None)
