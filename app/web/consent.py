"""Terms of contribution: reading, accepting, taking back; admins publish."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from app.core.errors import Invalid
from app.domain.accounts.permissions import Permission
from app.domain.consent import actions, queries
from app.web.deps import Db, Me, Posted, asks, go, number, text
from app.web.render import page

router = APIRouter()


@router.get("/terms", dependencies=[asks(Permission.USE)])
def show(request: Request, session: Db, user: Me, version: int | None = None) -> Response:
    versions = queries.versions(session)
    shown = next((one for one in versions if one.number == version), versions[0] if versions else None)
    return page(
        request,
        "consent/terms.html",
        shown=shown,
        current=versions[0] if versions else None,
        versions=versions,
        acceptances=queries.acceptances(session, user),
        due=queries.due(session, user),
        error=None,
    )


@router.post("/terms", dependencies=[asks(Permission.MANAGE_TERMS)])
def publish(request: Request, session: Db, user: Me, form: Posted) -> Response:
    terms = actions.publish(session, user, text(form, "text"))
    return go(request, "/terms", f"Version {terms.number} is in force. Everybody is asked to accept it.")


@router.post("/terms/accept", dependencies=[asks(Permission.USE)])
def accept(request: Request, session: Db, user: Me, form: Posted) -> Response:
    wanted = number(form, "number", int)
    if wanted is None:
        raise Invalid("Say which version you accept.", field="number")
    actions.accept(session, user, wanted, how="page")
    return go(request, "/terms", "Accepted. You may submit and import from now on.")


@router.post("/terms/withdraw", dependencies=[asks(Permission.USE)])
def withdraw(request: Request, session: Db, user: Me, form: Posted) -> Response:
    actions.withdraw(session, user)
    return go(request, "/terms", "Taken back. What you gave stays under the terms it came by; you may submit no more.")
