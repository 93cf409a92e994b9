"""Agreement, compared with the published examples of its coefficients."""

from __future__ import annotations

import pytest

from app.core.db.database import Database
from app.domain.review_quality import queries as review_quality_queries
from app.domain.review_quality.agreement import LEVELS, alpha, gwet, measure, percent, tally
from app.domain.reviews import actions as reviews_actions
from tests.fixtures.people import Cast
from tests.fixtures.review_desk import configure_project, editors, review_next, submitted

NONE = None
OBSERVERS = (
    (1, 2, 3, 3, 2, 1, 4, 1, 2, NONE, NONE, NONE),
    (1, 2, 3, 3, 2, 2, 4, 1, 2, 5, NONE, 3),
    (NONE, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, NONE),
    (1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, NONE),
)
"""K. Krippendorff, "Computing Krippendorff's Alpha-Reliability" (2011), example C: four observers, twelve units.
The same ratings are in K. L. Gwet, "Handbook of Inter-Rater Reliability" (2014) and in its R package irrCAC."""
UNITS = [[value for value in unit if value is not None] for unit in zip(*OBSERVERS, strict=True)]
BINARY = list(zip((0, 1, 0, 0, 0, 0, 0, 0, 1, 0), (1, 1, 1, 0, 0, 1, 0, 0, 0, 0), strict=True))
"""The same paper, example A: two observers, ten units, two values."""


def test_alpha_of_published_examples() -> None:
    assert alpha(*tally(BINARY, (0, 1)), ordinal=False) == pytest.approx(0.095, abs=5e-4)
    assert alpha(*tally(UNITS, LEVELS), ordinal=False) == pytest.approx(0.743, abs=5e-4)
    assert alpha(*tally(UNITS, LEVELS), ordinal=True) == pytest.approx(0.815, abs=5e-4)


def test_gwet_of_published_example() -> None:
    """irrCAC: pa.coeff.raw 0.81818, gwet.ac1.raw 0.77544, with quadratic weights 0.914."""
    counted = tally(UNITS, LEVELS)
    assert percent(*counted) == pytest.approx(0.81818, abs=5e-6)
    assert gwet(*counted, ordinal=False) == pytest.approx(0.77544, abs=5e-6)
    assert gwet(*counted, ordinal=True) == pytest.approx(0.914, abs=5e-4)


def test_full_and_no_agreement() -> None:
    same = [[value, value] for value in LEVELS] * 6
    result = measure("accuracy", same, LEVELS, ordinal=True, minimum=20)
    assert result.alpha and result.gwet and result.percent
    assert (result.n, result.alpha.value, result.gwet.value, result.percent.low) == (30, 1.0, 1.0, 1.0)
    opposed = measure("accuracy", [[1, 5], [5, 1]] * 15, LEVELS, ordinal=True, minimum=20)
    assert opposed.percent and opposed.alpha and opposed.percent.value == 0.0 and opposed.alpha.value < 0


def test_one_value_has_no_alpha() -> None:
    result = measure("decision", [["accept", "accept"]] * 25, ("accept", "return"), ordinal=False, minimum=20)
    assert result.alpha and result.gwet and (result.alpha.value, result.gwet.value) == (None, 1.0)


def test_agreement_interval() -> None:
    few = measure("accuracy", UNITS * 2, LEVELS, ordinal=True, minimum=20)
    many = measure("accuracy", UNITS * 40, LEVELS, ordinal=True, minimum=20)
    assert few == measure("accuracy", UNITS * 2, LEVELS, ordinal=True, minimum=20)
    for result in (few, many):
        assert result.alpha and result.alpha.low <= result.alpha.value <= result.alpha.high  # type: ignore[operator]
    assert few.alpha and many.alpha
    assert many.alpha.high - many.alpha.low < few.alpha.high - few.alpha.low  # type: ignore[operator]


def test_no_agreement_below_minimum() -> None:
    result = measure("decision", [["accept", "return"]] * 19, ("accept", "return"), ordinal=False, minimum=20)
    assert (result.n, result.lacking, result.percent, result.alpha, result.gwet) == (19, 1, None, None, None)


def test_only_required_reviews_count(database: Database, cast: Cast) -> None:
    with database.session() as session:
        project, (bob, editor1, editor2) = (
            configure_project(session, cast, overlap=2, least_for_agreement=1),
            editors(session, cast, 3),
        )
        submitted(session, cast.alice, project)
        review_next(session, bob, project, "accept", ratings={"accuracy": 4})
        fixed = [{"role": "user", "content": "Who books the scan?"}, {"role": "assistant", "content": "desk 2"}]
        review_next(session, editor1, project, "fix_and_accept", messages=fixed, ratings={"accuracy": 3})
        review_next(session, editor2, project, "return", ratings={"accuracy": 1})
        (unit,) = review_quality_queries.units(session, project)
        assert [review.decision for review in unit] == ["accept", "fix_and_accept"]
        report = review_quality_queries.report(session, project)
        assert [(row.name, row.n) for row in report.questions][:2] == [("decision", 1), ("accuracy", 1)]
        assert [set(row["reviewers"]) for row in report.people] == [{bob.id, editor1.id}]


def test_redone_review_not_independent(database: Database, cast: Cast) -> None:
    with database.session() as session:
        project, (bob, editor1) = configure_project(session, cast, overlap=2), editors(session, cast, 2)
        submitted(session, cast.alice, project)
        review_next(session, bob, project, "accept")
        last = review_next(session, editor1, project, "return")
        reviews_actions.undo(session, editor1, last)
        review_next(session, editor1, project, "accept")
        assert review_quality_queries.units(session, project) == []
