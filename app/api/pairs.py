"""Pairs: write, check, save, submit, discard, list, show."""

from __future__ import annotations

from typing import Annotated

from fastapi import Header
from sqlalchemy.orm import Session

from app.api.deps import CurrentProject, CurrentUser, DbSession, Limit, OwningProject, Tags, requires
from app.api.idempotency import Idempotent
from app.api.pairs_schemas import NewPair, PairBody, PairOut, Problems, WrittenPair
from app.api.reviews import PairDetails
from app.api.schemas import Items
from app.api.strict_route import strict_router
from app.core.errors import Invalid
from app.domain.accounts.permissions import Permission
from app.domain.comments import queries as comments_queries
from app.domain.pairs import actions as pairs_actions, content as pair_content, queries as pairs_queries
from app.domain.pairs.tables import Pair
from app.domain.reviews import actions as reviews_actions, queries as reviews_queries

router = strict_router("pairs")


def _shown(session: Session, pair: Pair) -> PairOut:
    return PairOut.showing(pair, pairs_queries.current(session, pair))


@router.post("/projects/{slug}/pairs", status_code=201, dependencies=[requires(Permission.WRITE_PAIR)])
def write(project: CurrentProject, body: NewPair, session: DbSession, user: CurrentUser, once: Idempotent) -> PairOut:
    def create() -> PairOut:
        pair = pairs_actions.create(
            session, user, project, body.content(), round_id=body.round_id, declared=body.declared(project)
        )
        return _shown(session, pair)

    return once(body, PairOut, create)


@router.post("/projects/{slug}/pairs/check", dependencies=[requires(Permission.WRITE_PAIR)])
def check(project: CurrentProject, body: PairBody, session: DbSession) -> Problems:
    """Run the checks; nothing is saved."""
    return Problems(problems=pairs_queries.problems_for(session, project, body.content()))


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
) -> Items[PairOut]:
    """`tag` is name:value and may be repeated. `unresolved=true`: pairs with an open comment."""
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
    return Items[PairOut](items=[PairOut.showing(pair, revisions[pair.id]) for pair in page.items], next=page.next)


@router.get("/pairs/{pair_id}", dependencies=[requires(Permission.READ_PROJECT)])
def show(pair_id: str, session: DbSession, user: CurrentUser) -> PairDetails:
    pair = pairs_queries.by_id(session, pair_id)
    return PairDetails.showing(
        pair,
        pairs_queries.current(session, pair),
        state=reviews_queries.shown_state(session, user, pair),
        revisions=pairs_queries.revisions(session, pair),
        reviews=reviews_queries.visible(session, user, pair),
    )


@router.put("/pairs/{pair_id}", dependencies=[requires(Permission.WRITE_PAIR)])
def save(
    pair_id: str,
    project: OwningProject,
    body: WrittenPair,
    session: DbSession,
    user: CurrentUser,
    if_match: Annotated[str | None, Header()] = None,
) -> PairOut:
    if not if_match:
        raise Invalid("Send the header If-Match with the revision that you edited.", field="If-Match")
    pair = pairs_queries.by_id(session, pair_id)
    expected, declared = if_match.strip('" '), body.declared(project)
    revision = pairs_actions.save(session, user, pair, body.content(), expected_revision=expected, declared=declared)
    return PairOut.showing(pair, revision)


@router.post("/pairs/{pair_id}/submit", dependencies=[requires(Permission.WRITE_PAIR)])
def submit(pair_id: str, session: DbSession, user: CurrentUser) -> PairOut:
    return _shown(session, pairs_actions.submit(session, user, pairs_queries.by_id(session, pair_id)))


@router.post("/pairs/{pair_id}/discard", dependencies=[requires(Permission.WRITE_PAIR)])
def discard(pair_id: str, session: DbSession, user: CurrentUser) -> PairOut:
    return _shown(session, pairs_actions.discard(session, user, pairs_queries.by_id(session, pair_id)))


@router.post("/pairs/{pair_id}/bring-back", dependencies=[requires(Permission.WRITE_PAIR)])
def restore(pair_id: str, session: DbSession, user: CurrentUser) -> PairOut:
    return _shown(session, reviews_actions.restore(session, user, pairs_queries.by_id(session, pair_id)))
