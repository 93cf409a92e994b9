"""The writing desk: new and existing pairs, live checks, autosave, the look before submitting."""

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
from app.domain.pairs import actions as pairs_actions
from app.domain.pairs import declarations, token_limits
from app.domain.pairs import queries as pairs_queries
from app.domain.pairs.tables import Pair
from app.domain.progress import queries as progress_queries
from app.domain.projects.tables import Project
from app.domain.reviews import queries as reviews_queries
from app.domain.rounds import queries as rounds_queries
from app.http.transactions import DbSession
from app.web import pair_form
from app.web.deps import CsrfForm, CurrentProject, CurrentUser, form_str, project_context, redirect, requires
from app.web.forms import form_errors
from app.web.render import render

router = APIRouter()


@router.get("/projects/{slug}/pairs/new", dependencies=[requires(Permission.WRITE_PAIR)])
def new(
    request: Request, session: DbSession, user: CurrentUser, project: CurrentProject, round: str | None = None
) -> Response:
    given = dict(pair_form.BLANK)
    given["tags"] = {"language": project.languages[0]} if len(project.languages) == 1 else {}
    if len(project.domains) == 1:
        given["tags"]["domain"] = project.domains[0]
    given["tags"] |= pair_form.asked_tags(request.query_params)
    return _desk(request, session, user, project, given, round_id=round)


@router.post("/projects/{slug}/pairs/check", dependencies=[requires(Permission.WRITE_PAIR)])
def check(request: Request, session: DbSession, user: CurrentUser, form: CsrfForm, project: CurrentProject) -> Response:
    """The problems of what is typed, as a fragment, with the tokens of each turn. Nothing is saved."""
    given = pair_form.from_form(form)
    problems = None
    if any(turn["content"].strip() for turn in given["messages"]):
        try:
            content = pair_form.parse(given)
            given["messages"] = content.as_dict()["messages"]
            problems = pairs_queries.problems_for(session, project, content, without=form_str(form, "pair_id") or None)
        except Invalid:
            problems = None
    return render(
        request,
        "pairs/_checked.html",
        problems=problems,
        turns=given["messages"],
        waivers=given["waivers"],
        tokens=token_limits.counts(project, [turn["content"] for turn in given["messages"]]),
        reader=token_limits.reader_of(project),
        mending=True,
    )


@router.post("/projects/{slug}/pairs/preview", dependencies=[requires(Permission.WRITE_PAIR)])
def preview(
    request: Request, session: DbSession, user: CurrentUser, form: CsrfForm, project: CurrentProject
) -> Response:
    """One turn as it will be read, as a fragment."""
    return render(request, "pairs/_preview.html", project=project, written=str(form.get("text") or ""))


@router.post("/projects/{slug}/pairs/compare", dependencies=[requires(Permission.WRITE_PAIR)])
def compare(
    request: Request, session: DbSession, user: CurrentUser, form: CsrfForm, project: CurrentProject
) -> Response:
    """The text in the form against the saved one, as a fragment: before a restore, and when two tabs have saved."""
    pair = None
    if pair_id := form_str(form, "pair_id"):
        pair = pairs_queries.by_id(session, pair_id)
        if pair.project_id != project.id:
            raise NotFound()
    return render(request, "pairs/_compare.html", **_sides(session, pair, pair_form.from_form(form)))


@router.post("/projects/{slug}/pairs", dependencies=[requires(Permission.WRITE_PAIR)])
def create(
    request: Request, session: DbSession, user: CurrentUser, form: CsrfForm, project: CurrentProject
) -> Response:
    given, round_id = pair_form.from_form(form), form_str(form, "round_id") or None
    with form_errors(422) as result:
        declared = pair_form.declared(project, given)
        pair = pairs_actions.create(
            session, user, project, pair_form.parse(given), round_id=round_id, declared=declared
        )
    if result.error:
        return _desk(request, session, user, project, given, round_id=round_id, error=result.error)
    if form_str(form, "then") == "review":
        return redirect(request, f"/pairs/{pair.id}/submit")
    return redirect(request, f"/pairs/{pair.id}/edit", "Draft saved.")


@router.post("/projects/{slug}/pairs/autosave", dependencies=[requires(Permission.WRITE_PAIR)])
def autosave_new(
    request: Request, session: DbSession, user: CurrentUser, form: CsrfForm, project: CurrentProject
) -> Response:
    given, round_id = pair_form.from_form(form), form_str(form, "round_id") or None
    declared = pair_form.declared(project, given)
    pair = pairs_actions.create(session, user, project, pair_form.parse(given), round_id=round_id, declared=declared)
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
    return _desk(request, session, user, project, pair_form.of_revision(revision), pair=pair, round_id=pair.round_id)


