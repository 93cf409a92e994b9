"""Pairs: write, check, save, submit, list, show."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Header
from pydantic import Field

from app.api.deps import Body, CurrentProject, CurrentUser, Limit, OwningProject, Tags, requires
from app.api.idempotency import Idempotent
from app.api.strict_route import StrictRoute
from app.core.errors import Invalid
from app.domain.accounts.permissions import Permission
from app.domain.comments import queries as comments_queries
from app.domain.pairs import actions as pairs_actions
from app.domain.pairs import content as pair_content
from app.domain.pairs import declarations
from app.domain.pairs import queries as pairs_queries
from app.domain.pairs.declarations import Declared
from app.domain.pairs.tables import Pair, Revision
from app.domain.projects import settings as project_settings
from app.domain.projects.tables import Project
from app.domain.reviews import actions as reviews_actions
from app.domain.reviews import queries as reviews_queries
from app.domain.reviews.tables import Review
from app.http.transactions import DbSession

router = APIRouter(tags=["pairs"], route_class=StrictRoute)


class PairBody(Body):
    messages: list[dict[str, Any]]
    context: list[dict[str, Any]] = Field(default_factory=list)
    tags: dict[str, Any] = Field(default_factory=dict)
    source: str = ""
    licence: str = ""

    def content(self) -> pair_content.Content:
        return pair_content.parse(self.model_dump(include=pair_content.KEYS))


class WrittenPair(PairBody):
    """`waivers` are reasons for warnings that stay; what is left out stays as it was."""

    assistance: str | None = None
    pasted_share: float | None = None
    waivers: list[dict[str, Any]] | None = None

    def declared(self, project: Project) -> Declared:
        checks = project_settings.of(project.settings)["checks"]
        return declarations.parse(checks, **self.model_dump(include={"assistance", "pasted_share", "waivers"}))


class NewPair(WrittenPair):
    round_id: str | None = None


def revision_json(revision: Revision) -> dict[str, Any]:
    names = ("id", "number", "author_id", "created_at", "messages", "context", "tags", "source", "licence", "problems")
    return {**{name: getattr(revision, name) for name in names}, **declared_json(revision)}


def declared_json(revision: Revision) -> dict[str, Any]:
    return pairs_actions.declared_of(revision).as_dict() | {"waivers": revision.waivers or []}


def pair_json(pair: Pair, revision: Revision) -> dict[str, Any]:
    return {
        "id": pair.id,
        "revision": revision.id,
        "state": pair.state,
        "author": pair.author_id,
        "round_id": pair.round_id,
        "created_at": pair.created_at,
        "updated_at": pair.updated_at,
        "messages": revision.messages,
        "context": revision.context,
        "tags": revision.tags,
        "source": revision.source,
        "licence": revision.licence,
        "problems": revision.problems,
        **declared_json(revision),
    }


def review_json(review: Review) -> dict[str, Any]:
    names = (
        "id",
        "pair_id",
        "revision_id",
        "reviewer_id",
        "decision",
        "ratings",
        "comment",
        "guideline_id",
        "created_at",
        "bulk",
        "kind",
    )
    return {name: getattr(review, name) for name in names}


@router.post("/projects/{slug}/pairs", status_code=201, dependencies=[requires(Permission.WRITE_PAIR)])
def write(project: CurrentProject, body: NewPair, session: DbSession, user: CurrentUser, once: Idempotent) -> Any:
    def create() -> dict[str, Any]:
        pair = pairs_actions.create(
            session, user, project, body.content(), round_id=body.round_id, declared=body.declared(project)
        )
        return pair_json(pair, pairs_queries.current(session, pair))

    return once(body, create)


@router.post("/projects/{slug}/pairs/check", dependencies=[requires(Permission.WRITE_PAIR)])
def check(project: CurrentProject, body: PairBody, session: DbSession, user: CurrentUser) -> dict[str, Any]:
    return {"problems": pairs_queries.problems_for(session, project, body.content())}


@router.get("/projects/{slug}/pairs", dependencies=[requires(Permission.READ_PROJECT)])
def list_pairs(
    project: CurrentProject,
    session: DbSession,
    user: CurrentUser,
    state: str | None = None,
    tag: Tags = None,
    author: str | None = None,
    q: str | None = None,
    unresolved: bool = False,
    limit: Limit = 50,
    cursor: str | None = None,
) -> dict[str, Any]:
    """`tag` is name:value, and may be repeated. `unresolved=true`: pairs with a remark that waits."""
    page = pairs_queries.page(
        session,
        project,
        state=state,
        tags=dict(map(pair_content.tag_of, tag or [])),
        author=author,
        q=q,
        limit=limit,
        cursor=cursor,
        also=comments_queries.unresolved(user) if unresolved else None,
    )
    revisions = pairs_queries.currents(session, page.items)
    return {"items": [pair_json(pair, revisions[pair.id]) for pair in page.items], "next": page.next}


@router.get("/pairs/{pair_id}", dependencies=[requires(Permission.READ_PROJECT)])
def show(pair_id: str, session: DbSession, user: CurrentUser) -> dict[str, Any]:
    pair = pairs_queries.by_id(session, pair_id)
    return {
        **pair_json(pair, pairs_queries.current(session, pair)),
        "state": reviews_queries.shown_state(session, user, pair),
        "revisions": [revision_json(revision) for revision in pairs_queries.revisions(session, pair)],
        "reviews": [review_json(review) for review in reviews_queries.visible(session, user, pair)],
    }


@router.put("/pairs/{pair_id}", dependencies=[requires(Permission.WRITE_PAIR)])
def save(
    pair_id: str,
    project: OwningProject,
    body: WrittenPair,
    session: DbSession,
    user: CurrentUser,
    if_match: Annotated[str | None, Header()] = None,
) -> dict[str, Any]:
    if not if_match:
        raise Invalid("Send the header If-Match with the revision that you edited.", field="If-Match")
    pair = pairs_queries.by_id(session, pair_id)
    revision = pairs_actions.save(
        session,
        user,
        pair,
        body.content(),
        expected_revision=if_match.strip('" '),
        declared=body.declared(project),
    )
    return pair_json(pair, revision)


@router.post("/pairs/{pair_id}/submit", dependencies=[requires(Permission.WRITE_PAIR)])
def submit(pair_id: str, session: DbSession, user: CurrentUser) -> dict[str, Any]:
    pair = pairs_actions.submit(session, user, pairs_queries.by_id(session, pair_id))
    return pair_json(pair, pairs_queries.current(session, pair))


@router.post("/pairs/{pair_id}/discard", dependencies=[requires(Permission.WRITE_PAIR)])
def discard(pair_id: str, session: DbSession, user: CurrentUser) -> dict[str, Any]:
    pair = pairs_actions.discard(session, user, pairs_queries.by_id(session, pair_id))
    return pair_json(pair, pairs_queries.current(session, pair))


@router.post("/pairs/{pair_id}/bring-back", dependencies=[requires(Permission.WRITE_PAIR)])
def restore(pair_id: str, session: DbSession, user: CurrentUser) -> dict[str, Any]:
    pair = reviews_actions.restore(session, user, pairs_queries.by_id(session, pair_id))
    return pair_json(pair, pairs_queries.current(session, pair))
