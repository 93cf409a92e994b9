"""Which terms are in force, and whether somebody accepted them."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.errors import Conflict
from app.domain.accounts.tables import User
from app.domain.consent.tables import Acceptance, Terms


def current(session: Session) -> Terms | None:
    """The newest terms; None while none were published, and then nobody is asked."""
    return session.scalar(select(Terms).order_by(Terms.number.desc()).limit(1))


def accepted(session: Session, user: User, terms: Terms) -> Acceptance | None:
    """The standing acceptance of these terms."""
    return session.scalar(
        select(Acceptance)
        .where(Acceptance.user_id == user.id, Acceptance.terms_id == terms.id, Acceptance.withdrawn_at.is_(None))
        .limit(1)
    )


def standing(session: Session, user: User) -> str | None:
    """The id of the terms in force when the user has accepted them; None otherwise."""
    terms = current(session)
    return terms.id if terms and accepted(session, user, terms) else None


def due(session: Session, user: User) -> Terms | None:
    """The terms that the user has still to accept; None when nothing is asked."""
    terms = current(session)
    return terms if terms and accepted(session, user, terms) is None else None


def versions(session: Session) -> list[Terms]:
    """Newest first."""
    return list(session.scalars(select(Terms).order_by(Terms.number.desc())))


def acceptances(session: Session, user: User) -> list[tuple[Acceptance, Terms]]:
    """What the user agreed to, newest first, with what was taken back."""
    rows = session.execute(
        select(Acceptance, Terms)
        .join(Terms, Terms.id == Acceptance.terms_id)
        .where(Acceptance.user_id == user.id)
        .order_by(Acceptance.id.desc())
    )
    return [(acceptance, terms) for acceptance, terms in rows]


def require_current(session: Session, user: User) -> str | None:
    """The id of the terms that the user contributes under, None while there are none. Raises Conflict."""
    terms = current(session)
    if terms is None:
        return None
    if accepted(session, user, terms) is None:
        raise Conflict(f"Accept the terms of contribution (version {terms.number}) first, at /terms.", code="terms")
    return terms.id
