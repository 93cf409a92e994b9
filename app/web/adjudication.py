"""Rulings on pairs whose opinions stay split or that were escalated; approvals under an older guideline."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response
from sqlalchemy.orm import Session

from app.core.errors import AppError
from app.domain.accounts import queries as accounts
from app.domain.accounts.permissions import Permission
from app.domain.accounts.tables import User
from app.domain.guidelines import queries as guidelines
from app.domain.pairs import queries as pairs
from app.domain.pairs.tables import Pair
from app.domain.projects import access
from app.domain.projects.tables import Project
from app.domain.reviews import adjudication, precedents, queries
from app.web.deps import Db, Me, Posted, asks, go, in_project, text
from app.web.render import page, words
from app.web.reviews import UNTOUCHED, last_verdict, queue_tabs, verdict_of
from app.web.writing import open_pair

router = APIRouter()


@router.get("/projects/{slug}/review/adjudicate", dependencies=[asks(Permission.REVIEW_PAIR)])
def index(request: Request, session: Db, user: Me, slug: str) -> Response:
    project = access.visible_project(session, user, slug)
    access.require(session, user, Permission.REVIEW_PAIR, project)
    rows = [
        (pair, pairs.submitted(session, pair), queries.of_submission(session, pair))
        for pair in queries.to_adjudicate(session, project)
    ]
    return page(
        request,
        "reviews/adjudications.html",
        **in_project(session, user, project, "/review"),
        **queue_tabs(session, user, project),
        **last_verdict(session, user, project),
        rows=[(*row, _may_rule(session, user, project, row[0])) for row in rows],
    )


@router.get("/pairs/{pair_id}/adjudicate", dependencies=[asks(Permission.REVIEW_PAIR)])
def desk(request: Request, session: Db, user: Me, pair_id: str) -> Response:
    pair, project = open_pair(session, user, pair_id)
    adjudication.require_ruler(session, user, project, pair)
    return _desk(request, session, user, project, pair)


@router.post("/pairs/{pair_id}/adjudicate", dependencies=[asks(Permission.REVIEW_PAIR)])
def rule(request: Request, session: Db, user: Me, form: Posted, pair_id: str) -> Response:
    pair, project = open_pair(session, user, pair_id)
    given, decision = verdict_of(form, project), text(form, "decision")
    sent = {**given, "messages": given["messages"] if decision == "fix_and_accept" else None}
    try:
        adjudication.adjudicate(session, user, pair, decision=decision, **sent)
    except AppError as error:
        if error.status != 422:
            raise
        return _desk(request, session, user, project, pair, given=given, error=error)
    return go(request, f"/projects/{project.slug}/review/adjudicate", f"{words(decision)}: ruled.")


@router.get("/projects/{slug}/review/older", dependencies=[asks(Permission.READ_PROJECT)])
def older(request: Request, session: Db, user: Me, slug: str) -> Response:
    """Pairs that were approved under an older rule."""
    project = access.visible_project(session, user, slug)
    count, found = queries.older_approvals(session, project)
    texts = pairs.currents(session, found)
    return page(
        request,
        "reviews/older.html",
        **in_project(session, user, project, "/review"),
        **queue_tabs(session, user, project),
        count=count,
        rows=[(pair, texts[pair.id], queries.approved_under(session, pair)) for pair in found],
        guideline=guidelines.current(session, project),
        at_once=adjudication.AT_ONCE,
    )


@router.post("/projects/{slug}/review/older", dependencies=[asks(Permission.MANAGE_PROJECT)])
def review_again(request: Request, session: Db, user: Me, form: Posted, slug: str) -> Response:
    project = access.visible_project(session, user, slug)
    chosen = None if text(form, "which") == "all" else [str(one) for one in form.getlist("pair")]
    sent = adjudication.review_again(session, user, project, chosen)
    return go(request, f"/projects/{slug}/review/older", f"{sent} sent to review again.")


def _may_rule(session: Session, user: User, project: Project, pair: Pair) -> bool:
    try:
        adjudication.require_ruler(session, user, project, pair)
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
    revision, opinions = pairs.submitted(session, pair), queries.of_submission(session, pair)
    return page(
        request,
        "reviews/adjudicate.html",
        **in_project(session, user, project, "/review"),
        **last_verdict(session, user, project),
        pair=pair,
        revision=revision,
        opinions=opinions,
        names=accounts.names(session, {one.reviewer_id for one in opinions}),
        numbers={one.id: one.number for one in pairs.revisions(session, pair)},
        given=given,
        error=error,
        guideline=guidelines.current(session, project),
        precedents=precedents.like(session, project, revision),
    )
