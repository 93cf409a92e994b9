"""Rounds: what is asked of the experts now, how far it is, where it leads, and opening, editing or closing one."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from itertools import zip_longest
from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter, Request, Response
from sqlalchemy.orm import Session
from starlette.datastructures import FormData

from app.core.errors import AppError, Invalid
from app.domain.accounts import queries as accounts_queries
from app.domain.accounts.permissions import Permission
from app.domain.accounts.tables import User
from app.domain.pairs import queries as pairs_queries
from app.domain.progress import queries as progress_queries
from app.domain.progress import throughput_queries
from app.domain.projects import queries as projects_queries
from app.domain.projects.tables import Project
from app.domain.rounds import actions as rounds_actions
from app.domain.rounds import queries as rounds_queries
from app.domain.rounds import targets as round_targets
from app.domain.rounds.tables import Round
from app.http.transactions import DbSession
from app.web.deps import CsrfForm, CurrentProject, CurrentUser, form_str, project_context, redirect, requires
from app.web.forms import form_errors
from app.web.pair_form import TAGS
from app.web.render import render

router = APIRouter(prefix="/projects/{slug}/rounds")
BLANK: dict[str, Any] = {"title": "", "brief": "", "deadline": "", "targets": [], "asked": {}}


@router.get("", dependencies=[requires(Permission.READ_PROJECT)])
def index(request: Request, session: DbSession, user: CurrentUser, project: CurrentProject) -> Response:
    return _list(request, session, user, project, BLANK)


@router.post("", dependencies=[requires(Permission.OPEN_ROUND)])
def open_round(
    request: Request, session: DbSession, user: CurrentUser, form: CsrfForm, project: CurrentProject
) -> Response:
    with form_errors(422) as result:
        one = rounds_actions.create_round(session, user, project, **_given(form))
    if result.error:
        return _list(request, session, user, project, _again(form), result.error)
    return redirect(request, f"/projects/{project.slug}/rounds/{one.id}", f"Round {one.number} is open.")


@router.get("/{round_id}", dependencies=[requires(Permission.READ_PROJECT)])
def show(request: Request, session: DbSession, user: CurrentUser, project: CurrentProject, round_id: str) -> Response:
    return _show(request, session, user, project, rounds_queries.by_id(session, project, round_id))


@router.post("/{round_id}", dependencies=[requires(Permission.OPEN_ROUND)])
def edit(
    request: Request, session: DbSession, user: CurrentUser, form: CsrfForm, project: CurrentProject, round_id: str
) -> Response:
    one = rounds_queries.by_id(session, project, round_id)
    with form_errors(422) as result:
        rounds_actions.edit_round(session, user, project, one, _given(form))
    if result.error:
        return _show(request, session, user, project, one, _again(form), result.error)
    return redirect(request, f"/projects/{project.slug}/rounds/{one.id}", "The round is changed.")


@router.post("/{round_id}/close", dependencies=[requires(Permission.OPEN_ROUND)])
def close(
    request: Request, session: DbSession, user: CurrentUser, form: CsrfForm, project: CurrentProject, round_id: str
) -> Response:
    one = rounds_queries.by_id(session, project, round_id)
    rounds_actions.close_round(session, user, project, one)
    return redirect(request, f"/projects/{project.slug}/rounds", f"Round {one.number} is closed.")


def targets(form: FormData) -> list[dict[str, Any]]:
    """The rows of the targets table that are filled in. Raises Invalid for a count that is no number."""
    columns = {name: [str(value).strip() for value in form.getlist(f"target_{name}")] for name in TAGS}
    other = [[str(value).strip() for value in form.getlist(f"target_{name}")] for name in ("tag", "value", "count")]
    filled = []
    for tag, value, count, *named in zip_longest(*other, *columns.values(), fillvalue=""):
        tags = {name: one for name, one in zip(columns, named, strict=True) if one} | ({tag: value} if value else {})
        if not tags and not count:
            continue
        if not (count.isascii() and count.isdigit()):
            slice_ = " × ".join(tags.values()) or "any kind"
            raise Invalid(f"How many pairs of {slice_}? Write a whole number.", field="targets")
        filled.append({"tags": tags, "count": int(count)} if tags else {"count": int(count)})
    return filled


def visible_people(found: progress_queries.Progress, user: User, can: Mapping[str, bool]) -> list[dict[str, Any]]:
    """Everybody's rows for those who review or plan; for an author the own one."""
    return [one for one in found.people if can["review_pair"] or one["user"] == user.id]


def writing_address(project: Project, round_: Round, tags: Mapping[str, str]) -> str:
    """The writing desk with the tags of a target filled in."""
    asked = {"round": round_.id} | {f"tag:{name}": value for name, value in tags.items()}
    return f"/projects/{project.slug}/pairs/new?{urlencode(asked)}"


