"""Writing pairs: the form for new and existing pairs, live checks, autosave, and the page before submitting."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from sqlalchemy.orm import Session

from app.core.errors import AppError, Conflict, Invalid, NotFound
from app.domain.accounts import queries as accounts_queries
from app.domain.accounts.permissions import Permission
from app.domain.accounts.tables import User
from app.domain.consent import queries as consent_queries
from app.domain.guidelines import queries as guidelines_queries
from app.domain.pairs import actions as pairs_actions, declarations, queries as pairs_queries, token_limits
from app.domain.pairs.tables import Pair
from app.domain.progress import queries as progress_queries
from app.domain.projects.tables import Project
from app.domain.reviews import queries as reviews_queries
from app.domain.rounds import queries as rounds_queries
from app.http.transactions import DbSession
from app.web import pairs_form
from app.web.deps import CsrfForm, CurrentProject, CurrentUser, form_str, project_context, redirect, requires
from app.web.forms import form_errors
from app.web.render import render

router = APIRouter()


@router.get("/projects/{slug}/pairs/new", dependencies=[requires(Permission.WRITE_PAIR)])
def new(
    request: Request, session: DbSession, user: CurrentUser, project: CurrentProject, round: str | None = None
) -> Response:
    values = dict(pairs_form.BLANK)
    values["tags"] = {"language": project.languages[0]} if len(project.languages) == 1 else {}
    if len(project.domains) == 1:
        values["tags"]["domain"] = project.domains[0]
    values["tags"] |= pairs_form.tags_from_query(request.query_params)
    return _desk(request, session, user, project, values, round_id=round)


@router.post("/projects/{slug}/pairs/check", dependencies=[requires(Permission.WRITE_PAIR)])
def check(request: Request, session: DbSession, user: CurrentUser, form: CsrfForm, project: CurrentProject) -> Response:
    """Check the form without saving it: a fragment with the problems and the token count of each turn."""
    values = pairs_form.from_form(form)
    problems = None
    if any(turn["content"].strip() for turn in values["messages"]):
        try:
            content = pairs_form.parse(values)
            values["messages"] = content.as_dict()["messages"]
            problems = pairs_queries.problems_for(session, project, content, without=form_str(form, "pair_id") or None)
        except Invalid:
            problems = None
    return render(
        request,
        "pairs/_checked.html",
        problems=problems,
        turns=values["messages"],
        waivers=values["waivers"],
        tokens=token_limits.counts(project, [turn["content"] for turn in values["messages"]]),
        reader=token_limits.reader_of(project),
        editable=True,
    )


@router.post("/projects/{slug}/pairs/preview", dependencies=[requires(Permission.WRITE_PAIR)])
def preview(
    request: Request, session: DbSession, user: CurrentUser, form: CsrfForm, project: CurrentProject
) -> Response:
    """Render one turn as a fragment."""
    return render(request, "pairs/_preview.html", project=project, written=str(form.get("text") or ""))


@router.post("/projects/{slug}/pairs/compare", dependencies=[requires(Permission.WRITE_PAIR)])
def compare(
    request: Request, session: DbSession, user: CurrentUser, form: CsrfForm, project: CurrentProject
) -> Response:
    """Compare the form with the saved text, as a fragment: before a restore, and after a save conflict."""
    pair = None
    if pair_id := form_str(form, "pair_id"):
        pair = pairs_queries.by_id(session, pair_id)
        if pair.project_id != project.id:
            raise NotFound()
    return render(request, "pairs/_compare.html", **_comparison(session, pair, pairs_form.from_form(form)))


@router.post("/projects/{slug}/pairs", dependencies=[requires(Permission.WRITE_PAIR)])
def create(
    request: Request, session: DbSession, user: CurrentUser, form: CsrfForm, project: CurrentProject
) -> Response:
    values, round_id = pairs_form.from_form(form), form_str(form, "round_id") or None
    with form_errors(422) as result:
        declared = pairs_form.declared(project, values)
        pair = pairs_actions.create(
            session, user, project, pairs_form.parse(values), round_id=round_id, declared=declared
        )
    if result.error:
        return _desk(request, session, user, project, values, round_id=round_id, error=result.error)
    if form_str(form, "then") == "review":
        return redirect(request, f"/pairs/{pair.id}/submit")
    return redirect(request, f"/pairs/{pair.id}/edit", "Draft saved")


@router.post("/projects/{slug}/pairs/autosave", dependencies=[requires(Permission.WRITE_PAIR)])
def autosave_new(
    request: Request, session: DbSession, user: CurrentUser, form: CsrfForm, project: CurrentProject
) -> Response:
    values, round_id = pairs_form.from_form(form), form_str(form, "round_id") or None
    declared = pairs_form.declared(project, values)
    pair = pairs_actions.create(session, user, project, pairs_form.parse(values), round_id=round_id, declared=declared)
    return JSONResponse(
        {
            "revision": pair.current_revision_id,
            "pair": pair.id,
            "autosave": f"/pairs/{pair.id}/autosave",
            "action": f"/pairs/{pair.id}/save",
            "url": f"/pairs/{pair.id}/edit",
        }
    )


@router.get("/pairs/{pair_id}/edit", dependencies=[requires(Permission.WRITE_PAIR)])
def edit(request: Request, session: DbSession, user: CurrentUser, project: CurrentProject, pair_id: str) -> Response:
    pair = pairs_queries.by_id(session, pair_id)
    revision = pairs_queries.current(session, pair)
    return _desk(request, session, user, project, pairs_form.of_revision(revision), pair=pair, round_id=pair.round_id)


@router.post("/pairs/{pair_id}/save", dependencies=[requires(Permission.WRITE_PAIR)])
def save(
    request: Request, session: DbSession, user: CurrentUser, form: CsrfForm, project: CurrentProject, pair_id: str
) -> Response:
    pair = pairs_queries.by_id(session, pair_id)
    values = pairs_form.from_form(form)
    expected = form_str(form, "over") or form_str(form, "expected_revision")
    with form_errors(412, 422) as result:
        declared = pairs_form.declared(project, values)
        pairs_actions.save(session, user, pair, pairs_form.parse(values), expected_revision=expected, declared=declared)
    if result.error:
        return _desk(
            request,
            session,
            user,
            project,
            values,
            pair=pair,
            round_id=pair.round_id,
            error=result.error,
            expected=expected,
        )
    if form_str(form, "over"):
        return redirect(
            request, f"/pairs/{pair.id}/edit", "Your version is saved. The other version is in the history."
        )
    if form_str(form, "then") == "review" and pair.state in ("draft", "changes_requested"):
        return redirect(request, f"/pairs/{pair.id}/submit")
    return redirect(request, f"/pairs/{pair.id}", "Saved")


@router.post("/pairs/{pair_id}/autosave", dependencies=[requires(Permission.WRITE_PAIR)])
def autosave(
    request: Request, session: DbSession, user: CurrentUser, form: CsrfForm, project: CurrentProject, pair_id: str
) -> Response:
    """Save a draft or returned pair. Saving any other pair changes its state, so the author must do it explicitly."""
    pair = pairs_queries.by_id(session, pair_id)
    if pair.state not in ("draft", "changes_requested"):
        raise Conflict("this pair is no longer a draft. Select Save when you are done.")
    values, expected = pairs_form.from_form(form), form_str(form, "expected_revision")
    declared = pairs_form.declared(project, values)
    revision = pairs_actions.save(
        session, user, pair, pairs_form.parse(values), expected_revision=expected, declared=declared
    )
    return JSONResponse({"revision": revision.id})


@router.get("/pairs/{pair_id}/submit", dependencies=[requires(Permission.WRITE_PAIR)])
def preview_submit(
    request: Request, session: DbSession, user: CurrentUser, project: CurrentProject, pair_id: str
) -> Response:
    """Show the pair as reviewers will see it, before it is submitted."""
    pair = pairs_queries.by_id(session, pair_id)
    if pair.state not in ("draft", "changes_requested"):
        return redirect(request, f"/pairs/{pair.id}")
    revision = pairs_queries.current(session, pair)
    problems = pairs_queries.problems_for(
        session, project, pairs_form.parse(pairs_form.of_revision(revision)), without=pair.id
    )
    return render(
        request,
        "pairs/submit.html",
        **project_context(session, user, project, "/pairs"),
        pair=pair,
        revision=revision,
        problems=problems,
        unexplained=declarations.unexplained(problems, revision.waivers),
    )


def _comparison(session: Session, pair: Pair | None, values: dict[str, Any]) -> dict[str, Any]:
    """Return both sides of a comparison: the saved revision, if any, and the text of the form."""
    mine = pairs_form.plain_text(values["messages"])
    saved = pairs_queries.current(session, pair) if pair else None
    return {
        "saved": saved,
        "saved_by": accounts_queries.display_names(session, {saved.author_id}).get(saved.author_id, "–")
        if saved
        else "",
        "theirs": pairs_form.plain(saved) if saved else "",
        "mine": mine,
        "known": pair is not None
        and any(pairs_form.plain(item) == mine for item in pairs_queries.revisions(session, pair)),
    }


def _reasons(session: Session, pair: Pair | None) -> list[str]:
    """Return the reasons why reviewers returned the pair."""
    if pair is None or pair.state != "changes_requested":
        return []
    return [
        review.comment
        for review in reviews_queries.of_submission(session, pair)
        if review.decision == "return" and review.comment
    ]


def _desk(
    request: Request,
    session: Session,
    user: User,
    project: Project,
    values: dict[str, Any],
    *,
    pair: Pair | None = None,
    round_id: str | None = None,
    error: AppError | None = None,
    expected: str = "",
) -> Response:
    """Show the form. `expected` is the revision that a rejected save was based on; the next save keeps it."""
    round_ = rounds_queries.by_id(session, project, round_id) if round_id else None
    progress = progress_queries.of_round(session, round_) if round_ else None
    context = project_context(session, user, project, "/pairs")
    if pair and error and error.status == 412:
        context |= _comparison(session, pair, values)
    return render(
        request,
        "pairs/write.html",
        **context,
        values=values,
        terms_due=consent_queries.terms_to_accept(session, user),
        pair=pair,
        reasons=_reasons(session, pair),
        round=round_,
        error=error,
        progress=progress.targets if progress else None,
        own=next((row for row in progress.people if row["user"] == user.id), None) if progress else None,
        assistance=list(declarations.ASSISTANCE.items()),
        guideline=guidelines_queries.current(session, project),
        tag_values=pairs_queries.tag_values(session, project),
        tag_names=pairs_form.TAGS,
        expected=expected or (pair.current_revision_id if pair else ""),
    )
