"""A project's webhooks: list, create, delete."""

from __future__ import annotations

from fastapi import Request
from pydantic import Field

from app.api.deps import CurrentProject, CurrentUser, DbSession, requires
from app.api.schemas import Body, Items, StoredModel, Timestamp
from app.api.strict_route import strict_router
from app.domain.accounts.permissions import Permission
from app.domain.webhooks import actions as webhooks_actions, queries as webhooks_queries

router = strict_router("webhooks")


class NewWebhook(Body):
    url: str
    kinds: list[str]


class WebhookOut(StoredModel):
    url: str
    kinds: list[str]
    active: bool
    last_sent_at: Timestamp | None
    last_error: str


class CreatedWebhook(WebhookOut):
    secret: str = Field(description="The secret that signs deliveries; no later response holds it.")


@router.get("/projects/{slug}/webhooks", dependencies=[requires(Permission.MANAGE_PROJECT)])
def list_webhooks(project: CurrentProject, session: DbSession) -> Items[WebhookOut]:
    return Items[WebhookOut](items=webhooks_queries.webhooks_of(session, project))


@router.post("/projects/{slug}/webhooks", status_code=201, dependencies=[requires(Permission.MANAGE_PROJECT)])
def make_webhook(
    request: Request, project: CurrentProject, body: NewWebhook, session: DbSession, user: CurrentUser
) -> CreatedWebhook:
    """The only response that holds the secret."""
    settings = request.app.state.settings
    webhook, secret = webhooks_actions.create(
        session, user, project, url=body.url, kinds=body.kinds, key=settings.key, allowed=settings.webhook_hosts
    )
    return CreatedWebhook.of(webhook, secret=secret)


@router.delete("/webhooks/{webhook_id}", status_code=204, dependencies=[requires(Permission.MANAGE_PROJECT)])
def delete_webhook(webhook_id: str, session: DbSession, user: CurrentUser) -> None:
    webhooks_actions.remove(session, user, webhooks_queries.webhook_by_id(session, webhook_id))
