"""The message of one delivery: build it, sign it, send it, and how long to wait after a failure. Takes no session.

A message holds ids and numbers only.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import math
import re
import time
from collections.abc import Sequence
from datetime import timedelta
from random import SystemRandom
from typing import Any

from cryptography.fernet import InvalidToken

from app.core.db.base import new_id, now
from app.core.errors import Conflict
from app.core.security import cipher
from app.domain.webhooks import safe_http
from app.domain.webhooks.tables import Webhook

SIGNATURE = "Preceptor-Signature"
ATTEMPTS = 8
FIRST_PAUSE, LONGEST_PAUSE = timedelta(minutes=1), timedelta(hours=6)
"""Between two attempts; each pause is three times the one before. All eight attempts take about twelve hours."""
PLAIN = re.compile(r"[a-z0-9_]{1,64}")


def message(project_id: str, kind: str, subject_kind: str, subject_id: str, details: dict[str, Any]) -> dict[str, Any]:
    """The message of an event; details that are not numbers or ids are left out."""
    return {
        "id": new_id(),
        "kind": kind,
        "subject": {"kind": subject_kind, "id": subject_id},
        "project": project_id,
        "at": now().isoformat(timespec="seconds"),
        "details": {name: value for name, value in details.items() if _is_plain(value)},
    }


def send(webhook: Webhook, message: dict[str, Any], *, key: str, allowed: Sequence[str]) -> int:
    """Sign a message and send it, outside any transaction; the HTTP status.

    Raises NotDelivered, AddressNotAllowed, Conflict.
    """
    body = json.dumps(message, separators=(",", ":"), sort_keys=True).encode()
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "Preceptor",
        SIGNATURE: signature(secret_of(webhook, key=key), body, int(time.time())),
    }
    return safe_http.post(webhook.url, body, headers, safe_http.CheckedBackend(allowed))


def signature(secret: str, body: bytes, at: int) -> str:
    """`t=…,v1=…`: the Unix time, and HMAC-SHA-256 of time, dot and body under the webhook's secret."""
    mac = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256)
    return f"t={at},v1={mac.hexdigest()}"


def secret_of(webhook: Webhook, *, key: str) -> str:
    """Decrypt the webhook's secret. Raises Conflict when the installation's secret key has changed."""
    try:
        return cipher(key, "webhook").decrypt(webhook.secret.encode()).decode()
    except InvalidToken:
        raise Conflict(
            "The webhook was created under another secret key; delete it and create a new webhook."
        ) from None


def pause_after(attempt: int) -> timedelta:
    """How long to wait after this many failed attempts, with up to 25% random variation: a receiver that recovers
    does not get every message at once."""
    pause = min(FIRST_PAUSE * math.pow(3, min(attempt, ATTEMPTS) - 1), LONGEST_PAUSE)
    return pause * SystemRandom().uniform(0.75, 1.25)


def _is_plain(value: Any) -> bool:
    """Whether it is a number or an id, and no authored text."""
    return isinstance(value, int | float) or (isinstance(value, str) and PLAIN.fullmatch(value) is not None)
