"""The duplicate index: bands in the database find candidates, exact Jaccard decides."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session

from app.domain.checks.duplicates import THRESHOLD, band_keys, jaccard, shingles
from app.domain.checks.problem import Neighbour
from app.domain.pairs.tables import Pair, PairBand, PairTag, Revision
from app.domain.projects.tables import Project

MAX_CANDIDATES = 200


def neighbours(session: Session, project: Project, prompt: str, *, without: str | None = None) -> list[Neighbour]:
    """Pairs in review or beyond whose prompt is near-identical (Jaccard >= 0.7), most similar first."""
    grams = shingles(prompt)
    statement = (
        select(Pair.id, Pair.state, Revision.id.label("revision"), Revision.prompt, Revision.completion)
        .join(Revision, Revision.id == Pair.current_revision_id)
        .where(
            Pair.id.in_(
                select(PairBand.pair_id).where(PairBand.project_id == project.id, PairBand.key.in_(band_keys(grams)))
            ),
            Pair.state.not_in(("draft", "discarded", "rejected")),
        )
        .limit(MAX_CANDIDATES)
    )
    if without:
        statement = statement.where(Pair.id != without)
    found = [
        Neighbour(
            row.id, row.revision, round(jaccard(grams, shingles(row.prompt)), 4), row.prompt, row.completion, row.state
        )
        for row in session.execute(statement)
    ]
    return sorted((n for n in found if n.similarity >= THRESHOLD), key=lambda n: -n.similarity)


def reindex(session: Session, pair: Pair, revision: Revision) -> None:
    """Replace the tags and bands of a pair by those of its current revision."""
    session.execute(delete(PairTag).where(PairTag.pair_id == pair.id))
    session.execute(delete(PairBand).where(PairBand.pair_id == pair.id))
    add(session, [(pair, revision)])


def add(session: Session, rows: Sequence[tuple[Pair, Revision]]) -> None:
    """Index saved pairs that are not in the index; plain inserts, since an import brings hundreds of thousands."""
    tags = [
        {"pair_id": pair.id, "project_id": pair.project_id, "tag": tag, "value": value}
        for pair, revision in rows
        for tag, value in revision.tags.items()
    ]
    bands = [
        {"pair_id": pair.id, "project_id": pair.project_id, "key": key}
        for pair, revision in rows
        for key in sorted(set(band_keys(shingles(revision.prompt))))
    ]
    for table, values in ((PairTag, tags), (PairBand, bands)):
        if values:
            session.execute(insert(table), values)
