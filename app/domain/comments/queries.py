"""Remarks on a pair to read, each carried to the revision that is looked at; and who sees which.

While a reviewer has a verdict to give, other reviewers' remarks on the same submission are hidden from them.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from app.core.errors import NotFound
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
    """A remark with its answers. `span` is where it stands in the revision that is looked at, if it still does."""

    head: Comment
    replies: list[Comment]
    span: Span | None
    moved: bool
    lost: bool


def by_id(session: Session, comment_id: str) -> Comment:
    comment = session.get(Comment, comment_id)
    if comment is None:
        raise NotFound()
    return comment


def may_settle(session: Session, user: User, project: Project, pair: Pair) -> bool:
    return pair.author_id == user.id or access.allows(session, user, Permission.REVIEW_PAIR, project)


def of_pair(session: Session, user: User, project: Project, pair: Pair) -> list[Comment]:
    """What this user may see, oldest first."""
    rows = list(session.scalars(select(Comment).where(Comment.pair_id == pair.id).order_by(Comment.id)))
    if not rows or not is_blind(session, user, project, pair):
        return rows
    others, since = _other_reviewers(session, user, project, pair), _given(session, pair)
    hidden = {
        one.id
        for one in rows
        if (one.author_id in others and (one.created_at >= since.created_at or one.revision_id == since.id))
    }
    return [one for one in rows if one.id not in hidden and one.parent_id not in hidden]


def threads(session: Session, user: User, project: Project, pair: Pair, revision: Revision) -> list[Thread]:
    """Remarks with their answers, each carried to the revision that is looked at; the open ones first."""
    replies: dict[str, list[Comment]] = defaultdict(list)
    heads = []
    for one in of_pair(session, user, project, pair):
        if one.parent_id:
            replies[one.parent_id].append(one)
        else:
            heads.append(one)
    texts = anchors.fields(revision)
    found = [_thread(one, replies[one.id], revision.id, texts) for one in heads]
    return sorted(found, key=lambda one: one.head.resolved_at is not None)


def is_blind(session: Session, user: User, project: Project, pair: Pair) -> bool:
    """Whether this reviewer has yet to judge the submission, so that nobody's opinion may colour theirs."""
    if not (pair.is_gold or pair.state in QUEUED) or pair.author_id == user.id or user.is_admin:
        return False
    if not access.allows(session, user, Permission.REVIEW_PAIR, project):
        return False
    return not any(
        one.reviewer_id == user.id and one.revision_id == pair.submitted_revision_id
        for one in reviews_queries.of_pair(session, pair)
    )


def unresolved(user: User) -> ColumnElement[bool]:
    """A condition on Pair: a remark waits. Of a pair that is being judged only one's own and its author's count, so
    that the list gives no opinion away."""
    plain = Pair.state.not_in(QUEUED) | Comment.author_id.in_([user.id]) | (Comment.author_id == Pair.author_id)
    open_ = (Comment.parent_id.is_(None), Comment.resolved_at.is_(None))
    waiting = select(Comment.id).where(Comment.pair_id == Pair.id, *open_)
    known = (waiting if user.is_admin else waiting.where(plain | (Pair.author_id == user.id))).exists()
    return Pair.id.in_(select(Comment.pair_id).where(*open_)) & known  # few remarks, many pairs: begin at the remarks


def _thread(head: Comment, replies: list[Comment], revision_id: str, texts: dict[str, str | None]) -> Thread:
    if head.start is None or head.end is None or not head.quote:
        return Thread(head, replies, None, False, head.field not in texts)
    if head.revision_id == revision_id:
        return Thread(head, replies, Span(head.start, head.end), False, False)
    span = anchors.find(head.quote, texts.get(head.field) or "", near=head.start)
    return Thread(head, replies, span, span is not None, span is None)


def _given(session: Session, pair: Pair) -> Revision:
    """What the author handed in: from then on remarks are on this submission, whoever mended it since."""
    handed_in = pairs_queries.submitted(session, pair)
    statement = select(Revision).where(
        Revision.pair_id == pair.id, Revision.author_id == pair.author_id, Revision.number <= handed_in.number
    )
    return session.scalar(statement.order_by(Revision.number.desc()).limit(1)) or handed_in


def _other_reviewers(session: Session, user: User, project: Project, pair: Pair) -> set[str]:
    """Editors, admins, and whoever has judged the pair."""
    editors = select(Membership.user_id).where(Membership.project_id == project.id, Membership.role == Role.EDITOR)
    admins = select(User.id).where(User.is_admin.is_(True))
    judges = select(Review.reviewer_id).where(Review.pair_id == pair.id)
    return {*session.scalars(editors), *session.scalars(admins), *session.scalars(judges)} - {user.id, pair.author_id}
