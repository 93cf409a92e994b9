"""Rulings on pairs whose opinions stay split or that were escalated; approvals under an older guideline."""

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
from app.domain.reviews import adjudication_actions, queue_queries
from app.domain.reviews import queries as reviews_queries
from app.http.transactions import DbSession
from app.web.deps import CsrfForm, CurrentProject, CurrentUser, form_str, project_context, redirect, requires
from app.web.forms import form_errors
from app.web.render import render, words
from app.web.reviews import UNTOUCHED, last_verdict, queue_tabs, verdict_of

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
        **last_verdict(session, user, project),
        rows=[(*row, _may_rule(session, user, project, row[0])) for row in rows],
    )


@router.get("/pairs/{pair_id}/adjudicate", dependencies=[requires(Permission.REVIEW_PAIR)])
def desk(request: Request, session: DbSession, user: CurrentUser, project: CurrentProject, pair_id: str) -> Response:
    pair = pairs_queries.by_id(session, pair_id)
    adjudication_actions.require_adjudicator(session, user, project, pair)
    return _desk(request, session, user, project, pair)


@router.post("/pairs/{pair_id}/adjudicate", dependencies=[requires(Permission.REVIEW_PAIR)])
def rule(
    request: Request, session: DbSession, user: CurrentUser, form: CsrfForm, project: CurrentProject, pair_id: str
) -> Response:
    pair = pairs_queries.by_id(session, pair_id)
    given, decision = verdict_of(form, project), form_str(form, "decision")
    sent = {**given, "messages": given["messages"] if decision == "fix_and_accept" else None}
    with form_errors(422) as result:
        adjudication_actions.adjudicate(session, user, pair, decision=decision, **sent)
    if result.error:
        return _desk(request, session, user, project, pair, given=given, error=result.error)
    return redirect(request, f"/projects/{project.slug}/reviews/adjudicate", f"{words(decision)}: ruled.")


@router.get("/projects/{slug}/reviews/older", dependencies=[requires(Permission.READ_PROJECT)])
def older(request: Request, session: DbSession, user: CurrentUser, project: CurrentProject) -> Response:
    """Pairs that were approved under an older rule."""
    count, found = reviews_queries.stale_approvals(session, project)
    texts = pairs_queries.currents(session, found)
    return render(
        request,
        "reviews/outdated.html",
        **project_context(session, user, project, "/reviews"),
        **queue_tabs(session, user, project),
        count=count,
        rows=[(pair, texts[pair.id], reviews_queries.approved_under(session, pair)) for pair in found],
        guideline=guidelines_queries.current(session, project),
        at_once=adjudication_actions.BATCH,
    )


@router.post("/projects/{slug}/reviews/older", dependencies=[requires(Permission.MANAGE_PROJECT)])
def review_again(
    request: Request, session: DbSession, user: CurrentUser, form: CsrfForm, project: CurrentProject
) -> Response:
    chosen = None if form_str(form, "which") == "all" else [str(one) for one in form.getlist("pair")]
    sent = adjudication_actions.review_again(session, user, project, chosen)
    return redirect(request, f"/projects/{project.slug}/reviews/older", f"{sent} sent to review again.")


def _may_rule(session: Session, user: User, project: Project, pair: Pair) -> bool:
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
    given: dict[str, Any] = UNTOUCHED,
    error: AppError | None = None,
) -> Response:
    revision, opinions = pairs_queries.submitted(session, pair), reviews_queries.of_submission(session, pair)
    return render(
        request,
        "reviews/adjudicate.html",
        **project_context(session, user, project, "/reviews"),
        **last_verdict(session, user, project),
        pair=pair,
        revision=revision,
        opinions=opinions,
        names=accounts_queries.names(session, {one.reviewer_id for one in opinions}),
        numbers={one.id: one.number for one in pairs_queries.revisions(session, pair)},
        given=given,
        error=error,
        guideline=guidelines_queries.current(session, project),
        precedents=reviews_queries.precedents(session, project, revision),
    )
