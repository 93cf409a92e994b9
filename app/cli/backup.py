"""`preceptor backup` and `preceptor restore`: everything an installation knows, checked by hash on both ways.

A backup is one snapshot of every table as lines of JSON, the artifacts by their hashes, and a manifest that is written
last. It does not depend on the engine: what was SQLite may be restored to PostgreSQL. The keys of the installation are
left out unless asked for. The dump is in dump.py.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from app.bootstrap import Installation, known_revisions, require_fit, schema_revisions, upgrade
from app.cli import dump
from app.core import jobs
from app.core.db.base import now
from app.core.errors import AppError
from app.core.files import sync, write_whole
from app.core.storage import Damaged, Storage
from app.settings import Settings
from app.worker import housekeeping

FORMAT = 1
MANIFEST = "manifest.json"


class BackupFailed(AppError):
    """The backup or restore failed and nothing was changed; `detail` says why."""


# --- backup ---


def backup(installation: Installation, folder: Path, *, with_key: bool = False) -> dict[str, Any]:
    """Write a backup of the live system to a new folder; returns the manifest. The folder appears when it is whole."""
    if folder.exists() and any(folder.iterdir()):
        raise BackupFailed(f"{folder} is not empty. Choose a new folder.")
    folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    partial = folder.with_name(f"{folder.name}.{secrets.token_hex(4)}.partial")
    partial.mkdir(mode=0o700)
    try:
        manifest = _write(installation, partial, with_key)
        if folder.exists():
            folder.rmdir()
        partial.rename(folder)
        sync(folder.parent)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return manifest


def _write(installation: Installation, folder: Path, with_key: bool) -> dict[str, Any]:
    """The rows first: an artifact is stored before the row that names it, so none that a row names is missed."""
    present, _ = require_fit(installation.database)
    if present is None:
        raise BackupFailed("No installation found. Check PRECEPTOR_DATA_DIR and PRECEPTOR_DATABASE_URL.")
    (folder / "tables").mkdir(mode=0o700)
    files = _copy_files(installation.settings, folder / "files", with_key)  # checkpoints may not be ahead of the rows
    tables = dump.write_tables(installation.database, folder / "tables")
    artifacts, damaged = _copy_artifacts(installation.storage, Storage((folder / "artifacts").absolute().as_uri()))
    manifest = {
        "format": FORMAT,
        "made_at": now().isoformat(),
        "schema": present,
        "tables": tables,
        "artifacts": artifacts,
        "damaged_artifacts": damaged,
        "files": files,
        "with_key": with_key,
    }
    write_whole(folder / MANIFEST, [json.dumps({**manifest, "sha256": seal(manifest)}, indent=1).encode()])
    return manifest


def _copy_artifacts(source: Storage, target: Storage) -> tuple[dict[str, int], list[str]]:
    """({sha256: bytes}, damaged): each is hashed on its way; a damaged one is named and left out."""
    copied, damaged = {}, []
    for sha256 in source.every():
        try:
            _, copied[sha256] = target.put(source.read(sha256), expected=sha256)
        except Damaged:
            damaged.append(sha256)
    return copied, damaged


def _files(settings: Settings, with_key: bool) -> dict[str, Path]:
    """What lies beside the database: checkpoints of the audit log, and the keys when asked for."""
    files = {"audit-checkpoints.jsonl": settings.audit_checkpoints_path}
    if with_key:
        files["audit_key"] = settings.audit_key_path
        if not settings.secret_key:
            files["secret_key"] = settings.secret_key_file or settings.data_dir / "secret_key"
    return files


def _copy_files(settings: Settings, folder: Path, with_key: bool) -> dict[str, str]:
    copied = {}
    folder.mkdir(mode=0o700)
    for name, path in _files(settings, with_key).items():
        if path.exists():
            data = path.read_bytes()
            write_whole(folder / name, [data])
            copied[name] = hashlib.sha256(data).hexdigest()
    return copied


# --- verification ---


def verify(folder: Path) -> dict[str, Any]:
    """The manifest, when every file is there with its hash. Raises BackupFailed that names what is not."""
    manifest = _manifest(folder)
    for name, table in manifest["tables"].items():
        _require(_sha256(folder / "tables" / f"{name}.jsonl") == table["sha256"], f"the table {name}")
    storage = Storage((folder / "artifacts").absolute().as_uri())
    for sha256, size in manifest["artifacts"].items():
        try:
            _require(storage.verify(sha256) == size, f"the artifact {sha256}")
        except AppError as error:
            raise BackupFailed(
                f"Artifact {sha256} of this backup is missing or damaged. Use another backup."
            ) from error
    for name, sha256 in manifest["files"].items():
        _require(_sha256(folder / "files" / name) == sha256, f"the file {name}")
    return manifest


def _manifest(folder: Path) -> dict[str, Any]:
    try:
        manifest: dict[str, Any] = json.loads((folder / MANIFEST).read_text())
    except (OSError, ValueError) as error:
        raise BackupFailed(f"{folder} is not a backup: cannot read {MANIFEST}.") from error
    _require(manifest.pop("sha256", None) == seal(manifest), "the manifest")
    if manifest["format"] != FORMAT:
        raise BackupFailed(f"This backup has format {manifest['format']}; this version reads {FORMAT}.")
    return manifest


def _require(sound: bool, what: str) -> None:
    if not sound:
        raise BackupFailed(f"In this backup, {what} is damaged or missing. Nothing was restored. Use another backup.")


def seal(manifest: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()


def _sha256(path: Path) -> str:
    if not path.is_file():
        return ""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


# --- restore ---


def restore(installation: Installation, folder: Path, *, erasures: Path | None = None) -> dict[str, Any]:
    """Into an empty installation only: all is verified first, then the artifacts, then the rows in one transaction.

    Then everybody is erased again who is on the installation's own list of erasures, or on the one given, and whom the
    backup still knows: `erased_again` in what is returned names their pseudonyms.
    """
    manifest = verify(folder)
    if manifest["schema"] not in known_revisions():
        raise BackupFailed(
            f"This backup has the schema {manifest['schema']}, made by a newer version. Restore with that version."
        )
    _require_empty(installation)
    source = Storage((folder / "artifacts").absolute().as_uri())
    for sha256 in manifest["artifacts"]:
        installation.storage.put(source.read(sha256), expected=sha256)
    _restore_files(installation.settings, folder / "files", manifest)
    if schema_revisions(installation.database)[0] != manifest["schema"]:
        upgrade(installation.database, manifest["schema"])
    dump.read_tables(installation.database, folder / "tables", manifest["tables"])
    upgrade(installation.database, "head")
    with installation.database.session() as session:
        jobs.requeue_running(session)
    again = housekeeping.erase_again(installation, *([erasures] if erasures else []))
    housekeeping.sweep_erased(installation)
    return {**manifest, "erased_again": again}


def _require_empty(installation: Installation) -> None:
    require_fit(installation.database)
    if name := dump.first_filled(installation.database):
        raise BackupFailed(f"This installation is not empty: table {name} has rows. Restore into a new installation.")
    settings = installation.settings
    for path in _files(settings, True).values():
        if path.exists() and path.stat().st_size and "key" not in path.name:
            raise BackupFailed(f"This installation is not empty: {path} exists. Restore into a new installation.")


def _restore_files(settings: Settings, folder: Path, manifest: dict[str, Any]) -> None:
    """A key of the backup replaces the one that this empty installation made for itself."""
    for name, path in _files(settings, manifest["with_key"]).items():
        if name in manifest["files"]:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_whole(path, [(folder / name).read_bytes()])


# --- files and words ---


def summary(manifest: dict[str, Any], folder: Path, verb: str) -> Iterator[str]:
    rows = sum(table["rows"] for table in manifest["tables"].values())
    size = sum(manifest["artifacts"].values())
    tables, artifacts = len(manifest["tables"]), len(manifest["artifacts"])
    yield f"{verb} {folder}: {rows:,} rows in {tables} tables, {artifacts:,} artifacts"
    yield f"({size / 1e6:.1f} MB), schema {manifest['schema']}; all hashes verified."
    if not manifest["with_key"]:
        yield "The backup does not include the keys. Keep secret_key and audit_key separately, or use --with-key."
    if again := manifest.get("erased_again"):
        yield f"Erased again (erased after this backup was made): {', '.join(again)}."
    for sha256 in manifest["damaged_artifacts"]:
        yield f"Not included because its stored copy is damaged: artifact {sha256}."
