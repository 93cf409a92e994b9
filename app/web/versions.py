"""Dataset versions: list, freeze, and show."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response
from sqlalchemy.orm import Session
from starlette.datastructures import FormData

from app.core.errors import AppError
from app.domain.accounts.permissions import Permission
from app.domain.accounts.tables import User
from app.domain.pairs import queries as pairs_queries
from app.domain.projects.tables import Project
from app.domain.runs import queries as runs_queries
from app.domain.versions import actions as versions_actions, export, queries as versions_queries
from app.domain.versions.tables import DatasetVersion
from app.http.transactions import DbSession
from app.web.deps import (
    CsrfForm,
    CurrentProject,
    CurrentUser,
    form_number,
    form_str,
    project_context,
    redirect,
    requires,
)
from app.web.forms import form_errors
from app.web.render import render

router = APIRouter()
SPLITS = ("train", "validation", "test")


@router.get("/projects/{slug}/versions", dependencies=[requires(Permission.READ_PROJECT)])
def index(request: Request, session: DbSession, user: CurrentUser, project: CurrentProject) -> Response:
    return render(
        request,
        "versions/list.html",
        **project_context(session, user, project, "/versions"),
        versions=versions_queries.versions(session, project),
        counts=pairs_queries.counts_by_state(session, project),
    )


@router.get("/projects/{slug}/versions/new", dependencies=[requires(Permission.FREEZE_VERSION)])
def new(request: Request, session: DbSession, user: CurrentUser, project: CurrentProject) -> Response:
    return _form(request, session, user, project, {})


@router.post("/projects/{slug}/versions", dependencies=[requires(Permission.FREEZE_VERSION)])
def freeze(
    request: Request, session: DbSession, user: CurrentUser, form: CsrfForm, project: CurrentProject
) -> Response:
    values = {name: form_str(form, name) for name in ("name", "seed", *SPLITS, "filter_tag", "filter_value", "licence")}
    with form_errors() as result:
        splits = {name: (form_number(form, name) or 0) / 100 for name in SPLITS}
        filters = _filters(form, values)
        job = versions_actions.request_version(
            session,
            user,
            project,
            name=values["name"],
            splits=splits,
            seed=form_number(form, "seed", int) or 0,
            filters=filters,
            deduplicate=form_str(form, "deduplicate") == "yes",
        )
    if result.error:
        return _form(request, session, user, project, values, result.error)
    return redirect(request, f"/jobs/{job.id}")


def _filters(form: FormData, values: dict[str, str]) -> dict[str, Any]:
    """Return the filters: one tag, a list of licenses, and whether the author had accepted the terms."""
    filters: dict[str, Any] = {}
    if values["filter_tag"] and values["filter_value"]:
        filters[values["filter_tag"]] = values["filter_value"]
    if licenses := [license for part in values["licence"].split(",") if (license := part.strip())]:
        filters["licence"] = licenses
    if form_str(form, "accepted_terms") == "yes":
        filters["accepted_terms"] = True
    return filters


@router.get("/versions/{version_id}", dependencies=[requires(Permission.READ_PROJECT)])
def show(
    request: Request, session: DbSession, user: CurrentUser, project: CurrentProject, version_id: str, tag: str = ""
) -> Response:
    version = versions_queries.by_id(session, version_id)
    chosen = tag if tag in version.distribution else next(iter(sorted(version.distribution, key=_order)), "")
    return render(
        request,
        "versions/show.html",
        **project_context(session, user, project, "/versions"),
        version=version,
        chosen=chosen,
        series=_series(version, chosen),
        formats=export.FORMATS,
        splits=SPLITS,
        runs=[run for run in runs_queries.runs(session, project) if run.version_id == version.id],
    )


def _order(tag: str) -> tuple[int, str]:
    return (0 if tag in ("category", "domain") else 1, tag)


def _series(version: DatasetVersion, tag: str) -> dict[str, Any]:
    """Return the values of a tag, most frequent first, with counts per split."""
    values = version.distribution.get(tag, {})
    ordered = sorted(values, key=lambda value: -sum(values[value].values()))[:40]
    return {
        "values": ordered,
        "splits": {split: [values[value].get(split, 0) for value in ordered] for split in SPLITS},
    }


def _form(
    request: Request,
    session: Session,
    user: User,
    project: Project,
    values: dict[str, str],
    error: AppError | None = None,
) -> Response:
    return render(
        request,
        "versions/freeze.html",
        error=error,
        values=values,
        **project_context(session, user, project, "/versions"),
        tag_values=pairs_queries.tag_values(session, project),
        counts=pairs_queries.counts_by_state(session, project),
        number=len(versions_queries.versions(session, project)) + 1,
    )
