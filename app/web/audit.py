"""Who did what to which thing."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from app.domain.accounts import queries as accounts
from app.domain.accounts.permissions import Permission, require_global
from app.domain.audit import queries
from app.web.deps import Db, Me
from app.web.render import page

router = APIRouter()


@router.get("/audit")
def index(
    request: Request, session: Db, user: Me, subject: str = "", actor: str = "", cursor: str | None = None
) -> Response:
    require_global(session, user, Permission.READ_AUDIT)
    found = queries.page(session, subject=subject or None, actor=actor or None, cursor=cursor)
    names = accounts.names(session, {event.actor for event in found.items if event.actor})
    return page(request, "audit/list.html", found=found, names=names, subject=subject, actor=actor)
