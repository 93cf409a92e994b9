"""Signs audit checkpoints when they are due."""

from __future__ import annotations

import logging
import time

from sqlalchemy.exc import SQLAlchemyError

from app.bootstrap import Installation
from app.core.errors import AppError
from app.domain.audit import actions as audit_actions

log = logging.getLogger("preceptor.audit")
CHECK_SECONDS = 20.0


class CheckpointSigner:
    """Signs when a checkpoint is due. What goes wrong is said in the log and stops no other work."""

    def __init__(self, installation: Installation) -> None:
        self.installation = installation
        self._next = 0.0

    def look(self, *, last_time: bool = False) -> None:
        """Call this often: it looks every twenty seconds, and signs every 200 events, every hour, and at the end."""
        if not last_time and time.monotonic() < self._next:
            return
        self._next = time.monotonic() + CHECK_SECONDS
        try:
            with self.installation.database.read() as session:
                made = audit_actions.make_checkpoint(session, self.installation.settings, only_if_due=not last_time)
        except AppError as error:
            log.error("audit log: %s", error.detail)
        except (OSError, SQLAlchemyError) as error:
            log.error("audit log: no checkpoint could be signed (%s)", error)
        else:
            if made:
                log.info("audit log: signed %d events", made.count)
