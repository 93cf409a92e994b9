"""Reads of pairs."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.orm import Session, aliased

from app.core.errors import NotFound
from app.core.paging import Page, page_of
from app.domain.checks.catalogue import check_pair
from app.domain.checks.problem import Neighbour
from app.domain.checks.text.invisible import folded
from app.domain.pairs import index, lengths, progress, vectors
from app.domain.pairs.messages import Content
from app.domain.pairs.tables import Pair, PairTag, Revision
from app.domain.projects import settings
from app.domain.projects.tables import Project
from app.domain.rounds.tables import Round


def by_id(session: Session, pair_id: str) -> Pair:
    pair = session.get(Pair, pair_id)
    if pair is None:
        raise NotFound()
    return pair


def current(session: Session, pair: Pair) -> Revision:
    return session.get_one(Revision, pair.current_revision_id)


def submitted(session: Session, pair: Pair) -> Revision:
    """What a reviewer judges: the submitted revision, whatever was saved since."""
    return session.get_one(Revision, pair.submitted_revision_id or pair.current_revision_id)


def last_number(session: Session, pair: Pair) -> int:
    return session.scalar(select(func.max(Revision.number)).where(Revision.pair_id == pair.id)) or 0


def currents(session: Session, pairs: list[Pair]) -> dict[str, Revision]:
    """pair id -> its current revision, in one query."""
    rows = session.scalars(select(Revision).where(Revision.id.in_([pair.current_revision_id for pair in pairs])))
    return {revision.pair_id: revision for revision in rows}


def revisions(session: Session, pair: Pair) -> list[Revision]:
    """Oldest first."""
    return list(session.scalars(select(Revision).where(Revision.pair_id == pair.id).order_by(Revision.number)))


def neighbours_of(
    session: Session, project: Project, content: Content, *, without: str | None = None
) -> list[Neighbour]:
    """By wording first, then by meaning; none is named twice."""
    if not content.prompt.strip():
        return []
    worded = index.neighbours(session, project, content.prompt, without=without, completion=content.completion)
    meant = vectors.neighbours(session, project, content.prompt, without=without)
    return [*worded, *(one for one in meant if one.pair not in {other.pair for other in worded})]


def problems_for(
    session: Session, project: Project, content: Content, *, without: str | None = None
) -> list[dict[str, Any]]:
    """Every problem of a content against the project and what it has set, nothing saved."""
    reader = lengths.reader_of(project)
    found = check_pair(
        content.prompt,
        content.completion,
        languages=project.languages,
        neighbours=neighbours_of(session, project, content, without=without),
        task=project.task,
        rules=settings.rules(project.settings),
        sources=sources_of(content),
        settings=settings.of(project.settings)["checks"],
        code_language=content.tags.get("language", ""),
        tokenizer=reader.tokenizer if reader else None,
        context_length=reader.context if reader else 0,
    )
    return [problem.as_dict() for problem in found]


def sources_of(content: Content) -> list[str]:
    """The names under which an answer may cite the context documents."""
    return [name for one in content.context for name in (one.get("title", ""), one.get("source", "")) if name.strip()]


def page(
    session: Session,
    project: Project,
    *,
    state: str | None = None,
    tags: dict[str, str] | None = None,
    author: str | None = None,
    q: str | None = None,
    limit: int = 50,
    cursor: str | None = None,
    also: ColumnElement[bool] | None = None,
) -> Page[Pair]:
    """Pairs, newest first, that match every filter; `also` is a condition of a room above."""
    statement = select(Pair).where(Pair.project_id == project.id, Pair.is_gold.is_(False))
    if state:
        statement = statement.where(Pair.state == state)
    if author:
        statement = statement.where(Pair.author_id == author)
    if also is not None:
        statement = statement.where(also)
    for tag, value in (tags or {}).items():
        match = aliased(PairTag)
        statement = statement.where(
            select(match.pair_id).where(match.pair_id == Pair.id, spelt(session, project, match, tag, [value])).exists()
        )
    if q:
        statement = statement.join(Revision, Revision.id == Pair.current_revision_id).where(
            or_(Revision.prompt.icontains(q, autoescape=True), Revision.completion.icontains(q, autoescape=True))
        )
    return page_of(session, statement, Pair.id, limit=limit, cursor=cursor)


def spelt(session: Session, project: Project, match: Any, tag: str, values: list[str]) -> ColumnElement[bool]:
    """A condition on PairTag `match`: this tag with one of these values, however they are capitalised or composed."""
    named = select(PairTag.tag).where(PairTag.project_id == project.id).distinct()
    tags = [one for one in session.scalars(named) if folded(one) == folded(tag)]
    wanted = {folded(value) for value in values}
    held = select(PairTag.value).where(PairTag.project_id == project.id, PairTag.tag.in_(tags)).distinct()
    return and_(match.tag.in_(tags), match.value.in_([one for one in session.scalars(held) if folded(one) in wanted]))


def counts_by_state(session: Session, project: Project, author: str | None = None) -> dict[str, int]:
    """Gold pairs are counted apart and taken off, so that the count itself is read from an index alone."""
    statement = select(Pair.state, func.count()).where(Pair.project_id == project.id).group_by(Pair.state)
    if author:
        statement = statement.where(Pair.author_id == author)
    counts = dict(session.execute(statement).all())
    for state, gold in session.execute(statement.where(Pair.is_gold)):
        counts[state] -= gold
    return {state: count for state, count in counts.items() if count}


def tag_values(session: Session, project: Project) -> dict[str, list[tuple[str, int]]]:
    """tag -> its values with their counts, commonest first."""
    rows = session.execute(
        select(PairTag.tag, PairTag.value, func.count())
        .where(PairTag.project_id == project.id)
        .group_by(PairTag.tag, PairTag.value)
        .order_by(PairTag.tag, func.count().desc(), PairTag.value)
    )
    values: dict[str, list[tuple[str, int]]] = defaultdict(list)
    for tag, value, count in rows:
        values[tag].append((value, count))
    return dict(values)


def round_progress(session: Session, round_: Round) -> list[dict[str, Any]]:
    """Each target with how many pairs of the round were written, wait, are approved and still lack; two queries."""
    return progress.of_round(session, round_).targets
