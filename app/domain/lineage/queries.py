"""Read lineage in both directions: from a version to its contributions, and from a person to models."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Text, and_, cast, distinct, func, select
from sqlalchemy.orm import Session

from app.core.errors import NotFound
from app.core.paging import Page, parse_position, require_limit
from app.domain.accounts.permissions import Permission, require_global
from app.domain.accounts.queries import get_user
from app.domain.accounts.tables import Contributor, Person, User
from app.domain.consent.tables import Terms
from app.domain.guidelines.tables import Guideline
from app.domain.models.tables import ModelVersion
from app.domain.pairs.tables import Pair, Revision
from app.domain.projects.tables import Project
from app.domain.reviews.tables import Review
from app.domain.runs.tables import TrainingRun
from app.domain.versions import queries as versions_queries
from app.domain.versions.tables import DatasetVersion, VersionItem

TRAINING_SPLITS = ("train", "validation")
"""Splits that a model is trained on or selected by; the test split only measures it."""


@dataclass(frozen=True)
class Lineage:
    """Counts of a version's contributions. Lists of {…, "count"} are ordered by count, largest first."""

    pairs: int
    withdrawn: int
    revisions: int
    authors: list[dict[str, Any]]
    reviewers: list[dict[str, Any]]
    decisions: list[dict[str, Any]]
    guidelines: list[dict[str, Any]]
    sources: list[dict[str, Any]]
    licences: list[dict[str, Any]]
    terms: list[dict[str, Any]]
    assistance: list[dict[str, Any]]
    waivers: list[dict[str, Any]]
    pasted: dict[str, Any]
    """`mean` share of pasted text (0 to 1, or None) over the `count` revisions for which it is known."""


def model_by_id(session: Session, model_id: str) -> ModelVersion:
    """Return the model. Raises NotFound."""
    model = session.get(ModelVersion, model_id)
    if model is None:
        raise NotFound()
    return model


def data_subject(session: Session, viewer: User, user_id: str) -> User:
    """Return the user whose data is requested: the viewer, or for admins any user. Raises Forbidden, NotFound."""
    if user_id != viewer.id:
        require_global(session, viewer, Permission.MANAGE_PEOPLE)
    return get_user(session, user_id)


# --- from a version down ---


def version_lineage(session: Session, version: DatasetVersion) -> Lineage:
    """Return the version's lineage. The database counts revisions and reviews in one statement each."""
    of_author = (Revision.author_id, Revision.source, Revision.licence, Revision.assistance, Terms.id, Terms.number)
    revisions = session.execute(
        select(*of_author, func.count().label("n"), func.count(Revision.withdrawn_at).label("withdrawn"))
        .select_from(VersionItem)
        .join(Revision, Revision.id == VersionItem.revision_id)
        .outerjoin(Terms, Terms.id == Revision.terms_id)
        .where(VersionItem.version_id == version.id)
        .group_by(*of_author)
    ).all()
    of_reviewer = (Review.reviewer_id, Review.decision, Review.bulk, Guideline.id, Guideline.number)
    reviews = session.execute(
        select(*of_reviewer, func.count().label("n"))
        .select_from(VersionItem)
        .join(Review, _is_review_of_item())
        .outerjoin(Guideline, Guideline.id == Review.guideline_id)
        .where(VersionItem.version_id == version.id)
        .group_by(*of_reviewer)
    ).all()
    of_pairs = select(VersionItem.pair_id).where(VersionItem.version_id == version.id)
    return Lineage(
        pairs=sum(row.n for row in revisions),
        withdrawn=sum(row.withdrawn for row in revisions),
        revisions=session.scalar(select(func.count()).where(Revision.pair_id.in_(of_pairs))) or 0,
        authors=_people(session, _counted(revisions, user="author_id")),
        reviewers=_people(session, _counted(reviews, user="reviewer_id")),
        decisions=_counted(reviews, decision="decision", in_bulk="bulk"),
        guidelines=_counted(reviews, id="id", number="number"),
        sources=_counted(revisions, source="source"),
        licences=_counted(revisions, licence="licence"),
        terms=_counted(revisions, id="id", number="number"),
        assistance=_counted(revisions, assistance="assistance"),
        waivers=_waivers(session, version),
        pasted=_pasted(session, version),
    )


