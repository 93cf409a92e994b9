"""Adjudication of disagreements and escalations; approvals under an outdated guideline."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Response

from app.core.errors import AppError, Invalid
from app.domain.accounts import queries as accounts_queries
from app.domain.accounts.permissions import Permission
from app.domain.guidelines import queries as guidelines_queries
from app.domain.pairs import queries as pairs_queries
from app.domain.pairs.tables import Pair
from app.domain.reviews import adjudication_actions, queries as reviews_queries, queue_queries
from app.web.deps import CurrentPair, Page, requires
from app.web.reviews import BLANK_REVIEW, DONE, last_decision, queue_tabs, review_form

router = APIRouter()


@router.get("/projects/{slug}/reviews/adjudicate", dependencies=[requires(Permission.REVIEW_PAIR)])
def index(page: Page) -> Response:
    rows = [
        (pair, pairs_queries.submitted(page.session, pair), reviews_queries.of_submission(page.session, pair))
        for pair in queue_queries.to_adjudicate(page.session, page.project)
    ]
    return page.render(
        "reviews/adjudications.html",
        tab="/reviews",
        **queue_tabs(page),
        **last_decision(page),
        rows=[(*row, _can_adjudicate(page, row[0])) for row in rows],
    )


@router.get("/pairs/{pair_id}/adjudicate", dependencies=[requires(Permission.REVIEW_PAIR)])
def desk(page: Page, pair: CurrentPair) -> Response:
    adjudication_actions.require_adjudicator(page.session, page.user, page.project, pair)
    return _desk(page, pair)


@router.post("/pairs/{pair_id}/adjudicate", dependencies=[requires(Permission.REVIEW_PAIR)])
def adjudicate(page: Page, pair: CurrentPair) -> Response:
    values, decision = review_form(page), page.form.text("decision")
    answer = {**values, "messages": values["messages"] if decision == "fix_and_accept" else None}
    try:
        adjudication_actions.adjudicate(page.session, page.user, pair, decision=decision, **answer)
    except Invalid as error:
        return _desk(page, pair, values=values, error=error)
    return page.redirect(f"{page.root}/reviews/adjudicate", f"Adjudicated: {DONE[decision].lower()}")


@router.get("/projects/{slug}/reviews/older", dependencies=[requires(Permission.READ_PROJECT)])
def outdated(page: Page) -> Response:
    """List pairs approved under an earlier version of the guideline."""
    count, pairs = reviews_queries.stale_approvals(page.session, page.project)
    texts = pairs_queries.currents(page.session, pairs)
    return page.render(
        "reviews/outdated.html",
        tab="/reviews",
        **queue_tabs(page),
        count=count,
        rows=[(pair, texts[pair.id], reviews_queries.approved_under(page.session, pair)) for pair in pairs],
        guideline=guidelines_queries.current(page.session, page.project),
        at_once=adjudication_actions.BATCH,
    )


@router.post("/projects/{slug}/reviews/older", dependencies=[requires(Permission.MANAGE_PROJECT)])
def review_again(page: Page) -> Response:
    chosen = None if page.form.text("which") == "all" else page.form.every("pair")
    sent = adjudication_actions.review_again(page.session, page.user, page.project, chosen)
    return page.redirect(f"{page.root}/reviews/older", f"{sent:,} pair{'s' if sent != 1 else ''} sent back to review")


def _can_adjudicate(page: Page, pair: Pair) -> bool:
    try:
        adjudication_actions.require_adjudicator(page.session, page.user, page.project, pair)
    except AppError:
        return False
    return True


def _desk(page: Page, pair: Pair, *, values: dict[str, Any] = BLANK_REVIEW, error: AppError | None = None) -> Response:
    revision, reviews = pairs_queries.submitted(page.session, pair), reviews_queries.of_submission(page.session, pair)
    return page.render(
        "reviews/adjudicate.html",
        tab="/reviews",
        **last_decision(page),
        pair=pair,
        revision=revision,
        reviews=reviews,
        names=accounts_queries.display_names(page.session, {review.reviewer_id for review in reviews}),
        numbers={item.id: item.number for item in pairs_queries.revisions(page.session, pair)},
        values=values,
        error=error,
        guideline=guidelines_queries.current(page.session, page.project),
        precedents=reviews_queries.precedents(page.session, page.project, revision),
    )
