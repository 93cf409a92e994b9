"""Dataset versions: the list, freezing one, and what a frozen one holds."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response
from sqlalchemy.orm import Session
from starlette.datastructures import FormData

from app.core.errors import AppError
from app.domain.accounts.permissions import Permission
from app.domain.accounts.tables import User
from app.domain.datasets import actions, export, queries
from app.domain.datasets.tables import DatasetVersion
from app.domain.pairs import queries as pairs
from app.domain.projects import access
from app.domain.projects.tables import Project
from app.domain.training import queries as training
from app.web.deps import Db, Me, Posted, asks, go, in_project, number, text
from app.web.render import page

router = APIRouter()
SPLITS = ("train", "validation", "test")


@router.get("/projects/{slug}/versions", dependencies=[asks(Permission.READ_PROJECT)])
def index(request: Request, session: Db, user: Me, slug: str) -> Response:
    project = access.visible_project(session, user, slug)
    return page(
        request,
        "datasets/list.html",
        **in_project(session, user, project, "/versions"),
        versions=queries.versions(session, project),
        counts=pairs.counts_by_state(session, project),
    )


@router.get("/projects/{slug}/versions/new", dependencies=[asks(Permission.FREEZE_VERSION)])
def new(request: Request, session: Db, user: Me, slug: str) -> Response:
    project = access.visible_project(session, user, slug)
    access.require(session, user, Permission.FREEZE_VERSION, project)
    return _form(request, session, user, project, {})


@router.post("/projects/{slug}/versions", dependencies=[asks(Permission.FREEZE_VERSION)])
def freeze(request: Request, session: Db, user: Me, form: Posted, slug: str) -> Response:
    project = access.visible_project(session, user, slug)
    access.require(session, user, Permission.FREEZE_VERSION, project)
    given = {name: text(form, name) for name in ("name", "seed", *SPLITS, "filter_tag", "filter_value", "licence")}
    try:
        splits = {name: (number(form, name) or 0) / 100 for name in SPLITS}
        filters = _filters(form, given)
        job = actions.request_version(
            session,
            user,
            project,
            name=given["name"],
            splits=splits,
            seed=number(form, "seed", int) or 0,
            filters=filters,
            deduplicate=text(form, "deduplicate") == "yes",
        )
    except AppError as error:
        if error.status not in (409, 422):
            raise
        return _form(request, session, user, project, given, error)
    return go(request, f"/jobs/{job.id}")


def _filters(form: FormData, given: dict[str, str]) -> dict[str, Any]:
    """One tag, licences (separated by commas), and whether the author had accepted the terms."""
    filters: dict[str, Any] = {}
    if given["filter_tag"] and given["filter_value"]:
        filters[given["filter_tag"]] = given["filter_value"]
    if licences := [one.strip() for one in given["licence"].split(",") if one.strip()]:
        filters["licence"] = licences
    if text(form, "accepted_terms") == "yes":
        filters["accepted_terms"] = True
    return filters


@router.get("/versions/{version_id}", dependencies=[asks(Permission.READ_PROJECT)])
def show(request: Request, session: Db, user: Me, version_id: str, tag: str = "") -> Response:
    version = queries.by_id(session, version_id)
    project = access.project_of(session, user, version.project_id)
    chosen = tag if tag in version.distribution else next(iter(sorted(version.distribution, key=_order)), "")
    return page(
        request,
        "datasets/show.html",
        **in_project(session, user, project, "/versions"),
        version=version,
        chosen=chosen,
        series=_series(version, chosen),
        formats=export.FORMATS,
        splits=SPLITS,
        runs=[run for run in training.runs(session, project) if run.version_id == version.id],
    )


def _order(tag: str) -> tuple[int, str]:
    return (0 if tag in ("category", "domain") else 1, tag)


def _series(version: DatasetVersion, tag: str) -> dict[str, Any]:
    """Values of the tag, most frequent first, with a count for each split."""
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
    given: dict[str, str],
    error: AppError | None = None,
) -> Response:
    return page(
        request,
        "datasets/freeze.html",
        error=error,
        given=given,
        **in_project(session, user, project, "/versions"),
        tag_values=pairs.tag_values(session, project),
        counts=pairs.counts_by_state(session, project),
        number=len(queries.versions(session, project)) + 1,
    )