def due(deadline: datetime | None, today: date | None = None) -> str:
    """How long is left, in words."""
    if deadline is None:
        return ""
    left = (deadline.date() - (today or datetime.now(UTC).date())).days
    if left < 0:
        return f"{-left} day{'s' if left != -1 else ''} late"
    return {0: "due today", 1: "due tomorrow"}.get(left, f"{left} days left")


def row(session: Session, user: User, project: Project, round_: Round) -> dict[str, Any]:
    """What a card of a round shows: progress, pace, one's own share, and where to write next."""
    found = progress_queries.of_round(session, round_)
    return {
        "round": round_,
        "progress": found,
        "pace": throughput_queries.of_round(session, round_),
        "due": due(round_.deadline),
        "late": round_.deadline is not None and round_.deadline.date() < datetime.now(UTC).date(),
        "mine": next((one for one in found.people if one["user"] == user.id), None),
        "next": [
            {**one, "address": writing_address(project, round_, one["tags"])}
            for one in sorted(found.targets, key=lambda target: -target["to_write"])
            if one["to_write"]
        ],
    }


def chart(pace: throughput_queries.Throughput) -> dict[str, Any]:
    """The throughput chart's data: days as ISO dates."""
    found = pace.forecast
    return {
        "days": [day["day"].isoformat() for day in pace.days],
        "sum": [day["sum"] for day in pace.days],
        "line": [day["line"] for day in pace.days],
        "forecast": {"expected": found.expected, "low": found.low, "high": found.high} if found else None,
        "target": pace.target,
    }


def _list(
    request: Request,
    session: Session,
    user: User,
    project: Project,
    given: dict[str, Any],
    error: AppError | None = None,
) -> Response:
    context = project_context(session, user, project, "/rounds")
    all_ = rounds_queries.all_rounds(session, project)
    open_ = rounds_queries.by_urgency([one for one in all_ if one.state == "open"])
    return render(
        request,
        "rounds/list.html",
        **context,
        rows=[row(session, user, project, one) for one in open_],
        closed=[(one, progress_queries.target_progress(session, one)) for one in all_ if one.state != "open"],
        given=given,
        error=error,
        **_choices(session, project),
    )


def _show(
    request: Request,
    session: Session,
    user: User,
    project: Project,
    round_: Round,
    given: dict[str, Any] | None = None,
    error: AppError | None = None,
) -> Response:
    context = project_context(session, user, project, "/rounds")
    found = row(session, user, project, round_)
    return render(
        request,
        "rounds/show.html",
        **context,
        row=found,
        people=visible_people(found["progress"], user, context["can"]),
        names=accounts_queries.names(session, [one["user"] for one in found["progress"].people]),
        chart=chart(found["pace"]) if found["pace"] else None,
        given=given or _stored(session, round_),
        error=error,
        **_choices(session, project),
    )


def _choices(session: Session, project: Project) -> dict[str, Any]:
    return {
        "tag_values": pairs_queries.tag_values(session, project),
        "tag_names": TAGS,
        "members": [one for _, one in projects_queries.members(session, project)],
    }


def _given(form: FormData) -> dict[str, Any]:
    """The form as the actions take it. Raises Invalid for a count that is no number."""
    return {
        "title": form_str(form, "title"),
        "brief": form_str(form, "brief"),
        "targets": targets(form),
        "deadline": form_str(form, "deadline") or None,
        "assignees": [{"user": one, "count": _asked(form, one)} for one in map(str, form.getlist("assignee"))],
    }


def _asked(form: FormData, user_id: str) -> int | None:
    count = form_str(form, f"asked:{user_id}")
    if count and not (count.isascii() and count.isdigit()):
        raise Invalid(f"{count!r} is no number of pairs; leave it empty to share the targets.", field="assignees")
    return int(count) if count else None


def _again(form: FormData) -> dict[str, Any]:
    """What was typed, for the form to show again; rows that cannot be read are left out."""
    typed: dict[str, Any] = {name: form_str(form, name) for name in ("title", "brief", "deadline")}
    try:
        typed["targets"] = [{**one, "tags": one.get("tags", {})} for one in targets(form)]
    except Invalid:
        typed["targets"] = []
    return {**typed, "asked": {str(one): form_str(form, f"asked:{one}") for one in form.getlist("assignee")}}


def _stored(session: Session, round_: Round) -> dict[str, Any]:
    asked = rounds_queries.assignees(session, [round_]).get(round_.id, {})
    return {
        "title": round_.title,
        "brief": round_.brief,
        "deadline": round_.deadline.date().isoformat() if round_.deadline else "",
        "targets": [{"tags": round_targets.tags_of(one), "count": one["count"]} for one in round_.targets],
        "asked": {user_id: count or "" for user_id, count in asked.items()},
    }
