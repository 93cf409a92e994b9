"""Remarks on pairs: list, add, answer, resolve, open again."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from pydantic import Field

from app.api.deps import Body, Db, Me, asks
from app.api.strict import StrictRoute
from app.core.errors import Invalid, NotFound
from app.domain.accounts.permissions import Permission
from app.domain.pairs import queries as pair_queries
from app.domain.projects import access
from app.domain.reviews import comments, threads
from app.domain.reviews.anchors import WHOLE, Place
from app.domain.reviews.tables import Comment

router = APIRouter(tags=["comments"], route_class=StrictRoute)


class NewComment(Body):
    """`quote` with `start` and `end` must stand there; without them it is looked for. `parent` makes it an answer."""

    text: str
    field: str = WHOLE
    revision: str | None = None
    quote: str = ""
    start: int | None = Field(default=None, ge=0)
    end: int | None = Field(default=None, ge=0)
    parent: str | None = None


def comment_json(comment: Comment) -> dict[str, Any]:
    names = (
        "id", "pair_id", "revision_id", "author_id", "parent_id", "field", "start", "end", "quote", "text",
        "created_at", "resolved_at", "resolved_by",
    )  # fmt: skip
    return {name: getattr(comment, name) for name in names}


@router.get("/pairs/{pair_id}/comments", dependencies=[asks(Permission.READ_PROJECT)])
def list_comments(pair_id: str, session: Db, user: Me) -> dict[str, Any]:
    """Threads, the open ones first. `span` is where the remark stands in the present revision; null for a whole field
    and for what stood on an earlier revision only (`lost`)."""
    pair = pair_queries.by_id(session, pair_id)
    project = access.project_of(session, user, pair.project_id)
    found = threads.threads(session, user, project, pair, pair_queries.current(session, pair))
    items = [
        {
            **comment_json(one.head),
            "span": one.span,
            "lost": one.lost,
            "replies": [comment_json(reply) for reply in one.replies],
        }
        for one in found
    ]
    return {"items": items, "next": None}


@router.post("/pairs/{pair_id}/comments", status_code=201, dependencies=[asks(Permission.READ_PROJECT)])
def add(pair_id: str, body: NewComment, session: Db, user: Me) -> dict[str, Any]:
    pair = pair_queries.by_id(session, pair_id)
    access.project_of(session, user, pair.project_id)
    if body.parent is None:
        place = Place(**body.model_dump(include={"field", "revision", "quote", "start", "end"}))
        return comment_json(comments.add(session, user, pair, body.text, place))
    head = threads.by_id(session, body.parent)
    if head.pair_id != pair.id:
        raise NotFound()
    if body.quote or body.start is not None or body.end is not None:
        raise Invalid("An answer has no place of its own; it stands where the remark does.", field="quote")
    return comment_json(comments.reply(session, user, head, body.text))


@router.post("/comments/{comment_id}/resolve", dependencies=[asks(Permission.READ_PROJECT)])
def resolve(comment_id: str, session: Db, user: Me) -> dict[str, Any]:
    return comment_json(comments.resolve(session, user, threads.by_id(session, comment_id)))


@router.post("/comments/{comment_id}/reopen", dependencies=[asks(Permission.READ_PROJECT)])
def reopen(comment_id: str, session: Db, user: Me) -> dict[str, Any]:
    return comment_json(comments.reopen(session, user, threads.by_id(session, comment_id)))
