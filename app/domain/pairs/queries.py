"""Reading pairs and revisions, their lists and filters, and the problems of a content."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import ColumnElement, and_, exists, false, func, or_, select
from sqlalchemy.orm import InstrumentedAttribute, Session, aliased

from app.core.errors import NotFound
from app.core.paging import Page, page_of
from app.domain.checks.problem import Neighbor
from app.domain.checks.run_checks import check_pair
from app.domain.checks.text.invisible import folded
from app.domain.pairs import token_limits
from app.domain.pairs.content import Content, is_text
from app.domain.pairs.indexes import embedding_queries, near_duplicate_queries, search_queries
from app.domain.pairs.tables import Pair, PairTag, PairText, Revision
from app.domain.projects import settings as project_settings
from app.domain.projects.tables import Project

WINDOW = 1_000
"""Newest pairs that a list reads row by row before it uses the index."""
MAX_CHOICES = 100
"""A tag with more values is not offered as a list to pick from."""


def by_id(session: Session, pair_id: str) -> Pair:
    """Return the pair. Raises NotFound."""
    if (pair := session.get(Pair, pair_id)) is None:
        raise NotFound()
    return pair


def by_ids(session: Session, pair_ids: Iterable[str]) -> list[Pair]:
    """Return the pairs with these ids; unknown ids are left out."""
    return list(session.scalars(select(Pair).where(Pair.id.in_(list(pair_ids)))))


def current(session: Session, pair: Pair) -> Revision:
    return _revision(session, pair.current_revision_id)


def submitted(session: Session, pair: Pair) -> Revision:
    """Return the revision that a reviewer decides on: the submitted one, even if a newer one was saved since."""
    return _revision(session, pair.submitted_revision_id or pair.current_revision_id)


def _revision(session: Session, revision_id: str) -> Revision:
    if (revision := session.get(Revision, revision_id)) is None:
        raise LookupError(f"no revision {revision_id}")
    return revision


def last_number(session: Session, pair: Pair) -> int:
    return session.scalar(select(func.max(Revision.number)).where(Revision.pair_id == pair.id)) or 0


def currents(session: Session, pairs: list[Pair]) -> dict[str, Revision]:
    """Return pair id -> its current revision, from one statement."""
    ids = [pair.current_revision_id for pair in pairs]
    return {revision.pair_id: revision for revision in session.scalars(select(Revision).where(Revision.id.in_(ids)))}


def revisions(session: Session, pair: Pair) -> list[Revision]:
    """Return all revisions of a pair, oldest first."""
    return list(session.scalars(select(Revision).where(Revision.pair_id == pair.id).order_by(Revision.number)))


# --- problems ---


def neighbors_of(
    session: Session, project: Project, content: Content, without: str | None
) -> tuple[list[Neighbor], tuple[Neighbor, ...]]:
    """Return neighbors by wording, then by meaning, each pair once; and the nearest approved pairs, where the prompt is
    far from all of them."""
    if not content.prompt.strip():
        return [], ()
    by_wording = near_duplicate_queries.neighbors(
        session, project, content.prompt, without=without, completion=content.completion
    )
    matches = embedding_queries.matches(session, project, content.prompt, without=without)
    ids = {neighbor.pair for neighbor in by_wording}
    return [*by_wording, *(neighbor for neighbor in matches.same if neighbor.pair not in ids)], matches.far_from


def problems_for(
    session: Session, project: Project, content: Content, *, without: str | None = None
) -> list[dict[str, Any]]:
    """Return every problem of a content, checked against the project and its settings; nothing is saved."""
    neighbors, far_from = neighbors_of(session, project, content, without)
    problems = check_pair(
        content.prompt,
        content.completion,
        neighbours=neighbors,
        far_from=far_from,
        sources=sources_of(content),
        code_language=content.tags.get("language", ""),
        **check_options(project),
    )
    return [problem.as_dict() for problem in problems]


def check_options(project: Project) -> dict[str, Any]:
    """Return the project's settings of the checks, as arguments of `check_pair`."""
    reader = token_limits.reader_of(project)
    return {
        "languages": project.languages,
        "task": project.task,
        "rules": project_settings.rules(project.settings),
        "settings": project_settings.of(project.settings)["checks"],
        "tokenizer": reader.tokenizer if reader else None,
        "context_length": reader.context if reader else 0,
    }


def sources_of(content: Content) -> list[str]:
    """Return the names by which an answer may cite the context documents."""
    names = [document.get(key, "") for document in content.context for key in ("title", "source")]
    return [name for name in names if name.strip()]


