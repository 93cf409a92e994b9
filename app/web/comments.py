"""Comments on the pair page and the review page: one fragment, swapped by htmx or posted as a plain form."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response
from sqlalchemy.orm import Session

from app.core.errors import AppError, NotFound
from app.domain.accounts import queries as accounts_queries
from app.domain.accounts.permissions import Permission
from app.domain.accounts.tables import User
from app.domain.comments import actions as comments_actions, anchors, queries as comments_queries
from app.domain.comments.anchors import CommentAnchor
from app.domain.pairs import queries as pairs_queries
from app.domain.pairs.tables import Pair, Revision
from app.domain.projects.tables import Project
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
from app.web.reviews_filter import Tag, filtered_url, tag_of

router = APIRouter()
DESK = "review"
BLANK = dict.fromkeys(("field", "quote", "text", "parent"), "")


def comments_context(
    session: Session,
    user: User,
    project: Project,
    pair: Pair,
    revision: Revision,
    *,
    back: str = "",
    only: Tag = None,
) -> dict[str, Any]:
    """Return what `comments/_comments.html` needs. `back` is "review" on the review page, `only` the queue's tag."""
    threads = comments_queries.threads(session, user, project, pair, revision)
    people = {comment.author_id for thread in threads for comment in (thread.head, *thread.replies)}
    return {
        "threads": threads,
        "open_threads": sum(thread.head.resolved_at is None for thread in threads),
        "comment_names": accounts_queries.display_names(session, people),
        "comment_fields": [(field, anchors.name(field, revision.messages)) for field in anchors.fields(revision)],
        "comment_revision": revision,
        "field_name": lambda field: anchors.name(field, revision.messages),
        "may_settle": comments_queries.may_settle(session, user, project, pair),
        "comment_back": back,
        "comment_only": only,
        "comment_error": None,
        "comment_values": dict(BLANK),
    }


@router.post("/pairs/{pair_id}/comments", dependencies=[requires(Permission.READ_PROJECT)])
def add(
    request: Request, session: DbSession, user: CurrentUser, form: CsrfForm, project: CurrentProject, pair_id: str
) -> Response:
    """Add a comment, or with `parent` a reply."""
    pair = pairs_queries.by_id(session, pair_id)
    with form_errors() as result:
        _add(session, user, pair, form)
    return _rendered(request, session, user, project, pair, form, result.error)


@router.post("/comments/{comment_id}/resolve", dependencies=[requires(Permission.READ_PROJECT)])
def resolve(
    request: Request, session: DbSession, user: CurrentUser, form: CsrfForm, project: CurrentProject, comment_id: str
) -> Response:
    comment = comments_queries.by_id(session, comment_id)
    pair = pairs_queries.by_id(session, comment.pair_id)
    comments_actions.resolve(session, user, comment)
    return _rendered(request, session, user, project, pair, form)


@router.post("/comments/{comment_id}/reopen", dependencies=[requires(Permission.READ_PROJECT)])
def reopen(
    request: Request, session: DbSession, user: CurrentUser, form: CsrfForm, project: CurrentProject, comment_id: str
) -> Response:
    comment = comments_queries.by_id(session, comment_id)
    pair = pairs_queries.by_id(session, comment.pair_id)
    comments_actions.reopen(session, user, comment)
    return _rendered(request, session, user, project, pair, form)


def _add(session: Session, user: User, pair: Pair, form: Any) -> None:
    if parent := form_str(form, "parent"):
        head = comments_queries.by_id(session, parent)
        if head.pair_id != pair.id:
            raise NotFound()
        comments_actions.reply(session, user, head, form_str(form, "text"))
        return
    place = CommentAnchor(
        field=form_str(form, "field") or anchors.WHOLE,
        revision=form_str(form, "revision") or None,
        quote=form_str(form, "quote").replace("\r\n", "\n"),
        nth=form_number(form, "nth", int),
    )
    comments_actions.add(session, user, pair, form_str(form, "text"), place)


def _rendered(
    request: Request,
    session: Session,
    user: User,
    project: Project,
    pair: Pair,
    form: Any,
    error: AppError | None = None,
) -> Response:
    """Return the fragment to htmx; send a plain form back to its page, or to a page with the error."""
    back = DESK if form_str(form, "back") == DESK else ""
    only = tag_of(form_str(form, "tag")) if back else None
    here = filtered_url(f"/pairs/{pair.id}/review", only) if back else f"/pairs/{pair.id}"
    scripted = "HX-Request" in request.headers
    if error is None and not scripted:
        return redirect(request, f"{here}#comments")
    revision = pairs_queries.submitted(session, pair) if back else pairs_queries.current(session, pair)
    context = comments_context(session, user, project, pair, revision, back=back, only=only)
    if error is not None:
        context["comment_error"] = error
        context["comment_values"] = {name: form_str(form, name) for name in BLANK}
    return render(
        request,
        "comments/_comments.html" if scripted else "comments/list.html",
        status=200 if scripted or error is None else error.status,
        **project_context(session, user, project, "/reviews" if back else "/pairs"),
        pair=pair,
        **context,
    )
