"""Gold pairs with their hit rates, and the agreement of reviewers."""

from __future__ import annotations

from fastapi import APIRouter

from app.api.deps import CurrentProject, CurrentUser, requires
from app.api.schemas.review_quality import (
    Agreement,
    AgreementReport,
    GoldAnswer,
    GoldAnswerOut,
    GoldPairs,
    Rate,
    ReviewerAgreement,
)
from app.api.schemas.reviews import PairState
from app.api.strict_route import StrictRoute
from app.domain.accounts.permissions import Permission
from app.domain.pairs import queries as pairs_queries
from app.domain.projects import access
from app.domain.review_quality import actions as review_quality_actions, queries as review_quality_queries
from app.http.transactions import DbSession

router = APIRouter(tags=["reviews"], route_class=StrictRoute)


@router.post("/pairs/{pair_id}/gold", status_code=201, dependencies=[requires(Permission.MANAGE_PROJECT)])
def mark(pair_id: str, body: GoldAnswer, session: DbSession, user: CurrentUser) -> GoldAnswerOut:
    pair = pairs_queries.by_id(session, pair_id)
    return GoldAnswerOut.model_validate(review_quality_actions.mark(session, user, pair, **body.model_dump()))


@router.post("/pairs/{pair_id}/gold/retire", dependencies=[requires(Permission.MANAGE_PROJECT)])
def retire(pair_id: str, session: DbSession, user: CurrentUser) -> PairState:
    pair = pairs_queries.by_id(session, pair_id)
    review_quality_actions.retire(session, user, pair)
    return PairState(pair=pair.id, state=pair.state)


@router.get("/projects/{slug}/gold", dependencies=[requires(Permission.REVIEW_PAIR)])
def gold_pairs(project: CurrentProject, session: DbSession, user: CurrentUser) -> GoldPairs:
    """Hit rates on gold pairs, and for a project admin the gold pairs."""
    manages = access.allows(session, user, Permission.MANAGE_PROJECT, project)
    rates = review_quality_queries.gold_rates(session, project, None if manages else user)
    answers = review_quality_queries.gold_answers(session, project) if manages else []
    return GoldPairs(
        rates={reviewer: [Rate.model_validate(rate) for rate in own] for reviewer, own in rates.items()},
        items=[GoldAnswerOut.model_validate(answer) for answer, _ in answers],
    )


@router.get("/projects/{slug}/agreement", dependencies=[requires(Permission.REVIEW_PAIR)])
def agreement(project: CurrentProject, session: DbSession) -> AgreementReport:
    """Per question: n, percent, alpha and AC1 or AC2 (`gwet`) with 95% intervals; null below `least` pairs."""
    report = review_quality_queries.report(session, project)
    return AgreementReport(
        least=report.minimum,
        questions=[Agreement(**question.as_dict()) for question in report.questions],
        people=[
            ReviewerAgreement(reviewers=row["reviewers"], decision=Agreement(**row["decision"].as_dict()))
            for row in report.people
        ],
    )
