"""Adjudication of disagreements and escalations; approvals under an outdated guideline."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response
from sqlalchemy.orm import Session

from app.core.errors import AppError
from app.domain.accounts import queries as accounts_queries
from app.domain.accounts.permissions import Permission
from app.domain.accounts.tables import User
from app.domain.guidelines import queries as guidelines_queries
from app.domain.pairs import queries as pairs_queries
from app.domain.pairs.tables import Pair
from app.domain.projects.tables import Project
from app.domain.reviews import adjudication_actions, queries as reviews_queries, queue_queries
from app.http.transactions import DbSession
from app.web.deps import CsrfForm, CurrentProject, CurrentUser, form_str, project_context, redirect, requires
from app.web.forms import form_errors
from app.web.render import render
from app.web.reviews import BLANK_REVIEW, DONE, last_decision, queue_tabs, review_form

router = APIRouter()


@router.get("/projects/{slug}/reviews/adjudicate", dependencies=[requires(Permission.REVIEW_PAIR)])
def index(request: Request, session: DbSession, user: CurrentUser, project: CurrentProject) -> Response:
    rows = [
        (pair, pairs_queries.submitted(session, pair), reviews_queries.of_submission(session, pair))
        for pair in queue_queries.to_adjudicate(session, project)
    ]
    return render(
        request,
        "reviews/adjudications.html",
        **project_context(session, user, project, "/reviews"),
        **queue_tabs(session, user, project),
        **last_decision(session, user, project),
        rows=[(*row, _can_adjudicate(session, user, project, row[0])) for row in rows],
    )


@router.get("/pairs/{pair_id}/adjudicate", dependencies=[requires(Permission.REVIEW_PAIR)])
def desk(request: Request, session: DbSession, user: CurrentUser, project: CurrentProject, pair_id: str) -> Response:
    pair = pairs_queries.by_id(session, pair_id)
    adjudication_actions.require_adjudicator(session, user, project, pair)
    return _desk(request, session, user, project, pair)


@router.post("/pairs/{pair_id}/adjudicate", dependencies=[requires(Permission.REVIEW_PAIR)])
def adjudicate(
    request: Request, session: DbSession, user: CurrentUser, form: CsrfForm, project: CurrentProject, pair_id: str
) -> Response:
    pair = pairs_queries.by_id(session, pair_id)
    values, decision = review_form(form, project), form_str(form, "decision")
    answer = {**values, "messages": values["messages"] if decision == "fix_and_accept" else None}
    with form_errors(422) as result:
        adjudication_actions.adjudicate(session, user, pair, decision=decision, **answer)
    if result.error:
        return _desk(request, session, user, project, pair, values=values, error=result.error)
    return redirect(request, f"/projects/{project.slug}/reviews/adjudicate", f"Adjudicated: {DONE[decision].lower()}")


@router.get("/projects/{slug}/reviews/older", dependencies=[requires(Permission.READ_PROJECT)])
def outdated(request: Request, session: DbSession, user: CurrentUser, project: CurrentProject) -> Response:
    """List pairs approved under an earlier version of the guideline."""
    count, pairs = reviews_queries.stale_approvals(session, project)
    texts = pairs_queries.currents(session, pairs)
    return render(
        request,
        "reviews/outdated.html",
        **project_context(session, user, project, "/reviews"),
        **queue_tabs(session, user, project),
        count=count,
        rows=[(pair, texts[pair.id], reviews_queries.approved_under(session, pair)) for pair in pairs],
        guideline=guidelines_queries.current(session, project),
        at_once=adjudication_actions.BATCH,
    )


@router.post("/projects/{slug}/reviews/older", dependencies=[requires(Permission.MANAGE_PROJECT)])
def review_again(
    request: Request, session: DbSession, user: CurrentUser, form: CsrfForm, project: CurrentProject
) -> Response:
    chosen = None if form_str(form, "which") == "all" else [str(pair_id) for pair_id in form.getlist("pair")]
    sent = adjudication_actions.review_again(session, user, project, chosen)
    return redirect(
        request,
        f"/projects/{project.slug}/reviews/older",
        f"{sent:,} pair{'s' if sent != 1 else ''} sent back to review",
    )


def _can_adjudicate(session: Session, user: User, project: Project, pair: Pair) -> bool:
    try:
        adjudication_actions.require_adjudicator(session, user, project, pair)
    except AppError:
        return False
    return True


def _desk(
    request: Request,
    session: Session,
    user: User,
    project: Project,
    pair: Pair,
    *,
    values: dict[str, Any] = BLANK_REVIEW,
    error: AppError | None = None,
) -> Response:
    revision, reviews = pairs_queries.submitted(session, pair), reviews_queries.of_submission(session, pair)
    return render(
        request,
        "reviews/adjudicate.html",
        **project_context(session, user, project, "/reviews"),
        **last_decision(session, user, project),
        pair=pair,
        revision=revision,
        reviews=reviews,
        names=accounts_queries.display_names(session, {review.reviewer_id for review in reviews}),
        numbers={item.id: item.number for item in pairs_queries.revisions(session, pair)},
        values=values,
        error=error,
        guideline=guidelines_queries.current(session, project),
        precedents=reviews_queries.precedents(session, project, revision),
    )
