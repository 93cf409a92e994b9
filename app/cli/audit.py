"""`preceptor audit …`: verify the log, sign a checkpoint, print the public key."""

from __future__ import annotations

import json
import logging
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from app.bootstrap import open_installation
from app.core.errors import AppError
from app.domain.audit import actions as audit_actions, checkpoints, verify_queries
from app.domain.audit.verify import Verification
from app.settings import Settings

log = logging.getLogger("preceptor.audit")


def verify_log(against: list[Path], public_key: str | None) -> Verification:
    """Verify the entire log against this installation's checkpoints and those of the given files."""
    installation = open_installation()
    key = checkpoints.parse_public_key(public_key) if public_key else None
    with installation.database.read() as session:
        return verify_queries.verify_log(session, installation.settings, against=against, key=key)


def print_verification(result: Verification, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(result.as_dict(), indent=2))
        return
    print(result.summary())
    for note in result.notes:
        print(f"note: {note}")
    if result.intact:
        print(f"{result.agreeing} checkpoints match. Hash of event {result.count:,}: {result.head}")


def sign_now() -> str:
    """Sign a checkpoint and return a message."""
    installation = open_installation()
    with installation.database.read() as session:
        checkpoint = audit_actions.make_checkpoint(session, installation.settings)
    if checkpoint is None:
        return "No new events since the last checkpoint."
    return f"Signed {checkpoint.count:,} events; appended to {installation.settings.audit_checkpoints_path}."


def public_key_text() -> str:
    return checkpoints.public_key_text(checkpoints.private_key(open_installation().settings).public_key())


def examine_log(settings: Settings) -> tuple[bool, str]:
    """Check for `preceptor doctor` that the log continues from its last checkpoint."""
    try:
        with open_installation(settings).database.read() as session:
            result = verify_queries.verify_recent(session, settings)
    except (AppError, SQLAlchemyError) as error:
        return False, f"cannot be read ({getattr(error, 'detail', None) or error.__cause__ or error})"
    return result.intact, result.summary()
