"""Erasure of a user's data."""

from __future__ import annotations

from typing import Literal

from app.api.schemas.base import Body, Json, Model, Timestamp


class NewErasure(Body):
    content: Literal["keep", "withdraw"]


class ErasureOut(Model):
    id: str
    content: str
    created_at: Timestamp
    report: Json
