"""Progress of a project's rounds and of each user: grouped by the database, added up here.

A pair counts for every target whose tags it has, ignoring capitals and Unicode composition. Discarded, withdrawn and
gold pairs are not counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session, aliased

from app.core.db.base import now
from app.domain.checks.text.invisible import folded
from app.domain.pairs.tables import Pair, PairTag
from app.domain.projects.tables import Project
from app.domain.rounds import queries as rounds_queries, targets as round_targets
from app.domain.rounds.tables import Round

WAITING = ("submitted", "in_review")
REMOVED = ("discarded", "withdrawn")


@dataclass(frozen=True)
class Group:
    """Pairs of a round with the same state, key and target tags. `tags`: folded name -> folded value."""

    state: str
    key: str
    tags: Mapping[str, str]
    n: int

    def has(self, tags: Mapping[str, str]) -> bool:
        return all(self.tags.get(name) == value for name, value in tags.items())


@dataclass(frozen=True)
class Progress:
    """`targets`: {tags, label, count, …counts, lacking, to_write}; `people`: {user, assigned, count, …counts, lacking}.

    The counts are `written` (all pairs), `submitted` (waiting for a review), `returned`, `approved` and `rejected`.
    `lacking` is how many approved pairs are missing, `to_write` how many are missing even if all pairs in progress are
    approved. `reached` of `total` counts each target up to its own count.
    """

    targets: list[dict[str, Any]]
    people: list[dict[str, Any]]
    total: int
    reached: int
    written: int
    approved: int


def of_round(session: Session, round_: Round) -> Progress:
    """Two queries, however many targets and people."""
    groups = _groups(session, round_, Pair.author_id)
    assigned = rounds_queries.assignees(session, [round_]).get(round_.id, {})
    targets = [_target(target, groups) for target in round_.targets]
    counts = _counts(groups)
    return Progress(
        targets=targets,
        people=_people(groups, assigned),
        total=round_targets.total(round_.targets),
        reached=sum(min(target["approved"], target["count"]) for target in targets),
        written=counts["written"],
        approved=counts["approved"],
    )


def reached_by_day(session: Session, round_: Round) -> dict[date, int]:
    """Day (UTC) -> approved pairs that counted for a target, up to each target's count. One query.

    The day is that of the approval: any later change of an approved pair changes its state.
    """
    groups = _groups(session, round_, _day(session, Pair.updated_at), Pair.state == "approved")
    left = [target["count"] for target in round_.targets]
    wanted = [_folded(round_targets.tags_of(target)) for target in round_.targets]
    reached: Counter[date] = Counter()
    for group in sorted(groups, key=lambda group: group.key):
        for at, tags in enumerate(wanted):
            counted = min(group.n, left[at]) if group.has(tags) else 0
            left[at] -= counted
            reached[date.fromisoformat(group.key)] += counted
    return dict(reached)


def approved_by_day(session: Session, project: Project, days: int = 31) -> dict[date, int]:
    """Day (UTC) -> pairs approved on it."""
    day = _day(session, Pair.updated_at)
    since = datetime.combine(now().date() - timedelta(days=days - 1), time(), now().tzinfo)
    statement = select(day, func.count()).where(
        Pair.project_id == project.id, Pair.state == "approved", Pair.updated_at >= since, Pair.is_gold.is_(False)
    )
    return {date.fromisoformat(str(approved_on)): n for approved_on, n in session.execute(statement.group_by(day))}


def author_counts(session: Session, project: Project, user_id: str) -> dict[str, int]:
    """An author's pairs: {draft, submitted, changes_requested, approved, rejected, approved_week, approved_month}."""
    today = datetime.combine(now().date(), time(), now().tzinfo)
    week, month = today - timedelta(days=today.weekday()), today.replace(day=1)
    recent = [func.count().filter(Pair.updated_at >= since) for since in (week, month)]
    statement = select(Pair.state, func.count(), recent[0], recent[1]).where(
        Pair.project_id == project.id, Pair.author_id == user_id, Pair.is_gold.is_(False), Pair.state.not_in(REMOVED)
    )
    counts = dict.fromkeys(("draft", "submitted", "changes_requested", "approved", "rejected"), 0)
    counts |= {"approved_week": 0, "approved_month": 0}
    for state, n, in_week, in_month in session.execute(statement.group_by(Pair.state)):
        counts["submitted" if state in WAITING else state] += n
        if state == "approved":
            counts["approved_week"], counts["approved_month"] = in_week, in_month
    return counts


