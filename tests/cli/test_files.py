"""Importing a file from the command line, and exporting a version: the same bytes each time."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from app.bootstrap import Installation
from app.cli import files
from app.core.db.database import Database
from app.core.errors import AppError, Invalid
from app.core.storage import Storage
from app.domain.versions import actions as versions_actions
from app.settings import Settings
from app.worker import loop
from tests.fixtures.people import Cast
from tests.worker.test_loop import rows


@pytest.fixture
def installation(database: Database, settings: Settings) -> Installation:
    return Installation(settings, database, Storage(settings.resolved_storage_url))


Run = Callable[..., dict[str, int]]


@pytest.fixture
def run_import(installation: Installation, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Import a file as the command does, and return the counts that it prints."""
    monkeypatch.setattr(files, "open_installation", lambda: installation)

    def run(path: Path, slug: str = "clinic", **options: Any) -> dict[str, int]:
        files.import_(slug, path, **{"source": "a test", "license": "CC0-1.0", **options})
        counts = [part.split(" ") for part in capsys.readouterr().out.strip().split(", ")]
        return {name: int(count) for count, name in counts}

    return run


def test_import_then_export_gives_the_same_bytes_twice(
    installation: Installation, run_import: Run, cast: Cast, tmp_path: Path
) -> None:
    path = tmp_path / "pairs.jsonl"
    path.write_bytes(rows(40))
    assert run_import(path, approve=True)["imported"] == 40
    with installation.database.session() as session:
        versions_actions.request_version(session, cast.carol, cast.project, name="one")
    loop.drain(installation)
    first = files.export_version(installation, "clinic/1", "openai", tmp_path / "a").read_bytes()
    second = files.export_version(installation, "clinic/1", "openai", tmp_path / "b").read_bytes()
    assert first == second
    manifest = json.loads(first)
    for name, said in manifest["files"].items():
        body = (tmp_path / "a" / name).read_bytes()
        assert (hashlib.sha256(body).hexdigest(), len(body)) == (said["sha256"], said["size"])
        assert body.count(b"\n") == said["examples"]


def test_columns_are_renamed(run_import: Run, cast: Cast, tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text("question,answer\nWhere is my invoice for May?,billing\nMay I have my chart?,records\n")
    assert run_import(path, approve=True, names="prompt=question,completion=answer")["imported"] == 2


@pytest.mark.parametrize("names", ["prompt", "prompt=", "=question"])
def test_a_map_that_is_none_is_refused(names: str) -> None:
    with pytest.raises(Invalid):
        files.parse_map(names)


def test_a_map_of_a_column_that_is_missing_is_refused(run_import: Run, cast: Cast, tmp_path: Path) -> None:
    path = tmp_path / "pairs.jsonl"
    path.write_bytes(b'{"prompt": "a", "completion": "b"}\n')
    with pytest.raises(Invalid, match="no column 'question'"):
        run_import(path, approve=True, names="prompt=question,completion=completion")


def test_a_target_that_stands_twice_takes_both_columns() -> None:
    assert files.parse_map("prompt=title,prompt=body,completion=answer,tag:desk=to") == {
        "prompt": ["title", "body"],
        "completion": ["answer"],
        "tag:desk": ["to"],
    }
    with pytest.raises(Invalid, match="is not a target"):
        files.parse_map("prompts=a,completion=b")


def test_bad_rows_are_skipped_when_asked_and_written_down(run_import: Run, cast: Cast, tmp_path: Path) -> None:
    path, bad = tmp_path / "pairs.jsonl", tmp_path / "bad.jsonl"
    path.write_bytes(rows(1200) + b'\n{"prompt": "Which desk?"}\nno JSON\n')
    said = [(1201, '{"prompt": "Which desk?"}'), (1202, "no JSON\n")]

    with pytest.raises(AppError, match=r"(?s)Row 1201.*Row 1202"):
        run_import(path, submit=True, bad_rows=bad)
    assert [(one["row"], one["text"]) for one in map(json.loads, bad.read_bytes().splitlines())] == said
    bad.unlink()
    counts = run_import(path, submit=True, skip_bad=True, bad_rows=bad)
    assert (counts["imported"], counts["bad_rows"]) == (1200, 2)
    assert [(one["row"], one["text"]) for one in map(json.loads, bad.read_bytes().splitlines())] == said


def test_an_unknown_project_or_version_is_refused(
    installation: Installation, run_import: Run, cast: Cast, tmp_path: Path
) -> None:
    path = tmp_path / "pairs.jsonl"
    path.write_bytes(rows(3))
    with pytest.raises(AppError):
        run_import(path, approve=True, slug="elsewhere")
    with pytest.raises(AppError):
        files.export_version(installation, "clinic/9", "jsonl", tmp_path / "x")
