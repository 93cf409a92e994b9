"""What the caller was told, and marking it read."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from app.api.deps import Body, CurrentUser, Limit, requires
from app.api.strict_route import StrictRoute
from app.core.errors import Invalid
from app.domain.accounts.permissions import Permission
from app.domain.notifications import actions as notifications_actions
from app.domain.notifications import queries as notifications_queries
from app.domain.notifications.tables import Notification
from app.http.transactions import DbSession

router = APIRouter(tags=["notifications"], route_class=StrictRoute)


class Read(Body):
    """Ids, or all of them."""

    ids: list[str] | None = None
    all: bool = False


def notification_json(line: Notification) -> dict[str, Any]:
    names = ("id", "kind", "project_id", "created_at", "read_at", "details")
    subject = {"kind": line.subject_kind, "id": line.subject_id}
    return {**{name: getattr(line, name) for name in names}, "subject": subject}


@router.get("/notifications", dependencies=[requires(Permission.USE)])
def list_notifications(
    session: DbSession, user: CurrentUser, unread: bool = False, limit: Limit = 50, cursor: str | None = None
) -> dict[str, Any]:
    """The newest first; `unread=true` leaves out what was read. `unread` of the answer counts all that were not."""
    page = notifications_queries.page(session, user, only_unread=unread, limit=limit, cursor=cursor)
    items = [notification_json(line) for line in page.items]
    return {"items": items, "next": page.next, "unread": notifications_queries.unread(session, user)}


@router.post("/notifications/read", dependencies=[requires(Permission.USE)])
def read(body: Read, session: DbSession, user: CurrentUser) -> dict[str, Any]:
    if body.all == (body.ids is not None):
        raise Invalid("Send either ids or all: true.", field="ids")
    return {
        "read": notifications_actions.mark_read(session, user, body.ids),
        "unread": notifications_queries.unread(session, user),
    }
