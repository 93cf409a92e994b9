"""`preceptor import` and `preceptor export`."""

from __future__ import annotations

import hashlib
import json
import time
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from app.bootstrap import Installation
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


def import_file(
    installation: Installation,
    slug: str,
    path: Path,
    *,
    email: str | None,
    form: str,
    source: str,
    license: str,
    submit: bool,
    approve: bool,
    names: dict[str, list[str]],
    skip_bad: bool = False,
    bad_rows: Path | None = None,
) -> dict[str, Any]:
    """Import a file to the end; returns the counts. Raises AppError with what is wrong in the file.

    Bad rows go to the file `bad_rows`, each with what is wrong with it.
    """
    with path.open("rb") as data, installation.database.session() as session:
        user = accounts.acting_user(session, email)
        project = access.visible_project(session, user, slug)
        job = imports_actions.request_import(
            session,
            user,
            project,
            storage=installation.storage,
            data=data,
            filename=path.name,
            format=form,
            source=source,
            license=license,
            submit=submit,
            approve=approve,
            skip_bad=skip_bad,
            mapping=names,
        )
    ended = _finished(installation, job.id)
    address = (ended.result or {}).get("errors_file")
    if address and bad_rows:
        write_whole(bad_rows, [installation.storage.bytes_of(address)], mode=SHARED)
    if ended.state != "done":
        raise AppError(f"The import {ended.state}: {ended.error}")
    return {name: value for name, value in (ended.result or {}).items() if name != "errors_file"}


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
