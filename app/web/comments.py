"""Comments on the pair page and the review page: one fragment, swapped by htmx or posted as a plain form."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Response

from app.core.errors import AppError, Conflict, Invalid, NotFound
from app.domain.accounts import queries as accounts_queries
from app.domain.accounts.permissions import Permission
from app.domain.comments import actions as comments_actions, anchors, queries as comments_queries
from app.domain.comments.anchors import CommentAnchor
from app.domain.pairs import queries as pairs_queries
from app.domain.pairs.tables import Pair, Revision
from app.web.deps import CurrentPair, Page, requires
from app.web.reviews_filter import Tag, filtered_url, tag_of

router = APIRouter()
DESK = "review"
BLANK = dict.fromkeys(("field", "quote", "text", "parent"), "")


def comments_context(page: Page, pair: Pair, revision: Revision, *, back: str = "", only: Tag = None) -> dict[str, Any]:
    """Return what `comments/_comments.html` needs. `back` is "review" on the review page, `only` the queue's tag."""
    threads = comments_queries.threads(page.session, page.user, page.project, pair, revision)
    people = {comment.author_id for thread in threads for comment in (thread.head, *thread.replies)}
    return {
        "threads": threads,
        "open_threads": sum(thread.head.resolved_at is None for thread in threads),
        "comment_names": accounts_queries.display_names(page.session, people),
        "comment_fields": [(field, anchors.name(field, revision.messages)) for field in anchors.fields(revision)],
        "comment_revision": revision,
        "field_name": lambda field: anchors.name(field, revision.messages),
        "may_settle": comments_queries.may_settle(page.session, page.user, page.project, pair),
        "comment_back": back,
        "comment_only": only,
        "comment_error": None,
        "comment_values": dict(BLANK),
    }


@router.post("/pairs/{pair_id}/comments", dependencies=[requires(Permission.READ_PROJECT)])
def add(page: Page, pair: CurrentPair) -> Response:
    """Add a comment, or with `parent` a reply."""
    try:
        _add(page, pair)
    except (Conflict, Invalid) as error:
        return _rendered(page, pair, error)
    return _rendered(page, pair)


@router.post("/comments/{comment_id}/resolve", dependencies=[requires(Permission.READ_PROJECT)])
def resolve(page: Page, comment_id: str) -> Response:
    comment = comments_queries.by_id(page.session, comment_id)
    comments_actions.resolve(page.session, page.user, comment)
    return _rendered(page, pairs_queries.by_id(page.session, comment.pair_id))


@router.post("/comments/{comment_id}/reopen", dependencies=[requires(Permission.READ_PROJECT)])
def reopen(page: Page, comment_id: str) -> Response:
    comment = comments_queries.by_id(page.session, comment_id)
    comments_actions.reopen(page.session, page.user, comment)
    return _rendered(page, pairs_queries.by_id(page.session, comment.pair_id))


def _add(page: Page, pair: Pair) -> None:
    if parent := page.form.text("parent"):
        head = comments_queries.by_id(page.session, parent)
        if head.pair_id != pair.id:
            raise NotFound()
        comments_actions.reply(page.session, page.user, head, page.form.text("text"))
        return
    place = CommentAnchor(
        field=page.form.text("field") or anchors.WHOLE,
        revision=page.form.text("revision") or None,
        quote=page.form.text("quote").replace("\r\n", "\n"),
        nth=page.form.number("nth", int),
    )
    comments_actions.add(page.session, page.user, pair, page.form.text("text"), place)


def _rendered(page: Page, pair: Pair, error: AppError | None = None) -> Response:
    """Return the fragment to htmx; send a plain form back to its page, or to a page with the error."""
    back = DESK if page.form.text("back") == DESK else ""
    only = tag_of(page.form.text("tag")) if back else None
    here = filtered_url(f"/pairs/{pair.id}/review", only) if back else f"/pairs/{pair.id}"
    scripted = "HX-Request" in page.request.headers
    if error is None and not scripted:
        return page.redirect(f"{here}#comments")
    revision = pairs_queries.submitted(page.session, pair) if back else pairs_queries.current(page.session, pair)
    context = comments_context(page, pair, revision, back=back, only=only)
    if error is not None:
        context["comment_error"] = error
        context["comment_values"] = page.form.texts(*BLANK)
    return page.render(
        "comments/_comments.html" if scripted else "comments/list.html",
        status=200 if scripted or error is None else error.status,
        tab="/reviews" if back else "/pairs",
        pair=pair,
        **context,
    )
