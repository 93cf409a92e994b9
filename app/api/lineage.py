"""Lineage: what a version or a model is made of, and where a user's contributions went."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Query
from sqlalchemy.orm import Session

from app.api.deps import CurrentUser, Limit, requires
from app.api.schemas.lineage import Contributions, LineageModel, LineageRun, ModelLineage, VersionLineage, VersionName
from app.api.strict_route import StrictRoute
from app.domain.accounts import queries as accounts_queries
from app.domain.accounts.permissions import Permission
from app.domain.accounts.tables import User
from app.domain.lineage import queries as lineage_queries
from app.domain.runs import queries as runs_queries
from app.domain.versions import queries as versions_queries
from app.domain.versions.tables import DatasetVersion
from app.http.transactions import DbSession

router = APIRouter(tags=["lineage"], route_class=StrictRoute)
Cursor = Annotated[str | None, Query(max_length=40)]


def _fields(session: Session, user: User, version: DatasetVersion, limit: int, cursor: str | None) -> dict[str, Any]:
    """Counts and a page of examples. Contributors are pseudonyms; admins also get their names."""
    counts = asdict(lineage_queries.version_lineage(session, version))
    page = lineage_queries.version_items(session, version, limit=limit, cursor=cursor)
    if user.is_admin:
        for person in (*counts["authors"], *counts["reviewers"]):
            person["name"] = accounts_queries.get_user(session, person["user"]).name
    name = VersionName.model_validate(version)
    return {**counts, "version": name, "redactions": version.redactions or {}, "items": page.items, "next": page.next}


@router.get(
    "/versions/{version_id}/provenance",
    dependencies=[requires(Permission.READ_PROJECT)],
    response_model_exclude_unset=True,
)
def of_version(
    version_id: str, session: DbSession, user: CurrentUser, limit: Limit = 50, cursor: Cursor = None
) -> VersionLineage:
    version = versions_queries.by_id(session, version_id)
    return VersionLineage(**_fields(session, user, version, limit, cursor))


@router.get(
    "/models/{model_id}/provenance",
    dependencies=[requires(Permission.READ_PROJECT)],
    response_model_exclude_unset=True,
)
def of_model(
    model_id: str, session: DbSession, user: CurrentUser, limit: Limit = 50, cursor: Cursor = None
) -> ModelLineage:
    """From the model down to every contribution. `trained_on_withdrawn` counts examples withdrawn since."""
    model = lineage_queries.model_by_id(session, model_id)
    run = runs_queries.by_id(session, model.run_id)
    version = versions_queries.by_id(session, run.version_id)
    return ModelLineage(
        model=LineageModel.model_validate(model),
        run=LineageRun.model_validate(run),
        trained_on_withdrawn=lineage_queries.withdrawn_training_examples(session, run),
        **_fields(session, user, version, limit, cursor),
    )


@router.get("/people/{user_id}/contributions", dependencies=[requires(Permission.USE)])
def of_person(user_id: str, session: DbSession, user: CurrentUser) -> Contributions:
    """The caller's own contributions; for admins anybody's."""
    person = lineage_queries.data_subject(session, user, user_id)
    return Contributions.model_validate(lineage_queries.contributions(session, person))
