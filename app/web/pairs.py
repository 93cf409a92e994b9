"""Pairs to read: the list with its filters, one pair with its history; and submit, discard, bring back, restore."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter, Request, Response
from sqlalchemy.orm import Session

from app.core.errors import NotFound
from app.domain.accounts import queries as accounts
from app.domain.accounts.permissions import Permission
from app.domain.pairs import actions, history, queries
from app.domain.pairs.tables import Pair, Revision
from app.domain.projects import access
from app.domain.provenance import queries as provenance
from app.domain.reviews import actions as review_actions
from app.domain.reviews import queries as reviews
from app.domain.reviews import threads
from app.web import comments, contents, problems  # noqa: F401  (problems gives the templates `explained`)
from app.web.deps import Db, Me, Posted, asks, go, in_project, text
from app.web.render import page
from app.web.writing import open_pair

router = APIRouter()
STATES = ("draft", "submitted", "in_review", "changes_requested", "approved", "rejected", "discarded", "withdrawn")


@router.get("/projects/{slug}/pairs", dependencies=[asks(Permission.READ_PROJECT)])
def index(
    request: Request,
    session: Db,
    user: Me,
    slug: str,
    state: str = "",
    tag: str = "",
    value: str = "",
    author: str = "",
    q: str = "",
    unresolved: bool = False,
    cursor: str | None = None,
) -> Response:
    project = access.visible_project(session, user, slug)
    found = queries.page(
        session,
        project,
        state=state or None,
        tags={tag: value} if tag and value else {},
        author=author or None,
        q=q or None,
        limit=30,
        cursor=cursor,
        also=threads.unresolved(user) if unresolved else None,
    )
    texts = queries.currents(session, found.items)
    rows = [(pair, texts[pair.id]) for pair in found.items]
    chosen = {
        "state": state,
        "tag": tag,
        "value": value,
        "author": author,
        "q": q,
        "unresolved": "true" if unresolved else "",
    }
    kept = {name: one for name, one in chosen.items() if one}
    return page(
        request,
        "pairs/list.html",
        **in_project(session, user, project, "/pairs"),
        rows=rows,
        chosen=chosen,
        counts=queries.counts_by_state(session, project),
        states=STATES,
        older=reviews.older_approvals(session, project, limit=0)[0],
        authors=sorted(accounts.names(session, queries.authors(session, project)).items(), key=lambda one: one[1]),
        tag_values=queries.tag_values(session, project),
        names=accounts.names(session, {pair.author_id for pair in found.items}),
        links={one: _link(slug, {**kept, "state": one}) for one in ("", *STATES)},
        next_href=_link(slug, {**kept, "cursor": found.next}) if found.next else None,
    )


@router.get("/pairs/{pair_id}", dependencies=[asks(Permission.READ_PROJECT)])
def show(
    request: Request, session: Db, user: Me, pair_id: str, old: int | None = None, new: int | None = None
) -> Response:
    """`old` and `new` are the numbers of two revisions to compare; by default what the latest sitting changed."""
    pair, project = open_pair(session, user, pair_id)
    revisions = sorted(queries.revisions(session, pair), key=lambda one: one.number, reverse=True)
    revision = queries.current(session, pair)
    sittings = history.sittings(revisions, _milestones(session, pair, revision))
    numbered = {one.number: one for one in revisions}
    first = sittings[1].last.number if len(sittings) > 1 else revision.number - 1
    before, after = numbered.get(old or first), numbered.get(new or revision.number)
    given = reviews.visible(session, user, pair)
    people = {one.author_id for one in revisions} | {one.reviewer_id for one in given} | {pair.author_id}
    return page(
        request,
        "pairs/show.html",
        **in_project(session, user, project, "/pairs"),
        pair=pair,
        revision=revision,
        revisions=revisions,
        sittings=sittings,
        before=before if before is not after else None,
        after=after,
        reviews=given,
        blind=reviews.is_blind(session, user, pair),
        state=reviews.shown_state(session, user, pair),
        names=accounts.names(session, people),
        own=pair.author_id == user.id,
        used_in=provenance.used_in(session, pair),
        **comments.on_page(session, user, project, pair, revision),
        plain=contents.plain,
        numbers={one.id: one.number for one in revisions},
    )


@router.post("/pairs/{pair_id}/submit", dependencies=[asks(Permission.WRITE_PAIR)])
def submit(request: Request, session: Db, user: Me, form: Posted, pair_id: str) -> Response:
    pair, project = open_pair(session, user, pair_id)
    actions.submit(session, user, pair)
    if text(form, "then") == "next":
        suffix = f"?round={pair.round_id}" if pair.round_id else ""
        return go(request, f"/projects/{project.slug}/pairs/new{suffix}", "Submitted. Here is the next one.")
    return go(request, f"/pairs/{pair.id}", "Submitted for review. You may still withdraw it below.")


@router.post("/pairs/{pair_id}/withdraw", dependencies=[asks(Permission.WRITE_PAIR)])
def withdraw(request: Request, session: Db, user: Me, form: Posted, pair_id: str) -> Response:
    pair, _ = open_pair(session, user, pair_id)
    actions.withdraw(session, user, pair)
    return go(request, f"/pairs/{pair.id}", "Withdrawn: it is a draft again.")


@router.post("/pairs/{pair_id}/discard", dependencies=[asks(Permission.WRITE_PAIR)])
def discard(request: Request, session: Db, user: Me, form: Posted, pair_id: str) -> Response:
    pair, project = open_pair(session, user, pair_id)
    actions.discard(session, user, pair)
    return go(request, f"/projects/{project.slug}/pairs", "Discarded. Its history is kept.")


@router.post("/pairs/{pair_id}/bring-back", dependencies=[asks(Permission.WRITE_PAIR)])
def bring_back(request: Request, session: Db, user: Me, form: Posted, pair_id: str) -> Response:
    pair, _ = open_pair(session, user, pair_id)
    review_actions.bring_back(session, user, pair)
    return go(request, f"/pairs/{pair.id}", "It is back, as it was before it was discarded.")


@router.post("/pairs/{pair_id}/restore", dependencies=[asks(Permission.WRITE_PAIR)])
def restore(request: Request, session: Db, user: Me, form: Posted, pair_id: str) -> Response:
    """An old revision becomes the text of a new one; nothing is lost."""
    pair, _ = open_pair(session, user, pair_id)
    wanted = text(form, "revision")
    old = next((one for one in queries.revisions(session, pair) if one.id == wanted), None)
    if old is None:
        raise NotFound("This pair has no such revision; choose one from its history.")
    content = contents.parse(contents.of_revision(old))
    actions.save(session, user, pair, content, expected_revision=text(form, "expected_revision"))
    return go(request, f"/pairs/{pair.id}", "Restored as a new revision.")


def _milestones(session: Session, pair: Pair, revision: Revision) -> set[str]:
    """Revisions that somebody else may speak of: these stay visible in the folded history."""
    judged = {one.revision_id for one in reviews.of_pair(session, pair)}
    return {revision.id, pair.submitted_revision_id or "", *judged}


def _link(slug: str, query: dict[str, Any]) -> str:
    return f"/projects/{slug}/pairs?{urlencode({name: one for name, one in query.items() if one})}"
