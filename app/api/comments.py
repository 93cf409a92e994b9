"""Comments on pairs: list, add, reply, resolve, reopen."""

from __future__ import annotations

from fastapi import APIRouter

from app.api.deps import CurrentUser, OwningProject, requires
from app.api.schemas.base import Items
from app.api.schemas.comments import CommentOut, CommentThread, NewComment
from app.api.strict_route import StrictRoute
from app.core.errors import Invalid, NotFound
from app.domain.accounts.permissions import Permission
from app.domain.comments import actions as comments_actions, queries as comments_queries
from app.domain.comments.anchors import CommentAnchor
from app.domain.pairs import queries as pairs_queries
from app.http.transactions import DbSession

router = APIRouter(tags=["comments"], route_class=StrictRoute)


@router.get("/pairs/{pair_id}/comments", dependencies=[requires(Permission.READ_PROJECT)])
def list_comments(pair_id: str, project: OwningProject, session: DbSession, user: CurrentUser) -> Items[CommentThread]:
    """Threads, the open ones first."""
    pair = pairs_queries.by_id(session, pair_id)
    threads = comments_queries.threads(session, user, project, pair, pairs_queries.current(session, pair))
    return Items(items=[CommentThread.of(thread) for thread in threads])


@router.post("/pairs/{pair_id}/comments", status_code=201, dependencies=[requires(Permission.READ_PROJECT)])
def add(pair_id: str, body: NewComment, session: DbSession, user: CurrentUser) -> CommentOut:
    pair = pairs_queries.by_id(session, pair_id)
    if body.parent is None:
        anchor = CommentAnchor(**body.model_dump(include={"field", "revision", "quote", "start", "end"}))
        return CommentOut.model_validate(comments_actions.add(session, user, pair, body.text, anchor))
    head = comments_queries.by_id(session, body.parent)
    if head.pair_id != pair.id:
        raise NotFound()
    if body.quote or body.start is not None or body.end is not None:
        raise Invalid("A reply has no place of its own; leave out quote, start and end.", field="quote")
    return CommentOut.model_validate(comments_actions.reply(session, user, head, body.text))


@router.post("/comments/{comment_id}/resolve", dependencies=[requires(Permission.READ_PROJECT)])
def resolve(comment_id: str, session: DbSession, user: CurrentUser) -> CommentOut:
    return CommentOut.model_validate(
        comments_actions.resolve(session, user, comments_queries.by_id(session, comment_id))
    )


@router.post("/comments/{comment_id}/reopen", dependencies=[requires(Permission.READ_PROJECT)])
def reopen(comment_id: str, session: DbSession, user: CurrentUser) -> CommentOut:
    return CommentOut.model_validate(
        comments_actions.reopen(session, user, comments_queries.by_id(session, comment_id))
    )
