"""Reads of pairs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, and_, exists, false, func, or_, select
from sqlalchemy.orm import InstrumentedAttribute, Session, aliased

from app.core.db import fast_rows
from app.core.errors import NotFound
from app.core.paging import Page, page_of
from app.domain.checks.problem import Neighbor
from app.domain.checks.run_checks import check_pair
from app.domain.checks.text.invisible import folded
from app.domain.pairs import token_limits
from app.domain.pairs.content import Content, is_text
from app.domain.pairs.indexes import embedding_index, near_duplicates, search
from app.domain.pairs.tables import Pair, PairTag, PairText, Revision
from app.domain.projects import settings as project_settings
from app.domain.projects.tables import Project

WINDOW = 1_000
"""Newest pairs that a list looks through one by one before it asks the index."""
MOST_CHOICES = 100
"""A tag of more values is none that a person picks from a list."""


def by_id(session: Session, pair_id: str) -> Pair:
    pair = fast_rows.get(session, Pair, pair_id)
    if pair is None:
        raise NotFound()
    return pair


def current(session: Session, pair: Pair) -> Revision:
    return _revision(session, pair.current_revision_id)


def submitted(session: Session, pair: Pair) -> Revision:
    """What a reviewer judges: the submitted revision, whatever was saved since."""
    return _revision(session, pair.submitted_revision_id or pair.current_revision_id)


def _revision(session: Session, revision_id: str) -> Revision:
    if (found := fast_rows.get(session, Revision, revision_id)) is None:
        raise LookupError(f"no revision {revision_id}")
    return found


def last_number(session: Session, pair: Pair) -> int:
    return session.scalar(select(func.max(Revision.number)).where(Revision.pair_id == pair.id)) or 0


def currents(session: Session, pairs: list[Pair]) -> dict[str, Revision]:
    """pair id -> its current revision, in one query."""
    found = session.scalars(select(Revision).where(Revision.id.in_([pair.current_revision_id for pair in pairs])))
    return {revision.pair_id: revision for revision in found}


def revisions(session: Session, pair: Pair) -> list[Revision]:
    """Oldest first."""
    return list(session.scalars(select(Revision).where(Revision.pair_id == pair.id).order_by(Revision.number)))


def neighbours_of(
    session: Session, project: Project, content: Content, *, without: str | None = None
) -> list[Neighbor]:
    """By wording first, then by meaning; none is named twice."""
    return _around(session, project, content, without)[0]


def _around(
    session: Session, project: Project, content: Content, without: str | None
) -> tuple[list[Neighbor], tuple[Neighbor, ...]]:
    """The neighbours; and the nearest approved pairs, where the prompt is far from all of them."""
    if not content.prompt.strip():
        return [], ()
    worded = near_duplicates.neighbours(
        session, project, content.prompt, without=without, completion=content.completion
    )
    meant, named = embedding_index.look(session, project, content.prompt, without=without), {one.pair for one in worded}
    return [*worded, *(one for one in meant.same if one.pair not in named)], meant.far_from


def problems_for(
    session: Session, project: Project, content: Content, *, without: str | None = None
) -> list[dict[str, Any]]:
    """Every problem of a content against the project and what it has set, nothing saved."""
    reader = token_limits.reader_of(project)
    neighbours, far_from = _around(session, project, content, without)
    found = check_pair(
        content.prompt,
        content.completion,
        languages=project.languages,
        neighbours=neighbours,
        far_from=far_from,
        task=project.task,
        rules=project_settings.rules(project.settings),
        sources=sources_of(content),
        settings=project_settings.of(project.settings)["checks"],
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
    """Pairs, newest first, that match every filter; `also` is a condition of a room above.

    What many have is soon met among the newest; what few have is found through the index of texts, authors and tags.
    """
    place = [
        Pair.project_id == project.id,
        *([Pair.state == state] if state else []),
        *([] if also is None else [also]),
    ]
    wanted: list[ColumnElement[bool]] = [Pair.is_gold.is_(False)]
    if not (q or tags or author):
        return page_of(session, select(Pair).where(*place, *wanted), Pair.id, limit=limit, cursor=cursor)
    spelt_as = [spellings(session, project, tag, [value]) for tag, value in (tags or {}).items()]
    if not all(spelt_as) or not is_text(q or ""):
        return Page([], None)
    wanted += [_tagged(held) for held in spelt_as]
    wanted += [Pair.author_id == author] if author else []
    wanted += [search.holds(session, q)] if q else []
    place += [Pair.id < cursor] if cursor else []
    pairs = select(Pair).join(PairText, PairText.pair_id == Pair.id) if q else select(Pair)
    walked = [*place, *([Pair.author_id == author] if author and not state else [])]
    first = select(Pair.id).where(*walked).order_by(Pair.id.desc())
    found = page_of(session, pairs.where(Pair.id.in_(first.limit(WINDOW)), *wanted), Pair.id, limit=limit)
    if found.next or session.scalar(first.offset(WINDOW).limit(1)) is None:
        return found
    asked = search.Asked(search.marks_of(project.id, author, tags or {}), search.fold(q or ""))
    if search.serves(session, asked):
        return search.newest(session, asked, place, wanted, limit)
    return page_of(session, pairs.where(*place, *wanted), Pair.id, limit=limit)


def authors(session: Session, project: Project) -> list[str]:
    """Ids of everybody who has written a pair of the project, whether or not they still belong to it."""
    return _distinct(session, Pair.author_id, Pair.project_id == project.id)


def spellings(session: Session, project: Project, tag: str, values: Sequence[str]) -> list[tuple[str, str]]:
    """Every (tag, value) of the project that is this tag with one of these values, however capitalised or composed."""
    wanted = {folded(value) for value in values}
    return [
        (name, held)
        for name in _distinct(session, PairTag.tag, PairTag.project_id == project.id)
        if folded(name) == folded(tag)
        for held in _distinct(session, PairTag.value, PairTag.project_id == project.id, PairTag.tag == name)
        if folded(held) in wanted
    ]


def choices(session: Session, project: Project) -> dict[str, list[str]]:
    """tag -> its values by name, one spelling of each, to pick one from. A tag of very many values is left out."""
    found: dict[str, dict[str, str]] = {}
    names: dict[str, str] = {}
    many: set[str] = set()
    for name in _distinct(session, PairTag.tag, PairTag.project_id == project.id):
        of_tag = (PairTag.project_id == project.id, PairTag.tag == name)
        values = _distinct(session, PairTag.value, *of_tag, most=MOST_CHOICES + 1)
        here = found.setdefault(names.setdefault(folded(name), name), {})
        here.update({folded(one): one for one in values})
        if len(values) > MOST_CHOICES:
            many.add(names[folded(name)])
    few = {name: some for name, some in found.items() if name not in many and len(some) <= MOST_CHOICES}
    return {name: sorted(some.values(), key=folded) for name, some in few.items()}


def _distinct(
    session: Session, key: InstrumentedAttribute[str], *where: ColumnElement[bool], most: int | None = None
) -> list[str]:
    """The distinct values of an index's next column, by jumping from one to the next: few, however many the rows."""
    steps = select(func.min(key).label("value")).where(*where).cte("steps", recursive=True)
    following = select(func.min(key)).where(*where, key > steps.c.value).scalar_subquery()
    steps = steps.union_all(select(following).where(steps.c.value.is_not(None)))
    return list(session.scalars(select(steps.c.value).where(steps.c.value.is_not(None)).limit(most)))


def _tagged(held: Sequence[tuple[str, str]]) -> ColumnElement[bool]:
    match = aliased(PairTag)
    return exists().where(match.pair_id == Pair.id, among(match, held))


def among(match: Any, held: Sequence[tuple[str, str]]) -> ColumnElement[bool]:
    """A condition on PairTag `match`: one of these spellings."""
    return or_(*(and_(match.tag == tag, match.value == value) for tag, value in held)) if held else false()


def spelt(session: Session, project: Project, match: Any, tag: str, values: list[str]) -> ColumnElement[bool]:
    """A condition on PairTag `match`: this tag with one of these values, however they are capitalised or composed."""
    return among(match, spellings(session, project, tag, values))


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
    found = session.execute(
        select(PairTag.tag, PairTag.value, func.count())
        .where(PairTag.project_id == project.id)
        .group_by(PairTag.tag, PairTag.value)
        .order_by(PairTag.tag, func.count().desc(), PairTag.value)
    )
    values: dict[str, list[tuple[str, int]]] = defaultdict(list)
    for tag, value, count in found:
        values[tag].append((value, count))
    return dict(values)
