"""Which opinions count as independent, and what they come to for a project. Reads only."""

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
from app.domain.reviews.queries import GOLD
from app.domain.reviews.tables import GoldAnswer, Review

KINDS = ("review", "old_review")


@dataclass(frozen=True)
class Report:
    """`questions`: the decision, then each criterion; `people`: {reviewers, …} of each two who judged the same."""

    least: int
    questions: list[Agreement]
    people: list[dict[str, Any]]


def units(session: Session, project: Project) -> list[list[Review]]:
    """Lists of two or more independent opinions on the same text, the first that were needed of each.

    Left out are bulk approvals, rulings, gold answers, opinions that were asked for because the first ones differed,
    and one given anew by somebody who took the first back when another's could be read.
    """
    ours = (
        Pair.project_id == project.id,
        Pair.is_gold.is_(False),
        Review.bulk.is_(False),
        Review.kind.in_(KINDS),
    )
    several = (
        select(Review.reviewed_revision_id)
        .join(Pair, Pair.id == Review.pair_id)
        .where(*ours)
        .group_by(Review.reviewed_revision_id)
        .having(func.count(Review.reviewer_id.distinct()) > 1)
    )
    rows = session.execute(
        select(Review, Pair.opinions)
        .join(Pair, Pair.id == Review.pair_id)
        .where(*ours, Review.reviewed_revision_id.in_(several))
        .order_by(Review.id)
    )
    found: dict[str, list[Review]] = defaultdict(list)
    needed: dict[str, int] = {}
    for review, opinions in rows:
        found[review.reviewed_revision_id].append(review)
        needed[review.reviewed_revision_id] = max(opinions or project.overlap, 2)
    kept = [_first(given, needed[revision]) for revision, given in found.items()]
    return [given for given in kept if len(given) > 1]


def _first(given: Sequence[Review], needed: int) -> list[Review]:
    told = {one.reviewer_id for one in given if one.undone_at and _could_read_others(one, given)}
    opinions: dict[str, Review] = {}
    for one in given:
        if one.undone_at is None and one.reviewer_id not in told and one.decision != "escalate":
            opinions.setdefault(one.reviewer_id, one)
    return list(opinions.values())[:needed]


def _could_read_others(mine: Review, given: Sequence[Review]) -> bool:
    taken_back = mine.undone_at
    return any(
        one.reviewer_id != mine.reviewer_id and taken_back is not None and one.created_at < taken_back for one in given
    )


def report(session: Session, project: Project) -> Report:
    least = project_settings.of(project.settings)["least_for_agreement"]
    found = units(session, project)
    return Report(least, _questions(project, found, least), _people(found, least))


def _questions(project: Project, found: Sequence[Sequence[Review]], least: int) -> list[Agreement]:
    decisions = [[one.decision for one in unit] for unit in found]
    asked = [agreement.measure("decision", decisions, agreement.DECISIONS, ordinal=False, least=least)]
    for criterion in project.criteria:
        name = criterion["name"]
        rated = [[one.ratings[name] for one in unit if one.ratings.get(name) is not None] for unit in found]
        asked.append(agreement.measure(name, rated, agreement.LEVELS, ordinal=True, least=least))
    return asked


def _people(found: Sequence[Sequence[Review]], least: int) -> list[dict[str, Any]]:
    """Each two reviewers who judged the same texts, on decisions; most texts first."""
    together: dict[tuple[str, ...], list[list[str]]] = defaultdict(list)
    for unit in found:
        for one, other in combinations(sorted(unit, key=lambda review: review.reviewer_id), 2):
            together[one.reviewer_id, other.reviewer_id].append([one.decision, other.decision])
    rows: list[dict[str, Any]] = [
        {
            "reviewers": list(two),
            "decision": agreement.measure("decision", given, agreement.DECISIONS, ordinal=False, least=least),
        }
        for two, given in together.items()
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
    """reviewer id -> hit rates on gold pairs; of one reviewer, or of all."""
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
    for given, right in session.execute(statement):
        answers.setdefault(given.reviewer_id, []).append((_verdict(given), _verdict(right)))
    names = [criterion["name"] for criterion in project.criteria]
    return {reviewer: gold.rates(given, names) for reviewer, given in answers.items()}


def _verdict(row: Review | GoldAnswer) -> dict[str, Any]:
    return {"decision": row.decision, "ratings": row.ratings}
