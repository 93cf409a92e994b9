"""Comments on pairs: list, add, reply, resolve, reopen."""

from __future__ import annotations

from pydantic import Field

from app.api.deps import CurrentUser, DbSession, OwningProject, requires
from app.api.schemas import Body, Items, StoredModel, Timestamp
from app.api.strict_route import strict_router
from app.core.errors import Invalid, NotFound
from app.domain.accounts.permissions import Permission
from app.domain.comments import actions as comments_actions, queries as comments_queries
from app.domain.comments.anchors import WHOLE, CommentAnchor
from app.domain.pairs import queries as pairs_queries

router = strict_router("comments")


class NewComment(Body):
    """`quote` with `start` and `end` must match the text there; without them it is searched for. `parent` replies."""

    text: str
    field: str = WHOLE
    revision: str | None = None
    quote: str = ""
    start: int | None = Field(default=None, ge=0)
    end: int | None = Field(default=None, ge=0)
    parent: str | None = None


class CommentOut(StoredModel):
    pair_id: str
    revision_id: str
    author_id: str
    parent_id: str | None
    field: str
    start: int | None
    end: int | None
    quote: str
    text: str
    resolved_at: Timestamp | None
    resolved_by: str | None


class CommentThread(CommentOut):
    """`span` is the place in the current revision, null for a whole field; `lost` when the text is no longer there."""

    span: tuple[int, int] | None
    lost: bool
    replies: list[CommentOut]


@router.get("/pairs/{pair_id}/comments", dependencies=[requires(Permission.READ_PROJECT)])
def list_comments(pair_id: str, project: OwningProject, session: DbSession, user: CurrentUser) -> Items[CommentThread]:
    """Threads, the open ones first."""
    pair = pairs_queries.by_id(session, pair_id)
    threads = comments_queries.threads(session, user, project, pair, pairs_queries.current(session, pair))
    return Items[CommentThread](items=[CommentThread.of(thread, thread.head) for thread in threads])


@router.post("/pairs/{pair_id}/comments", status_code=201, dependencies=[requires(Permission.READ_PROJECT)])
def add(pair_id: str, body: NewComment, session: DbSession, user: CurrentUser) -> CommentOut:
    pair = pairs_queries.by_id(session, pair_id)
    if body.parent is None:
        anchor = CommentAnchor(**body.model_dump(include={"field", "revision", "quote", "start", "end"}))
        return CommentOut.of(comments_actions.add(session, user, pair, body.text, anchor))
    head = comments_queries.by_id(session, body.parent)
    if head.pair_id != pair.id:
        raise NotFound()
    if body.quote or body.start is not None or body.end is not None:
        raise Invalid("A reply has no place of its own; leave out quote, start and end.", field="quote")
    return CommentOut.of(comments_actions.reply(session, user, head, body.text))


@router.post("/comments/{comment_id}/resolve", dependencies=[requires(Permission.READ_PROJECT)])
def resolve(comment_id: str, session: DbSession, user: CurrentUser) -> CommentOut:
    return CommentOut.of(comments_actions.resolve(session, user, comments_queries.by_id(session, comment_id)))


@router.post("/comments/{comment_id}/reopen", dependencies=[requires(Permission.READ_PROJECT)])
def reopen(comment_id: str, session: DbSession, user: CurrentUser) -> CommentOut:
    return CommentOut.of(comments_actions.reopen(session, user, comments_queries.by_id(session, comment_id)))