@router.post("/pairs/{pair_id}/save", dependencies=[requires(Permission.WRITE_PAIR)])
def save(
    request: Request, session: DbSession, user: CurrentUser, form: CsrfForm, project: CurrentProject, pair_id: str
) -> Response:
    pair = pairs_queries.by_id(session, pair_id)
    given = pair_form.from_form(form)
    expected = form_str(form, "over") or form_str(form, "expected_revision")
    with form_errors(412, 422) as result:
        declared = pair_form.declared(project, given)
        pairs_actions.save(session, user, pair, pair_form.parse(given), expected_revision=expected, declared=declared)
    if result.error:
        return _desk(
            request,
            session,
            user,
            project,
            given,
            pair=pair,
            round_id=pair.round_id,
            error=result.error,
            expected=expected,
        )
    if form_str(form, "over"):
        return redirect(
            request, f"/pairs/{pair.id}/edit", "Saved as the newest revision; the other one stays in the history."
        )
    if form_str(form, "then") == "review" and pair.state in ("draft", "changes_requested"):
        return redirect(request, f"/pairs/{pair.id}/submit")
    return redirect(request, f"/pairs/{pair.id}", "Saved.")


@router.post("/pairs/{pair_id}/autosave", dependencies=[requires(Permission.WRITE_PAIR)])
def autosave(
    request: Request, session: DbSession, user: CurrentUser, form: CsrfForm, project: CurrentProject, pair_id: str
) -> Response:
    """Drafts and returned pairs only: a save of any other pair changes its state, which a person must ask for."""
    pair = pairs_queries.by_id(session, pair_id)
    if pair.state not in ("draft", "changes_requested"):
        raise Conflict("this pair is past its draft; press Save when you are done.")
    given, expected = pair_form.from_form(form), form_str(form, "expected_revision")
    declared = pair_form.declared(project, given)
    revision = pairs_actions.save(
        session, user, pair, pair_form.parse(given), expected_revision=expected, declared=declared
    )
    return JSONResponse({"revision": revision.id})


@router.get("/pairs/{pair_id}/submit", dependencies=[requires(Permission.WRITE_PAIR)])
def look(request: Request, session: DbSession, user: CurrentUser, project: CurrentProject, pair_id: str) -> Response:
    """The second step of submitting: the pair as it will be read."""
    pair = pairs_queries.by_id(session, pair_id)
    if pair.state not in ("draft", "changes_requested"):
        return redirect(request, f"/pairs/{pair.id}")
    revision = pairs_queries.current(session, pair)
    problems = pairs_queries.problems_for(
        session, project, pair_form.parse(pair_form.of_revision(revision)), without=pair.id
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


def _sides(session: Session, pair: Pair | None, given: dict[str, Any]) -> dict[str, Any]:
    """What a comparison shows: the saved revision, or nothing yet, and the text of the form."""
    mine = pair_form.plain_of(given["messages"])
    saved = pairs_queries.current(session, pair) if pair else None
    return {
        "saved": saved,
        "saved_by": accounts_queries.names(session, {saved.author_id}).get(saved.author_id, "–") if saved else "",
        "theirs": pair_form.plain(saved) if saved else "",
        "mine": mine,
        "known": pair is not None
        and any(pair_form.plain(one) == mine for one in pairs_queries.revisions(session, pair)),
    }


def _reasons(session: Session, pair: Pair | None) -> list[str]:
    """Why the text on the desk came back."""
    if pair is None or pair.state != "changes_requested":
        return []
    return [
        one.comment for one in reviews_queries.of_submission(session, pair) if one.decision == "return" and one.comment
    ]


def _desk(
    request: Request,
    session: Session,
    user: User,
    project: Project,
    given: dict[str, Any],
    *,
    pair: Pair | None = None,
    round_id: str | None = None,
    error: AppError | None = None,
    expected: str = "",
) -> Response:
    """`expected` is what a refused save was based on; the next one must not pass for newer than it is."""
    chosen = rounds_queries.by_id(session, project, round_id) if round_id else None
    made = progress_queries.of_round(session, chosen) if chosen else None
    context = project_context(session, user, project, "/pairs")
    if pair and error and error.status == 412:
        context |= _sides(session, pair, given)
    return render(
        request,
        "pairs/write.html",
        **context,
        given=given,
        terms_due=consent_queries.due(session, user),
        pair=pair,
        reasons=_reasons(session, pair),
        round=chosen,
        error=error,
        progress=made.targets if made else None,
        own=next((one for one in made.people if one["user"] == user.id), None) if made else None,
        assistance=list(declarations.ASSISTANCE.items()),
        guideline=guidelines_queries.current(session, project),
        tag_values=pairs_queries.tag_values(session, project),
        tag_names=pair_form.TAGS,
        expected=expected or (pair.current_revision_id if pair else ""),
    )
