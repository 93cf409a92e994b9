"""The settings of a project: severities of checks, guideline rules, reviews, criteria, and gold pairs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fastapi import APIRouter, Response

from app.core.errors import AppError, Conflict, Invalid
from app.domain.accounts.permissions import Permission
from app.domain.checks.guideline_rules import FREE, LENGTH, TESTS
from app.domain.checks.pii.redaction import KINDS
from app.domain.checks.registry import CODES
from app.domain.projects import actions as projects_actions, settings as project_settings
from app.domain.projects.criteria import LEVELS
from app.domain.reviews import settings_actions
from app.web.deps import Page, requires
from app.web.forms import Form

router = APIRouter()
PARTS = ("kind", "field", "value", "case", "message", "severity")
CRITERION = ("name", "question", "good", "bad", *(f"level_{level}" for level in LEVELS))
SPARE = 3
"""Empty rule rows for browsers without scripts."""
RULES = {
    "must_contain": "must contain one of",
    "must_not_contain": "must not contain",
    "must_start_with": "must start with one of",
    "must_end_with": "must end with one of",
    "must_be_one_of": "must be exactly one of",
    "max_words": "at most … words",
    "min_words": "at least … words",
    "max_sentences": "at most … sentences",
    "must_have_heading": "must have a heading (one of these, or any)",
    "must_cite_source": "must cite a context document",
    "bullet_list": "must be a list (at least … items)",
    "no_first_person": "must not use the first person",
}


@router.get("/projects/{slug}/settings", dependencies=[requires(Permission.MANAGE_PROJECT)])
def show(page: Page) -> Response:
    return _page(page, project_settings.of(page.project.settings), page.project.overlap, page.project.criteria)


@router.post("/projects/{slug}/settings", dependencies=[requires(Permission.MANAGE_PROJECT)])
def change(page: Page) -> Response:
    checks = page.form.prefixed("check:")  # an empty choice is the default
    values = project_settings.of(page.project.settings) | {"checks": checks, "rules": list(_rules(page.form))}
    criteria = _criteria(page.form)
    try:
        project_settings.parse(values | _numbers(page.form))  # before any change: a rejected form commits too
        settings_actions.change_review_settings(
            page.session,
            page.user,
            page.project,
            overlap=page.form.number("overlap", int),
            criteria=_remaining(page, criteria),
        )
        projects_actions.change_settings(page.session, page.user, page.project, values | _numbers(page.form))
    except (Conflict, Invalid) as error:
        overlap = page.form.text("overlap") or page.project.overlap
        return _page(page, values, overlap, criteria or page.project.criteria, error)
    return page.redirect(f"{page.root}/settings", "Settings saved")


def _criteria(form: Form) -> list[dict[str, Any]]:
    """Return the criteria in the form, without an empty one; [] if the form has no such fields."""
    columns = [[_plain(value) for value in form.every(f"criterion_{part}")] for part in CRITERION]
    rows = [dict(zip(CRITERION, row, strict=True)) for row in zip(*columns, strict=False)]
    return [
        {**{part: row[part] for part in ("name", "question", "good", "bad")},
         "levels": {level: row[f"level_{level}"] for level in LEVELS}}
        for row in rows if any(row.values())
    ]  # fmt: skip


def _plain(value: str) -> str:
    return value.replace("\r\n", "\n").strip()


def _remaining(page: Page, criteria: list[dict[str, Any]]) -> list[Any] | None:
    """Return the criteria without removed ones, and with those another user added after the page was loaded."""
    if "criterion_name" not in page.form:
        return None
    removed = {_plain(name) for name in page.form.every("criterion_removed")}
    known = {item["name"] for item in criteria} | removed
    remaining = [item for item in criteria if item["name"] not in removed]
    return [*remaining, *(item["name"] for item in page.project.criteria if item["name"] not in known)]


def _rules(form: Form) -> Iterator[dict[str, Any]]:
    """Yield the rules in the form; a row without a kind is empty or removed."""
    columns = [form.every(f"rule_{part}") for part in PARTS]
    for row in zip(*columns, strict=False):
        kind, field, value, case, message, severity = row
        if kind:
            rule = {"kind": kind, "field": field, "case": case == "exact", "message": message, "severity": severity}
            yield rule | _value(kind, value)


def _value(kind: str, text: str) -> dict[str, Any]:
    """Parse a rule's value: phrases, one per line, or a whole number for a length; optional for some rules."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    takes = TESTS[kind][0] if kind in TESTS else FREE
    if takes != LENGTH and not (takes == FREE and lines[:1] and lines[0].isdecimal()):
        return {"value": lines} if lines or takes != FREE else {}
    return {"value": int(lines[0]) if lines and lines[0].isdecimal() and len(lines[0]) < 9 else text}


def _numbers(form: Form) -> dict[str, Any]:
    shares = {name: (form.number(name) or 0) / 100 for name in project_settings.SHARES}
    return shares | {name: form.number(name, int) or 0 for name in project_settings.COUNTS}


def _page(
    page: Page,
    values: dict[str, Any],
    overlap: int | str,
    criteria: list[dict[str, Any]],
    error: AppError | None = None,
) -> Response:
    return page.render(
        "projects/settings.html",
        tab="/settings",
        values=values,
        overlap=overlap,
        criteria=criteria,
        known={item["name"] for item in page.project.criteria},
        error=error,
        checks=CODES,
        kinds={f"pii.{kind}": words for kind, (words, _) in KINDS.items() if kind != "secret"},
        rules=values["rules"] + [{}] * SPARE,
        rule_words=RULES,
        rule_values=[_as_text(rule) for rule in values["rules"]] + [""] * SPARE,
    )


def _as_text(rule: dict[str, Any]) -> str:
    """Return a rule's value as the form shows it: one phrase per line, or a number."""
    value = rule.get("value", "")
    return "\n".join(map(str, value)) if isinstance(value, list) else str(value)
