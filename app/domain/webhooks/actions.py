"""A project's webhooks: making and deleting them, queueing a delivery for each event, signing and sending it.

A delivery is a job: it exists exactly when the event does. What is sent holds ids and numbers only.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import math
import re
import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from random import SystemRandom
from typing import Any

from cryptography.fernet import InvalidToken
from sqlalchemy import bindparam, delete, select
from sqlalchemy.orm import Session

from app.core import jobs
from app.core.db.base import columns, new_id, now
from app.core.errors import Conflict, Invalid
from app.core.security import cipher, new_secret
from app.domain.accounts.permissions import Permission
from app.domain.accounts.tables import User
from app.domain.audit import actions as audit_actions
from app.domain.projects import access
from app.domain.projects.tables import Project
from app.domain.webhooks import queries, safe_http
from app.domain.webhooks.event_types import KINDS
from app.domain.webhooks.tables import DELIVERY, Webhook

KIND = DELIVERY
TEST = "webhook.test"
SIGNATURE = "Preceptor-Signature"
MOST = 10
ATTEMPTS = 8
FIRST_PAUSE, LONGEST_PAUSE = timedelta(minutes=1), timedelta(hours=6)
"""Between two attempts: three times as long each time. All eight of them take some twelve hours."""
PLAIN = re.compile(r"[a-z0-9_]{1,64}")
WEBHOOKS = columns(Webhook)
ACTIVE = select(WEBHOOKS.id, WEBHOOKS.kinds).where(WEBHOOKS.project_id == bindparam("project"), WEBHOOKS.active)
TOLD = "webhooks told"  # session.info: one event is one delivery, however many people it is told to


def create(
    session: Session, user: User, project: Project, *, url: str, kinds: Sequence[str], key: str, allowed: Sequence[str]
) -> tuple[Webhook, str]:
    """A new webhook, and its secret, which nobody sees again. Raises Forbidden, Refused, Invalid, Conflict."""
    access.require(session, user, Permission.MANAGE_PROJECT, project)
    safe_http.permit(url, allowed)
    if not kinds or set(kinds) - set(KINDS):
        raise Invalid(f"Choose at least one of {', '.join(KINDS)}.", field="kinds")
    if len(queries.webhooks_of(session, project)) >= MOST:
        raise Conflict(f"A project has at most {MOST} webhooks; delete one first.")
    secret = new_secret("whsec_")
    webhook = Webhook(
        project_id=project.id,
        url=url,
        secret=cipher(key, "webhook").encrypt(secret.encode()).decode(),
        kinds=sorted(set(kinds)),
        created_by=user.id,
    )
    session.add(webhook)
    session.flush()
    audit_actions.record(
        session, user.id, "webhook.created", "webhook", webhook.id, project_id=project.id, kinds=webhook.kinds
    )
    return webhook, secret


def remove(session: Session, user: User, webhook: Webhook) -> None:
    """Deliveries that wait are dropped when their turn comes. Raises Forbidden."""
    project = access.project_of(session, user, webhook.project_id)
    access.require(session, user, Permission.MANAGE_PROJECT, project)
    session.delete(webhook)
    audit_actions.record(session, user.id, "webhook.deleted", "webhook", webhook.id, project_id=project.id)


def send_test(session: Session, user: User, webhook: Webhook, *, allowed: Sequence[str]) -> None:
    """Queue one message that tells of nothing. Raises Forbidden, Refused."""
    project = access.project_of(session, user, webhook.project_id)
    access.require(session, user, Permission.MANAGE_PROJECT, project)
    safe_http.permit(webhook.url, allowed)
    _enqueue(session, webhook.id, project.id, TEST, "webhook", webhook.id, {})
    audit_actions.record(session, user.id, "webhook.tested", "webhook", webhook.id, project_id=project.id)


def queue(
    session: Session, project_id: str, kind: str, subject_kind: str, subject_id: str, details: dict[str, Any]
) -> None:
    """One delivery for each webhook of the project that wants this kind, in the transaction of the event."""
    told = session.info.setdefault(TOLD, set())
    if (event := (project_id, kind, subject_id)) in told:
        return
    told.add(event)
    for webhook_id, kinds in session.execute(ACTIVE, {"project": project_id}).all():
        if kind in kinds:
            _enqueue(session, webhook_id, project_id, kind, subject_kind, subject_id, details)


def _enqueue(
    session: Session,
    webhook_id: str,
    project_id: str,
    kind: str,
    subject_kind: str,
    subject_id: str,
    details: dict[str, Any],
) -> None:
    message = {
        "id": new_id(),
        "kind": kind,
        "subject": {"kind": subject_kind, "id": subject_id},
        "project": project_id,
        "at": now().isoformat(timespec="seconds"),
        "details": {name: one for name, one in details.items() if _is_plain(one)},
    }
    jobs.enqueue(session, KIND, {"webhook": webhook_id, "message": message}, project_id=project_id)


def pause_after(attempt: int) -> timedelta:
    """How long to wait after this many failed attempts: up to a quarter more or less, at random, so that a receiver
    that comes back does not meet everything at once."""
    pause = min(FIRST_PAUSE * math.pow(3, min(attempt, ATTEMPTS) - 1), LONGEST_PAUSE)
    return pause * SystemRandom().uniform(0.75, 1.25)


def deliver(
    webhook: Webhook,
    message: dict[str, Any],
    *,
    key: str,
    allowed: Sequence[str],
    backend: safe_http.Checked | None = None,
) -> int:
    """Sign and send, outside any transaction; the status. Raises NotDelivered, Refused, Conflict."""
    body = json.dumps(message, separators=(",", ":"), sort_keys=True).encode()
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "Preceptor",
        SIGNATURE: signature(secret_of(webhook, key=key), body, int(time.time())),
    }
    return safe_http.post(webhook.url, body, headers, backend or safe_http.Checked(allowed))


def signature(secret: str, body: bytes, at: int) -> str:
    """`t=…,v1=…`: when it was signed, and HMAC-SHA-256 of time, dot and body under the webhook's secret."""
    mac = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256)
    return f"t={at},v1={mac.hexdigest()}"


def secret_of(webhook: Webhook, *, key: str) -> str:
    try:
        return cipher(key, "webhook").decrypt(webhook.secret.encode()).decode()
    except InvalidToken:
        raise Conflict("The webhook was made under another secret key; delete it and make a new one.") from None


def note(session: Session, webhook_id: str, error: str = "") -> None:
    """How the last delivery went, for the page of webhooks."""
    webhook = session.get(Webhook, webhook_id)
    if webhook is not None:
        webhook.last_error = error[:200]
        webhook.last_sent_at = webhook.last_sent_at if error else now()


def forget_deliveries(session: Session, before: datetime) -> None:
    """Deliveries that ended long ago; the events themselves are in the audit log."""
    session.execute(delete(jobs.Job).where(jobs.Job.kind == KIND, jobs.Job.finished_at < before))


def _is_plain(value: Any) -> bool:
    """A number or an id: no name, no text that somebody wrote."""
    return isinstance(value, int | float) or (isinstance(value, str) and PLAIN.fullmatch(value) is not None)
