"""Progress of the rounds and of each user, grouped by the database and added up here, with a forecast for each round.

A pair counts for every target whose tags it has, ignoring capitals and Unicode composition. Discarded, withdrawn and
gold pairs are not counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session, aliased

from app.core.db.base import now
from app.domain.checks.text.invisible import folded
from app.domain.pairs.tables import Pair, PairTag
from app.domain.progress import forecast
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


@dataclass(frozen=True)
class Throughput:
    """`days`: [{day, approved, sum, line}] from opening to deadline; approved and sum are None for future days."""

    days: list[dict[str, Any]]
    target: int
    done: int
    forecast: forecast.Forecast | None
    needed_per_day: float | None
    words: str
    behind: bool


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


def throughput(session: Session, round_: Round) -> Throughput | None:
    """None for a round without a deadline or without targets. One query."""
    target = round_targets.total(round_.targets)
    if round_.deadline is None or not target:
        return None
    deadline, today, opened = round_.deadline.date(), now().date(), round_.created_at.date()
    closed = round_.closed_at.date() if round_.closed_at else today
    by_day = reached_by_day(session, round_)
    done, left = sum(by_day.values()), (deadline - today).days + 1
    daily, running = forecast.days_before(by_day, opened=opened, today=today)
    before = done - by_day.get(today, 0)
    expected = forecast.forecast(daily, before=before, done=done, days_left=left) if round_.state == "open" else None
    return Throughput(
        days=_days(by_day, running, opened, deadline, min(today, closed), target),
        target=target,
        done=done,
        forecast=expected,
        needed_per_day=forecast.needed_per_day(target, done=done, days_left=left),
        words=forecast.words(expected, target=target, done=done, deadline=deadline, today=today),
        behind=done < target and (left < 1 or (expected is not None and expected.expected < target)),
    )


def _days(
    by_day: dict[date, int], running: dict[date, int], opened: date, deadline: date, until: date, target: int
) -> list[dict[str, Any]]:
    days = []
    for at in range((max(deadline, until) - opened).days + 1):
        day = opened + timedelta(days=at)
        past = day <= until
        line = forecast.on_line(target, opened=opened, deadline=deadline, day=day)
        counted = {"approved": by_day.get(day, 0), "sum": running[day]} if past else {"approved": None, "sum": None}
        days.append({"day": day, **counted, "line": round(line, 1)})
    return days


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
    recent = [func.count().filter(Pair.updated_at >= since) for since in week_and_month()]
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


def week_and_month() -> tuple[datetime, datetime]:
    """Return when this week and this month began (UTC)."""
    today = datetime.combine(now().date(), time(), now().tzinfo)
    return today - timedelta(days=today.weekday()), today.replace(day=1)


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
    domains, languages = ({folded(name): name for name in names} for names in (project.domains, project.languages))
    for first, second, state, n in session.execute(statement):
        cell = cells.setdefault((_spelling(domains, first or ""), _spelling(languages, second or "")), Counter())
        cell["written"] += n
        cell["approved"] += n if state == "approved" else 0
    return {"domains": _named_first(domains), "languages": _named_first(languages), "cells": cells}


def _spelling(names: dict[str, str], value: str) -> str:
    """Return the first spelling of a value, and keep the value if it is new."""
    return names.setdefault(folded(value), value)


def _named_first(names: Mapping[str, str]) -> list[str]:
    """Return the names in order of appearance; untagged, the empty one, comes last."""
    return sorted(names.values(), key=lambda name: not name)


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
        count, counts = assigned.get(user), _counts([group for group in groups if group.key == user])
        lacking = max(0, count - counts["approved"]) if count else None
        people.append({"user": user, "assigned": user in assigned, "count": count, **counts, "lacking": lacking})
    return people


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
