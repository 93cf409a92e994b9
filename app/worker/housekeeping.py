"""Housekeeping: removes what is no longer needed, repeats erasures after a restore, signs audit checkpoints."""

from __future__ import annotations

import logging
import time
from pathlib import Path

from sqlalchemy.exc import OperationalError, SQLAlchemyError

from app.bootstrap import Installation
from app.core.errors import AppError, Conflict
from app.domain.audit import actions as audit_actions
from app.domain.notifications import actions as notifications_actions
from app.domain.pairs.indexes import index_actions
from app.domain.privacy import actions as privacy_actions, erasure_log

log, audit_log = logging.getLogger("preceptor.jobs"), logging.getLogger("preceptor.audit")
CHECK_SECONDS = 20.0


def sweep(installation: Installation) -> None:
    """Do all of it. Errors are logged; the next sweep tries again."""
    try:
        if removed := installation.storage.sweep():
            log.info("removed %d unfinished transfers older than a day", removed)
        with installation.database.session() as session:
            index_actions.request_missing(session)
            notifications_actions.sweep(session)
        if removed := privacy_actions.sweep_uploads(installation.database, installation.storage):
            log.info("removed %d uploaded files that are no longer needed", removed)
        _repeat_erasures(installation)
        if removed := sweep_erased(installation):
            log.info("removed %d files left by an erasure", removed)
    except (OSError, OperationalError, Conflict) as error:
        log.warning("housekeeping is incomplete: %s", error)


def sweep_erased(installation: Installation) -> int:
    """Delete the files that an erasure leaves after its commit. Return how many."""
    return privacy_actions.sweep(installation.database, installation.storage, installation.settings.erasures_path)


def erase_again(installation: Installation, *lists: Path) -> list[str]:
    """Erase again everyone on the installation's list and on `lists`, as after a restore. Return their pseudonyms."""
    entries = [entry for path in (installation.settings.erasures_path, *lists) for entry in erasure_log.read(path)]
    with installation.database.session() as session:
        people = privacy_actions.erase_again(session, installation.storage, entries)
        return [person.contributor_id for person in people]


def _repeat_erasures(installation: Installation) -> None:
    """An older database may have been restored without `preceptor restore`, so this runs every hour."""
    try:
        pseudonyms = erase_again(installation)
    except Conflict as later:
        log.warning("people restored from a backup will be erased in an hour: %s", later.detail)
        return
    if pseudonyms:
        log.warning("erased %d people again after a restore: %s", len(pseudonyms), ", ".join(pseudonyms))


class CheckpointSigner:
    """Signs a checkpoint when one is due. Errors are logged and stop no other work."""

    def __init__(self, installation: Installation) -> None:
        self.installation = installation
        self._next_check = 0.0

    def sign_if_due(self, *, closing: bool = False) -> None:
        """Check at most every 20 seconds; sign every 200 events, every hour, and on `closing`."""
        if not closing and time.monotonic() < self._next_check:
            return
        self._next_check = time.monotonic() + CHECK_SECONDS
        try:
            with self.installation.database.read() as session:
                made = audit_actions.make_checkpoint(session, self.installation.settings, only_if_due=not closing)
        except AppError as error:
            audit_log.error("audit log: %s", error.detail)
        except (OSError, SQLAlchemyError) as error:
            audit_log.error("audit log: no checkpoint could be signed (%s)", error)
        else:
            if made:
                audit_log.info("audit log: signed %d events", made.count)
