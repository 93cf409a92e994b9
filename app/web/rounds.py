"""Rounds: the list, one round with its progress and forecast; open, edit and close a round."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from itertools import zip_longest
from typing import Any

from fastapi import APIRouter, Response
from sqlalchemy.orm import Session

from app.core.errors import AppError, Invalid
from app.domain.accounts import queries as accounts_queries
from app.domain.accounts.permissions import Permission
from app.domain.accounts.tables import User
from app.domain.pairs import queries as pairs_queries
from app.domain.progress import queries as progress_queries
from app.domain.projects import queries as projects_queries
from app.domain.projects.tables import Project
from app.domain.rounds import actions as rounds_actions, queries as rounds_queries, targets as round_targets
from app.domain.rounds.tables import Round
from app.web.deps import Page, requires
from app.web.forms import Form
from app.web.pairs_form import TAGS
from app.web.render import with_query

router = APIRouter(prefix="/projects/{slug}/rounds")
BLANK: dict[str, Any] = {"title": "", "brief": "", "deadline": "", "targets": [], "assignees": {}}


@router.get("", dependencies=[requires(Permission.READ_PROJECT)])
def index(page: Page) -> Response:
    return _list(page, BLANK)


@router.post("", dependencies=[requires(Permission.OPEN_ROUND)])
def create(page: Page) -> Response:
    try:
        round_ = rounds_actions.create_round(page.session, page.user, page.project, **_parsed(page.form))
    except Invalid as error:
        return _list(page, _typed(page.form), error)
    return page.redirect(f"{page.root}/rounds/{round_.id}", f"Round {round_.number} created")


@router.get("/{round_id}", dependencies=[requires(Permission.READ_PROJECT)])
def show(page: Page, round_id: str) -> Response:
    return _show(page, rounds_queries.by_id(page.session, page.project, round_id))


@router.post("/{round_id}", dependencies=[requires(Permission.OPEN_ROUND)])
def edit(page: Page, round_id: str) -> Response:
    round_ = rounds_queries.by_id(page.session, page.project, round_id)
    try:
        rounds_actions.edit_round(page.session, page.user, page.project, round_, _parsed(page.form))
    except Invalid as error:
        return _show(page, round_, _typed(page.form), error)
    return page.redirect(f"{page.root}/rounds/{round_.id}", "Round saved")


@router.post("/{round_id}/close", dependencies=[requires(Permission.OPEN_ROUND)])
def close(page: Page, round_id: str) -> Response:
    round_ = rounds_queries.by_id(page.session, page.project, round_id)
    rounds_actions.close_round(page.session, page.user, page.project, round_)
    return page.redirect(f"{page.root}/rounds", f"Round {round_.number} closed")


def targets(form: Form) -> list[dict[str, Any]]:
    """Return the filled-in rows of the targets table. Raises Invalid if a count is not a number."""
    columns = {name: [value.strip() for value in form.every(f"target_{name}")] for name in TAGS}
    other = [[value.strip() for value in form.every(f"target_{name}")] for name in ("tag", "value", "count")]
    rows = []
    for tag, value, count, *named in zip_longest(*other, *columns.values(), fillvalue=""):
        tags = {name: text for name, text in zip(columns, named, strict=True) if text} | ({tag: value} if value else {})
        if not tags and not count:
            continue
        if not (count.isascii() and count.isdigit()):
            slice_ = " × ".join(tags.values()) or "any tag"
            raise Invalid(f"Enter the number of pairs for {slice_} as a whole number.", field="targets")
        rows.append({"tags": tags, "count": int(count)} if tags else {"count": int(count)})
    return rows


def _writing_url(project: Project, round_: Round, tags: Mapping[str, str]) -> str:
    """Return the URL of a new pair with the tags of a target filled in."""
    query = {"round": round_.id} | {f"tag:{name}": value for name, value in tags.items()}
    return with_query(f"/projects/{project.slug}/pairs/new", query)


def due(deadline: datetime | None, today: date | None = None) -> str:
    """Return the time left in words."""
    if deadline is None:
        return ""
    left = (deadline.date() - (today or datetime.now(UTC).date())).days
    if left < 0:
        return f"{-left} day{'s' if left != -1 else ''} overdue"
    return {0: "Due today", 1: "Due tomorrow"}.get(left, f"{left} days left")


def row(session: Session, user: User, project: Project, round_: Round) -> dict[str, Any]:
    """Return what the card of a round shows: progress, forecast, the user's share, and the next targets."""
    progress = progress_queries.of_round(session, round_)
    return {
        "round": round_,
        "progress": progress,
        "pace": progress_queries.throughput(session, round_),
        "due": due(round_.deadline),
        "late": round_.deadline is not None and round_.deadline.date() < datetime.now(UTC).date(),
        "mine": next((person for person in progress.people if person["user"] == user.id), None),
        "next": [
            {**target, "url": _writing_url(project, round_, target["tags"])}
            for target in sorted(progress.targets, key=lambda target: -target["to_write"])
            if target["to_write"]
        ],
    }