def _waivers(session: Session, version: DatasetVersion) -> list[dict[str, Any]]:
    """Count, per code of a warning, the version's revisions whose author kept the warning with a reason."""
    has_waivers = func.length(cast(Revision.waivers, Text)) > len("null")
    statement = select(Revision.waivers).join(VersionItem, VersionItem.revision_id == Revision.id)
    all_waivers = session.scalars(statement.where(VersionItem.version_id == version.id, has_waivers))
    counts = Counter(code for waivers in all_waivers for code in {waiver["code"] for waiver in waivers})
    return [{"code": code, "count": n} for code, n in sorted(counts.items(), key=lambda item: (-item[1], item[0]))]


def _pasted(session: Session, version: DatasetVersion) -> dict[str, Any]:
    statement = select(func.avg(Revision.pasted_share), func.count(Revision.pasted_share))
    joined = statement.join(VersionItem, VersionItem.revision_id == Revision.id)
    mean, count = session.execute(joined.where(VersionItem.version_id == version.id)).one()
    return {"mean": mean, "count": count}


def _counted(rows: Sequence[Any], **columns: str) -> list[dict[str, Any]]:
    """Return the distinct values of these columns with their "count", largest first."""
    totals: Counter[tuple[Any, ...]] = Counter()
    for row in rows:
        totals[tuple(getattr(row, column) for column in columns.values())] += row.n
    largest_first = sorted(totals.items(), key=lambda item: (-item[1], str(item[0])))
    return [{**dict(zip(columns, values, strict=True)), "count": count} for values, count in largest_first]


