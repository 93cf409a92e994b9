"""A project's webhooks, for its admins: which there are, how their last delivery went, a new one, away with one."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response
from sqlalchemy.orm import Session

from app.core.errors import AppError, Invalid
from app.core.limits import TEST_MESSAGES
from app.domain.accounts.permissions import Permission
from app.domain.accounts.tables import User
from app.domain.notifications import queries, webhooks
from app.domain.notifications.kinds import KINDS
from app.domain.projects import access
from app.domain.projects.tables import Project
from app.web.deps import Db, Me, Posted, asks, go, in_project, limited, text
from app.web.render import page

router = APIRouter()


@router.get("/projects/{slug}/webhooks", dependencies=[asks(Permission.MANAGE_PROJECT)])
def index(request: Request, session: Db, user: Me, slug: str) -> Response:
    project = access.visible_project(session, user, slug)
    access.require(session, user, Permission.MANAGE_PROJECT, project)
    return _list(request, session, user, project)


@router.post("/projects/{slug}/webhooks", dependencies=[asks(Permission.MANAGE_PROJECT)])
def create(request: Request, session: Db, user: Me, form: Posted, slug: str) -> Response:
    """The secret stands in the answer itself and nowhere else."""
    project = access.visible_project(session, user, slug)
    settings = request.app.state.settings
    given = {"url": text(form, "url"), "kinds": [str(one) for one in form.getlist("kind")]}
    try:
        _, secret = webhooks.create(session, user, project, **given, key=settings.key, allowed=settings.webhook_hosts)
    except AppError as error:
        if error.status not in (409, 422):
            raise
        return _list(request, session, user, project, given=given, error=error)
    return _list(request, session, user, project, secret=secret)


@router.post("/webhooks/{webhook_id}/delete", dependencies=[asks(Permission.MANAGE_PROJECT)])
def delete(request: Request, session: Db, user: Me, form: Posted, webhook_id: str) -> Response:
    webhook = queries.webhook_by_id(session, webhook_id)
    project = access.project_of(session, user, webhook.project_id)
    webhooks.remove(session, user, webhook)
    return go(request, f"/projects/{project.slug}/webhooks", "Deleted. Nothing more is sent there.")


@router.post(
    "/webhooks/{webhook_id}/test",
    dependencies=[limited(TEST_MESSAGES, "test messages"), asks(Permission.MANAGE_PROJECT)],
)
def send_test(request: Request, session: Db, user: Me, form: Posted, webhook_id: str) -> Response:
    webhook = queries.webhook_by_id(session, webhook_id)
    project = access.project_of(session, user, webhook.project_id)
    try:
        webhooks.send_test(session, user, webhook, allowed=request.app.state.settings.webhook_hosts)
    except Invalid as error:
        return _list(request, session, user, project, error=error)
    return go(request, f"/projects/{project.slug}/webhooks", "A test message is on its way; look here how it went.")


def _list(
    request: Request,
    session: Session,
    user: User,
    project: Project,
    *,
    given: dict[str, Any] | None = None,
    error: AppError | None = None,
    secret: str | None = None,
) -> Response:
    return page(
        request,
        "notifications/webhooks.html",
        **in_project(session, user, project, "/settings"),
        webhooks=queries.webhooks_of(session, project),
        waiting=queries.waiting(session, project),
        kinds=KINDS,
        hosts=request.app.state.settings.webhook_hosts,
        given=given or {"url": "", "kinds": []},
        error=error,
        secret=secret,
    )
