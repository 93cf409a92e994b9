"""What a file will become, as a page shows it: columns with their samples, the first pairs, the bad rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from app.core.errors import AppError
from app.core.storage import Storage
from app.domain.imports import reader_process, uploads
from app.domain.imports.reading import mapping as column_mapping
from app.domain.imports.reading.mapping import Names
from app.domain.imports.tables import Upload
from app.domain.pairs.content import Content

SHOWN = 10
TARGETS = {
    "prompt": "Prompt",
    "completion": "Completion",
    "system": "System message",
    "messages": "All messages",
    "context": "Context document",
    "tags": "Tag",
    "source": "Source",
    "licence": "Licence",
}
LICENCES = (
    "CC0-1.0", "CC-BY-4.0", "CC-BY-SA-4.0", "CC-BY-NC-4.0", "CC-BY-NC-SA-4.0", "CC-BY-3.0", "CC-BY-SA-3.0",
    "PDDL-1.0", "ODC-By-1.0", "ODbL-1.0", "CDLA-Permissive-2.0", "CDLA-Sharing-1.0", "MIT", "Apache-2.0",
    "BSD-3-Clause", "OGL-UK-3.0", "etalab-2.0", "LicenseRef-Proprietary",
)  # fmt: skip
"""SPDX identifiers of licences that data sets come under."""
KINDS = {"csv": "CSV", "parquet": "Parquet", "json": "JSON"}
SHAPES = {
    "jsonl": "prompt and completion",
    "openai": "OpenAI messages",
    "sharegpt": "ShareGPT conversations",
    "alpaca": "Alpaca instructions",
    "argilla": "Argilla records",
    "labelstudio": "Label Studio tasks",
}


@dataclass
class Preview:
    """`error` says why the file, or this mapping of it, cannot be imported at all; `is_guess` that nobody chose it."""

    form: str
    found: reader_process.ScanResult
    names: Names = field(default_factory=dict)
    error: AppError | None = None
    is_guess: bool = False

    @property
    def map(self) -> str:
        """The mapping as the import's form sends it."""
        return column_mapping.as_text(self.names)

    @property
    def contents(self) -> list[Content]:
        return self.found.contents[:SHOWN]

    @property
    def detected(self) -> str:
        """The format in words."""
        kind = KINDS.get(self.found.kind, "")
        shape = SHAPES.get(self.found.shape, "columns that we do not know")
        return f"{kind}: {shape}"

    @property
    def is_known(self) -> bool:
        return self.found.shape in SHAPES

    @property
    def rows(self) -> str:
        """How many pairs will be imported, as far as is known."""
        good = self.found.rows - self.found.bad
        return f"more than {good:,}" if self.found.rows >= reader_process.MOST_COUNTED else f"{good:,}"

    def becomes(self, column: str) -> str:
        """The target of a column."""
        return next((target for target, columns in self.names.items() if column in columns), "")


def of(storage: Storage, upload: Upload, form: str, query: Mapping[str, str]) -> Preview:
    """By what the query says of each column, in their order; where it says nothing, as detected or guessed."""
    first = _look(storage, upload, form, {})
    if first.error is not None:
        return first
    chosen = {number: query.get(f"c{number}", "") for number in range(len(first.found.columns))}
    if any(f"c{number}" in query for number in chosen):
        return _mapped(storage, upload, form, _names(first.found, chosen), first.found)
    guess = {} if first.is_known else column_mapping.guess([one["name"] for one in first.found.columns])
    return _mapped(storage, upload, form, guess, first.found, is_guess=True) if guess else first


def of_map(storage: Storage, upload: Upload, form: str, text: str) -> Preview:
    """By a mapping as the form sends it."""
    first = _look(storage, upload, form, {})
    try:
        names = column_mapping.from_text(text)
    except AppError:
        names = {}
    return _mapped(storage, upload, form, names, first.found) if names and first.error is None else first


def _names(found: reader_process.ScanResult, chosen: Mapping[int, str]) -> Names:
    names: Names = {}
    for number, target in chosen.items():
        if target in TARGETS:
            names.setdefault(target, []).append(found.columns[number]["name"])
    if names.get("prompt") or names.get("messages"):
        names.setdefault("tags", [])  # what is left alone is left out
    return names


def _mapped(
    storage: Storage,
    upload: Upload,
    form: str,
    names: Names,
    first: reader_process.ScanResult,
    *,
    is_guess: bool = False,
) -> Preview:
    if not names:
        return Preview(form, first)
    try:
        column_mapping.parse(names)
    except AppError as error:
        return Preview(
            form, reader_process.ScanResult(columns=first.columns, kind=first.kind, shape=first.shape), names, error
        )
    shown = _look(storage, upload, form, names)
    shown.found.columns = shown.found.columns or first.columns
    shown.is_guess = is_guess
    return shown


def _look(storage: Storage, upload: Upload, form: str, names: Names) -> Preview:
    try:
        return Preview(form, uploads.preview(storage, upload, form, names=names), names)
    except AppError as error:
        if error.status not in (413, 422):
            raise
        return Preview(form, reader_process.ScanResult(), names, error)
