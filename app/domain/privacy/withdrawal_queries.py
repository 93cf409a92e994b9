"""Find what a withdrawal must blank, and every place that holds a copy of withdrawn texts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, Text, cast, or_, select
from sqlalchemy.orm import Session

from app.core.idempotency import IdempotentAnswer
from app.domain.pairs.tables import Pair, Revision
from app.domain.privacy import withdrawal
from app.domain.privacy.withdrawal import WithdrawalResult
from app.domain.reviews.tables import Review
from app.domain.versions.tables import VersionItem


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
    projects = select(Pair.project_id).join(Revision, Revision.pair_id == Pair.id)
    has_neighbors = cast(Revision.problems, Text).contains('"neighbours": [{')
    checked = select(Revision.id, Revision.problems).join(Pair, Pair.id == Revision.pair_id).where(has_neighbors)
    rows = session.execute(checked.where(Pair.project_id.in_(projects.where(Revision.withdrawn_at == result.at))))
    return [revision_id for revision_id, problems in rows if withdrawal.without_quotes(problems, result) != problems]


def answers_naming(session: Session, result: WithdrawalResult) -> list[tuple[str, str]]:
    """Return the keys of stored answers to repeated requests that contain a withdrawn pair or revision."""
    answers = session.scalars(select(IdempotentAnswer))
    return [(answer.user_id, answer.key) for answer in answers if withdrawal.names_withdrawn(answer, result)]


def versions_with_withdrawn(session: Session, at: datetime) -> Sequence[str]:
    """Return the versions that hold an example withdrawn at this time."""
    items = select(VersionItem.version_id).join(Revision, Revision.id == VersionItem.revision_id)
    withdrawn = items.where(Revision.withdrawn_at == at)
    return session.scalars(withdrawn.distinct().order_by(VersionItem.version_id)).all()


def judged_or_frozen() -> ColumnElement[bool]:
    """Condition for revisions that a review or a version refers to."""
    return or_(
        Revision.id.in_(select(VersionItem.revision_id).where(VersionItem.revision_id == Revision.id)),
        Revision.id.in_(select(Review.revision_id).where(Review.pair_id == Revision.pair_id)),
    )
