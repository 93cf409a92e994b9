"""Writing pairs: every save adds a revision, and a pair with blocking problems cannot be submitted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.db.base import new_id, now
from app.core.errors import Conflict, Forbidden, Invalid, PreconditionFailed
from app.domain.accounts.permissions import Permission
from app.domain.accounts.tables import User
from app.domain.audit import actions as audit_actions
from app.domain.consent import queries as consent_queries
from app.domain.notifications import actions as notifications_actions
from app.domain.pairs import content as pair_content, queries, states
from app.domain.pairs.content import Content
from app.domain.pairs.declarations import UNCHANGED, Declared
from app.domain.pairs.indexes import index_actions
from app.domain.pairs.states import EDITABLE, HIDDEN, State
from app.domain.pairs.tables import Pair, Revision
from app.domain.projects import access, settings as project_settings
from app.domain.projects.tables import Project
from app.domain.rounds import queries as rounds_queries


def create(
    session: Session,
    user: User,
    project: Project,
    content: Content,
    round_id: str | None = None,
    declared: Declared = UNCHANGED,
) -> Pair:
    """Create a draft. Raises Forbidden, NotFound for another project's round, Conflict for a closed round."""
    access.require(session, user, Permission.WRITE_PAIR, project)
    if round_id and rounds_queries.by_id(session, project, round_id).state != "open":
        raise Conflict("This round is closed; write the pair without it.", field="round_id")
    pair = Pair(
        id=new_id(), project_id=project.id, author_id=user.id, round_id=round_id or None, current_revision_id=""
    )
    revision = add_revision(session, project, pair, user, content, declared)
    record(session, user, "pair.created", pair, revision=revision.id)
    return pair


def save(
    session: Session,
    user: User,
    pair: Pair,
    content: Content,
    *,
    expected_revision: str,
    declared: Declared = UNCHANGED,
) -> Revision:
    """Add a revision; what is not `declared` stays as it was. Returns the present revision if nothing changed.

    Raises PreconditionFailed if someone saved since, Forbidden for users other than the author and the editors.
    """
    project = _require_editable(session, user, pair)
    session.refresh(pair, with_for_update=True)
    if pair.current_revision_id != expected_revision:
        raise PreconditionFailed("Someone saved a newer revision; reload, compare and save again.")
    latest = queries.current(session, pair)
    if content_of(latest) == content and declared_of(latest) == declared.after(declared_of(latest)):
        return latest
    revision = add_revision(session, project, pair, user, content, declared)
    if pair.state == State.APPROVED:
        pair.submitted_revision_id, pair.state = revision.id, State.SUBMITTED
        pair.reviews_needed = reviews_needed(project, revision)
    elif pair.state in (State.SUBMITTED, State.IN_REVIEW) and pair.author_id == user.id:
        pair.submitted_revision_id, pair.state = None, State.DRAFT
    record(session, user, "pair.saved", pair, revision=revision.id)
    return revision


def submit(session: Session, user: User, pair: Pair) -> Pair:
    """Send the current revision to review. Raises Conflict that names the blocking problems or the terms to accept."""
    project = _require_author(session, user, pair)
    terms_id = consent_queries.require_current(session, user)
    if pair.state not in (State.DRAFT, State.CHANGES_REQUESTED):
        raise Conflict(f"A pair that is {pair.state} cannot be submitted.")
    if pair.submitted_revision_id == pair.current_revision_id:
        raise Conflict("Nothing has changed since it came back; edit it first.")
    revision = queries.current(session, pair)
    problems = queries.problems_for(session, project, content_of(revision), without=pair.id)
    if blocking := [problem for problem in problems if problem["severity"] == "block"]:
        raise Conflict(" ".join(f"{problem['code']}: {problem['message']}" for problem in blocking), code="blocked")
    if pair.author_id == user.id:
        revision.terms_id = terms_id
    pair.submitted_revision_id, pair.state, pair.updated_at = revision.id, State.SUBMITTED, now()
    pair.reviews_needed = reviews_needed(project, revision)
    index_actions.request(session, project.id)
    record(session, user, "pair.submitted", pair, revision=revision.id)
    return pair


def withdraw(session: Session, user: User, pair: Pair) -> Pair:
    """Take a submission back. Raises Conflict once a reviewer has it."""
    _require_author(session, user, pair)
    if pair.state != State.SUBMITTED:
        raise Conflict("Only a submission without a review can be withdrawn.")
    pair.submitted_revision_id, pair.state, pair.updated_at = None, State.DRAFT, now()
    record(session, user, "pair.withdrawn", pair)
    return pair


def discard(session: Session, user: User, pair: Pair) -> Pair:
    _require_author(session, user, pair)
    if pair.state not in (State.DRAFT, State.CHANGES_REQUESTED):
        raise Conflict(f"A pair that is {pair.state} cannot be discarded.")
    pair.discarded_at, pair.state, pair.updated_at = now(), State.DISCARDED, now()
    record(session, user, "pair.discarded", pair)
    return pair


