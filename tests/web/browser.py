"""A browser without JavaScript: it keeps cookies, reads the CSRF token off the page it looks at, and sends forms."""

from __future__ import annotations

import re
from typing import Any

import pyotp
from fastapi.testclient import TestClient
from httpx import Response
from sqlalchemy import select

from app.core.database import Database
from app.domain.accounts.tables import User
from app.domain.audit.tables import AuditEvent
from app.domain.signin import actions as signin
from app.domain.signin import passwords, second_factor
from app.domain.signin.tables import Password, SecondFactor

PASSWORD = "four words of canary"


class Browser:
    def __init__(self, app: Any, user_agent: str = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Firefox/140.0") -> None:
        self.client = TestClient(app, follow_redirects=False, headers={"user-agent": user_agent})

    def get(self, path: str) -> Response:
        return self.client.get(path)

    def send(self, path: str, *, page: str | None = None, **fields: Any) -> Response:
        """Post a form as it stands on `page` (by default on the same path)."""
        found = re.search(r'name="csrf" value="([^"]+)"', self.get(page or path).text)
        assert found, f"no form on {page or path}"
        return self.client.post(path, data={"csrf": found[1], **fields})

    def sign_in(self, email: str, password: str = PASSWORD, **fields: Any) -> Response:
        return self.send("/sign-in", email=email, password=password, **fields)

    def cookie(self) -> str:
        return self.client.cookies.get("preceptor_session", "")


def give_password(database: Database, user: User, password: str = PASSWORD) -> None:
    with database.session() as session:
        session.add(Password(user_id=user.id, hash=passwords.hashed(password)))


def give_link(database: Database, user: User) -> str:
    with database.session() as session:
        return signin.create_sign_in_link(session, user=session.get_one(User, user.id))


def give_factor(database: Database, user: User, key: str) -> tuple[pyotp.TOTP, list[str]]:
    """A confirmed second factor: what makes its codes, and the recovery codes."""
    with database.session() as session:
        owner = session.get_one(User, user.id)
        second_factor.begin(session, owner, key=key)
        session.flush()
        totp = pyotp.TOTP(second_factor.secret_of(session.get_one(SecondFactor, user.id), key=key))
        codes, _ = second_factor.confirm(session, owner, totp.now(), key=key, raw="")
        forget_code(session.get_one(SecondFactor, user.id))
    return totp, codes


def forget_code(factor: SecondFactor) -> None:
    """As if the last code had been used long ago, so that a test need not wait for the next one."""
    factor.last_step = 0


def events(database: Database, *, subject: str | None = None) -> list[AuditEvent]:
    with database.read() as session:
        statement = select(AuditEvent).order_by(AuditEvent.id)
        if subject:
            statement = statement.where(AuditEvent.subject_id == subject)
        return list(session.scalars(statement))


def actions_since(database: Database, last: int) -> list[str]:
    """What the audit log gained."""
    return [event.action for event in events(database) if event.id > last]


def last_event(database: Database) -> int:
    found = events(database)
    return found[-1].id if found else 0
