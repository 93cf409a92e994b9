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


def require_current(session: Session, user: User) -> str | None:
    """The id of the terms that the user contributes under, None while there are none. Raises Conflict."""
    terms = current(session)
    if terms is None:
        return None
    if accepted(session, user, terms) is None:
        raise Conflict(f"Accept the terms of contribution (version {terms.number}) first, at /terms.", code="terms")
    return terms.id
