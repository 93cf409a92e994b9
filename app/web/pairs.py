"""Pairs: the list with filters, one pair with its history; submit, withdraw, discard, and restore."""

from __future__ import annotations

from fastapi import APIRouter, Response

from app.core.errors import NotFound
from app.domain.accounts import queries as accounts_queries
from app.domain.accounts.permissions import Permission
from app.domain.comments import queries as comments_queries
from app.domain.lineage import queries as lineage_queries
from app.domain.pairs import actions as pairs_actions, history, queries as pairs_queries
from app.domain.pairs.tables import Pair, Revision
from app.domain.reviews import actions as reviews_actions, queries as reviews_queries
from app.web import comments, pairs_form, pairs_problems  # noqa: F401  (pairs_problems registers `explained` for the templates)
from app.web.deps import CurrentPair, Page, requires
from app.web.render import with_query

router = APIRouter()
STATES = ("draft", "submitted", "in_review", "changes_requested", "approved", "rejected", "discarded", "withdrawn")


@router.get("/projects/{slug}/pairs", dependencies=[requires(Permission.READ_PROJECT)])
def index(
    page: Page,
    state: str = "",
    tag: str = "",
    value: str = "",
    author: str = "",
    q: str = "",
    unresolved: bool = False,
    cursor: str | None = None,
) -> Response:
    matches = pairs_queries.page(
        page.session,
        page.project,
        state=state or None,
        tags={tag: value} if tag and value else {},
        author=author or None,
        q=q or None,
        limit=30,
        cursor=cursor,
        also=comments_queries.unresolved(page.user) if unresolved else None,
    )
    texts = pairs_queries.currents(page.session, matches.items)
    rows = [(pair, texts[pair.id]) for pair in matches.items]
    chosen = {"state": state, "tag": tag, "value": value, "author": author, "q": q}
    chosen["unresolved"] = "true" if unresolved else ""
    url = f"{page.root}/pairs"
    return page.render(
        "pairs/list.html",
        tab="/pairs",
        rows=rows,
        chosen=chosen,
        counts=pairs_queries.counts_by_state(page.session, page.project),
        states=STATES,
        older=reviews_queries.stale_approvals(page.session, page.project, limit=0)[0],
        authors=sorted(
            accounts_queries.display_names(page.session, pairs_queries.authors(page.session, page.project)).items(),
            key=lambda item: item[1],
        ),
        tag_values=pairs_queries.tag_values(page.session, page.project),
        names=accounts_queries.display_names(page.session, {pair.author_id for pair in matches.items}),
        links={item: with_query(url, chosen | {"state": item}) for item in ("", *STATES)},
        next_href=with_query(url, chosen | {"cursor": matches.next}) if matches.next else None,
    )


@router.get("/pairs/{pair_id}", dependencies=[requires(Permission.READ_PROJECT)])
def show(page: Page, pair: CurrentPair, old: int | None = None, new: int | None = None) -> Response:
    """Show a pair. `old` and `new` are revision numbers to compare; by default, the last edit session."""
    revisions = sorted(pairs_queries.revisions(page.session, pair), key=lambda item: item.number, reverse=True)
    revision = pairs_queries.current(page.session, pair)
    edit_sessions = history.edit_sessions(revisions, _milestones(page, pair, revision))
    numbered = {item.number: item for item in revisions}
    first = edit_sessions[1].last.number if len(edit_sessions) > 1 else revision.number - 1
    before, after = numbered.get(old or first), numbered.get(new or revision.number)
    reviews = reviews_queries.visible(page.session, page.user, pair)
    people = {item.author_id for item in revisions} | {item.reviewer_id for item in reviews} | {pair.author_id}
    return page.render(
        "pairs/show.html",
        tab="/pairs",
        pair=pair,
        revision=revision,
        revisions=revisions,
        edit_sessions=edit_sessions,
        before=before if before is not after else None,
        after=after,
        reviews=reviews,
        blind=reviews_queries.is_blind(page.session, page.user, pair),
        state=reviews_queries.shown_state(page.session, page.user, pair),
        names=accounts_queries.display_names(page.session, people),
        own=pair.author_id == page.user.id,
        used_in=lineage_queries.versions_with_pair(page.session, pair),
        **comments.comments_context(page, pair, revision),
        plain=pairs_form.plain,
        numbers={item.id: item.number for item in revisions},
    )


@router.post("/pairs/{pair_id}/submit", dependencies=[requires(Permission.WRITE_PAIR)])
def submit(page: Page, pair: CurrentPair) -> Response:
    pairs_actions.submit(page.session, page.user, pair)
    if page.form.text("then") == "next":
        suffix = f"?round={pair.round_id}" if pair.round_id else ""
        return page.redirect(f"{page.root}/pairs/new{suffix}", "Submitted. Write the next pair.")
    return page.redirect(f"/pairs/{pair.id}", "Submitted. You can withdraw it.")


@router.post("/pairs/{pair_id}/withdraw", dependencies=[requires(Permission.WRITE_PAIR)])
def withdraw(page: Page, pair: CurrentPair) -> Response:
    pairs_actions.withdraw(page.session, page.user, pair)
    return page.redirect(f"/pairs/{pair.id}", "Withdrawn. The pair is a draft again.")


@router.post("/pairs/{pair_id}/discard", dependencies=[requires(Permission.WRITE_PAIR)])
def discard(page: Page, pair: CurrentPair) -> Response:
    pairs_actions.discard(page.session, page.user, pair)
    return page.redirect(f"{page.root}/pairs", "Pair discarded")


@router.post("/pairs/{pair_id}/undiscard", dependencies=[requires(Permission.WRITE_PAIR)])
def undiscard(page: Page, pair: CurrentPair) -> Response:
    reviews_actions.restore(page.session, page.user, pair)
    return page.redirect(f"/pairs/{pair.id}", "Pair restored")


@router.post("/pairs/{pair_id}/restore", dependencies=[requires(Permission.WRITE_PAIR)])
def restore(page: Page, pair: CurrentPair) -> Response:
    """Save an old revision as a new one."""
    revision_id = page.form.text("revision")
    old = next((item for item in pairs_queries.revisions(page.session, pair) if item.id == revision_id), None)
    if old is None:
        raise NotFound("This pair has no such revision. Choose one from its history.")
    content = pairs_form.parse(pairs_form.of_revision(old))
    pairs_actions.save(page.session, page.user, pair, content, expected_revision=page.form.text("expected_revision"))
    return page.redirect(f"/pairs/{pair.id}", "Restored as a new revision")


def _milestones(page: Page, pair: Pair, revision: Revision) -> set[str]:
    """Return the ids of the current, submitted and reviewed revisions; the folded history always shows these."""
    reviewed = {review.revision_id for review in reviews_queries.of_pair(page.session, pair)}
    return {revision.id, pair.submitted_revision_id or "", *reviewed}
