"""A project's webhooks, for its admins: list with delivery status, create, test, delete."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Response

from app.core.errors import AppError, Conflict, Invalid
from app.core.rate_limits import TEST_MESSAGES
from app.domain.accounts.permissions import Permission
from app.domain.webhooks import actions as webhooks_actions, queries as webhooks_queries
from app.domain.webhooks.event_types import KINDS
from app.web.deps import Page, rate_limited, requires

router = APIRouter()


@router.get("/projects/{slug}/webhooks", dependencies=[requires(Permission.MANAGE_PROJECT)])
def index(page: Page) -> Response:
    return _list(page)


@router.post("/projects/{slug}/webhooks", dependencies=[requires(Permission.MANAGE_PROJECT)])
def create(page: Page) -> Response:
    """Create a webhook. Only this response shows its secret."""
    url, kinds = page.form.text("url"), page.form.every("kind")
    try:
        _, secret = webhooks_actions.create(
            page.session,
            page.user,
            page.project,
            url=url,
            kinds=kinds,
            key=page.settings.key,
            allowed=page.settings.webhook_hosts,
        )
    except (Conflict, Invalid) as error:
        return _list(page, values={"url": url, "kinds": kinds}, error=error)
    return _list(page, secret=secret)


@router.post("/webhooks/{webhook_id}/delete", dependencies=[requires(Permission.MANAGE_PROJECT)])
def delete(page: Page, webhook_id: str) -> Response:
    webhook = webhooks_queries.webhook_by_id(page.session, webhook_id)
    webhooks_actions.remove(page.session, page.user, webhook)
    return page.redirect(f"{page.root}/webhooks", "Webhook deleted.")


@router.post(
    "/webhooks/{webhook_id}/test",
    dependencies=[rate_limited(TEST_MESSAGES, "test messages"), requires(Permission.MANAGE_PROJECT)],
)
def send_test(page: Page, webhook_id: str) -> Response:
    webhook = webhooks_queries.webhook_by_id(page.session, webhook_id)
    try:
        webhooks_actions.send_test(page.session, page.user, webhook, allowed=page.settings.webhook_hosts)
    except Invalid as error:
        return _list(page, error=error)
    return page.redirect(f"{page.root}/webhooks", "Test message queued. Its result appears here.")


def _list(
    page: Page, *, values: dict[str, Any] | None = None, error: AppError | None = None, secret: str | None = None
) -> Response:
    return page.render(
        "webhooks/list.html",
        tab="/settings",
        webhooks=webhooks_queries.webhooks_of(page.session, page.project),
        waiting=webhooks_queries.pending_deliveries(page.session, page.project),
        kinds=KINDS,
        hosts=page.settings.webhook_hosts,
        values=values or {"url": "", "kinds": []},
        error=error,
        secret=secret,
    )
