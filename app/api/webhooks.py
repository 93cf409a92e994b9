"""A project's webhooks: list, create, delete."""

from __future__ import annotations

from fastapi import APIRouter, Request

from app.api.deps import CurrentProject, CurrentUser, requires
from app.api.schemas.base import Items
from app.api.schemas.webhooks import CreatedWebhook, NewWebhook, WebhookOut
from app.api.strict_route import StrictRoute
from app.domain.accounts.permissions import Permission
from app.domain.webhooks import actions as webhooks_actions, queries as webhooks_queries
from app.http.transactions import DbSession

router = APIRouter(tags=["webhooks"], route_class=StrictRoute)


@router.get("/projects/{slug}/webhooks", dependencies=[requires(Permission.MANAGE_PROJECT)])
def list_webhooks(project: CurrentProject, session: DbSession) -> Items[WebhookOut]:
    webhooks = webhooks_queries.webhooks_of(session, project)
    return Items(items=[WebhookOut.model_validate(webhook) for webhook in webhooks])


@router.post("/projects/{slug}/webhooks", status_code=201, dependencies=[requires(Permission.MANAGE_PROJECT)])
def make_webhook(
    request: Request, project: CurrentProject, body: NewWebhook, session: DbSession, user: CurrentUser
) -> CreatedWebhook:
    """The only response that holds the secret."""
    settings = request.app.state.settings
    webhook, secret = webhooks_actions.create(
        session, user, project, url=body.url, kinds=body.kinds, key=settings.key, allowed=settings.webhook_hosts
    )
    return CreatedWebhook(**WebhookOut.model_validate(webhook).model_dump(), secret=secret)


@router.delete("/webhooks/{webhook_id}", status_code=204, dependencies=[requires(Permission.MANAGE_PROJECT)])
def delete_webhook(webhook_id: str, session: DbSession, user: CurrentUser) -> None:
    webhooks_actions.remove(session, user, webhooks_queries.webhook_by_id(session, webhook_id))