def _people(session: Session, counts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return each contributor with the number of their revisions (or reviews) in the version."""
    people = session.execute(
        select(User.id.label("user"), Contributor.pseudonym, Person.erased_at)
        .join(Contributor, Contributor.id == User.contributor_id)
        .join(Person, Person.id == User.person_id)
        .where(User.id.in_([row["user"] for row in counts]))
    ).mappings()
    known = {person["user"]: person for person in people}
    return [{**known[row["user"]], **row} for row in counts]


def _is_review_of_item() -> ColumnElement[bool]:
    """Condition for a review of the frozen revision that was not undone."""
    return and_(
        Review.pair_id == VersionItem.pair_id,
        Review.revision_id == VersionItem.revision_id,
        Review.undone_at.is_(None),
        Review.kind != "gold",
    )


def version_items(
    session: Session, version: DatasetVersion, *, limit: int = 50, cursor: str | None = None
) -> Page[dict[str, Any]]:
    """Return a page of the version's examples: revision, author, license, source, terms, decisions. No text."""
    require_limit(limit)
    after = parse_position(cursor, 9) if cursor else -1
    statement = (
        select(
            VersionItem.position,
            VersionItem.split,
            VersionItem.pair_id.label("pair"),
            VersionItem.revision_id.label("revision"),
            Revision.number,
            Revision.author_id.label("author"),
            Contributor.pseudonym,
            Revision.created_at,
            Revision.source,
            Revision.licence,
            Terms.number.label("terms"),
            Revision.withdrawn_at,
        )
        .join(Revision, Revision.id == VersionItem.revision_id)
        .join(User, User.id == Revision.author_id)
        .join(Contributor, Contributor.id == User.contributor_id)
        .outerjoin(Terms, Terms.id == Revision.terms_id)
        .where(VersionItem.version_id == version.id, VersionItem.position > after)
        .order_by(VersionItem.position)
        .limit(limit + 1)
    )
    rows = [dict(row) for row in session.execute(statement).mappings()]
    items = rows[:limit]
    decisions = _decisions(session, version, [item["position"] for item in items])
    for item in items:
        item["decisions"] = decisions.get(item["position"], [])
    return Page(items, str(items[-1]["position"]) if len(rows) > limit else None)


def _decisions(session: Session, version: DatasetVersion, positions: list[int]) -> dict[int, list[dict[str, Any]]]:
    rows = session.execute(
        select(VersionItem.position, Review.decision, Review.bulk, Review.reviewer_id, Guideline.number)
        .join(Review, _is_review_of_item())
        .outerjoin(Guideline, Guideline.id == Review.guideline_id)
        .where(VersionItem.version_id == version.id, VersionItem.position.in_(positions))
        .order_by(Review.id)
    )
    decisions: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for position, decision, bulk, reviewer, guideline in rows:
        decisions[position].append(
            {"decision": decision, "in_bulk": bulk, "reviewer": reviewer, "guideline": guideline}
        )
    return decisions


def runs_and_models(session: Session, version: DatasetVersion) -> list[tuple[TrainingRun, ModelVersion | None]]:
    """Return the runs on a version, oldest first, each with its model."""
    rows = session.execute(
        select(TrainingRun, ModelVersion)
        .outerjoin(ModelVersion, ModelVersion.run_id == TrainingRun.id)
        .where(TrainingRun.version_id == version.id)
        .order_by(TrainingRun.id)
    )
    return [(run, model) for run, model in rows]


def withdrawn_training_examples(session: Session, run: TrainingRun) -> int:
    """Count the examples that the run was trained on and that were withdrawn since."""
    version = session.get_one(DatasetVersion, run.version_id)
    if run.started_at is None or not version.redactions:
        return 0
    return versions_queries.withdrawn_since(session, run.version_id, run.started_at, TRAINING_SPLITS)


# --- from a person up ---


def contributions(session: Session, user: User) -> dict[str, Any]:
    """Return a user's contributions: pairs by state, reviews, and the versions, runs and models that use them."""
    pairs = session.execute(
        select(Project.slug, Pair.state, func.count().label("count"))
        .join(Project, Project.id == Pair.project_id)
        .where(Pair.author_id == user.id)
        .group_by(Project.slug, Pair.state)
        .order_by(Project.slug, Pair.state)
    ).mappings()
    reviews = session.execute(
        select(Review.decision, func.count().label("count"))
        .where(Review.reviewer_id == user.id, Review.undone_at.is_(None))
        .group_by(Review.decision)
        .order_by(Review.decision)
    ).mappings()
    return {
        "user": user.id,
        "pseudonym": session.scalar(select(Contributor.pseudonym).where(Contributor.id == user.contributor_id)),
        "erased_at": user.person.erased_at,
        "revisions": session.scalar(select(func.count()).where(Revision.author_id == user.id)) or 0,
        "pairs": [dict(row) for row in pairs],
        "reviews": [dict(row) for row in reviews],
        "versions": _versions_with(session, Revision.author_id == user.id),
    }


def versions_with_pair(session: Session, pair: Pair) -> list[dict[str, Any]]:
    """Return the versions that contain a revision of the pair, with their runs and models."""
    return _versions_with(session, Revision.pair_id == pair.id)


def _versions_with(session: Session, condition: ColumnElement[bool]) -> list[dict[str, Any]]:
    """Return the versions with such revisions. Pairs are counted before the wide rows are joined."""
    counts = (
        select(
            VersionItem.version_id,
            func.count(distinct(VersionItem.pair_id)).label("pairs"),
            func.count(Revision.withdrawn_at).label("withdrawn"),
        )
        .join(Revision, Revision.id == VersionItem.revision_id)
        .where(condition)
        .group_by(VersionItem.version_id)
        .subquery()
    )
    rows = session.execute(
        select(DatasetVersion, Project.slug, counts.c.pairs, counts.c.withdrawn)
        .join(counts, counts.c.version_id == DatasetVersion.id)
        .join(Project, Project.id == DatasetVersion.project_id)
        .order_by(DatasetVersion.id)
    )
    return [
        {
            "version": version.id,
            "number": version.number,
            "name": version.name,
            "project": slug,
            "pairs": pairs,
            "withdrawn": withdrawn,
            "runs": [_run(session, run, model) for run, model in runs_and_models(session, version)],
        }
        for version, slug, pairs, withdrawn in rows
    ]


def _run(session: Session, run: TrainingRun, model: ModelVersion | None) -> dict[str, Any]:
    return {
        "run": run.id,
        "number": run.number,
        "state": run.state,
        "model": model.id if model else None,
        "model_number": model.number if model else None,
        "stage": model.stage if model else None,
        "trained_on_withdrawn": withdrawn_training_examples(session, run) if model else 0,
    }
