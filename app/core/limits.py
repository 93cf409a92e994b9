"""Rate limits that hold across processes: the counters of the library `limits`, kept in our own database."""

from __future__ import annotations

from sqlalchemy import Float, String
from sqlalchemy.orm import Mapped, mapped_column

from app.core.database import Base


class RateWindow(Base):
    """How often `key` was hit in the window that ends at `expires_at` (seconds since 1970)."""

    __tablename__ = "rate_windows"
    key: Mapped[str] = mapped_column(String(200), primary_key=True)
    count: Mapped[int]
    expires_at: Mapped[float] = mapped_column(Float)
