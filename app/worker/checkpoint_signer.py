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
            log.error("audit log: %s", error.detail)
        except (OSError, SQLAlchemyError) as error:
            log.error("audit log: no checkpoint could be signed (%s)", error)
        else:
            if made:
                log.info("audit log: signed %d events", made.count)
