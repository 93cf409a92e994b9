"""Find what a withdrawal must blank, and every place that holds a copy of withdrawn texts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Text, cast, or_, select
from sqlalchemy.orm import Session

from app.core.idempotency import IdempotentAnswer
from app.domain.comments.tables import Comment
from app.domain.findings.tables import Finding
from app.domain.models.tables import ModelVersion
from app.domain.pairs.tables import Pair, Revision
from app.domain.privacy import withdrawal
from app.domain.privacy.withdrawal import WithdrawalResult
from app.domain.reviews.tables import Review
from app.domain.runs.tables import TrainingRun
from app.domain.versions.tables import DatasetVersion, VersionItem

COMMENT_COLUMNS = ((Review, Review.comment, Review.reviewer_id), (Comment, Comment.text, Comment.author_id))


def never_submitted(user_id: str) -> tuple[ColumnElement[bool], ...]:
    """Conditions for the user's drafts and discarded pairs."""
    return Pair.author_id == user_id, Pair.state.in_(("draft", "discarded"))


def pairs_to_blank(session: Session, user_id: str, content: str) -> list[str]:
    """Return the pairs that are not blanked yet: drafts, and with `withdraw` all that the user wrote in."""
    if content != "withdraw":
        return list(session.scalars(select(Pair.id).where(*never_submitted(user_id)).order_by(Pair.id)))
    written = (
        select(Revision.pair_id)
        .join(Pair, Pair.id == Revision.pair_id)
        .where(or_(Pair.author_id == user_id, Revision.author_id == user_id), Revision.withdrawn_at.is_(None))
    )
    open_pairs = select(Pair.id).where(Pair.author_id == user_id, Pair.state != "withdrawn")
    return sorted({*session.scalars(written), *session.scalars(open_pairs)})


def blanked_at(session: Session, user_id: str, at: datetime) -> WithdrawalResult:
    """Return the user's pairs and revisions that were blanked at this time."""
    pairs = select(Pair.id).where(Pair.author_id == user_id, Pair.state == "withdrawn")
    revisions = select(Revision.id).where(Revision.withdrawn_at == at)
    return WithdrawalResult(at, pairs=set(session.scalars(pairs)), revisions=set(session.scalars(revisions)))


def revisions_withdrawn(session: Session, pairs: Sequence[str], at: datetime) -> set[str]:
    """Return the revisions of these pairs that were withdrawn at this time."""
    statement = select(Revision.id).where(Revision.pair_id.in_(pairs), Revision.withdrawn_at == at)
    return set(session.scalars(statement))


def pairs_of_others(session: Session, pairs: Sequence[str], at: datetime) -> list[Pair]:
    """Return pairs that stay, of which a revision was withdrawn at this time."""
    statement = select(Pair).join(Revision, Revision.pair_id == Pair.id)
    withdrawn = statement.where(Pair.id.in_(pairs), Revision.withdrawn_at == at, Pair.state != "withdrawn")
    return list(session.scalars(withdrawn.distinct()))


def newest_remaining(session: Session, pair: Pair) -> Revision | None:
    """Return the pair's newest revision that is not withdrawn."""
    remaining = select(Revision).where(Revision.pair_id == pair.id, Revision.withdrawn_at.is_(None))
    return session.scalar(remaining.order_by(Revision.number.desc()).limit(1))


def revisions_quoting(session: Session, result: WithdrawalResult) -> list[str]:
    """Return revisions of other pairs whose checks quote a withdrawn near-duplicate."""
    projects = (
        select(Pair.project_id).join(Revision, Revision.pair_id == Pair.id).where(Revision.withdrawn_at == result.at)
    )
    rows = session.execute(
        select(Revision.id, Revision.problems)
        .join(Pair, Pair.id == Revision.pair_id)
        .where(Pair.project_id.in_(projects), cast(Revision.problems, Text).contains('"neighbours": [{'))
    )
    return [revision_id for revision_id, problems in rows if withdrawal.without_quotes(problems, result) != problems]


def problems_of(session: Session, revision_ids: Sequence[str]) -> list[tuple[str, list[dict[str, Any]]]]:
    """Return (revision id, problems)."""
    rows = session.execute(select(Revision.id, Revision.problems).where(Revision.id.in_(revision_ids)))
    return [(revision_id, problems) for revision_id, problems in rows]


def answers_naming(session: Session, result: WithdrawalResult) -> list[tuple[str, str]]:
    """Return the keys of stored answers to repeated requests that contain a withdrawn pair or revision."""
    answers = session.scalars(select(IdempotentAnswer))
    return [(answer.user_id, answer.key) for answer in answers if withdrawal.names_withdrawn(answer, result)]


def versions_with_withdrawn(session: Session, at: datetime) -> Sequence[str]:
    """Return the versions that hold an example withdrawn at this time."""
    items = select(VersionItem.version_id).join(Revision, Revision.id == VersionItem.revision_id)
    versions = items.where(Revision.withdrawn_at == at)
    return session.scalars(
        select(DatasetVersion.id).where(DatasetVersion.id.in_(versions)).order_by(DatasetVersion.id)
    ).all()


def runs_on(session: Session, version_id: str) -> Sequence[str]:
    """Return the training runs on a version."""
    return session.scalars(select(TrainingRun.id).where(TrainingRun.version_id == version_id)).all()


def findings_of(session: Session, run: TrainingRun) -> list[Finding]:
    """Return the findings of a run."""
    return list(session.scalars(select(Finding).where(Finding.run_id == run.id)))


def models_of(session: Session, run: TrainingRun) -> list[ModelVersion]:
    """Return the models that a run made."""
    return list(session.scalars(select(ModelVersion).where(ModelVersion.run_id == run.id)))


def comments_by(session: Session, user_id: str) -> list[tuple[Any, str, str]]:
    """Return (table, id, text) of every comment that the user wrote in a review or on a pair."""
    return [
        (table, row_id, text)
        for table, column, author in COMMENT_COLUMNS
        for row_id, text in session.execute(select(table.id, column).where(author == user_id, column != ""))
    ]


def judged_or_frozen() -> ColumnElement[bool]:
    """Condition for revisions that a review or a version refers to."""
    return or_(
        Revision.id.in_(select(VersionItem.revision_id).where(VersionItem.revision_id == Revision.id)),
        Revision.id.in_(select(Review.revision_id).where(Review.pair_id == Revision.pair_id)),
    )
