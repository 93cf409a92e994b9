"""Contributor (pseudonym), Person (the only place for personal data), User, and API tokens."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.core.db.base import Base, IdTimestampMixin


class Contributor(IdTimestampMixin, Base):
    """The pseudonym behind which revisions and reviews are published."""

    __tablename__ = "contributors"
    pseudonym: Mapped[str] = mapped_column(String(40), unique=True)


class Person(IdTimestampMixin, Base):
    """Name and email address. Erasing a person blanks this row and keeps the contributor, and so the lineage."""

    __tablename__ = "persons"
    contributor_id: Mapped[str] = mapped_column(ForeignKey("contributors.id"), unique=True)
    email: Mapped[str] = mapped_column(String(254), unique=True)
    name: Mapped[str] = mapped_column(String(120))
    erased_at: Mapped[datetime | None]


class User(IdTimestampMixin, Base):
    """An account that can sign in while it is active."""

    __tablename__ = "users"
    contributor_id: Mapped[str] = mapped_column(ForeignKey("contributors.id"), unique=True)
    person_id: Mapped[str] = mapped_column(ForeignKey("persons.id"), unique=True)
    is_admin: Mapped[bool] = mapped_column(default=False)
    active: Mapped[bool] = mapped_column(default=True)
    person: Mapped[Person] = relationship(lazy="joined")

    @property
    def name(self) -> str:
        return self.person.name if self.person.erased_at is None else f"Former contributor {self.contributor_id[-4:]}"

    @property
    def email(self) -> str:
        return self.person.email


class ApiToken(IdTimestampMixin, Base):
    """A bearer token, stored as a digest. Scope is `api` or `worker`; `project_id` limits it to one project."""

    __tablename__ = "api_tokens"
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"), index=True)
    name: Mapped[str] = mapped_column(String(80), default="")
    scope: Mapped[str] = mapped_column(String(16), default="api")
    read_only: Mapped[bool] = mapped_column(default=False)
    expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]
    project_id: Mapped[str | None] = mapped_column(String(32))
    last_used_at: Mapped[datetime | None]
