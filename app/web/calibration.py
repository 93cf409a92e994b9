"""Gold pairs: the page of hit rates, marking a pair as gold, retiring it. Agreement of independent opinions."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from app.core.errors import AppError
from app.domain.accounts import queries as accounts
from app.domain.accounts.permissions import Permission
from app.domain.pairs import queries as pairs
from app.domain.projects import access, settings
from app.domain.reviews import calibration, independent, queries, verdicts
from app.domain.reviews.tables import GoldAnswer
from app.web.deps import Db, Me, Posted, asks, go, in_project, text
from app.web.render import page
from app.web.reviews import UNTOUCHED, queue_tabs, verdict_of
from app.web.writing import open_pair

router = APIRouter()


@router.get("/projects/{slug}/review/gold", dependencies=[asks(Permission.REVIEW_PAIR)])
def rates(request: Request, session: Db, user: Me, slug: str) -> Response:
    """One's own hit rates; everybody's, and the gold pairs, for who manages the project."""
    project = access.visible_project(session, user, slug)
    access.require(session, user, Permission.REVIEW_PAIR, project)
    context = in_project(session, user, project, "/review")
    manages = context["can"]["manage_project"]
    found = queries.gold_rates(session, project, None if manages else user)
    answers = queries.gold_answers(session, project) if manages else []
    return page(
        request,
        "reviews/gold.html",
        **context,
        **queue_tabs(session, user, project),
        rates=found,
        answers=[(answer, pair, pairs.submitted(session, pair)) for answer, pair in answers],
        names=accounts.names(session, set(found)),
        chosen=settings.of(project.settings),
    )


@router.get("/pairs/{pair_id}/gold", dependencies=[asks(Permission.MANAGE_PROJECT)])
def form(request: Request, session: Db, user: Me, pair_id: str) -> Response:
    pair, project = open_pair(session, user, pair_id)
    access.require(session, user, Permission.MANAGE_PROJECT, project)
    return page(
        request,
        "reviews/mark_gold.html",
        **in_project(session, user, project, "/review"),
        pair=pair,
        revision=pairs.submitted(session, pair),
        answer=session.get(GoldAnswer, pair.id),
        decisions=verdicts.RULINGS,
        given=UNTOUCHED,
        chosen="",
        error=None,
    )


@router.post("/pairs/{pair_id}/gold", dependencies=[asks(Permission.MANAGE_PROJECT)])
def mark(request: Request, session: Db, user: Me, form: Posted, pair_id: str) -> Response:
    pair, project = open_pair(session, user, pair_id)
    given = verdict_of(form, project)
    right = {"decision": text(form, "decision"), "ratings": given["ratings"], "explanation": given["comment"]}
    try:
        calibration.mark(session, user, pair, **right)
    except AppError as error:
        if error.status != 422:
            raise
        return page(
            request,
            "reviews/mark_gold.html",
            status=422,
            **in_project(session, user, project, "/review"),
            pair=pair,
            revision=pairs.submitted(session, pair),
            answer=None,
            decisions=verdicts.RULINGS,
            given=given,
            chosen=right["decision"],
            error=error,
        )
    return go(request, f"/projects/{project.slug}/review/gold", "Gold: reviewers get it among the others.")


@router.post("/pairs/{pair_id}/gold/retire", dependencies=[asks(Permission.MANAGE_PROJECT)])
def retire(request: Request, session: Db, user: Me, form: Posted, pair_id: str) -> Response:
    pair, project = open_pair(session, user, pair_id)
    calibration.retire(session, user, pair)
    return go(request, f"/projects/{project.slug}/review/gold", "Retired: the pair stands among the others again.")


@router.get("/projects/{slug}/agreement", dependencies=[asks(Permission.REVIEW_PAIR)])
def agreement(request: Request, session: Db, user: Me, slug: str) -> Response:
    project = access.visible_project(session, user, slug)
    access.require(session, user, Permission.REVIEW_PAIR, project)
    found = independent.report(session, project)
    people = {one for row in found.people for one in row["reviewers"]}
    return page(
        request,
        "reviews/agreement.html",
        **in_project(session, user, project, "/agreement"),
        report=found,
        names=accounts.names(session, people),
        chosen=settings.of(project.settings),
    )
