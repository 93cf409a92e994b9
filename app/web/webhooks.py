"""A project's webhooks, for its admins: list with delivery status, create, test, delete."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response
from sqlalchemy.orm import Session

from app.core.errors import AppError
from app.core.rate_limits import TEST_MESSAGES
from app.domain.accounts.permissions import Permission
from app.domain.accounts.tables import User
from app.domain.projects.tables import Project
from app.domain.webhooks import actions as webhooks_actions, queries as webhooks_queries
from app.domain.webhooks.event_types import KINDS
from app.http.transactions import DbSession
from app.web.deps import (
    CsrfForm,
    CurrentProject,
    CurrentUser,
    form_str,
    project_context,
    rate_limited,
    redirect,
    requires,
)
from app.web.forms import form_errors
from app.web.render import render

router = APIRouter()


@router.get("/projects/{slug}/webhooks", dependencies=[requires(Permission.MANAGE_PROJECT)])
def index(request: Request, session: DbSession, user: CurrentUser, project: CurrentProject) -> Response:
    return _list(request, session, user, project)


@router.post("/projects/{slug}/webhooks", dependencies=[requires(Permission.MANAGE_PROJECT)])
def create(
    request: Request, session: DbSession, user: CurrentUser, form: CsrfForm, project: CurrentProject
) -> Response:
    """Create a webhook. Only this response shows its secret."""
    settings = request.app.state.settings
    url, kinds = form_str(form, "url"), [str(kind) for kind in form.getlist("kind")]
    with form_errors() as result:
        _, secret = webhooks_actions.create(
            session, user, project, url=url, kinds=kinds, key=settings.key, allowed=settings.webhook_hosts
        )
    if result.error:
        return _list(request, session, user, project, values={"url": url, "kinds": kinds}, error=result.error)
    return _list(request, session, user, project, secret=secret)


@router.post("/webhooks/{webhook_id}/delete", dependencies=[requires(Permission.MANAGE_PROJECT)])
def delete(
    request: Request, session: DbSession, user: CurrentUser, form: CsrfForm, project: CurrentProject, webhook_id: str
) -> Response:
    webhook = webhooks_queries.webhook_by_id(session, webhook_id)
    webhooks_actions.remove(session, user, webhook)
    return redirect(request, f"/projects/{project.slug}/webhooks", "Webhook deleted.")


@router.post(
    "/webhooks/{webhook_id}/test",
    dependencies=[rate_limited(TEST_MESSAGES, "test messages"), requires(Permission.MANAGE_PROJECT)],
)
def send_test(
    request: Request, session: DbSession, user: CurrentUser, form: CsrfForm, project: CurrentProject, webhook_id: str
) -> Response:
    webhook = webhooks_queries.webhook_by_id(session, webhook_id)
    with form_errors(422) as result:
        webhooks_actions.send_test(session, user, webhook, allowed=request.app.state.settings.webhook_hosts)
    if result.error:
        return _list(request, session, user, project, error=result.error)
    return redirect(request, f"/projects/{project.slug}/webhooks", "Test message queued. Its result appears here.")


def _list(
    request: Request,
    session: Session,
    user: User,
    project: Project,
    *,
    values: dict[str, Any] | None = None,
    error: AppError | None = None,
    secret: str | None = None,
) -> Response:
    return render(
        request,
        "webhooks/list.html",
        **project_context(session, user, project, "/settings"),
        webhooks=webhooks_queries.webhooks_of(session, project),
        waiting=webhooks_queries.pending_deliveries(session, project),
        kinds=KINDS,
        hosts=request.app.state.settings.webhook_hosts,
        values=values or {"url": "", "kinds": []},
        error=error,
        secret=secret,
    )
