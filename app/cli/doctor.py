"""`preceptor doctor`: is everything there that a start needs? Each answer in words, with what to do."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError, version

from sqlalchemy.exc import SQLAlchemyError

from app.cli.installation import ROOT, open_installation, schema_revisions
from app.settings import Settings

Answer = tuple[bool, str]


def examine(settings: Settings, only: str | None = None) -> Iterator[tuple[str, bool, str]]:
    """(question, whether it is well, the answer in words)."""
    questions: list[tuple[str, Callable[[Settings], Answer]]] = [
        ("data folder", _data_folder),
        ("secret key", _secret_key),
        ("database", _database),
        ("vendor files", _vendor),
        ("starter model", _starter),
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


def _database(settings: Settings) -> Answer:
    try:
        present, newest = schema_revisions(open_installation(settings).database)
    except SQLAlchemyError as error:
        return False, f"does not answer ({str(error.__cause__ or error).strip()}); see PRECEPTOR_DATABASE_URL"
    if present != newest:
        return False, f"answers, but its schema is at {present or 'nothing'} and not {newest}; run: preceptor migrate"
    return True, f"answers, schema {present}"


def _vendor(_: Settings) -> Answer:
    there = (ROOT / "static" / "vendor" / "htmx.min.js").exists()
    return there, "built" if there else "missing, so that pages have no live parts; run: make vendor"


def _starter(_: Settings) -> Answer:
    there = any((ROOT / "trainer" / "starter").rglob("*.safetensors"))
    return there, "weights are there" if there else "no weights in trainer/starter; runs need another base_model"


def _torch(_: Settings) -> Answer:
    try:
        return True, version("torch")
    except PackageNotFoundError:
        return False, "not installed; needed only where a trainer runs: pip install -e '.[trainer]'"
