"""`preceptor doctor`: is everything there that a start needs? Each answer in words, with what to do."""

from __future__ import annotations

import shutil
import stat
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from importlib.metadata import PackageNotFoundError, version

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

LEAST_FREE = 1_000_000_000
EXPIRES_SOON = timedelta(days=7)
RELEASED = datetime(2026, 11, 1, tzinfo=UTC)

Answer = tuple[bool, str]


def examine(settings: Settings, only: str | None = None) -> Iterator[tuple[str, bool, str]]:
    """(question, whether it is well, the answer in words)."""
    questions: list[tuple[str, Callable[[Settings], Answer]]] = [
        ("data folder", _data_folder),
        ("disk", _disk),
        ("secret key", _secret_key),
        ("file modes", _modes),
        ("clock", _clock),
        ("sqlite", _sqlite),
        ("database", _database),
        ("tokens", _tokens),
        ("audit log", audit.examine_log),
        ("vendor files", _vendor),
        ("starter model", _starter),
        ("neighbours by meaning", _meaning),
        ("torch", _torch),
    ]
    for name, ask in questions:
        if only and name != only:
            continue
        yield name, *ask(settings)


def _data_folder(settings: Settings) -> Answer:
    folder = settings.data_dir.resolve()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder):
            return True, f"{folder} can be written to"
    except OSError as error:
        return False, f"{folder} cannot be written to ({error.strerror}); set PRECEPTOR_DATA_DIR to a folder that can"


def _secret_key(settings: Settings) -> Answer:
    try:
        length = len(settings.key)
    except OSError as error:
        return False, f"cannot be read ({error}); see PRECEPTOR_SECRET_KEY_FILE"
    return length >= 32, "long enough" if length >= 32 else f"only {length} characters; use 32 random ones or more"


def _disk(settings: Settings) -> Answer:
    """Free space where the data lies; a full disk refuses writes (507) and breaks nothing."""
    folder = settings.data_dir.resolve()
    usage = shutil.disk_usage(folder if folder.exists() else folder.parent)
    words = f"{usage.free / 1e9:.1f} GB free of {usage.total / 1e9:.1f} GB"
    if usage.free < LEAST_FREE:
        return False, f"{words}; a run needs about a gigabyte for its checkpoints: free some"
    return True, words


def _modes(settings: Settings) -> Answer:
    """Nobody but this user may read keys and data."""
    folder = settings.data_dir
    ours = [folder / "secret_key", settings.audit_key_path, sqlite_file.path_of(settings.resolved_database_url)]
    if settings.secret_key_file:
        ours.append(settings.secret_key_file)
    wide = [path for path in ours if path and path.is_file() and stat.S_IMODE(path.stat().st_mode) & 0o077]
    given = wide[0] if wide else None
    if given:
        return False, f"{given} can be read by other users of this machine; run: chmod 600 {given}"
    return True, "keys and database are for this user only"


def _clock(settings: Settings) -> Answer:
    """Leases do not depend on it; expiry of sessions and tokens does."""
    moment = now()
    if moment < RELEASED:
        return False, f"the clock says {moment:%d %b %Y}, which is before this version was made; set it (NTP)"
    try:
        with open_installation(settings).database.read() as session:
            last = session.scalar(text("SELECT max(created_at) FROM jobs"))
    except SQLAlchemyError:
        return True, f"{moment:%d %b %Y, %H:%M} UTC"
    latest = datetime.fromisoformat(last) if isinstance(last, str) else last
    if latest and latest.replace(tzinfo=latest.tzinfo or UTC) > moment + timedelta(minutes=5):
        return False, f"the clock says {moment:%d %b %Y, %H:%M} UTC, and a job was made after that; set it (NTP)"
    return True, f"{moment:%d %b %Y, %H:%M} UTC"


def _sqlite(settings: Settings) -> Answer:
    """Version, journal mode, soundness, and the file system below."""
    path = sqlite_file.path_of(settings.resolved_database_url)
    if path is None:
        return True, "not in use"
    words = f"version {sqlite.sqlite_version}, journal mode {journal_mode(sqlite.sqlite_version_info)}"
    if found := sqlite_file.problem(path) or sqlite_file.network_warning(path):
        return False, found
    return True, f"{words}, quick_check ok"


def _database(settings: Settings) -> Answer:
    try:
        present, newest = require_fit(open_installation(settings).database)
    except IncompatibleDatabase as error:
        return False, error.detail
    except SQLAlchemyError as error:
        return False, f"does not answer ({str(error.__cause__ or error).strip()}); see PRECEPTOR_DATABASE_URL"
    if present != newest:
        return False, f"answers, but its schema is at {present or 'nothing'} and not {newest}; run: preceptor migrate"
    return True, f"answers, schema {present}"


def _tokens(settings: Settings) -> Answer:
    """A trainer whose token expires stops claiming."""
    soon, moment = now() + EXPIRES_SOON, now()
    try:
        with open_installation(settings).database.read() as session:
            statement = select(ApiToken.expires_at).where(ApiToken.scope == "worker", ApiToken.revoked_at.is_(None))
            ends = sorted(end for end in session.scalars(statement) if end > moment)
    except SQLAlchemyError:
        return True, "not known before the schema is there"
    if ends and ends[-1] < soon:
        return False, f"the last trainer's token expires on {ends[-1]:%d %b %Y}; make another: preceptor token create"
    return True, f"{len(ends)} valid for trainers"


def _vendor(_: Settings) -> Answer:
    there = (ROOT / "static" / "vendor" / "htmx.min.js").exists()
    return there, "built" if there else "missing, so that pages have no live parts; run: make vendor"


def _starter(_: Settings) -> Answer:
    there = any((ROOT / "trainer" / "starter").rglob("*.safetensors"))
    return there, "weights are there" if there else "no weights in trainer/starter; runs need another base_model"


def _meaning(settings: Settings) -> Answer:
    folder = settings.data_dir / embedding_index.FOLDER
    if not (folder / ABOUT).exists():
        order = f"python -m trainer embedding --out {folder}"
        return False, f"no embedding, so that near-duplicates are found by their wording only; where torch is: {order}"
    try:
        return True, f"embedding {Embedding(folder).digest[:12]}"
    except Exception as error:
        return False, f"{error}; near-duplicates are found by their wording only"


def _torch(_: Settings) -> Answer:
    try:
        return True, version("torch")
    except PackageNotFoundError:
        return False, "not installed; needed only where a trainer runs: pip install -e '.[trainer]'"
