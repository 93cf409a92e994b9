"""A project's webhooks: list, make, delete."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request

from app.api.deps import Body, CurrentProject, CurrentUser, requires
from app.api.strict_route import StrictRoute
from app.domain.accounts.permissions import Permission
from app.domain.webhooks import actions as webhooks_actions
from app.domain.webhooks import queries as webhooks_queries
from app.domain.webhooks.tables import Webhook
from app.http.transactions import DbSession

router = APIRouter(tags=["webhooks"], route_class=StrictRoute)


class NewWebhook(Body):
    url: str
    kinds: list[str]


def webhook_json(webhook: Webhook) -> dict[str, Any]:
    """Without the secret."""
    names = ("id", "url", "kinds", "active", "created_at", "last_sent_at", "last_error")
    return {name: getattr(webhook, name) for name in names}


@router.get("/projects/{slug}/webhooks", dependencies=[requires(Permission.MANAGE_PROJECT)])
def list_webhooks(project: CurrentProject, session: DbSession, user: CurrentUser) -> dict[str, Any]:
    return {"items": [webhook_json(one) for one in webhooks_queries.webhooks_of(session, project)], "next": None}


@router.post("/projects/{slug}/webhooks", status_code=201, dependencies=[requires(Permission.MANAGE_PROJECT)])
def make_webhook(
    request: Request, project: CurrentProject, body: NewWebhook, session: DbSession, user: CurrentUser
) -> dict[str, Any]:
    """The only answer that holds the secret."""
    settings = request.app.state.settings
    webhook, secret = webhooks_actions.create(
        session, user, project, url=body.url, kinds=body.kinds, key=settings.key, allowed=settings.webhook_hosts
    )
    return {**webhook_json(webhook), "secret": secret}


@router.delete("/webhooks/{webhook_id}", status_code=204, dependencies=[requires(Permission.MANAGE_PROJECT)])
def delete_webhook(webhook_id: str, session: DbSession, user: CurrentUser) -> None:
    webhooks_actions.remove(session, user, webhooks_queries.webhook_by_id(session, webhook_id))
