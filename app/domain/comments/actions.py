"""Remarks on a pair: adding them where they belong, answering, resolving, opening again."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.db.base import now
from app.core.errors import Conflict, Invalid, NotFound
from app.domain.accounts.permissions import Permission
from app.domain.accounts.tables import User
from app.domain.audit import actions as audit_actions
from app.domain.comments import anchors, queries
from app.domain.comments.anchors import CommentAnchor
from app.domain.comments.tables import Comment
from app.domain.notifications import actions as notifications_actions
from app.domain.pairs import queries as pairs_queries
from app.domain.pairs.content import is_text
from app.domain.pairs.states import State
from app.domain.pairs.tables import Pair, Revision
from app.domain.projects import access
from app.domain.projects.tables import Project

LONGEST = 5_000


def add(session: Session, user: User, pair: Pair, text: str, place: CommentAnchor) -> Comment:
    """A new remark. Raises NotFound, Invalid, or Conflict when the quoted text does not stand there."""
    project = _readable(session, user, pair)
    revision = _revision(session, pair, place.revision)
    span = anchors.locate(anchors.fields(revision), place)
    quote = (anchors.fields(revision)[place.field] or "")[span.start : span.end] if span else ""
    comment = Comment(
        pair_id=pair.id,
        revision_id=revision.id,
        author_id=user.id,
        field=place.field,
        start=span.start if span else None,
        end=span.end if span else None,
        quote=quote,
        text=_checked(text),
    )
    return _record(session, user, project, pair, comment)


def reply(session: Session, user: User, head: Comment, text: str) -> Comment:
    """An answer; a resolved remark stays resolved. Raises NotFound for what the user may not see, Invalid."""
    pair = pairs_queries.by_id(session, head.pair_id)
    project = _readable(session, user, pair)
    _require_seen(session, user, project, pair, head)
    revision = _revision(session, pair, None)
    answer = Comment(
        pair_id=pair.id,
        revision_id=revision.id,
        author_id=user.id,
        parent_id=head.parent_id or head.id,
        field=head.field,
        text=_checked(text),
    )
    return _record(session, user, project, pair, answer)


def resolve(session: Session, user: User, comment: Comment) -> Comment:
    """Raises NotFound, Forbidden for who is neither author of the pair nor editor, Conflict when it is resolved."""
    project = _settling(session, user, comment)
    if comment.resolved_at is not None:
        raise Conflict("This remark is resolved already.")
    comment.resolved_at, comment.resolved_by = now(), user.id
    audit_actions.record(
        session, user.id, "comment.resolved", "pair", comment.pair_id, project_id=project.id, comment=comment.id
    )
    notifications_actions.notify(
        session,
        [comment.author_id],
        project.id,
        "comment.resolved",
        "pair",
        comment.pair_id,
        but=user.id,
        comment=comment.id,
    )
    return comment


def reopen(session: Session, user: User, comment: Comment) -> Comment:
    """Raises as resolve does; Conflict when it is open."""
    project = _settling(session, user, comment)
    if comment.resolved_at is None:
        raise Conflict("This remark is open.")
    comment.resolved_at = comment.resolved_by = None
    audit_actions.record(
        session, user.id, "comment.reopened", "pair", comment.pair_id, project_id=project.id, comment=comment.id
    )
    return comment


def _record(session: Session, user: User, project: Project, pair: Pair, comment: Comment) -> Comment:
    session.add(comment)
    session.flush()
    audit_actions.record(session, user.id, "comment.added", "pair", pair.id, project_id=project.id, comment=comment.id)
    people = _concerned(session, project, pair, comment)
    notifications_actions.notify(
        session, people, project.id, "comment.added", "pair", pair.id, but=user.id, comment=comment.id
    )
    return comment


def _concerned(session: Session, project: Project, pair: Pair, comment: Comment) -> list[str]:
    """The pair's author and who takes part in the thread, but nobody who may not see it yet."""
    thread = comment.parent_id or comment.id
    same = session.scalars(select(Comment.author_id).where((Comment.id == thread) | (Comment.parent_id == thread)))
    people = session.scalars(select(User).where(User.id.in_({pair.author_id, *same}), User.active.is_(True)))
    return [
        one.id
        for one in people
        if access.role_in(session, one, project) and comment in queries.of_pair(session, one, project, pair)
    ]


def _readable(session: Session, user: User, pair: Pair) -> Project:
    project = access.project_of(session, user, pair.project_id)
    access.require(session, user, Permission.READ_PROJECT, project)
    if pair.state == State.WITHDRAWN:
        raise Conflict("This pair was withdrawn; nothing more can be said about it.")
    return project


def _settling(session: Session, user: User, comment: Comment) -> Project:
    pair = pairs_queries.by_id(session, comment.pair_id)
    project = access.project_of(session, user, pair.project_id)
    _require_seen(session, user, project, pair, comment)
    if pair.author_id != user.id:
        access.require(session, user, Permission.REVIEW_PAIR, project)
    if comment.parent_id:
        raise Conflict("Resolve the remark that this answers.")
    return project


def _require_seen(session: Session, user: User, project: Project, pair: Pair, comment: Comment) -> None:
    if comment not in queries.of_pair(session, user, project, pair):
        raise NotFound()


def _revision(session: Session, pair: Pair, revision_id: str | None) -> Revision:
    revision = session.get(Revision, revision_id) if revision_id else pairs_queries.current(session, pair)
    if revision is None or revision.pair_id != pair.id:
        raise Invalid("This pair has no such revision; reload the page.", field="revision")
    if revision.withdrawn_at is not None:
        raise Conflict("This revision was withdrawn; comment on the present one.")
    return revision


def _checked(text: str) -> str:
    clean = text.replace("\r\n", "\n").strip()
    if not 1 <= len(clean) <= LONGEST:
        raise Invalid(f"A comment has 1 to {LONGEST:,} characters.", field="text")
    if not is_text(clean):
        raise Invalid("The comment holds a character that is not text (NUL or half a surrogate pair).", field="text")
    return clean
