"""The audit log, for admins."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from app.api.deps import Db, Limit, Me
from app.domain.accounts.permissions import Permission, require_global
from app.domain.audit import queries

router = APIRouter(tags=["audit"])


@router.get("/audit")
def list_events(
    session: Db,
    user: Me,
    subject: str | None = None,
    actor: str | None = None,
    limit: Limit = 50,
    cursor: str | None = None,
) -> dict[str, Any]:
    require_global(session, user, Permission.READ_AUDIT)
    page = queries.page(session, subject=subject, actor=actor, limit=limit, cursor=cursor)
    names = (
        "id",
        "at",
        "actor",
        "action",
        "subject_kind",
        "subject_id",
        "project_id",
        "details",
        "previous_hash",
        "hash",
    )
    return {"items": [{name: getattr(event, name) for name in names} for event in page.items], "next": page.next}
