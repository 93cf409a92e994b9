"""Pairs: the list with filters, one pair with its history; submit, withdraw, discard, and restore."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter, Request, Response
from sqlalchemy.orm import Session

from app.core.errors import NotFound
from app.domain.accounts import queries as accounts_queries
from app.domain.accounts.permissions import Permission
from app.domain.comments import queries as comments_queries
from app.domain.lineage import queries as lineage_queries
from app.domain.pairs import actions as pairs_actions, history, queries as pairs_queries
from app.domain.pairs.tables import Pair, Revision
from app.domain.reviews import actions as reviews_actions, queries as reviews_queries
from app.http.transactions import DbSession
from app.web import comments, pairs_form, pairs_problems  # noqa: F401  (problem_view registers `explained` for the templates)
from app.web.deps import CsrfForm, CurrentProject, CurrentUser, form_str, project_context, redirect, requires
from app.web.render import render

router = APIRouter()
STATES = ("draft", "submitted", "in_review", "changes_requested", "approved", "rejected", "discarded", "withdrawn")


@router.get("/projects/{slug}/pairs", dependencies=[requires(Permission.READ_PROJECT)])
def index(
    request: Request,
    session: DbSession,
    user: CurrentUser,
    project: CurrentProject,
    state: str = "",
    tag: str = "",
    value: str = "",
    author: str = "",
    q: str = "",
    unresolved: bool = False,
    cursor: str | None = None,
) -> Response:
    page = pairs_queries.page(
        session,
        project,
        state=state or None,
        tags={tag: value} if tag and value else {},
        author=author or None,
        q=q or None,
        limit=30,
        cursor=cursor,
        also=comments_queries.unresolved(user) if unresolved else None,
    )
    texts = pairs_queries.currents(session, page.items)
    rows = [(pair, texts[pair.id]) for pair in page.items]
    chosen = {
        "state": state,
        "tag": tag,
        "value": value,
        "author": author,
        "q": q,
        "unresolved": "true" if unresolved else "",
    }
    query = {name: value for name, value in chosen.items() if value}
    return render(
        request,
        "pairs/list.html",
        **project_context(session, user, project, "/pairs"),
        rows=rows,
        chosen=chosen,
        counts=pairs_queries.counts_by_state(session, project),
        states=STATES,
        older=reviews_queries.stale_approvals(session, project, limit=0)[0],
        authors=sorted(
            accounts_queries.display_names(session, pairs_queries.authors(session, project)).items(),
            key=lambda item: item[1],
        ),
        tag_values=pairs_queries.tag_values(session, project),
        names=accounts_queries.display_names(session, {pair.author_id for pair in page.items}),
        links={item: _link(project.slug, {**query, "state": item}) for item in ("", *STATES)},
        next_href=_link(project.slug, {**query, "cursor": page.next}) if page.next else None,
    )


@router.get("/pairs/{pair_id}", dependencies=[requires(Permission.READ_PROJECT)])
def show(
    request: Request,
    session: DbSession,
    user: CurrentUser,
    project: CurrentProject,
    pair_id: str,
    old: int | None = None,
    new: int | None = None,
) -> Response:
    """Show a pair. `old` and `new` are revision numbers to compare; by default, the last edit session."""
    pair = pairs_queries.by_id(session, pair_id)
    revisions = sorted(pairs_queries.revisions(session, pair), key=lambda item: item.number, reverse=True)
    revision = pairs_queries.current(session, pair)
    edit_sessions = history.edit_sessions(revisions, _milestones(session, pair, revision))
    numbered = {item.number: item for item in revisions}
    first = edit_sessions[1].last.number if len(edit_sessions) > 1 else revision.number - 1
    before, after = numbered.get(old or first), numbered.get(new or revision.number)
    reviews = reviews_queries.visible(session, user, pair)
    people = {item.author_id for item in revisions} | {item.reviewer_id for item in reviews} | {pair.author_id}
    return render(
        request,
        "pairs/show.html",
        **project_context(session, user, project, "/pairs"),
        pair=pair,
        revision=revision,
        revisions=revisions,
        edit_sessions=edit_sessions,
        before=before if before is not after else None,
        after=after,
        reviews=reviews,
        blind=reviews_queries.is_blind(session, user, pair),
        state=reviews_queries.shown_state(session, user, pair),
        names=accounts_queries.display_names(session, people),
        own=pair.author_id == user.id,
        used_in=lineage_queries.versions_with_pair(session, pair),
        **comments.comments_context(session, user, project, pair, revision),
        plain=pairs_form.plain,
        numbers={item.id: item.number for item in revisions},
    )


@router.post("/pairs/{pair_id}/submit", dependencies=[requires(Permission.WRITE_PAIR)])
def submit(
    request: Request, session: DbSession, user: CurrentUser, form: CsrfForm, project: CurrentProject, pair_id: str
) -> Response:
    pair = pairs_queries.by_id(session, pair_id)
    pairs_actions.submit(session, user, pair)
    if form_str(form, "then") == "next":
        suffix = f"?round={pair.round_id}" if pair.round_id else ""
        return redirect(request, f"/projects/{project.slug}/pairs/new{suffix}", "Submitted. Write the next pair.")
    return redirect(request, f"/pairs/{pair.id}", "Submitted. You can withdraw it.")


@router.post("/pairs/{pair_id}/withdraw", dependencies=[requires(Permission.WRITE_PAIR)])
def withdraw(request: Request, session: DbSession, user: CurrentUser, form: CsrfForm, pair_id: str) -> Response:
    pair = pairs_queries.by_id(session, pair_id)
    pairs_actions.withdraw(session, user, pair)
    return redirect(request, f"/pairs/{pair.id}", "Withdrawn. The pair is a draft again.")


@router.post("/pairs/{pair_id}/discard", dependencies=[requires(Permission.WRITE_PAIR)])
def discard(
    request: Request, session: DbSession, user: CurrentUser, form: CsrfForm, project: CurrentProject, pair_id: str
) -> Response:
    pair = pairs_queries.by_id(session, pair_id)
    pairs_actions.discard(session, user, pair)
    return redirect(request, f"/projects/{project.slug}/pairs", "Pair discarded")


@router.post("/pairs/{pair_id}/undiscard", dependencies=[requires(Permission.WRITE_PAIR)])
def undiscard(request: Request, session: DbSession, user: CurrentUser, form: CsrfForm, pair_id: str) -> Response:
    pair = pairs_queries.by_id(session, pair_id)
    reviews_actions.restore(session, user, pair)
    return redirect(request, f"/pairs/{pair.id}", "Pair restored")


@router.post("/pairs/{pair_id}/restore", dependencies=[requires(Permission.WRITE_PAIR)])
def restore(request: Request, session: DbSession, user: CurrentUser, form: CsrfForm, pair_id: str) -> Response:
    """Save an old revision as a new one."""
    pair = pairs_queries.by_id(session, pair_id)
    revision_id = form_str(form, "revision")
    old = next((item for item in pairs_queries.revisions(session, pair) if item.id == revision_id), None)
    if old is None:
        raise NotFound("This pair has no such revision. Choose one from its history.")
    content = pairs_form.parse(pairs_form.of_revision(old))
    pairs_actions.save(session, user, pair, content, expected_revision=form_str(form, "expected_revision"))
    return redirect(request, f"/pairs/{pair.id}", "Restored as a new revision")


def _milestones(session: Session, pair: Pair, revision: Revision) -> set[str]:
    """Return the ids of the current, submitted and reviewed revisions; the folded history always shows these."""
    reviewed = {review.revision_id for review in reviews_queries.of_pair(session, pair)}
    return {revision.id, pair.submitted_revision_id or "", *reviewed}


def _link(slug: str, query: dict[str, Any]) -> str:
    return f"/projects/{slug}/pairs?{urlencode({name: value for name, value in query.items() if value})}"
