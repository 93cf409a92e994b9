"""API tokens and browser sessions of the caller."""

from __future__ import annotations

from pydantic import Field

from app.api.schemas.base import Body, Model, Timestamp
from app.domain.accounts.actions import MAX_TOKEN_DAYS


class NewToken(Body):
    name: str
    days: int = Field(default=90, ge=1, le=MAX_TOKEN_DAYS)
    read_only: bool = False
    project: str | None = None


class Token(Model):
    id: str
    name: str
    scope: str
    read_only: bool
    project_id: str | None
    created_at: Timestamp
    expires_at: Timestamp
    last_used_at: Timestamp | None


class CreatedToken(Token):
    token: str = Field(description="The token itself; no later response holds it.")


class BrowserSession(Model):
    id: str
    user_agent: str
    way: str
    created_at: Timestamp
    last_seen_at: Timestamp
    expires_at: Timestamp
    current: bool = Field(False, description="Whether this request came with it.")