def open_rows(session: Session, user: User, project: Project) -> list[dict[str, Any]]:
    """Return the cards of the open rounds, most urgent first."""
    return [row(session, user, project, round_) for round_ in rounds_queries.open_rounds(session, project)]


def chart(pace: progress_queries.Throughput) -> dict[str, Any]:
    """Return the data of the throughput chart; days are ISO dates."""
    forecast = pace.forecast
    return {
        "days": [day["day"].isoformat() for day in pace.days],
        "sum": [day["sum"] for day in pace.days],
        "line": [day["line"] for day in pace.days],
        "forecast": {"expected": forecast.expected, "low": forecast.low, "high": forecast.high} if forecast else None,
        "target": pace.target,
    }


def _list(page: Page, values: dict[str, Any], error: AppError | None = None) -> Response:
    rounds = rounds_queries.all_rounds(page.session, page.project)
    return page.render(
        "rounds/list.html",
        tab="/rounds",
        rows=open_rows(page.session, page.user, page.project),
        closed=[
            (round_, progress_queries.of_round(page.session, round_).targets)
            for round_ in rounds
            if round_.state != "open"
        ],
        values=values,
        error=error,
        **_choices(page.session, page.project),
    )


def _show(page: Page, round_: Round, values: dict[str, Any] | None = None, error: AppError | None = None) -> Response:
    details = row(page.session, page.user, page.project, round_)
    people = details["progress"].people
    return page.render(
        "rounds/show.html",
        tab="/rounds",
        row=details,
        people=people if page.can["review_pair"] else [own for own in people if own["user"] == page.user.id],
        names=accounts_queries.display_names(page.session, [person["user"] for person in people]),
        chart=chart(details["pace"]) if details["pace"] else None,
        values=values or _stored(page.session, round_),
        error=error,
        **_choices(page.session, page.project),
    )


def _choices(session: Session, project: Project) -> dict[str, Any]:
    return {
        "tag_values": pairs_queries.tag_values(session, project),
        "tag_names": TAGS,
        "members": [member for _, member in projects_queries.members(session, project)],
    }


def _parsed(form: Form) -> dict[str, Any]:
    """Return the form as the actions expect it. Raises Invalid if a count is not a number."""
    return {
        "title": form.text("title"),
        "brief": form.text("brief"),
        "targets": targets(form),
        "deadline": form.text("deadline") or None,
        "assignees": [{"user": user_id, "count": _assigned(form, user_id)} for user_id in form.every("assignee")],
    }


def _assigned(form: Form, user_id: str) -> int | None:
    count = form.text(f"assigned:{user_id}")
    if count and not (count.isascii() and count.isdigit()):
        raise Invalid(
            f"{count!r} is not a whole number. Enter the number of pairs, or leave it empty to share the targets.",
            field="assignees",
        )
    return int(count) if count else None


def _typed(form: Form) -> dict[str, Any]:
    """Return what was typed, to show the form again; without targets if they cannot be read."""
    typed: dict[str, Any] = {**form.texts("title", "brief", "deadline")}
    try:
        typed["targets"] = [{**target, "tags": target.get("tags", {})} for target in targets(form)]
    except Invalid:
        typed["targets"] = []
    assignees = {user_id: form.text(f"assigned:{user_id}") for user_id in form.every("assignee")}
    return {**typed, "assignees": assignees}


def _stored(session: Session, round_: Round) -> dict[str, Any]:
    assignees = rounds_queries.assignees(session, [round_]).get(round_.id, {})
    return {
        "title": round_.title,
        "brief": round_.brief,
        "deadline": round_.deadline.date().isoformat() if round_.deadline else "",
        "targets": [{"tags": round_targets.tags_of(item), "count": item["count"]} for item in round_.targets],
        "assignees": {user_id: count or "" for user_id, count in assignees.items()},
    }