def undiscard(session: Session, user: User, pair: Pair) -> Project:
    """Undo the discarding: a step of `reviews.actions.restore`, which derives the state. Raises Forbidden, Conflict."""
    project = _require_author(session, user, pair)
    session.refresh(pair, with_for_update=True)
    if pair.state != State.DISCARDED:
        raise Conflict("Only a discarded pair can be restored.")
    pair.discarded_at = None
    return project


def add_revision(
    session: Session, project: Project, pair: Pair, user: User, content: Content, declared: Declared = UNCHANGED
) -> Revision:
    """Write a revision, make it current and reindex. The caller requires the permission and records the event.

    What is not `declared` is copied from the present revision, so that an editor's fix keeps the author's reasons.
    """
    for name, label in (("source", "source"), ("licence", "license")):
        if not getattr(content, name).strip():
            raise Invalid(f"Enter the {label} of the pair: a pair needs a source and a license.", field=name)
    before = session.get(Revision, pair.current_revision_id) if pair.current_revision_id else None
    number = queries.last_number(session, pair) + 1 if before else 1
    problems = queries.problems_for(session, project, content, without=pair.id)
    terms_id = consent_queries.accepted_terms_id(session, user)
    revision = new_revision(pair, user.id, content, number=number, problems=problems, terms_id=terms_id)
    declaration = declared.after(declared_of(before)) if before else declared
    for name, value in declaration.as_dict().items():
        setattr(revision, name, value)
    pair.current_revision_id, pair.updated_at = revision.id, now()
    session.add(pair)
    session.flush()
    session.add(revision)
    session.flush()
    index_actions.reindex(session, pair, revision)
    if pair.state not in HIDDEN:
        index_actions.request(session, project.id)
    return revision


def new_revision(
    pair: Pair,
    author_id: str,
    content: Content,
    *,
    number: int,
    problems: list[dict[str, object]],
    terms_id: str | None = None,
) -> Revision:
    """Return an unsaved revision. `terms_id` names the terms that the author has accepted, if any."""
    return Revision(
        id=pair_content.digest(content, pair=pair.id, author=author_id, number=number),
        pair_id=pair.id,
        number=number,
        author_id=author_id,
        problems=problems,
        prompt=content.prompt,
        completion=content.completion,
        terms_id=terms_id,
        **content.as_dict(),
    )


def content_of(revision: Revision) -> Content:
    return pair_content.parse({name: getattr(revision, name) for name in pair_content.KEYS})


def reviews_needed(project: Project, revision: Revision) -> int:
    """Return how many independent reviews this submission needs."""
    share = project_settings.of(project.settings)["second_opinions"]
    return states.needed_for(revision.id, project.overlap, share)


def declared_of(revision: Revision) -> Declared:
    return Declared(revision.assistance, revision.pasted_share, revision.waivers)


def lock(session: Session, pair_id: str) -> Pair:
    """Lock the pair until the transaction ends and return it as it is once the lock is held. Raises NotFound."""
    pair = queries.by_id(session, pair_id)
    if session.get_bind().dialect.name == "sqlite":
        return pair  # the transaction has locked the whole database before the pair was read
    session.flush()
    locked = select(Pair).where(Pair.id == pair_id).with_for_update()
    return session.scalars(locked.execution_options(populate_existing=True)).one()


def record(session: Session, user: User, action: str, pair: Pair, **details: Any) -> None:
    """Write the audit event of a pair."""
    audit_actions.record(session, user.id, action, "pair", pair.id, project_id=pair.project_id, **details)


def notify(
    session: Session, people: Sequence[str], kind: str, pair: Pair, *, but: str | None = None, **details: Any
) -> None:
    """Notify these users, other than `but`, of what happened to a pair."""
    notifications_actions.notify(session, people, pair.project_id, kind, "pair", pair.id, but=but, **details)


def _require_author(session: Session, user: User, pair: Pair) -> Project:
    """Return the project of the pair."""
    project = access.require_in(session, user, Permission.WRITE_PAIR, pair.project_id)
    if pair.author_id != user.id and not user.is_admin:
        raise Forbidden("Only the author may do this.")
    return project


def _require_editable(session: Session, user: User, pair: Pair) -> Project:
    """Return the project of the pair."""
    project = access.require_in(session, user, Permission.WRITE_PAIR, pair.project_id)
    if pair.author_id != user.id and not access.allows(session, user, Permission.REVIEW_PAIR, project):
        raise Forbidden("Only the author and the editors may change this pair.")
    if pair.state not in EDITABLE:
        raise Conflict(f"A pair that is {pair.state} cannot be edited.")
    return project
