"""Remarks on pairs: list, add, answer, resolve, open again."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from pydantic import Field

from app.api.deps import Body, CurrentUser, OwningProject, requires
from app.api.strict_route import StrictRoute
from app.core.errors import Invalid, NotFound
from app.domain.accounts.permissions import Permission
from app.domain.comments import actions as comments_actions
from app.domain.comments import queries as comments_queries
from app.domain.comments.anchors import WHOLE, CommentAnchor
from app.domain.comments.tables import Comment
from app.domain.pairs import queries as pairs_queries
from app.http.transactions import DbSession

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


@router.get("/pairs/{pair_id}/comments", dependencies=[requires(Permission.READ_PROJECT)])
def list_comments(pair_id: str, project: OwningProject, session: DbSession, user: CurrentUser) -> dict[str, Any]:
    """Threads, the open ones first. `span` is where the remark stands in the present revision; null for a whole field
    and for what stood on an earlier revision only (`lost`)."""
    pair = pairs_queries.by_id(session, pair_id)
    found = comments_queries.threads(session, user, project, pair, pairs_queries.current(session, pair))
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


@router.post("/pairs/{pair_id}/comments", status_code=201, dependencies=[requires(Permission.READ_PROJECT)])
def add(pair_id: str, body: NewComment, session: DbSession, user: CurrentUser) -> dict[str, Any]:
    pair = pairs_queries.by_id(session, pair_id)
    if body.parent is None:
        place = CommentAnchor(**body.model_dump(include={"field", "revision", "quote", "start", "end"}))
        return comment_json(comments_actions.add(session, user, pair, body.text, place))
    head = comments_queries.by_id(session, body.parent)
    if head.pair_id != pair.id:
        raise NotFound()
    if body.quote or body.start is not None or body.end is not None:
        raise Invalid("An answer has no place of its own; it stands where the remark does.", field="quote")
    return comment_json(comments_actions.reply(session, user, head, body.text))


@router.post("/comments/{comment_id}/resolve", dependencies=[requires(Permission.READ_PROJECT)])
def resolve(comment_id: str, session: DbSession, user: CurrentUser) -> dict[str, Any]:
    return comment_json(comments_actions.resolve(session, user, comments_queries.by_id(session, comment_id)))


@router.post("/comments/{comment_id}/reopen", dependencies=[requires(Permission.READ_PROJECT)])
def reopen(comment_id: str, session: DbSession, user: CurrentUser) -> dict[str, Any]:
    return comment_json(comments_actions.reopen(session, user, comments_queries.by_id(session, comment_id)))
