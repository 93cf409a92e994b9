"""The audit log: filtered list, verification, download."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import StreamingResponse

from app.domain.accounts import queries as accounts_queries
from app.domain.accounts.permissions import Permission
from app.domain.audit import queries as audit_queries, verify_queries
from app.domain.audit.queries import Filters
from app.domain.projects import queries as projects_queries
from app.http.transactions import DbSession
from app.web.deps import CurrentUser, requires
from app.web.render import render

router = APIRouter()
NO_PROJECT = "no project"


def form_values(
    subject: str = "",
    actor: str = "",
    action: str = "",
    project: str = "",
    since: str = "",
    until: str = "",
) -> dict[str, str]:
    """Return the filter fields that are not empty."""
    fields = {"subject": subject, "actor": actor, "action": action, "project": project, "since": since, "until": until}
    return {name: value.strip() for name, value in fields.items() if value.strip()}


FormValues = Annotated[dict[str, str], Depends(form_values)]


def filters_of(session: DbSession, values: FormValues) -> Filters:
    """Return the filters for the query. An unknown project matches no events."""
    plain = {name: values.get(name, "") for name in ("subject", "actor", "action")}
    slug = values.get("project")
    project = projects_queries.by_slug(session, slug) if slug else None
    return Filters(
        **plain,
        project_id=project.id if project else NO_PROJECT if slug else "",
        since=audit_queries.parse_moment(values.get("since", ""), "since"),
        until=audit_queries.parse_moment(values.get("until", ""), "until"),
    )


AuditFilters = Annotated[Filters, Depends(filters_of)]


@router.get("/audit", dependencies=[requires(Permission.READ_AUDIT)])
def index(
    request: Request,
    session: DbSession,
    user: CurrentUser,
    values: FormValues,
    filters: AuditFilters,
    cursor: str | None = None,
) -> Response:
    events = audit_queries.page(session, filters, cursor=cursor)
    return render(
        request,
        "audit/list.html",
        events=events,
        filters=values,
        query=_query,
        state=verify_queries.verify_recent(session, request.app.state.settings),
        names=accounts_queries.display_names(session, {event.actor for event in events.items if event.actor}),
        is_denial=audit_queries.is_denial,
    )


@router.get("/audit/verification", dependencies=[requires(Permission.READ_AUDIT)])
def verification(request: Request, session: DbSession, user: CurrentUser) -> Response:
    return render(
        request, "audit/verification.html", state=verify_queries.verify_log(session, request.app.state.settings)
    )


@router.get("/audit/log.jsonl", dependencies=[requires(Permission.READ_AUDIT)])
def download(request: Request, session: DbSession, user: CurrentUser, filters: AuditFilters) -> Response:
    return StreamingResponse(
        audit_queries.json_lines(request.app.state.database, filters),
        media_type="application/jsonl",
        headers={"Content-Disposition": 'attachment; filename="audit.jsonl"'},
    )


def _query(values: dict[str, str], **change: Any) -> str:
    """Return the query string of these filters, with `change` applied."""
    return "?" + urlencode({name: value for name, value in {**values, **change}.items() if value})
