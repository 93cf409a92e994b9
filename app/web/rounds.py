"""Rounds: what is asked of the experts now, how far it is, and opening or closing one."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response
from starlette.datastructures import FormData

from app.core.errors import Invalid
from app.domain.accounts.permissions import Permission
from app.domain.pairs import queries as pairs
from app.domain.projects import access
from app.domain.rounds import actions, queries
from app.web.deps import Db, Me, Posted, asks, go, in_project, text
from app.web.render import page

router = APIRouter(prefix="/projects/{slug}/rounds")


@router.get("", dependencies=[asks(Permission.READ_PROJECT)])
def index(request: Request, session: Db, user: Me, slug: str) -> Response:
    project = access.visible_project(session, user, slug)
    rows = [(one, pairs.round_progress(session, one)) for one in queries.all_rounds(session, project)]
    return page(
        request,
        "rounds/list.html",
        **in_project(session, user, project, "/rounds"),
        rows=rows,
        tag_values=pairs.tag_values(session, project),
    )


@router.post("", dependencies=[asks(Permission.OPEN_ROUND)])
def open_round(request: Request, session: Db, user: Me, form: Posted, slug: str) -> Response:
    project = access.visible_project(session, user, slug)
    one = actions.open_round(
        session, user, project, title=text(form, "title"), brief=text(form, "brief"), targets=targets(form)
    )
    return go(request, f"/projects/{slug}/rounds", f"Round {one.number} is open.")


@router.post("/{round_id}/close", dependencies=[asks(Permission.OPEN_ROUND)])
def close(request: Request, session: Db, user: Me, form: Posted, slug: str, round_id: str) -> Response:
    project = access.visible_project(session, user, slug)
    one = queries.by_id(session, project, round_id)
    actions.close_round(session, user, project, one)
    return go(request, f"/projects/{slug}/rounds", f"Round {one.number} is closed.")


def targets(form: FormData) -> list[dict[str, Any]]:
    """The rows of the targets table that are filled in. Raises Invalid for a count that is no number."""
    rows = zip(form.getlist("target_tag"), form.getlist("target_value"), form.getlist("target_count"), strict=False)
    filled: list[dict[str, Any]] = []
    for tag, value, count in rows:
        if not str(value).strip():
            continue
        if not str(count).strip().isdigit():
            raise Invalid(f"How many pairs of {value}? Write a whole number.", field="targets")
        filled.append({"tag": str(tag).strip(), "value": str(value).strip(), "count": int(str(count))})
    return filled
