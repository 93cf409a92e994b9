"""Starting a fine-tuning run, and the list of runs."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response
from pydantic import ValidationError
from sqlalchemy.orm import Session
from starlette.datastructures import FormData

from app.core.errors import AppError, Invalid
from app.core.rate_limits import COSTLY
from app.domain.accounts.permissions import Permission
from app.domain.accounts.tables import User
from app.domain.evaluations import queries as evaluations_queries
from app.domain.projects.tables import Project
from app.domain.runs import actions as runs_actions
from app.domain.runs import queries as runs_queries
from app.domain.versions import queries as versions_queries
from app.http.transactions import DbSession
from app.web.deps import (
    CsrfForm,
    CurrentProject,
    CurrentUser,
    form_number,
    form_str,
    project_context,
    rate_limited,
    redirect,
    requires,
)
from app.web.evaluations import metric_row
from app.web.render import render
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


@router.get("/projects/{slug}/runs", dependencies=[requires(Permission.READ_PROJECT)])
def index(request: Request, session: DbSession, user: CurrentUser, project: CurrentProject) -> Response:
    versions = {version.id: version for version in versions_queries.versions(session, project)}
    rows = [(run, versions.get(run.version_id), _primary(session, run)) for run in runs_queries.runs(session, project)]
    return render(
        request, "runs/list.html", **project_context(session, user, project, "/runs"), rows=rows, versions=versions
    )


@router.get("/projects/{slug}/runs/new", dependencies=[requires(Permission.TRAIN)])
def new(
    request: Request, session: DbSession, user: CurrentUser, project: CurrentProject, version: str = ""
) -> Response:
    return _form(request, session, user, project, {"version": version, "base_model": project.base_model})


@router.post("/projects/{slug}/runs", dependencies=[rate_limited(COSTLY, "runs"), requires(Permission.TRAIN)])
def start(request: Request, session: DbSession, user: CurrentUser, form: CsrfForm, project: CurrentProject) -> Response:
    try:
        run = runs_actions.request_run(
            session, user, project, version_id=form_str(form, "version"), recipe=_recipe(form)
        )
    except AppError as error:
        if error.status not in (409, 422):
            raise
        given = {name: str(value) for name, value in form.multi_items()}
        return _form(request, session, user, project, given, error)
    return redirect(request, f"/runs/{run.id}")


def _recipe(form: FormData) -> dict[str, Any]:
    """The filled-in fields, checked. Raises Invalid naming the field."""
    recipe: dict[str, Any] = {
        "base_model": form_str(form, "hub_model") or form_str(form, "base_model") or "starter",
        "method": form_str(form, "method") or "full",
        "schedule": form_str(form, "schedule") or "cosine",
    }
    recipe |= {name: value for name, kind in NUMBERS.items() if (value := form_number(form, name, kind)) is not None}
    if recipe["method"] != "full":
        lora = {
            "rank": form_number(form, "lora_rank", int),
            "alpha": form_number(form, "lora_alpha"),
            "dropout": form_number(form, "lora_dropout"),
        }
        recipe["lora"] = {name: value for name, value in lora.items() if value is not None}
    patience = form_number(form, "patience", int)
    recipe["early_stopping"] = {"patience": patience} if patience else None
    try:
        Recipe.model_validate(recipe)
    except ValidationError as error:
        first = error.errors()[0]
        raise Invalid(f"{'.'.join(map(str, first['loc']))}: {first['msg']}", field=str(first["loc"][0])) from None
    return recipe


def _primary(session: Session, run: Any) -> dict[str, Any] | None:
    report = evaluations_queries.report_of(session, run) if run.state == "done" else None
    return metric_row(report["primary"], report["metrics"][report["primary"]]) if report else None


def _form(
    request: Request,
    session: Session,
    user: User,
    project: Project,
    given: dict[str, str],
    error: AppError | None = None,
) -> Response:
    return render(
        request,
        "runs/new.html",
        error=error,
        given=given,
        **project_context(session, user, project, "/runs"),
        versions=versions_queries.versions(session, project),
        default=Recipe(),
    )