def coverage(session: Session, project: Project) -> dict[str, Any]:
    """{domains, languages, cells: {(domain, language): {written, approved}}}; the project's own values come first."""
    domain, language = aliased(PairTag), aliased(PairTag)
    statement = (
        select(domain.value, language.value, Pair.state, func.count())
        .select_from(Pair)
        .outerjoin(domain, (domain.pair_id == Pair.id) & (domain.tag == "domain"))
        .outerjoin(language, (language.pair_id == Pair.id) & (language.tag == "language"))
        .where(Pair.project_id == project.id, *_counted())
        .group_by(domain.value, language.value, Pair.state)
    )
    cells: dict[tuple[str, str], Counter[str]] = {}
    names = [_Names(project.domains), _Names(project.languages)]
    for first, second, state, n in session.execute(statement):
        cell = cells.setdefault((names[0].of(first), names[1].of(second)), Counter())
        cell["written"] += n
        cell["approved"] += n if state == "approved" else 0
    return {"domains": names[0].listed, "languages": names[1].listed, "cells": cells}


class _Names:
    """Values in order of appearance, with one spelling of each; untagged comes last."""

    def __init__(self, first: Iterable[str]) -> None:
        self._known = {folded(name): name for name in first}
        self._untagged = False

    def of(self, value: str | None) -> str:
        if value is None:
            self._untagged = True
            return ""
        return self._known.setdefault(folded(value), value)

    @property
    def listed(self) -> list[str]:
        return [*self._known.values(), *([""] if self._untagged else [])]


def _groups(session: Session, round_: Round, key: ColumnElement[Any] | Any, *where: ColumnElement[bool]) -> list[Group]:
    """The round's pairs by state, `key` and the tags of its targets."""
    names = sorted({name for target in round_.targets for name in round_targets.tags_of(target)})
    tags = [aliased(PairTag) for _ in names]
    columns = [Pair.state, key, *(tag.value for tag in tags)]
    statement = select(func.count(), *columns).select_from(Pair)
    for name, tag in zip(names, tags, strict=True):
        statement = statement.outerjoin(tag, (tag.pair_id == Pair.id) & (tag.tag == name))
    statement = statement.where(Pair.round_id == round_.id, *_counted(), *where).group_by(*columns)
    return [
        Group(row[1], str(row[2]), _folded(dict(zip(names, row[3:], strict=True))), row[0])
        for row in session.execute(statement)
    ]


def _counted() -> tuple[ColumnElement[bool], ...]:
    return Pair.discarded_at.is_(None), Pair.state.not_in(REMOVED), Pair.is_gold.is_(False)


def _target(target: Mapping[str, Any], groups: Sequence[Group]) -> dict[str, Any]:
    wanted = _folded(round_targets.tags_of(target))
    counts = _counts([group for group in groups if group.has(wanted)])
    return {
        **round_targets.shown(target),
        "tags": round_targets.tags_of(target),
        "label": round_targets.label(target),
        **counts,
        "lacking": max(0, target["count"] - counts["approved"]),
        "to_write": max(0, target["count"] - counts["written"] + counts["rejected"]),
    }


def _people(groups: Sequence[Group], assigned: Mapping[str, int | None]) -> list[dict[str, Any]]:
    """The assignees, then the other users who wrote pairs."""
    others = [user for user in sorted({group.key for group in groups}) if user not in assigned]
    people = []
    for user in [*assigned, *others]:
        count, counts = assigned.get(user), _by(groups, user)
        lacking = max(0, count - counts["approved"]) if count else None
        people.append({"user": user, "assigned": user in assigned, "count": count, **counts, "lacking": lacking})
    return people


def _by(groups: Sequence[Group], user: str) -> dict[str, int]:
    return _counts([group for group in groups if group.key == user])


def _counts(groups: Sequence[Group]) -> dict[str, int]:
    by_state: Counter[str] = Counter()
    for group in groups:
        by_state[group.state] += group.n
    return {
        "written": by_state.total(),
        "submitted": sum(by_state[state] for state in WAITING),
        "returned": by_state["changes_requested"],
        "approved": by_state["approved"],
        "rejected": by_state["rejected"],
    }


def _folded(tags: Mapping[str, str | None]) -> dict[str, str]:
    return {folded(name): folded(value) for name, value in tags.items() if value is not None}


def _day(session: Session, moment: Any) -> ColumnElement[Any]:
    """The day of a moment in UTC, on SQLite and PostgreSQL."""
    if session.get_bind().dialect.name == "postgresql":
        return func.date(func.timezone("UTC", moment))
    return func.date(moment)
