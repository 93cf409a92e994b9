"""Starting a fine-tuning run, and the list of runs."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response
from pydantic import ValidationError
from sqlalchemy.orm import Session
from starlette.datastructures import FormData

from app.core.errors import AppError, Invalid
from app.core.limits import COSTLY
from app.domain.accounts.permissions import Permission
from app.domain.accounts.tables import User
from app.domain.datasets import queries as datasets
from app.domain.evaluation import queries as evaluation
from app.domain.projects import access
from app.domain.projects.tables import Project
from app.domain.training import actions, queries
from app.web.deps import Db, Me, Posted, asks, go, in_project, limited, number, text
from app.web.evaluation import metric_row
from app.web.render import page
from trainer.protocol import Recipe

router = APIRouter()
NUMBERS = {
    "max_minutes": float,
    "epochs": float,
    "learning_rate": float,
    "batch_tokens": int,
    "max_length": int,
    "max_new_tokens": int,
    "weight_decay": float,
    "warmup": float,
    "evaluations": int,
    "seed": int,
}


@router.get("/projects/{slug}/runs", dependencies=[asks(Permission.READ_PROJECT)])
def index(request: Request, session: Db, user: Me, slug: str) -> Response:
    project = access.visible_project(session, user, slug)
    versions = {version.id: version for version in datasets.versions(session, project)}
    rows = [(run, versions.get(run.version_id), _primary(session, run)) for run in queries.runs(session, project)]
    return page(
        request, "training/list.html", **in_project(session, user, project, "/runs"), rows=rows, versions=versions
    )


@router.get("/projects/{slug}/runs/new", dependencies=[asks(Permission.TRAIN)])
def new(request: Request, session: Db, user: Me, slug: str, version: str = "") -> Response:
    project = access.visible_project(session, user, slug)
    access.require(session, user, Permission.TRAIN, project)
    return _form(request, session, user, project, {"version": version, "base_model": project.base_model})


@router.post("/projects/{slug}/runs", dependencies=[limited(COSTLY, "runs"), asks(Permission.TRAIN)])
def start(request: Request, session: Db, user: Me, form: Posted, slug: str) -> Response:
    project = access.visible_project(session, user, slug)
    access.require(session, user, Permission.TRAIN, project)
    try:
        run = actions.request_run(session, user, project, version_id=text(form, "version"), recipe=_recipe(form))
    except AppError as error:
        if error.status not in (409, 422):
            raise
        given = {name: str(value) for name, value in form.multi_items()}
        return _form(request, session, user, project, given, error)
    return go(request, f"/runs/{run.id}")


def _recipe(form: FormData) -> dict[str, Any]:
    """The filled-in fields, checked. Raises Invalid naming the field."""
    recipe: dict[str, Any] = {
        "base_model": text(form, "hub_model") or text(form, "base_model") or "starter",
        "method": text(form, "method") or "full",
        "schedule": text(form, "schedule") or "cosine",
    }
    recipe |= {name: value for name, kind in NUMBERS.items() if (value := number(form, name, kind)) is not None}
    if recipe["method"] != "full":
        lora = {
            "rank": number(form, "lora_rank", int),
            "alpha": number(form, "lora_alpha"),
            "dropout": number(form, "lora_dropout"),
        }
        recipe["lora"] = {name: value for name, value in lora.items() if value is not None}
    patience = number(form, "patience", int)
    recipe["early_stopping"] = {"patience": patience} if patience else None
    try:
        Recipe.model_validate(recipe)
    except ValidationError as error:
        first = error.errors()[0]
        raise Invalid(f"{'.'.join(map(str, first['loc']))}: {first['msg']}", field=str(first["loc"][0])) from None
    return recipe


def _primary(session: Session, run: Any) -> dict[str, Any] | None:
    report = evaluation.report_of(session, run) if run.state == "done" else None
    return metric_row(report["primary"], report["metrics"][report["primary"]]) if report else None


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
        "training/new.html",
        error=error,
        given=given,
        **in_project(session, user, project, "/runs"),
        versions=datasets.versions(session, project),
        default=Recipe(),
    )
