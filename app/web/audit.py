"""The audit log: filtered list, verification, download."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Response
from fastapi.responses import StreamingResponse

from app.domain.accounts import queries as accounts_queries
from app.domain.accounts.permissions import Permission
from app.domain.audit import queries as audit_queries, verify_queries
from app.domain.audit.queries import Filters
from app.domain.projects import queries as projects_queries
from app.web.deps import Page, requires
from app.web.render import with_query

router = APIRouter()
NO_PROJECT = "no project"
FIELDS = ("subject", "actor", "action", "project", "since", "until")


def _values(page: Page) -> dict[str, str]:
    """Return the filter fields that are not empty."""
    query = page.request.query_params
    return {name: value for name in FIELDS if (value := query.get(name, "").strip())}


def _filters(page: Page) -> Filters:
    """Return the filters for the query. An unknown project matches no events."""
    values = _values(page)
    plain = {name: values.get(name, "") for name in ("subject", "actor", "action")}
    slug = values.get("project")
    project = projects_queries.by_slug(page.session, slug) if slug else None
    return Filters(
        **plain,
        project_id=project.id if project else NO_PROJECT if slug else "",
        since=audit_queries.parse_moment(values.get("since", ""), "since"),
        until=audit_queries.parse_moment(values.get("until", ""), "until"),
    )


@router.get("/audit", dependencies=[requires(Permission.READ_AUDIT)])
def index(page: Page, cursor: str | None = None) -> Response:
    events = audit_queries.page(page.session, _filters(page), cursor=cursor)
    return page.render(
        "audit/list.html",
        events=events,
        filters=_values(page),
        query=_query,
        state=verify_queries.verify_recent(page.session, page.settings),
        names=accounts_queries.display_names(page.session, {event.actor for event in events.items if event.actor}),
        is_denial=audit_queries.is_denial,
    )


@router.get("/audit/verification", dependencies=[requires(Permission.READ_AUDIT)])
def verification(page: Page) -> Response:
    return page.render("audit/verification.html", state=verify_queries.verify_log(page.session, page.settings))


@router.get("/audit/log.jsonl", dependencies=[requires(Permission.READ_AUDIT)])
def download(page: Page) -> Response:
    return StreamingResponse(
        audit_queries.json_lines(page.request.app.state.database, _filters(page)),
        media_type="application/jsonl",
        headers={"Content-Disposition": 'attachment; filename="audit.jsonl"'},
    )


def _query(values: dict[str, str], **change: Any) -> str:
    """Return the query string of these filters, with `change` applied."""
    return with_query("", values | change)
