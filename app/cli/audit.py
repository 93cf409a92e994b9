"""`preceptor audit …`: verify the log, sign checkpoints of it, print the key. What the jobs process signs by itself."""

from __future__ import annotations

import json
import logging
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from app.bootstrap import open_installation
from app.core.errors import AppError
from app.domain.audit import actions as audit_actions
from app.domain.audit import checkpoints, verify_queries
from app.domain.audit.verify import Verification
from app.settings import Settings

log = logging.getLogger("preceptor.audit")


def verify_log(against: list[Path], public_key: str | None) -> Verification:
    """The whole log, against the own checkpoints and those of the files named."""
    installation = open_installation()
    key = checkpoints.parse_public_key(public_key) if public_key else None
    with installation.database.read() as session:
        return verify_queries.verify_log(session, installation.settings, against=against, key=key)


def print_verification(found: Verification, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(found.as_dict(), indent=2))
        return
    print(found.summary())
    for note in found.notes:
        print(f"note: {note}")
    if found.intact:
        print(f"{found.agreeing} checkpoints agree. Digest of event {found.count}: {found.head}")


def sign_now() -> str:
    """What was signed, in words."""
    installation = open_installation()
    with installation.database.read() as session:
        made = audit_actions.make_checkpoint(session, installation.settings)
    if made is None:
        return "Nothing was recorded since the last checkpoint."
    return f"Signed {made.count} events; appended to {installation.settings.audit_checkpoints_path}."


def public_key_text() -> str:
    return checkpoints.public_key_text(checkpoints.private_key(open_installation().settings).public_key())


def examine_log(settings: Settings) -> tuple[bool, str]:
    """For `preceptor doctor`: does the log continue its last checkpoint?"""
    try:
        with open_installation(settings).database.read() as session:
            found = verify_queries.verify_recent(session, settings)
    except (AppError, SQLAlchemyError) as error:
        return False, f"cannot be read ({getattr(error, 'detail', None) or error.__cause__ or error})"
    return found.intact, found.summary()
