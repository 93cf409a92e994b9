"""Comments on pairs."""

from __future__ import annotations

from pydantic import Field

from app.api.schemas.base import Body, Model, Timestamp
from app.domain.comments.anchors import WHOLE
from app.domain.comments.queries import Thread


class NewComment(Body):
    """`quote` with `start` and `end` must match the text there; without them it is searched for. `parent` replies."""

    text: str
    field: str = WHOLE
    revision: str | None = None
    quote: str = ""
    start: int | None = Field(default=None, ge=0)
    end: int | None = Field(default=None, ge=0)
    parent: str | None = None


class CommentOut(Model):
    id: str
    pair_id: str
    revision_id: str
    author_id: str
    parent_id: str | None
    field: str
    start: int | None
    end: int | None
    quote: str
    text: str
    created_at: Timestamp
    resolved_at: Timestamp | None
    resolved_by: str | None


class CommentThread(CommentOut):
    """`span` is the place in the current revision, null for a whole field; `lost` when the text is no longer there."""

    span: tuple[int, int] | None
    lost: bool
    replies: list[CommentOut]

    @classmethod
    def of(cls, thread: Thread) -> CommentThread:
        head = CommentOut.model_validate(thread.head).model_dump()
        replies = [CommentOut.model_validate(reply) for reply in thread.replies]
        return cls(**head, span=thread.span, lost=thread.lost, replies=replies)
