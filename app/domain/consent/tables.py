"""Terms: a published text that never changes. Acceptance: the user who agreed, when and how."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db.base import Base, IdTimestampMixin


class Terms(IdTimestampMixin, Base):
    """The newest number is in force. `sha256` is the digest of the text's UTF-8 bytes."""

    __tablename__ = "terms"
    number: Mapped[int] = mapped_column(unique=True)
    text: Mapped[str] = mapped_column(Text)
    sha256: Mapped[str] = mapped_column(String(64))
    published_by: Mapped[str] = mapped_column(ForeignKey("users.id"))


class Acceptance(IdTimestampMixin, Base):
    """`how` is `page` or `api`. Withdrawal stops new contributions; earlier ones keep their terms."""

    __tablename__ = "acceptances"
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"), index=True)
    terms_id: Mapped[str] = mapped_column(ForeignKey("terms.id"))
    how: Mapped[str] = mapped_column(String(16))
    withdrawn_at: Mapped[datetime | None]
