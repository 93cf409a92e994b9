"""Dataset versions: list, freeze, and show."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Response

from app.core.errors import AppError, Conflict, Invalid
from app.domain.accounts.permissions import Permission
from app.domain.pairs import queries as pairs_queries
from app.domain.runs import queries as runs_queries
from app.domain.versions import actions as versions_actions, export, queries as versions_queries
from app.domain.versions.tables import DatasetVersion
from app.web.deps import Page, requires
from app.web.forms import Form

router = APIRouter()
SPLITS = ("train", "validation", "test")


@router.get("/projects/{slug}/versions", dependencies=[requires(Permission.READ_PROJECT)])
def index(page: Page) -> Response:
    return page.render(
        "versions/list.html",
        tab="/versions",
        versions=versions_queries.versions(page.session, page.project),
        counts=pairs_queries.counts_by_state(page.session, page.project),
    )


@router.get("/projects/{slug}/versions/new", dependencies=[requires(Permission.FREEZE_VERSION)])
def new(page: Page) -> Response:
    return _form(page, {})


@router.post("/projects/{slug}/versions", dependencies=[requires(Permission.FREEZE_VERSION)])
def freeze(page: Page) -> Response:
    values = page.form.texts("name", "seed", *SPLITS, "filter_tag", "filter_value", "license")
    try:
        splits = {name: (page.form.number(name) or 0) / 100 for name in SPLITS}
        filters = _filters(page.form, values)
        job = versions_actions.request_version(
            page.session,
            page.user,
            page.project,
            name=values["name"],
            splits=splits,
            seed=page.form.number("seed", int) or 0,
            filters=filters,
            deduplicate=page.form.text("deduplicate") == "yes",
        )
    except (Conflict, Invalid) as error:
        return _form(page, values, error)
    return page.redirect(f"/jobs/{job.id}")


def _filters(form: Form, values: dict[str, str]) -> dict[str, Any]:
    """Return the filters: one tag, a list of licenses, and whether the author had accepted the terms."""
    filters: dict[str, Any] = {}
    if values["filter_tag"] and values["filter_value"]:
        filters[values["filter_tag"]] = values["filter_value"]
    if licenses := [license for part in values["license"].split(",") if (license := part.strip())]:
        filters["licence"] = licenses
    if form.text("accepted_terms") == "yes":
        filters["accepted_terms"] = True
    return filters


@router.get("/versions/{version_id}", dependencies=[requires(Permission.READ_PROJECT)])
def show(page: Page, version_id: str, tag: str = "") -> Response:
    version = versions_queries.by_id(page.session, version_id)
    chosen = tag if tag in version.distribution else next(iter(sorted(version.distribution, key=_order)), "")
    return page.render(
        "versions/show.html",
        tab="/versions",
        version=version,
        chosen=chosen,
        series=_series(version, chosen),
        formats=export.FORMATS,
        splits=SPLITS,
        runs=[run for run in runs_queries.runs(page.session, page.project) if run.version_id == version.id],
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


def _form(page: Page, values: dict[str, str], error: AppError | None = None) -> Response:
    return page.render(
        "versions/freeze.html",
        error=error,
        values=values,
        tab="/versions",
        tag_values=pairs_queries.tag_values(page.session, page.project),
        counts=pairs_queries.counts_by_state(page.session, page.project),
        number=len(versions_queries.versions(page.session, page.project)) + 1,
    )
