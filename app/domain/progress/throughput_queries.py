"""A round's approved pairs by day, with the line to its target and the forecast for its deadline.

Combines queries.py and forecast.py; reads the clock once.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from sqlalchemy.orm import Session

from app.core.db.base import now
from app.domain.progress import forecast, queries
from app.domain.rounds import targets as round_targets
from app.domain.rounds.tables import Round


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


def of_round(session: Session, round_: Round) -> Throughput | None:
    """None for a round without a deadline or without targets. One query."""
    target = round_targets.total(round_.targets)
    if round_.deadline is None or not target:
        return None
    deadline, today, opened = round_.deadline.date(), now().date(), round_.created_at.date()
    closed = round_.closed_at.date() if round_.closed_at else today
    by_day = queries.reached_by_day(session, round_)
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
