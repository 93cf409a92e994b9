"""The audit log, for admins: pages of events, the whole of it as JSON Lines, and whether it is what was recorded."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import StreamingResponse

from app.api.deps import CurrentUser, Limit, requires
from app.api.strict_route import StrictRoute
from app.core.errors import NotFound
from app.domain.accounts.permissions import Permission
from app.domain.audit import queries as audit_queries
from app.domain.audit import verify_queries
from app.domain.audit.chain import as_dict
from app.domain.audit.queries import Filters
from app.domain.projects import queries as projects_queries
from app.http.transactions import DbSession

router = APIRouter(tags=["audit"], route_class=StrictRoute)


def filters_of(
    session: DbSession,
    subject: str = "",
    actor: str = "",
    action: str = "",
    project: str = "",
    since: str = "",
    until: str = "",
) -> Filters:
    """`project` is a slug; `action` a name or its first part; `since` and `until` are days or moments in UTC."""
    found = projects_queries.by_slug(session, project) if project else None
    if project and found is None:
        raise NotFound(f"There is no project {project}.")
    moments = audit_queries.parse_moment(since, "since"), audit_queries.parse_moment(until, "until")
    return Filters(subject, actor, action, found.id if found else "", *moments)


Wanted = Annotated[Filters, Depends(filters_of)]


@router.get("/audit", dependencies=[requires(Permission.READ_AUDIT)])
def list_events(
    session: DbSession, user: CurrentUser, wanted: Wanted, limit: Limit = 50, cursor: str | None = None
) -> dict[str, Any]:
    page = audit_queries.page(session, wanted, limit=limit, cursor=cursor)
    return {"items": [as_dict(event) for event in page.items], "next": page.next}


@router.get("/audit/verification", dependencies=[requires(Permission.READ_AUDIT)])
def verification(request: Request, session: DbSession, user: CurrentUser) -> dict[str, Any]:
    """Walks the whole log and compares it with the signed checkpoints."""
    return verify_queries.verify_log(session, request.app.state.settings).as_dict()


@router.get("/audit/log", dependencies=[requires(Permission.READ_AUDIT)], response_class=StreamingResponse)
def download(request: Request, session: DbSession, user: CurrentUser, wanted: Wanted) -> StreamingResponse:
    """The log as JSON Lines, oldest first."""
    return StreamingResponse(
        audit_queries.json_lines(request.app.state.database, wanted),
        media_type="application/jsonl",
        headers={"Content-Disposition": 'attachment; filename="audit.jsonl"'},
    )
