"""Gold pairs (accuracy, marking, retiring) and the agreement of independent reviews."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response
from sqlalchemy.orm import Session

from app.core.errors import AppError
from app.domain.accounts import queries as accounts_queries
from app.domain.accounts.permissions import Permission
from app.domain.accounts.tables import User
from app.domain.pairs import queries as pairs_queries
from app.domain.pairs.tables import Pair
from app.domain.projects import settings as project_settings
from app.domain.projects.tables import Project
from app.domain.review_quality import actions as review_quality_actions, queries as review_quality_queries
from app.domain.reviews import decisions, queries as reviews_queries
from app.http.transactions import DbSession
from app.web.deps import CsrfForm, CurrentProject, CurrentUser, form_str, project_context, redirect, requires
from app.web.forms import form_errors
from app.web.render import render
from app.web.reviews import BLANK_REVIEW, queue_tabs, review_form

router = APIRouter()


@router.get("/projects/{slug}/reviews/gold", dependencies=[requires(Permission.REVIEW_PAIR)])
def rates(request: Request, session: DbSession, user: CurrentUser, project: CurrentProject) -> Response:
    """Show your own accuracy; users who manage the project also see every reviewer and the gold pairs."""
    context = project_context(session, user, project, "/reviews")
    manages = context["can"]["manage_project"]
    rates_by_reviewer = review_quality_queries.gold_rates(session, project, None if manages else user)
    answers = review_quality_queries.gold_answers(session, project) if manages else []
    return render(
        request,
        "review_quality/gold.html",
        **context,
        **queue_tabs(session, user, project),
        rates=rates_by_reviewer,
        answers=[(answer, pair, pairs_queries.submitted(session, pair)) for answer, pair in answers],
        names=accounts_queries.display_names(session, set(rates_by_reviewer)),
        chosen=project_settings.of(project.settings),
    )


@router.get("/pairs/{pair_id}/gold", dependencies=[requires(Permission.MANAGE_PROJECT)])
def form(request: Request, session: DbSession, user: CurrentUser, project: CurrentProject, pair_id: str) -> Response:
    pair = pairs_queries.by_id(session, pair_id)
    return _form(request, session, user, project, pair, BLANK_REVIEW)


@router.post("/pairs/{pair_id}/gold", dependencies=[requires(Permission.MANAGE_PROJECT)])
def mark(
    request: Request, session: DbSession, user: CurrentUser, form: CsrfForm, project: CurrentProject, pair_id: str
) -> Response:
    pair = pairs_queries.by_id(session, pair_id)
    values = review_form(form, project)
    answer = {"decision": form_str(form, "decision"), "ratings": values["ratings"], "explanation": values["comment"]}
    with form_errors(422) as result:
        review_quality_actions.mark(session, user, pair, **answer)
    if result.error:
        return _form(request, session, user, project, pair, values, answer["decision"], result.error)
    return redirect(request, f"/projects/{project.slug}/reviews/gold", "Marked as gold")


@router.post("/pairs/{pair_id}/gold/retire", dependencies=[requires(Permission.MANAGE_PROJECT)])
def retire(
    request: Request, session: DbSession, user: CurrentUser, form: CsrfForm, project: CurrentProject, pair_id: str
) -> Response:
    pair = pairs_queries.by_id(session, pair_id)
    review_quality_actions.retire(session, user, pair)
    return redirect(request, f"/projects/{project.slug}/reviews/gold", "Gold pair retired")


@router.get("/projects/{slug}/agreement", dependencies=[requires(Permission.REVIEW_PAIR)])
def agreement(request: Request, session: DbSession, user: CurrentUser, project: CurrentProject) -> Response:
    report = review_quality_queries.report(session, project)
    people = {reviewer for row in report.people for reviewer in row["reviewers"]}
    return render(
        request,
        "review_quality/agreement.html",
        **project_context(session, user, project, "/agreement"),
        report=report,
        names=accounts_queries.display_names(session, people),
        chosen=project_settings.of(project.settings),
    )


def _form(
    request: Request,
    session: Session,
    user: User,
    project: Project,
    pair: Pair,
    values: dict[str, Any],
    chosen: str = "",
    error: AppError | None = None,
) -> Response:
    return render(
        request,
        "review_quality/mark_gold.html",
        **project_context(session, user, project, "/reviews"),
        pair=pair,
        revision=pairs_queries.submitted(session, pair),
        answer=None if error else reviews_queries.gold_answer(session, pair.id),
        decisions=decisions.FINAL_DECISIONS,
        values=values,
        chosen=chosen,
        error=error,
    )
