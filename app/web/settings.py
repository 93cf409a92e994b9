"""The settings of a project: what each check does here, the guideline's rules, opinions, criteria and gold."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fastapi import APIRouter, Request, Response
from sqlalchemy.orm import Session
from starlette.datastructures import FormData

from app.core.errors import AppError
from app.domain.accounts.permissions import Permission
from app.domain.accounts.tables import User
from app.domain.checks.guideline_rules import FREE, LENGTH, TESTS
from app.domain.checks.pii.redaction import KINDS
from app.domain.checks.registry import CODES
from app.domain.projects import actions as projects_actions
from app.domain.projects import settings as project_settings
from app.domain.projects.criteria import LEVELS
from app.domain.projects.tables import Project
from app.domain.reviews import settings_actions
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
PARTS = ("kind", "field", "value", "case", "message", "severity")
CRITERION = ("name", "question", "good", "bad", *(f"level_{level}" for level in LEVELS))
SPARE = 3
RULES = {
    "must_contain": "must say one of",
    "must_not_contain": "must not say",
    "must_start_with": "must begin with one of",
    "must_end_with": "must end with one of",
    "must_be_one_of": "must be exactly one of",
    "max_words": "has at most … words",
    "min_words": "has at least … words",
    "max_sentences": "has at most … sentences",
    "must_have_heading": "must have a heading (these, or any)",
    "must_cite_source": "must name a context document",
    "bullet_list": "must be a list (of at least …)",
    "no_first_person": "must not be in the first person",
}


@router.get("/projects/{slug}/settings", dependencies=[requires(Permission.MANAGE_PROJECT)])
def show(request: Request, session: DbSession, user: CurrentUser, project: CurrentProject) -> Response:
    return _page(
        request, session, user, project, project_settings.of(project.settings), project.overlap, project.criteria
    )


@router.post("/projects/{slug}/settings", dependencies=[requires(Permission.MANAGE_PROJECT)])
def change(
    request: Request, session: DbSession, user: CurrentUser, form: CsrfForm, project: CurrentProject
) -> Response:
    given = project_settings.of(project.settings) | {"checks": _checks(form), "rules": list(_rules(form))}
    criteria = _criteria(form)
    with form_errors() as result:
        project_settings.parse(given | _numbers(form))  # before anything is changed: the page that says no commits, too
        settings_actions.change_review_settings(
            session, user, project, overlap=form_number(form, "overlap", int), criteria=_kept(form, project, criteria)
        )
        projects_actions.change_settings(session, user, project, given | _numbers(form))
    if result.error:
        overlap = form_str(form, "overlap") or project.overlap
        return _page(request, session, user, project, given, overlap, criteria or project.criteria, result.error)
    return redirect(request, f"/projects/{project.slug}/settings", "Settings saved. They hold from the next check on.")


def _criteria(form: FormData) -> list[dict[str, Any]]:
    """The criteria as they stand on the page, an empty one left out; none where the form has no such fields."""
    columns = [[_plain(one) for one in form.getlist(f"criterion_{part}")] for part in CRITERION]
    rows = [dict(zip(CRITERION, row, strict=True)) for row in zip(*columns, strict=False)]
    return [
        {**{part: row[part] for part in ("name", "question", "good", "bad")},
         "levels": {level: row[f"level_{level}"] for level in LEVELS}}
        for row in rows if any(row.values())
    ]  # fmt: skip


def _plain(value: object) -> str:
    return str(value).replace("\r\n", "\n").strip()


def _kept(form: FormData, project: Project, criteria: list[dict[str, Any]]) -> list[Any] | None:
    """The criteria without the removed ones, and with those that somebody added since the page was loaded."""
    if "criterion_name" not in form:
        return None
    removed = {_plain(one) for one in form.getlist("criterion_removed")}
    there = {one["name"] for one in criteria} | removed
    kept = [one for one in criteria if one["name"] not in removed]
    return [*kept, *(one["name"] for one in project.criteria if one["name"] not in there)]


def _checks(form: FormData) -> dict[str, str]:
    """What differs from the shipped severity; an empty choice says nothing."""
    return {
        name.removeprefix("check:"): str(value)
        for name, value in form.multi_items()
        if name.startswith("check:") and value
    }


def _rules(form: FormData) -> Iterator[dict[str, Any]]:
    """Rows without a kind are empty, or removed."""
    columns = [[str(one) for one in form.getlist(f"rule_{part}")] for part in PARTS]
    for row in zip(*columns, strict=False):
        kind, field, value, case, message, severity = row
        if kind:
            rule = {"kind": kind, "field": field, "case": case == "exact", "message": message, "severity": severity}
            yield rule | _value(kind, value)


def _value(kind: str, written: str) -> dict[str, Any]:
    """Phrases stand one on a line; a length is a whole number; a free rule may have neither."""
    lines = [line.strip() for line in written.splitlines() if line.strip()]
    takes = TESTS[kind][0] if kind in TESTS else FREE
    if takes != LENGTH and not (takes == FREE and lines[:1] and lines[0].isdecimal()):
        return {"value": lines} if lines or takes != FREE else {}
    return {"value": int(lines[0]) if lines and lines[0].isdecimal() and len(lines[0]) < 9 else written}


def _numbers(form: FormData) -> dict[str, Any]:
    shares = {name: (form_number(form, name) or 0) / 100 for name in project_settings.SHARES}
    return shares | {name: form_number(form, name, int) or 0 for name in project_settings.COUNTS}


def _page(
    request: Request,
    session: Session,
    user: User,
    project: Project,
    given: dict[str, Any],
    overlap: int | str,
    criteria: list[dict[str, Any]],
    error: AppError | None = None,
) -> Response:
    return render(
        request,
        "projects/settings.html",
        **project_context(session, user, project, "/settings"),
        given=given,
        overlap=overlap,
        criteria=criteria,
        known={one["name"] for one in project.criteria},
        error=error,
        checks=CODES,
        kinds={f"pii.{kind}": words for kind, (words, _) in KINDS.items() if kind != "secret"},
        rules=given["rules"] + [{}] * SPARE,
        rule_words=RULES,
        written=[_written(rule) for rule in given["rules"]] + [""] * SPARE,
    )


def _written(rule: dict[str, Any]) -> str:
    """The value of a rule as it is typed: one phrase a line, or a number."""
    value = rule.get("value", "")
    return "\n".join(map(str, value)) if isinstance(value, list) else str(value)