# --- lists ---


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
    """Return pairs, newest first, that match every filter; `also` is a condition from a higher room.

    A filter that many pairs match is answered from the newest pairs; a rare one through the index of texts.
    """
    place = [
        Pair.project_id == project.id,
        *([Pair.state == state] if state else []),
        *([] if also is None else [also]),
    ]
    conditions: list[ColumnElement[bool]] = [Pair.is_gold.is_(False)]
    if not (q or tags or author):
        return page_of(session, select(Pair).where(*place, *conditions), Pair.id, limit=limit, cursor=cursor)
    tag_spellings = [spellings(session, project, tag, [value]) for tag, value in (tags or {}).items()]
    if not all(tag_spellings) or not is_text(q or ""):
        return Page([], None)
    conditions += [has_tag(tag) for tag in tag_spellings]
    conditions += [Pair.author_id == author] if author else []
    conditions += [search_queries.contains(session, q)] if q else []
    place += [Pair.id < cursor] if cursor else []
    pairs = select(Pair).join(PairText, PairText.pair_id == Pair.id) if q else select(Pair)
    walked = [*place, *([Pair.author_id == author] if author and not state else [])]
    newest = select(Pair.id).where(*walked).order_by(Pair.id.desc())
    page = page_of(session, pairs.where(Pair.id.in_(newest.limit(WINDOW)), *conditions), Pair.id, limit=limit)
    if page.next or session.scalar(newest.offset(WINDOW).limit(1)) is None:
        return page
    marks = search_queries.marks_of(project.id, author, tags or {})
    terms = search_queries.SearchTerms(marks, search_queries.fold(q or ""))
    if search_queries.can_answer(session, terms):
        return search_queries.newest(session, terms, place, conditions, limit)
    return page_of(session, pairs.where(*place, *conditions), Pair.id, limit=limit)


def authors(session: Session, project: Project) -> list[str]:
    """Return the ids of all users who wrote a pair of the project, members or not."""
    return _distinct(session, Pair.author_id, Pair.project_id == project.id)


def counts_by_state(session: Session, project: Project, author: str | None = None) -> dict[str, int]:
    """Return state -> number of pairs. Gold pairs are counted apart and subtracted, so that an index answers alone."""
    statement = select(Pair.state, func.count()).where(Pair.project_id == project.id).group_by(Pair.state)
    if author:
        statement = statement.where(Pair.author_id == author)
    counts = dict(session.execute(statement).all())
    for state, gold in session.execute(statement.where(Pair.is_gold)):
        counts[state] -= gold
    return {state: count for state, count in counts.items() if count}


# --- tags ---


def spellings(session: Session, project: Project, tag: str, values: Sequence[str]) -> list[tuple[str, str]]:
    """Return every (tag, value) of the project that equals the tag with one of the values but for case and Unicode
    composition."""
    folded_values = {folded(value) for value in values}
    return [
        (name, value)
        for name in _distinct(session, PairTag.tag, PairTag.project_id == project.id)
        if folded(name) == folded(tag)
        for value in _distinct(session, PairTag.value, PairTag.project_id == project.id, PairTag.tag == name)
        if folded(value) in folded_values
    ]


def choices(session: Session, project: Project) -> dict[str, list[str]]:
    """Return tag -> its values by name, one spelling of each, to pick from; without tags of very many values."""
    values_of: dict[str, dict[str, str]] = {}
    names: dict[str, str] = {}
    too_many: set[str] = set()
    for name in _distinct(session, PairTag.tag, PairTag.project_id == project.id):
        of_tag = (PairTag.project_id == project.id, PairTag.tag == name)
        values = _distinct(session, PairTag.value, *of_tag, limit=MAX_CHOICES + 1)
        first_name = names.setdefault(folded(name), name)
        values_of.setdefault(first_name, {}).update({folded(value): value for value in values})
        if max(len(values), len(values_of[first_name])) > MAX_CHOICES:
            too_many.add(first_name)
    return {name: sorted(values.values(), key=folded) for name, values in values_of.items() if name not in too_many}


def _distinct(
    session: Session, key: InstrumentedAttribute[str], *where: ColumnElement[bool], limit: int | None = None
) -> list[str]:
    """Return the distinct values of an index's next column by jumping from one to the next: quick for few values."""
    steps = select(func.min(key).label("value")).where(*where).cte("steps", recursive=True)
    following = select(func.min(key)).where(*where, key > steps.c.value).scalar_subquery()
    steps = steps.union_all(select(following).where(steps.c.value.is_not(None)))
    return list(session.scalars(select(steps.c.value).where(steps.c.value.is_not(None)).limit(limit)))


def has_tag(tag_spellings: Sequence[tuple[str, str]]) -> ColumnElement[bool]:
    """Return a condition on Pair: it has one of these (tag, value)."""
    tag_row = aliased(PairTag)
    matches = (and_(tag_row.tag == tag, tag_row.value == value) for tag, value in tag_spellings)
    return exists().where(tag_row.pair_id == Pair.id, or_(*matches) if tag_spellings else false())


def tag_values(session: Session, project: Project) -> dict[str, list[tuple[str, int]]]:
    """Return tag -> its values with their counts, most frequent first."""
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
