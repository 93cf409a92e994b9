"""`preceptor audit …`: verify the log, sign checkpoints of it, print the key. What the jobs process signs by itself."""

from __future__ import annotations

import json
import logging
import time
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from app.cli.installation import Installation, open_installation
from app.core.errors import AppError
from app.domain.audit import actions, checkpoints, verify
from app.domain.audit.verify import Verification
from app.settings import Settings

LOOK_SECONDS = 20.0
log = logging.getLogger("preceptor.audit")


class Keeper:
    """Signs when a checkpoint is due. What goes wrong is said in the log and stops no other work."""

    def __init__(self, installation: Installation) -> None:
        self.installation = installation
        self._next = 0.0

    def look(self, *, last_time: bool = False) -> None:
        """Call this often: it looks every twenty seconds, and signs every 200 events, every hour, and at the end."""
        if not last_time and time.monotonic() < self._next:
            return
        self._next = time.monotonic() + LOOK_SECONDS
        try:
            with self.installation.database.read() as session:
                made = actions.make_checkpoint(session, self.installation.settings, only_if_due=not last_time)
        except AppError as error:
            log.error("audit log: %s", error.detail)
        except (OSError, SQLAlchemyError) as error:
            log.error("audit log: no checkpoint could be signed (%s)", error)
        else:
            if made:
                log.info("audit log: signed %d events", made.count)


def verify_log(against: list[Path], public_key: str | None) -> Verification:
    """The whole log, against the own checkpoints and those of the files named."""
    installation = open_installation()
    key = checkpoints.from_text(public_key) if public_key else None
    with installation.database.read() as session:
        return verify.examine(session, installation.settings, against=against, key=key)


def print_verification(found: Verification, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(found.as_dict(), indent=2))
        return
    print(found.words())
    for remark in found.remarks:
        print(f"note: {remark}")
    if found.intact:
        print(f"{found.agreeing} checkpoints agree. Digest of event {found.count}: {found.head}")


def sign_now() -> str:
    """What was signed, in words."""
    installation = open_installation()
    with installation.database.read() as session:
        made = actions.make_checkpoint(session, installation.settings)
    if made is None:
        return "Nothing was recorded since the last checkpoint."
    return f"Signed {made.count} events; appended to {installation.settings.audit_checkpoints_path}."


def public_key_text() -> str:
    return checkpoints.as_text(checkpoints.private_key(open_installation().settings).public_key())


def examine_log(settings: Settings) -> tuple[bool, str]:
    """For `preceptor doctor`: does the log continue its last checkpoint?"""
    try:
        with open_installation(settings).database.read() as session:
            found = verify.recent(session, settings)
    except (AppError, SQLAlchemyError) as error:
        return False, f"cannot be read ({getattr(error, 'detail', None) or error.__cause__ or error})"
    return found.intact, found.words()
