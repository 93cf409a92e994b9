"""What an erasure leaves to the background: deleting files, erasing again after a restore."""

from __future__ import annotations

from pathlib import Path

from app.bootstrap import Installation
from app.domain.privacy import actions as privacy_actions
from app.domain.privacy import erasure_log


def sweep(installation: Installation) -> int:
    """What an erasure leaves to be done after its commit; returns how many files were deleted."""
    return privacy_actions.sweep(installation.database, installation.storage, installation.settings.erasures_path)


def erase_again(installation: Installation, *others: Path) -> list[str]:
    """Erase whom a backup has brought back, by the installation's own list and `others`. Returns their pseudonyms."""
    listed = [one for path in (installation.settings.erasures_path, *others) for one in erasure_log.read(path)]
    with installation.database.session() as session:
        return [one.contributor_id for one in privacy_actions.erase_again(session, installation.storage, listed)]
