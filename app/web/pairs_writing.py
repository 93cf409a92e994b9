"""Writing pairs: the form for new and existing pairs, live checks, autosave, and the page before submitting."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse

from app.core.errors import AppError, Conflict, Invalid, NotFound, PreconditionFailed
from app.domain.accounts import queries as accounts_queries
from app.domain.accounts.permissions import Permission
from app.domain.consent import queries as consent_queries
from app.domain.guidelines import queries as guidelines_queries
from app.domain.pairs import actions as pairs_actions, declarations, queries as pairs_queries, token_limits
from app.domain.pairs.tables import Pair, Revision
from app.domain.progress import queries as progress_queries
from app.domain.reviews import queries as reviews_queries
from app.domain.rounds import queries as rounds_queries
from app.web import pairs_form
from app.web.deps import CurrentPair, Page, requires

router = APIRouter()


@router.get("/projects/{slug}/pairs/new", dependencies=[requires(Permission.WRITE_PAIR)])
def new(page: Page, round: str | None = None) -> Response:
    values = dict(pairs_form.BLANK)
    values["tags"] = {"language": page.project.languages[0]} if len(page.project.languages) == 1 else {}
    if len(page.project.domains) == 1:
        values["tags"]["domain"] = page.project.domains[0]
    values["tags"] |= pairs_form.tags_from_query(page.request.query_params)
    return _desk(page, values, round_id=round)


@router.post("/projects/{slug}/pairs/check", dependencies=[requires(Permission.WRITE_PAIR)])
def check(page: Page) -> Response:
    """Check the form without saving it: a fragment with the problems and the token count of each turn."""
    values = pairs_form.from_form(page.form)
    problems = None
    if any(turn["content"].strip() for turn in values["messages"]):
        try:
            content = pairs_form.parse(values)
            values["messages"] = content.as_dict()["messages"]
            problems = pairs_queries.problems_for(
                page.session, page.project, content, without=page.form.text("pair_id") or None
            )
        except Invalid:
            problems = None
    return page.render(
        "pairs/_checked.html",
        problems=problems,
        turns=values["messages"],
        waivers=values["waivers"],
        tokens=token_limits.counts(page.project, [turn["content"] for turn in values["messages"]]),
        reader=token_limits.reader_of(page.project),
        editable=True,
    )


@router.post("/projects/{slug}/pairs/preview", dependencies=[requires(Permission.WRITE_PAIR)])
def preview(page: Page) -> Response:
    """Render one turn as a fragment."""
    return page.render("pairs/_preview.html", written=page.form.raw("text"))


@router.post("/projects/{slug}/pairs/compare", dependencies=[requires(Permission.WRITE_PAIR)])
def compare(page: Page) -> Response:
    """Compare the form with the saved text, as a fragment: before a restore, and after a save conflict."""
    pair = None
    if pair_id := page.form.text("pair_id"):
        pair = pairs_queries.by_id(page.session, pair_id)
        if pair.project_id != page.project.id:
            raise NotFound()
    return page.render("pairs/_compare.html", **_comparison(page, pair, pairs_form.from_form(page.form)))


@router.post("/projects/{slug}/pairs", dependencies=[requires(Permission.WRITE_PAIR)])
def create(page: Page) -> Response:
    values = pairs_form.from_form(page.form)
    try:
        pair = _create(page, values)
    except Invalid as error:
        return _desk(page, values, round_id=page.form.text("round_id"), error=error)
    if page.form.text("then") == "review":
        return page.redirect(f"/pairs/{pair.id}/submit")
    return page.redirect(f"/pairs/{pair.id}/edit", "Draft saved")


@router.post("/projects/{slug}/pairs/autosave", dependencies=[requires(Permission.WRITE_PAIR)])
def autosave_new(page: Page) -> Response:
    pair = _create(page, pairs_form.from_form(page.form))
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
def edit(page: Page, pair: CurrentPair) -> Response:
    revision = pairs_queries.current(page.session, pair)
    return _desk(page, pairs_form.of_revision(revision), pair=pair, round_id=pair.round_id)


@router.post("/pairs/{pair_id}/save", dependencies=[requires(Permission.WRITE_PAIR)])
def save(page: Page, pair: CurrentPair) -> Response:
    values = pairs_form.from_form(page.form)
    expected = page.form.text("over") or page.form.text("expected_revision")
    try:
        _save(page, pair, values, expected)
    except (Invalid, PreconditionFailed) as error:
        return _desk(page, values, pair=pair, round_id=pair.round_id, error=error, expected=expected)
    if page.form.text("over"):
        return page.redirect(f"/pairs/{pair.id}/edit", "Your version is saved. The other version is in the history.")
    if page.form.text("then") == "review" and pair.state in ("draft", "changes_requested"):
        return page.redirect(f"/pairs/{pair.id}/submit")
    return page.redirect(f"/pairs/{pair.id}", "Saved")


@router.post("/pairs/{pair_id}/autosave", dependencies=[requires(Permission.WRITE_PAIR)])
def autosave(page: Page, pair: CurrentPair) -> Response:
    """Save a draft or returned pair. Saving any other pair changes its state, so the author must do it explicitly."""
    if pair.state not in ("draft", "changes_requested"):
        raise Conflict("this pair is no longer a draft. Select Save when you are done.")
    revision = _save(page, pair, pairs_form.from_form(page.form), page.form.text("expected_revision"))
    return JSONResponse({"revision": revision.id})


@router.get("/pairs/{pair_id}/submit", dependencies=[requires(Permission.WRITE_PAIR)])
def preview_submit(page: Page, pair: CurrentPair) -> Response:
    """Show the pair as reviewers will see it, before it is submitted."""
    if pair.state not in ("draft", "changes_requested"):
        return page.redirect(f"/pairs/{pair.id}")
    revision = pairs_queries.current(page.session, pair)
    problems = pairs_queries.problems_for(
        page.session, page.project, pairs_form.parse(pairs_form.of_revision(revision)), without=pair.id
    )
    return page.render(
        "pairs/submit.html",
        tab="/pairs",
        pair=pair,
        revision=revision,
        problems=problems,
        unexplained=declarations.unexplained(problems, revision.waivers),
    )


def _create(page: Page, values: dict[str, Any]) -> Pair:
    declared, content = pairs_form.declared(page.project, values), pairs_form.parse(values)
    round_id = page.form.text("round_id") or None
    return pairs_actions.create(page.session, page.user, page.project, content, round_id=round_id, declared=declared)


def _save(page: Page, pair: Pair, values: dict[str, Any], expected: str) -> Revision:
    declared, content = pairs_form.declared(page.project, values), pairs_form.parse(values)
    return pairs_actions.save(page.session, page.user, pair, content, expected_revision=expected, declared=declared)


def _comparison(page: Page, pair: Pair | None, values: dict[str, Any]) -> dict[str, Any]:
    """Return both sides of a comparison: the saved revision, if any, and the text of the form."""
    mine = pairs_form.plain_text(values["messages"])
    saved = pairs_queries.current(page.session, pair) if pair else None
    return {
        "saved": saved,
        "saved_by": accounts_queries.display_names(page.session, {saved.author_id}).get(saved.author_id, "–")
        if saved
        else "",
        "theirs": pairs_form.plain(saved) if saved else "",
        "mine": mine,
        "known": pair is not None
        and any(pairs_form.plain(item) == mine for item in pairs_queries.revisions(page.session, pair)),
    }


def _reasons(page: Page, pair: Pair | None) -> list[str]:
    """Return the reasons why reviewers returned the pair."""
    if pair is None or pair.state != "changes_requested":
        return []
    return [
        review.comment
        for review in reviews_queries.of_submission(page.session, pair)
        if review.decision == "return" and review.comment
    ]


def _desk(
    page: Page,
    values: dict[str, Any],
    *,
    pair: Pair | None = None,
    round_id: str | None = None,
    error: AppError | None = None,
    expected: str = "",
) -> Response:
    """Show the form. `expected` is the revision that a rejected save was based on; the next save keeps it."""
    round_ = rounds_queries.by_id(page.session, page.project, round_id) if round_id else None
    progress = progress_queries.of_round(page.session, round_) if round_ else None
    stale = pair and isinstance(error, PreconditionFailed)
    return page.render(
        "pairs/write.html",
        tab="/pairs",
        **(_comparison(page, pair, values) if stale else {}),
        values=values,
        terms_due=consent_queries.terms_to_accept(page.session, page.user),
        pair=pair,
        reasons=_reasons(page, pair),
        round=round_,
        error=error,
        progress=progress.targets if progress else None,
        own=next((row for row in progress.people if row["user"] == page.user.id), None) if progress else None,
        assistance=list(declarations.ASSISTANCE.items()),
        guideline=guidelines_queries.current(page.session, page.project),
        tag_values=pairs_queries.tag_values(page.session, page.project),
        tag_names=pairs_form.TAGS,
        expected=expected or (pair.current_revision_id if pair else ""),
    )
