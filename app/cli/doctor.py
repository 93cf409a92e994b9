"""`preceptor doctor`: check the installation. Each failed check says how to fix it."""

from __future__ import annotations

import shutil
import stat
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from importlib.metadata import PackageNotFoundError, version
from typing import Annotated

import typer
from sqlalchemy import select, text
from sqlalchemy.exc import SQLAlchemyError

from app.bootstrap import ROOT, IncompatibleDatabase, open_installation, require_fit
from app.cli import audit
from app.core.db import sqlite_file
from app.core.db.base import now
from app.core.db.database import journal_mode, sqlite
from app.domain.accounts.tables import ApiToken
from app.domain.checks.similarity.embedding import ABOUT, Embedding
from app.domain.pairs.indexes import embedding_index
from app.settings import Settings

MIN_FREE_BYTES = 1_000_000_000
EXPIRES_SOON = timedelta(days=7)
RELEASED = datetime(2026, 11, 1, tzinfo=UTC)

CheckResult = tuple[bool, str]


def _data_folder(settings: Settings) -> CheckResult:
    folder = settings.data_dir.resolve()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder):
            return True, f"{folder} is writable"
    except OSError as error:
        return False, f"{folder} is not writable ({error.strerror}); set PRECEPTOR_DATA_DIR to a writable folder"


def _secret_key(settings: Settings) -> CheckResult:
    try:
        return bool(settings.key), "long enough"
    except OSError as error:
        return False, f"cannot be read ({error}); see PRECEPTOR_SECRET_KEY_FILE"
    except ValueError as error:
        return False, str(error)


def _disk(settings: Settings) -> CheckResult:
    """Check free space in the data folder. A full disk rejects writes (507) but damages nothing."""
    folder = settings.data_dir.resolve()
    usage = shutil.disk_usage(folder if folder.exists() else folder.parent)
    words = f"{usage.free / 1e9:.1f} GB free of {usage.total / 1e9:.1f} GB"
    if usage.free < MIN_FREE_BYTES:
        return False, f"{words}; free some space: a run needs about 1 GB for checkpoints"
    return True, words


def _modes(settings: Settings) -> CheckResult:
    """Check that only this user can read keys and data."""
    folder = settings.data_dir
    paths = [folder / "secret_key", settings.audit_key_path, sqlite_file.path_of(settings.resolved_database_url)]
    if settings.secret_key_file:
        paths.append(settings.secret_key_file)
    wide = [path for path in paths if path and path.is_file() and stat.S_IMODE(path.stat().st_mode) & 0o077]
    if wide:
        return False, f"other users of this machine can read {wide[0]}; run: chmod 600 {wide[0]}"
    return True, "only this user can read the keys and the database"


def _clock(settings: Settings) -> CheckResult:
    """Check the clock. Sessions and tokens expire by it; leases do not depend on it."""
    moment = now()
    if moment < RELEASED:
        return False, f"the clock shows {moment:%d %b %Y}, before this version was released; synchronize it (NTP)"
    try:
        with open_installation(settings).database.read() as session:
            last = session.scalar(text("SELECT max(created_at) FROM jobs"))
    except SQLAlchemyError:
        return True, f"{moment:%d %b %Y, %H:%M} UTC"
    latest = datetime.fromisoformat(last) if isinstance(last, str) else last
    if latest and latest.replace(tzinfo=latest.tzinfo or UTC) > moment + timedelta(minutes=5):
        return False, f"the clock shows {moment:%d %b %Y, %H:%M} UTC, but a job is newer; synchronize it (NTP)"
    return True, f"{moment:%d %b %Y, %H:%M} UTC"


def _sqlite(settings: Settings) -> CheckResult:
    """Check the version, journal mode, integrity and file system of SQLite."""
    path = sqlite_file.path_of(settings.resolved_database_url)
    if path is None:
        return True, "not in use"
    details = f"version {sqlite.sqlite_version}, journal mode {journal_mode(sqlite.sqlite_version_info)}"
    if problem := sqlite_file.problem(path) or sqlite_file.network_warning(path):
        return False, problem
    return True, f"{details}, quick_check ok"


def _database(settings: Settings) -> CheckResult:
    try:
        present, newest = require_fit(open_installation(settings).database)
    except IncompatibleDatabase as error:
        return False, error.detail
    except SQLAlchemyError as error:
        return False, f"cannot be reached ({str(error.__cause__ or error).strip()}); see PRECEPTOR_DATABASE_URL"
    if present != newest:
        return False, f"schema is at {present or 'none'} instead of {newest}; run: preceptor migrate"
    return True, f"reachable, schema {present}"


def _tokens(settings: Settings) -> CheckResult:
    """Check that trainer tokens do not expire soon: a trainer without a valid token gets no work."""
    soon, moment = now() + EXPIRES_SOON, now()
    try:
        with open_installation(settings).database.read() as session:
            statement = select(ApiToken.expires_at).where(ApiToken.scope == "worker", ApiToken.revoked_at.is_(None))
            ends = sorted(end for end in session.scalars(statement) if end > moment)
    except SQLAlchemyError:
        return True, "unknown until the schema exists"
    if ends and ends[-1] < soon:
        return False, f"the last trainer token expires on {ends[-1]:%d %b %Y}; run: preceptor token create --worker"
    return True, f"{len(ends)} valid trainer token{'' if len(ends) == 1 else 's'}"


def _vendor(_: Settings) -> CheckResult:
    exists = (ROOT / "static" / "vendor" / "htmx.min.js").exists()
    return exists, "built" if exists else "missing, so pages are not interactive; run: make vendor"


def _starter(_: Settings) -> CheckResult:
    exists = any((ROOT / "trainer" / "starter").rglob("*.safetensors"))
    return exists, "weights found" if exists else "no weights in trainer/starter; runs need another base_model"


def _embedding(settings: Settings) -> CheckResult:
    folder = settings.data_dir / embedding_index.FOLDER
    if not (folder / ABOUT).exists():
        command = f"python -m trainer embedding --out {folder}"
        return False, f"not created, so near-duplicates match by wording only; with torch installed, run: {command}"
    try:
        return True, f"embedding {Embedding(folder).digest[:12]}"
    except Exception as error:
        return False, f"{error}; near-duplicates match by wording only"


def _torch(_: Settings) -> CheckResult:
    try:
        return True, version("torch")
    except PackageNotFoundError:
        return False, "not installed; needed only on machines that run a trainer: pip install -e '.[trainer]'"


CHECKS: dict[str, Callable[[Settings], CheckResult]] = {
    "data folder": _data_folder,
    "disk": _disk,
    "secret key": _secret_key,
    "file modes": _modes,
    "clock": _clock,
    "sqlite": _sqlite,
    "database": _database,
    "tokens": _tokens,
    "audit log": audit.examine_log,
    "vendor files": _vendor,
    "starter model": _starter,
    "embedding": _embedding,
    "torch": _torch,
}


def doctor(database: Annotated[bool, typer.Option("--database", help="Check only the database.")] = False) -> None:
    """Check the installation. Exits with 1 if a check fails."""
    settings, healthy = Settings(), True
    for name in ["database"] if database else CHECKS:
        passed, message = CHECKS[name](settings)
        healthy = healthy and passed
        print(f"{'ok  ' if passed else 'FAIL'} {name}: {message}")
    raise typer.Exit(0 if healthy else 1)
