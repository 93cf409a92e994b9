"""A request that is sent twice is done once: the first answer is kept under the client's Idempotency-Key."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

from sqlalchemy import JSON, String
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapped, Session, mapped_column

from app.core.db.base import Base, now
from app.core.errors import Invalid


class IdempotentAnswer(Base):
    """`fingerprint` is the SHA-256 of method, path and body: the same key with another request is refused."""

    __tablename__ = "idempotent_answers"
    user_id: Mapped[str] = mapped_column(String(32), primary_key=True)
    key: Mapped[str] = mapped_column(String(100), primary_key=True)
    fingerprint: Mapped[str] = mapped_column(String(64))
    status: Mapped[int]
    body: Mapped[Any] = mapped_column(JSON, nullable=True)
    created_at: Mapped[datetime] = mapped_column(default=now)


def fingerprint(*parts: Any) -> str:
    """SHA-256 of what makes two requests the same one."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()


def idempotent(
    session: Session, user_id: str, key: str, request: str, status: int, produce: Callable[[], Any]
) -> IdempotentAnswer:
    """The answer kept under the key, or what `produce` makes, kept in the same transaction: both or neither.

    A second request that comes while the first is at work waits for it at the key's row. Raises Invalid for a key that
    was used with another request.
    """
    values = {"user_id": user_id, "key": key, "fingerprint": request, "status": status, "created_at": now()}
    insert = (sqlite if session.get_bind().dialect.name == "sqlite" else postgresql).insert
    statement = insert(IdempotentAnswer).values(values).on_conflict_do_nothing().returning(IdempotentAnswer.key)
    is_first = session.scalar(statement) is not None
    answer = session.get_one(IdempotentAnswer, (user_id, key))
    if answer.fingerprint != request:
        raise Invalid("This Idempotency-Key was used for another request; take a new one.", field="Idempotency-Key")
    if is_first:
        answer.body = produce()
        session.flush()
    return answer
