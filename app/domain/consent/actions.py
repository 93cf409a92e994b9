"""Publish terms, accept them, withdraw an acceptance."""

from __future__ import annotations

from sqlalchemy.orm import Session

from app.core.db.base import now
from app.core.errors import Conflict, Invalid
from app.core.security import digest
from app.domain.accounts.permissions import Permission, require_global
from app.domain.accounts.tables import User
from app.domain.audit import actions as audit_actions
from app.domain.consent import queries
from app.domain.consent.tables import Acceptance, Terms

MAX_CHARACTERS = 100_000


def publish(session: Session, user: User, text: str) -> Terms:
    """Publish a new version, which all users must accept before their next contribution. Raises Forbidden, Invalid."""
    require_global(session, user, Permission.MANAGE_TERMS)
    text = text.strip()
    if not text or len(text) > MAX_CHARACTERS:
        raise Invalid(f"The terms must have 1 to {MAX_CHARACTERS:,} characters.", field="text")
    last = queries.current(session)
    number, sha256 = last.number + 1 if last else 1, digest(text)
    terms = Terms(number=number, text=text, sha256=sha256, published_by=user.id)
    session.add(terms)
    session.flush()
    audit_actions.record(session, user.id, "terms.published", "terms", terms.id, number=number, sha256=sha256)
    return terms


def accept(session: Session, user: User, number: int, *, how: str) -> Acceptance:
    """Accept the terms in force. Raises Conflict when `number` is not their number."""
    terms = queries.current(session)
    if terms is None or terms.number != number:
        raise Conflict("These terms are not in force. Read the current terms and accept those.")
    if (existing := queries.acceptance_of(session, user, terms)) is not None:
        return existing
    acceptance = Acceptance(user_id=user.id, terms_id=terms.id, how=how)
    session.add(acceptance)
    session.flush()
    audit_actions.record(session, user.id, "terms.accepted", "terms", terms.id, number=terms.number, how=how)
    return acceptance


def withdraw(session: Session, user: User) -> None:
    """Withdraw the acceptance of the terms in force. Raises Conflict when the user has not accepted them."""
    terms = queries.current(session)
    acceptance = queries.acceptance_of(session, user, terms) if terms else None
    if terms is None or acceptance is None:
        raise Conflict("You have not accepted the current terms.")
    acceptance.withdrawn_at = now()
    audit_actions.record(session, user.id, "terms.acceptance_withdrawn", "terms", terms.id, number=terms.number)
