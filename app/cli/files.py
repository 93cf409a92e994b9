"""`preceptor import` and `preceptor export`."""

from __future__ import annotations

import hashlib
import json
import time
from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy.orm import Session

from app.bootstrap import Installation, open_installation
from app.cli import accounts
from app.core import jobs
from app.core.errors import AppError, Invalid, NotFound
from app.core.files import SHARED, write_whole
from app.domain.imports import actions as imports_actions
from app.domain.imports.reading import mapping as column_mapping
from app.domain.projects import access
from app.domain.projects.queries import by_slug
from app.domain.versions import export, queries as versions_queries
from app.domain.versions.tables import DatasetVersion
from app.worker import loop


def import_(
    project: str,
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False)],
    names: Annotated[str, typer.Option("--map", help="prompt=question,completion=answer,tags=topic")] = "",
    source: Annotated[str, typer.Option(help="Source for rows without one. Default: the file name.")] = "",
    license: Annotated[str, typer.Option("--license", "--licence", help="License for rows without one.")] = "",
    form: Annotated[str, typer.Option("--format", help="auto, or a format name.")] = "auto",
    email: Annotated[str | None, typer.Option("--user", help="The importing user. Default: the oldest admin.")] = None,
    submit: Annotated[bool, typer.Option("--submit", help="Submit the pairs for review.")] = False,
    approve: Annotated[bool, typer.Option("--approve", help="Approve without review; this is logged.")] = False,
    skip_bad: Annotated[bool, typer.Option("--skip-bad", help="Skip rows with errors and import the rest.")] = False,
    bad_rows: Annotated[Path | None, typer.Option(help="Write rows with errors to this JSON Lines file.")] = None,
) -> None:
    """Import a file of pairs into a project. A row with an error cancels the import unless --skip-bad is set."""
    installation, mapping = open_installation(), parse_map(names)
    with file.open("rb") as data, installation.database.session() as session:
        user = accounts.acting_user(session, email)
        job = imports_actions.request_import(
            session,
            user,
            access.visible_project(session, user, project),
            storage=installation.storage,
            data=data,
            filename=file.name,
            format=form,
            source=source or file.name,
            license=license,
            submit=submit,
            approve=approve,
            skip_bad=skip_bad,
            mapping=mapping,
        )
    ended = _finished(installation, job.id)
    counts = dict(ended.result or {})
    address = counts.pop("errors_file", None)
    if address and bad_rows:
        write_whole(bad_rows, [installation.storage.bytes_of(address)], mode=SHARED)
    if ended.state != "done":
        raise AppError(f"The import {ended.state}: {ended.error}")
    print(", ".join(f"{count} {name}" for name, count in counts.items()))


def _finished(installation: Installation, job_id: str) -> jobs.Job:
    """Work on the job queue until this job has ended, in this process or in another."""
    while True:
        worked = loop.work_once(installation)
        with installation.database.session() as session:
            job = jobs.by_id(session, job_id)
            if job.state not in jobs.OPEN:
                return job
        if not worked:
            time.sleep(0.5)


def parse_map(text: str) -> dict[str, list[str]]:
    """'prompt=question,completion=answer' -> {"prompt": ["question"], "completion": ["answer"]}.

    A repeated target takes all its columns.
    """
    names: dict[str, list[str]] = {}
    for part in filter(None, text.split(",")):
        target, separator, column = part.partition("=")
        if not separator or not target.strip() or not column.strip():
            raise Invalid("Write --map as prompt=question,completion=answer (target=column).", field="map")
        names.setdefault(target.strip(), []).append(column.strip())
    return column_mapping.parse(names)


def export_(
    version: Annotated[str, typer.Argument(help="Version ID, or PROJECT/NUMBER.")],
    out: Annotated[Path, typer.Option(help="Folder to write to.")],
    form: Annotated[str, typer.Option("--format", help="jsonl, openai, sharegpt, alpaca, trl")] = "jsonl",
) -> None:
    """Export a version's files and manifest.json."""
    print(export_version(open_installation(), version, form, out))


def export_version(installation: Installation, named: str, form: str, folder: Path) -> Path:
    """Write a version's splits and manifest.json, the same bytes each time. Return the manifest's path."""
    folder.mkdir(parents=True, exist_ok=True)
    files = {}
    with installation.database.read() as session:
        version = _version(session, named)
        for split, stored in versions_queries.files_of(version).items():
            body = export.convert(installation.storage.bytes_of(stored["sha256"]), form)
            name = export.file_name(split, form)
            write_whole(folder / name, [body], mode=SHARED)
            digest = hashlib.sha256(body).hexdigest()
            files[name] = {"sha256": digest, "size": len(body), "examples": stored["examples"]}
        names = ("id", "number", "name", "hash", "seed", "splits", "filters", "counts", "leak_report", "redactions")
        manifest = {**{name: getattr(version, name) for name in names}, "format": form, "files": files}
    path = folder / "manifest.json"
    write_whole(
        path, [json.dumps(manifest, indent=2, sort_keys=True, ensure_ascii=False).encode() + b"\n"], mode=SHARED
    )
    return path


def _version(session: Session, named: str) -> DatasetVersion:
    """By its id, or as PROJECT/NUMBER."""
    slug, separator, number = named.partition("/")
    if not separator:
        return versions_queries.by_id(session, named)
    project = by_slug(session, slug)
    for version in versions_queries.versions(session, project) if project else []:
        if str(version.number) == number:
            return version
    raise NotFound(f"Version {named} not found. Use its ID, or PROJECT/NUMBER.")
