"""The preview of an import: columns with samples, the first pairs, the bad rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from app.core.errors import AppError
from app.core.storage import Storage
from app.domain.imports import reader_process
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
    "license": "License",
}
LICENSES = (
    "CC0-1.0", "CC-BY-4.0", "CC-BY-SA-4.0", "CC-BY-NC-4.0", "CC-BY-NC-SA-4.0", "CC-BY-3.0", "CC-BY-SA-3.0",
    "PDDL-1.0", "ODC-By-1.0", "ODbL-1.0", "CDLA-Permissive-2.0", "CDLA-Sharing-1.0", "MIT", "Apache-2.0",
    "BSD-3-Clause", "OGL-UK-3.0", "etalab-2.0", "LicenseRef-Proprietary",
)  # fmt: skip
"""SPDX identifiers of common dataset licenses."""
KINDS = {"csv": "CSV", "parquet": "Parquet", "json": "JSON"}
PLATFORMS = {
    "openai": "OpenAI messages",
    "sharegpt": "ShareGPT conversations",
    "alpaca": "Alpaca instructions",
    "argilla": "Argilla records",
}
SHAPES = {"jsonl": "Prompt and completion", **PLATFORMS, "labelstudio": "Label Studio tasks"}


@dataclass
class Preview:
    """`error` is the reason why the file or its mapping cannot be imported; `is_guess` marks a guessed mapping."""

    form: str
    scan: reader_process.ScanResult
    names: Names = field(default_factory=dict)
    error: AppError | None = None
    is_guess: bool = False

    @property
    def map(self) -> str:
        """The mapping in the format of the import form."""
        return column_mapping.as_text(self.names)

    @property
    def contents(self) -> list[Content]:
        return self.scan.contents[:SHOWN]

    @property
    def detected(self) -> str:
        """The format in words."""
        return f"{KINDS.get(self.scan.kind, '')}: {SHAPES.get(self.scan.shape, 'unrecognized columns')}"

    @property
    def is_known(self) -> bool:
        return self.scan.shape in SHAPES

    @property
    def rows(self) -> str:
        """The number of pairs to import, as far as the file was scanned."""
        good = self.scan.rows - self.scan.bad
        return f"more than {good:,}" if self.scan.rows >= reader_process.MAX_PREVIEW_ROWS else f"{good:,}"

    def becomes(self, column: str) -> str:
        """Return the target of a column."""
        target = next((target for target, columns in self.names.items() if column in columns), "")
        return "license" if target == "licence" else target


def of(storage: Storage, upload: Upload, form: str, query: Mapping[str, str]) -> Preview:
    """Preview with the mapping in the query (c0, c1, … by column), or else with the detected or guessed mapping."""
    first = _preview(storage, upload, form, {})
    if first.error is not None:
        return first
    chosen = {number: query.get(f"c{number}", "") for number in range(len(first.scan.columns))}
    if any(f"c{number}" in query for number in chosen):
        return _mapped(storage, upload, form, _names(first.scan, chosen), first.scan)
    guess = {} if first.is_known else column_mapping.guess([column["name"] for column in first.scan.columns])
    return replace(_mapped(storage, upload, form, guess, first.scan), is_guess=True) if guess else first


def of_map(storage: Storage, upload: Upload, form: str, text: str) -> Preview:
    """Preview with a mapping in the format of the import form."""
    first = _preview(storage, upload, form, {})
    try:
        names = column_mapping.from_text(text)
    except AppError:
        names = {}
    return _mapped(storage, upload, form, names, first.scan) if names and first.error is None else first


def _names(scan: reader_process.ScanResult, chosen: Mapping[int, str]) -> Names:
    names: Names = {}
    for number, target in chosen.items():
        if target in TARGETS:
            names.setdefault(target, []).append(scan.columns[number]["name"])
    if names.get("prompt") or names.get("messages"):
        names.setdefault("tags", [])  # columns without a target are ignored
    return names


def _mapped(storage: Storage, upload: Upload, form: str, names: Names, first: reader_process.ScanResult) -> Preview:
    if not names:
        return Preview(form, first)
    try:
        names = column_mapping.parse(names)
    except AppError as error:
        return Preview(
            form, reader_process.ScanResult(columns=first.columns, kind=first.kind, shape=first.shape), names, error
        )
    preview = _preview(storage, upload, form, names)
    preview.scan.columns = preview.scan.columns or first.columns
    return preview


def _preview(storage: Storage, upload: Upload, form: str, names: Names) -> Preview:
    try:
        scan = reader_process.scan(
            storage.read(upload.sha256),
            form,
            filename=upload.filename,
            names=names,
            head=reader_process.HEAD_ROWS,
            complete=False,
        )
        return Preview(form, scan, names)
    except AppError as error:
        if error.status not in (413, 422):
            raise
        return Preview(form, reader_process.ScanResult(), names, error)
