"""Webhooks of a project."""

from __future__ import annotations

from pydantic import Field

from app.api.schemas.base import Body, Model, Timestamp


class NewWebhook(Body):
    url: str
    kinds: list[str]


class WebhookOut(Model):
    id: str
    url: str
    kinds: list[str]
    active: bool
    created_at: Timestamp
    last_sent_at: Timestamp | None
    last_error: str


class CreatedWebhook(WebhookOut):
    secret: str = Field(description="The secret that signs deliveries; no later response holds it.")
