"""The audit log, for admins: pages of events, the whole log as JSON Lines, and its verification."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request
from fastapi.responses import StreamingResponse

from app.api.deps import DbSession, Limit, requires
from app.api.schemas import Items, Json, Model, file_response
from app.api.strict_route import strict_router
from app.core.errors import NotFound
from app.domain.accounts.permissions import Permission
from app.domain.audit import queries as audit_queries, verify_queries
from app.domain.audit.queries import Filters
from app.domain.audit.tables import as_dict
from app.domain.projects import queries as projects_queries

router = strict_router("audit")


class Event(Model):
    id: int
    at: str
    actor: str | None
    action: str
    subject_kind: str
    subject_id: str
    project_id: str | None
    details: Json
    previous_hash: str
    hash: str


class Verification(Model):
    """Whether the events after `start` up to `count` are as recorded, and `words` that say so."""

    intact: bool
    words: str
    start: int
    count: int
    head: str
    problem: str | None
    first_bad: int | None
    agreeing: int
    last_checkpoint: Json | None
    remarks: list[str]
    walked: bool


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
    row = projects_queries.by_slug(session, project) if project else None
    if project and row is None:
        raise NotFound(f"There is no project {project}.")
    moments = audit_queries.parse_moment(since, "since"), audit_queries.parse_moment(until, "until")
    return Filters(subject, actor, action, row.id if row else "", *moments)


EventFilters = Annotated[Filters, Depends(filters_of)]


@router.get("/audit", dependencies=[requires(Permission.READ_AUDIT)])
def list_events(
    session: DbSession, filters: EventFilters, limit: Limit = 50, cursor: str | None = None
) -> Items[Event]:
    page = audit_queries.page(session, filters, limit=limit, cursor=cursor)
    return Items[Event](items=[as_dict(event) for event in page.items], next=page.next)


@router.get("/audit/verification", dependencies=[requires(Permission.READ_AUDIT)])
def verification(request: Request, session: DbSession) -> Verification:
    """Read the whole log and compare it with the signed checkpoints."""
    return Verification.model_validate(verify_queries.verify_log(session, request.app.state.settings).as_dict())


@router.get("/audit/log", dependencies=[requires(Permission.READ_AUDIT)], **file_response("application/jsonl"))
def download(request: Request, filters: EventFilters) -> StreamingResponse:
    """The log as JSON Lines, oldest first."""
    return StreamingResponse(
        audit_queries.json_lines(request.app.state.database, filters),
        media_type="application/jsonl",
        headers={"Content-Disposition": 'attachment; filename="audit.jsonl"'},
    )
