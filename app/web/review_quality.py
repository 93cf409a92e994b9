"""Gold pairs (accuracy, marking, retiring) and the agreement of independent reviews."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Response

from app.core.errors import AppError, Invalid
from app.domain.accounts import queries as accounts_queries
from app.domain.accounts.permissions import Permission
from app.domain.pairs import queries as pairs_queries
from app.domain.pairs.tables import Pair
from app.domain.projects import settings as project_settings
from app.domain.review_quality import actions as review_quality_actions, queries as review_quality_queries
from app.domain.reviews import decisions, queries as reviews_queries
from app.web.deps import CurrentPair, Page, requires
from app.web.reviews import BLANK_REVIEW, queue_tabs, review_form

router = APIRouter()


@router.get("/projects/{slug}/reviews/gold", dependencies=[requires(Permission.REVIEW_PAIR)])
def rates(page: Page) -> Response:
    """Show your own accuracy; users who manage the project also see every reviewer and the gold pairs."""
    manages = page.can["manage_project"]
    rates_by_reviewer = review_quality_queries.gold_rates(page.session, page.project, None if manages else page.user)
    answers = review_quality_queries.gold_answers(page.session, page.project) if manages else []
    return page.render(
        "review_quality/gold.html",
        tab="/reviews",
        **queue_tabs(page),
        rates=rates_by_reviewer,
        answers=[(answer, pair, pairs_queries.submitted(page.session, pair)) for answer, pair in answers],
        names=accounts_queries.display_names(page.session, set(rates_by_reviewer)),
        chosen=project_settings.of(page.project.settings),
    )


@router.get("/pairs/{pair_id}/gold", dependencies=[requires(Permission.MANAGE_PROJECT)])
def form(page: Page, pair: CurrentPair) -> Response:
    return _form(page, pair, BLANK_REVIEW)


@router.post("/pairs/{pair_id}/gold", dependencies=[requires(Permission.MANAGE_PROJECT)])
def mark(page: Page, pair: CurrentPair) -> Response:
    values = review_form(page)
    answer = {"decision": page.form.text("decision"), "ratings": values["ratings"], "explanation": values["comment"]}
    try:
        review_quality_actions.mark(page.session, page.user, pair, **answer)
    except Invalid as error:
        return _form(page, pair, values, answer["decision"], error)
    return page.redirect(f"{page.root}/reviews/gold", "Marked as gold")


@router.post("/pairs/{pair_id}/gold/retire", dependencies=[requires(Permission.MANAGE_PROJECT)])
def retire(page: Page, pair: CurrentPair) -> Response:
    review_quality_actions.retire(page.session, page.user, pair)
    return page.redirect(f"{page.root}/reviews/gold", "Gold pair retired")


@router.get("/projects/{slug}/agreement", dependencies=[requires(Permission.REVIEW_PAIR)])
def agreement(page: Page) -> Response:
    report = review_quality_queries.report(page.session, page.project)
    people = {reviewer for row in report.people for reviewer in row["reviewers"]}
    return page.render(
        "review_quality/agreement.html",
        tab="/agreement",
        report=report,
        names=accounts_queries.display_names(page.session, people),
        chosen=project_settings.of(page.project.settings),
    )


def _form(page: Page, pair: Pair, values: dict[str, Any], chosen: str = "", error: AppError | None = None) -> Response:
    return page.render(
        "review_quality/mark_gold.html",
        tab="/reviews",
        pair=pair,
        revision=pairs_queries.submitted(page.session, pair),
        answer=None if error else reviews_queries.gold_answer(page.session, pair.id),
        decisions=decisions.FINAL_DECISIONS,
        values=values,
        chosen=chosen,
        error=error,
    )
