"""Read the terms in force and their acceptances."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.errors import Conflict
from app.domain.accounts.tables import User
from app.domain.consent.tables import Acceptance, Terms


def current(session: Session) -> Terms | None:
    """Return the newest terms; None while none are published, and then no acceptance is required."""
    return session.scalar(select(Terms).order_by(Terms.number.desc()).limit(1))


def acceptance_of(session: Session, user: User, terms: Terms) -> Acceptance | None:
    """Return the user's acceptance of these terms unless it was withdrawn."""
    own = select(Acceptance).where(Acceptance.user_id == user.id, Acceptance.terms_id == terms.id)
    return session.scalar(own.where(Acceptance.withdrawn_at.is_(None)).limit(1))


def accepted_terms_id(session: Session, user: User) -> str | None:
    """Return the id of the terms in force when the user has accepted them, else None."""
    terms = current(session)
    return terms.id if terms and acceptance_of(session, user, terms) else None


def terms_to_accept(session: Session, user: User) -> Terms | None:
    """Return the terms that the user still has to accept, or None."""
    terms = current(session)
    return terms if terms and acceptance_of(session, user, terms) is None else None


def versions(session: Session) -> list[Terms]:
    """Return all terms, newest first."""
    return list(session.scalars(select(Terms).order_by(Terms.number.desc())))


def acceptances(session: Session, user: User) -> Sequence[tuple[Acceptance, Terms]]:
    """Return the user's acceptances with their terms, newest first, including withdrawn ones."""
    statement = select(Acceptance, Terms).join(Terms, Terms.id == Acceptance.terms_id)
    own = statement.where(Acceptance.user_id == user.id).order_by(Acceptance.id.desc())
    return session.execute(own).all()


def require_current(session: Session, user: User) -> str | None:
    """Return the id of the terms that the user contributes under, None while there are none. Raises Conflict."""
    terms = current(session)
    if terms and acceptance_of(session, user, terms) is None:
        raise Conflict(f"First accept the terms of contribution (version {terms.number}) at /terms.", code="terms")
    return terms.id if terms else None
