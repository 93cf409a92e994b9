"""Comments of a pair, placed in the revision that is shown; and which user may see which comment.

Until a reviewer has reviewed a submission, other reviewers' comments on it are hidden from them.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from app.core.errors import Conflict, Invalid, NotFound
from app.domain.accounts.permissions import Permission, Role
from app.domain.accounts.tables import User
from app.domain.comments import anchors
from app.domain.comments.anchors import Span
from app.domain.comments.tables import Comment
from app.domain.pairs import queries as pairs_queries
from app.domain.pairs.states import QUEUED
from app.domain.pairs.tables import Pair, Revision
from app.domain.projects import access
from app.domain.projects.tables import Membership, Project
from app.domain.reviews import queries as reviews_queries
from app.domain.reviews.tables import Review


@dataclass(frozen=True)
class Thread:
    """A comment with its replies. `span` is its place in the revision that is shown, if it still has one."""

    head: Comment
    replies: list[Comment]
    span: Span | None
    moved: bool
    lost: bool


def by_id(session: Session, comment_id: str) -> Comment:
    """Raises NotFound."""
    comment = session.get(Comment, comment_id)
    if comment is None:
        raise NotFound()
    return comment


def may_settle(session: Session, user: User, project: Project, pair: Pair) -> bool:
    """Whether the user may resolve and reopen comments on the pair."""
    return pair.author_id == user.id or access.allows(session, user, Permission.REVIEW_PAIR, project)


def of_pair(session: Session, user: User, project: Project, pair: Pair) -> list[Comment]:
    """The comments that this user may see, oldest first."""
    comments = list(session.scalars(select(Comment).where(Comment.pair_id == pair.id).order_by(Comment.id)))
    if not comments or not _must_review_first(session, user, project, pair):
        return comments
    others, submission = _other_reviewers(session, user, project, pair), _submission(session, pair)
    hidden = {
        comment.id
        for comment in comments
        if comment.author_id in others
        and (comment.created_at >= submission.created_at or comment.revision_id == submission.id)
    }
    return [comment for comment in comments if comment.id not in hidden and comment.parent_id not in hidden]


def threads(session: Session, user: User, project: Project, pair: Pair, revision: Revision) -> list[Thread]:
    """Comments with their replies, each placed in the revision that is shown; the open ones first."""
    replies: dict[str, list[Comment]] = defaultdict(list)
    heads = []
    for comment in of_pair(session, user, project, pair):
        if comment.parent_id:
            replies[comment.parent_id].append(comment)
        else:
            heads.append(comment)
    texts = anchors.fields(revision)
    results = [_thread(head, replies[head.id], revision.id, texts) for head in heads]
    return sorted(results, key=lambda thread: thread.head.resolved_at is not None)


def unresolved(user: User) -> ColumnElement[bool]:
    """A condition on Pair: it has an open comment that the user may see.

    Of a pair in review only the user's own comments and its author's count, so that the list reveals no review.
    """
    plain = Pair.state.not_in(QUEUED) | Comment.author_id.in_([user.id]) | (Comment.author_id == Pair.author_id)
    open_ = (Comment.parent_id.is_(None), Comment.resolved_at.is_(None))
    waiting = select(Comment.id).where(Comment.pair_id == Pair.id, *open_)
    known = (waiting if user.is_admin else waiting.where(plain | (Pair.author_id == user.id))).exists()
    return Pair.id.in_(select(Comment.pair_id).where(*open_)) & known  # few comments, many pairs: start at the comments


def commentable_revision(session: Session, pair: Pair, revision_id: str | None) -> Revision:
    """The revision of the pair that a comment is for; the current one without an id. Raises Invalid, Conflict."""
    revision = session.get(Revision, revision_id) if revision_id else pairs_queries.current(session, pair)
    if revision is None or revision.pair_id != pair.id:
        raise Invalid("This pair has no such revision; reload the page.", field="revision")
    if revision.withdrawn_at is not None:
        raise Conflict("This revision was withdrawn; comment on the current one.")
    return revision


def thread_participants(session: Session, project: Project, pair: Pair, comment: Comment) -> list[str]:
    """User ids of the pair's author and the authors in the thread who may see the comment already."""
    thread = comment.parent_id or comment.id
    authors = session.scalars(select(Comment.author_id).where((Comment.id == thread) | (Comment.parent_id == thread)))
    users = session.scalars(select(User).where(User.id.in_({pair.author_id, *authors}), User.active.is_(True)))
    return [
        user.id
        for user in users
        if access.role_in(session, user, project) and comment in of_pair(session, user, project, pair)
    ]


def _must_review_first(session: Session, user: User, project: Project, pair: Pair) -> bool:
    """Whether the user is a reviewer who has not reviewed the submission, so that no comment may influence them."""
    if pair.author_id == user.id or user.is_admin:
        return False
    return access.allows(session, user, Permission.REVIEW_PAIR, project) and reviews_queries.is_blind(
        session, user, pair
    )


def _thread(head: Comment, replies: list[Comment], revision_id: str, texts: dict[str, str | None]) -> Thread:
    if head.start is None or head.end is None or not head.quote:
        return Thread(head, replies, None, False, head.field not in texts)
    if head.revision_id == revision_id:
        return Thread(head, replies, Span(head.start, head.end), False, False)
    span = anchors.find(head.quote, texts.get(head.field) or "", near=head.start)
    return Thread(head, replies, span, span is not None, span is None)


def _submission(session: Session, pair: Pair) -> Revision:
    """The author's submitted revision, without reviewers' corrections: later comments belong to this submission."""
    submitted = pairs_queries.submitted(session, pair)
    statement = select(Revision).where(
        Revision.pair_id == pair.id, Revision.author_id == pair.author_id, Revision.number <= submitted.number
    )
    return session.scalar(statement.order_by(Revision.number.desc()).limit(1)) or submitted


def _other_reviewers(session: Session, user: User, project: Project, pair: Pair) -> set[str]:
    """User ids of editors, admins and the pair's reviewers, without the user and the pair's author."""
    editors = select(Membership.user_id).where(Membership.project_id == project.id, Membership.role == Role.EDITOR)
    admins = select(User.id).where(User.is_admin.is_(True))
    reviewers = select(Review.reviewer_id).where(Review.pair_id == pair.id)
    return {*session.scalars(editors), *session.scalars(admins), *session.scalars(reviewers)} - {
        user.id,
        pair.author_id,
    }
