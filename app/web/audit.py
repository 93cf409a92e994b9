"""Who did what to which thing: the log with its filters, its verification, the download."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import StreamingResponse

from app.domain.accounts import queries as accounts_queries
from app.domain.accounts.permissions import Permission
from app.domain.audit import queries as audit_queries
from app.domain.audit import verify
from app.domain.audit.queries import Filters
from app.domain.projects import queries as projects_queries
from app.http.transactions import DbSession
from app.web.deps import CurrentUser, requires
from app.web.render import render

router = APIRouter()
NO_PROJECT = "no project"


def given_of(
    subject: str = "",
    actor: str = "",
    action: str = "",
    project: str = "",
    since: str = "",
    until: str = "",
) -> dict[str, str]:
    """What the form holds; only what was filled in."""
    fields = {"subject": subject, "actor": actor, "action": action, "project": project, "since": since, "until": until}
    return {name: value.strip() for name, value in fields.items() if value.strip()}


Given = Annotated[dict[str, str], Depends(given_of)]


def filters_of(session: DbSession, given: Given) -> Filters:
    """A project that is not there has no events."""
    plain = {name: given.get(name, "") for name in ("subject", "actor", "action")}
    slug = given.get("project")
    found = projects_queries.by_slug(session, slug) if slug else None
    return Filters(
        **plain,
        project_id=found.id if found else NO_PROJECT if slug else "",
        since=audit_queries.moment(given.get("since", ""), "since"),
        until=audit_queries.moment(given.get("until", ""), "until"),
    )


Wanted = Annotated[Filters, Depends(filters_of)]


@router.get("/audit", dependencies=[requires(Permission.READ_AUDIT)])
def index(
    request: Request, session: DbSession, user: CurrentUser, given: Given, wanted: Wanted, cursor: str | None = None
) -> Response:
    found = audit_queries.page(session, wanted, cursor=cursor)
    return render(
        request,
        "audit/list.html",
        found=found,
        given=given,
        address=_address,
        state=verify.recent(session, request.app.state.settings),
        names=accounts_queries.names(session, {event.actor for event in found.items if event.actor}),
        is_denial=audit_queries.is_denial,
    )


@router.get("/audit/verification", dependencies=[requires(Permission.READ_AUDIT)])
def verification(request: Request, session: DbSession, user: CurrentUser) -> Response:
    return render(request, "audit/verification.html", state=verify.examine(session, request.app.state.settings))


@router.get("/audit/log.jsonl", dependencies=[requires(Permission.READ_AUDIT)])
def download(request: Request, session: DbSession, user: CurrentUser, wanted: Wanted) -> Response:
    return StreamingResponse(
        audit_queries.json_lines(request.app.state.database, wanted),
        media_type="application/jsonl",
        headers={"Content-Disposition": 'attachment; filename="audit.jsonl"'},
    )


def _address(given: dict[str, str], **change: Any) -> str:
    """The query string of these filters with some changed."""
    return "?" + urlencode({name: value for name, value in {**given, **change}.items() if value})
