"""Add comments to a pair, reply to them, resolve and reopen them."""

from __future__ import annotations

from sqlalchemy.orm import Session

from app.core.db.base import now
from app.core.errors import Conflict, Invalid, NotFound
from app.domain.accounts.permissions import Permission
from app.domain.accounts.tables import User
from app.domain.comments import anchors, queries
from app.domain.comments.anchors import CommentAnchor
from app.domain.comments.tables import Comment
from app.domain.pairs import actions as pairs_actions, queries as pairs_queries
from app.domain.pairs.content import is_text
from app.domain.pairs.states import State
from app.domain.pairs.tables import Pair
from app.domain.projects import access
from app.domain.projects.tables import Project

MAX_CHARACTERS = 5_000


def add(session: Session, user: User, pair: Pair, text: str, anchor: CommentAnchor) -> Comment:
    """Add a comment. Raises NotFound, Invalid, or Conflict when the quoted text is not at the anchor."""
    project = _project_to_comment(session, user, pair)
    revision = queries.commentable_revision(session, pair, anchor.revision)
    span = anchors.locate(anchors.fields(revision), anchor)
    quote = (anchors.fields(revision)[anchor.field] or "")[span.start : span.end] if span else ""
    comment = Comment(
        pair_id=pair.id,
        revision_id=revision.id,
        author_id=user.id,
        field=anchor.field,
        start=span.start if span else None,
        end=span.end if span else None,
        quote=quote,
        text=_checked(text),
    )
    return _record(session, user, project, pair, comment)


def reply(session: Session, user: User, head: Comment, text: str) -> Comment:
    """Add a reply; a resolved comment stays resolved. Raises NotFound when the user may not see it, Invalid."""
    pair = pairs_queries.by_id(session, head.pair_id)
    project = _project_to_comment(session, user, pair)
    _require_visible(session, user, project, pair, head)
    revision = queries.commentable_revision(session, pair, None)
    comment = Comment(
        pair_id=pair.id,
        revision_id=revision.id,
        author_id=user.id,
        parent_id=head.parent_id or head.id,
        field=head.field,
        text=_checked(text),
    )
    return _record(session, user, project, pair, comment)


def resolve(session: Session, user: User, comment: Comment) -> Comment:
    """Raises NotFound, Forbidden unless the user is the pair's author or an editor, Conflict when it is resolved."""
    pair = _pair_to_settle(session, user, comment)
    if comment.resolved_at is not None:
        raise Conflict("This comment is already resolved.")
    comment.resolved_at, comment.resolved_by = now(), user.id
    pairs_actions.record(session, user, "comment.resolved", pair, comment=comment.id)
    pairs_actions.notify(session, [comment.author_id], "comment.resolved", pair, but=user.id, comment=comment.id)
    return comment


def reopen(session: Session, user: User, comment: Comment) -> Comment:
    """Raises as `resolve` does; Conflict when it is open."""
    pair = _pair_to_settle(session, user, comment)
    if comment.resolved_at is None:
        raise Conflict("This comment is open.")
    comment.resolved_at = comment.resolved_by = None
    pairs_actions.record(session, user, "comment.reopened", pair, comment=comment.id)
    return comment


def _record(session: Session, user: User, project: Project, pair: Pair, comment: Comment) -> Comment:
    session.add(comment)
    session.flush()
    pairs_actions.record(session, user, "comment.added", pair, comment=comment.id)
    people = queries.thread_participants(session, project, pair, comment)
    pairs_actions.notify(session, people, "comment.added", pair, but=user.id, comment=comment.id)
    return comment


def _project_to_comment(session: Session, user: User, pair: Pair) -> Project:
    project = access.project_of(session, user, pair.project_id)
    if pair.state == State.WITHDRAWN:
        raise Conflict("This pair was withdrawn; it takes no more comments.")
    return project


def _pair_to_settle(session: Session, user: User, comment: Comment) -> Pair:
    pair = pairs_queries.by_id(session, comment.pair_id)
    project = access.project_of(session, user, pair.project_id)
    _require_visible(session, user, project, pair, comment)
    if pair.author_id != user.id:
        access.require(session, user, Permission.REVIEW_PAIR, project)
    if comment.parent_id:
        raise Conflict("Resolve the comment that this replies to.")
    return pair


def _require_visible(session: Session, user: User, project: Project, pair: Pair, comment: Comment) -> None:
    if comment not in queries.of_pair(session, user, project, pair):
        raise NotFound()


def _checked(text: str) -> str:
    clean = text.replace("\r\n", "\n").strip()
    if not 1 <= len(clean) <= MAX_CHARACTERS:
        raise Invalid(f"A comment has 1 to {MAX_CHARACTERS:,} characters.", field="text")
    if not is_text(clean):
        raise Invalid("The comment holds a character that is not text (NUL or half a surrogate pair).", field="text")
    return clean
