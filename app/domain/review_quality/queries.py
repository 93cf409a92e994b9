"""The agreement of independent reviews in a project, and gold answers with hit rates."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.domain.accounts.tables import User
from app.domain.pairs.tables import Pair
from app.domain.projects import settings as project_settings
from app.domain.projects.tables import Project
from app.domain.review_quality import agreement, gold
from app.domain.review_quality.agreement import Agreement
from app.domain.reviews.tables import GOLD, GoldAnswer, Review

KINDS = ("review", "old_review")


@dataclass(frozen=True)
class Report:
    """`questions`: the decision, then each criterion. `people`: {reviewers, decision} for each two reviewers who
    reviewed the same revisions. `minimum`: units below which no coefficient is shown."""

    minimum: int
    questions: list[Agreement]
    people: list[dict[str, Any]]


def units(session: Session, project: Project) -> list[list[Review]]:
    """Lists of two or more independent reviews of the same revision, only as many of each as were required.

    Left out are bulk approvals, adjudications, gold answers, reviews that were required because the first ones
    disagreed, and the reviews of a reviewer who undid a review when another one was visible.
    """
    of_project = (
        Pair.project_id == project.id,
        Pair.is_gold.is_(False),
        Review.bulk.is_(False),
        Review.kind.in_(KINDS),
    )
    several = (
        select(Review.reviewed_revision_id)
        .join(Pair, Pair.id == Review.pair_id)
        .where(*of_project)
        .group_by(Review.reviewed_revision_id)
        .having(func.count(Review.reviewer_id.distinct()) > 1)
    )
    rows = session.execute(
        select(Review, Pair.reviews_needed)
        .join(Pair, Pair.id == Review.pair_id)
        .where(*of_project, Review.reviewed_revision_id.in_(several))
        .order_by(Review.id)
    )
    by_revision: dict[str, list[Review]] = defaultdict(list)
    required: dict[str, int] = {}
    for review, needed in rows:
        by_revision[review.reviewed_revision_id].append(review)
        required[review.reviewed_revision_id] = max(needed or project.overlap, 2)
    independent = [_independent(reviews, required[revision]) for revision, reviews in by_revision.items()]
    return [unit for unit in independent if len(unit) > 1]


def _independent(reviews: Sequence[Review], required: int) -> list[Review]:
    influenced = {review.reviewer_id for review in reviews if review.undone_at and _saw_others(review, reviews)}
    first: dict[str, Review] = {}
    for review in reviews:
        if review.undone_at is None and review.reviewer_id not in influenced and review.decision != "escalate":
            first.setdefault(review.reviewer_id, review)
    return list(first.values())[:required]


def _saw_others(undone: Review, reviews: Sequence[Review]) -> bool:
    """Whether another reviewer's review was visible before this one was undone."""
    return any(
        review.reviewer_id != undone.reviewer_id
        and undone.undone_at is not None
        and review.created_at < undone.undone_at
        for review in reviews
    )


def report(session: Session, project: Project) -> Report:
    minimum = project_settings.of(project.settings)["least_for_agreement"]
    reviews = units(session, project)
    return Report(minimum, _questions(project, reviews, minimum), _people(reviews, minimum))


def _questions(project: Project, reviews: Sequence[Sequence[Review]], minimum: int) -> list[Agreement]:
    decisions = [[review.decision for review in unit] for unit in reviews]
    questions = [agreement.measure("decision", decisions, agreement.DECISIONS, ordinal=False, minimum=minimum)]
    for criterion in project.criteria:
        name = criterion["name"]
        ratings = [[value for review in unit if (value := review.ratings.get(name)) is not None] for unit in reviews]
        questions.append(agreement.measure(name, ratings, agreement.LEVELS, ordinal=True, minimum=minimum))
    return questions


def _people(reviews: Sequence[Sequence[Review]], minimum: int) -> list[dict[str, Any]]:
    """Agreement on the decision of each two reviewers of the same revisions; those with the most revisions first."""
    decisions: dict[tuple[str, ...], list[list[str]]] = defaultdict(list)
    for unit in reviews:
        for first, second in combinations(sorted(unit, key=lambda review: review.reviewer_id), 2):
            decisions[first.reviewer_id, second.reviewer_id].append([first.decision, second.decision])
    rows: list[dict[str, Any]] = [
        {
            "reviewers": list(two),
            "decision": agreement.measure("decision", both, agreement.DECISIONS, ordinal=False, minimum=minimum),
        }
        for two, both in decisions.items()
    ]
    return sorted(rows, key=lambda row: (-row["decision"].n, row["reviewers"]))[:100]


def gold_answers(session: Session, project: Project) -> list[tuple[GoldAnswer, Pair]]:
    """Every gold answer of a project with its pair, retired ones last."""
    statement = select(GoldAnswer, Pair).join(Pair, Pair.id == GoldAnswer.pair_id)
    rows = session.execute(
        statement.where(Pair.project_id == project.id).order_by(GoldAnswer.active.desc(), GoldAnswer.created_at)
    )
    return [(answer, pair) for answer, pair in rows]


def gold_rates(session: Session, project: Project, user: User | None = None) -> dict[str, list[gold.Rate]]:
    """Reviewer id -> hit rates on gold pairs; of one reviewer, or of all."""
    statement = (
        select(Review, GoldAnswer)
        .join(GoldAnswer, GoldAnswer.pair_id == Review.pair_id)
        .join(Pair, Pair.id == Review.pair_id)
        .where(Pair.project_id == project.id, Review.kind == GOLD)
        .order_by(Review.id)
    )
    if user:
        statement = statement.where(Review.reviewer_id == user.id)
    answers: dict[str, list[Any]] = {}
    for review, right in session.execute(statement):
        answers.setdefault(review.reviewer_id, []).append((_answer(review), _answer(right)))
    names = [criterion["name"] for criterion in project.criteria]
    return {reviewer: gold.rates(both, names) for reviewer, both in answers.items()}


def _answer(row: Review | GoldAnswer) -> dict[str, Any]:
    return {"decision": row.decision, "ratings": row.ratings}
