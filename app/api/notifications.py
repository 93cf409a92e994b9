"""The caller's notifications, and marking them as read."""

from __future__ import annotations

from pydantic import Field

from app.api.deps import CurrentUser, DbSession, Limit, requires
from app.api.schemas import Body, Items, Json, Model, StoredModel, Timestamp
from app.api.strict_route import strict_router
from app.core.errors import Invalid
from app.domain.accounts.permissions import Permission
from app.domain.notifications import actions as notifications_actions, queries as notifications_queries

router = strict_router("notifications")


class MarkRead(Body):
    """Ids, or all of them."""

    ids: list[str] | None = None
    all: bool = False


class Subject(Model):
    kind: str = Field(validation_alias="subject_kind")
    id: str = Field(validation_alias="subject_id")


class NotificationOut(StoredModel):
    kind: str
    project_id: str
    read_at: Timestamp | None
    details: Json
    subject: Subject


class Notifications(Items[NotificationOut]):
    unread: int


class MarkedRead(Model):
    read: int
    unread: int


@router.get("/notifications", dependencies=[requires(Permission.USE)])
def list_notifications(
    session: DbSession, user: CurrentUser, unread: bool = False, limit: Limit = 50, cursor: str | None = None
) -> Notifications:
    """The newest first; `unread=true` leaves out those that were read. `unread` counts all unread ones."""
    page = notifications_queries.page(session, user, only_unread=unread, limit=limit, cursor=cursor)
    items = [NotificationOut.of(row, subject=row) for row in page.items]
    return Notifications(items=items, next=page.next, unread=notifications_queries.unread(session, user))


@router.post("/notifications/read", dependencies=[requires(Permission.USE)])
def read(body: MarkRead, session: DbSession, user: CurrentUser) -> MarkedRead:
    if body.all == (body.ids is not None):
        raise Invalid("Send either ids or all: true.", field="ids")
    count = notifications_actions.mark_read(session, user, body.ids)
    return MarkedRead(read=count, unread=notifications_queries.unread(session, user))
