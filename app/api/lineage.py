"""Lineage: what a version or a model is made of, and where a user's contributions went."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query
from pydantic import AliasChoices, Field
from sqlalchemy.orm import Session

from app.api.deps import CurrentUser, DbSession, Limit, requires
from app.api.schemas import LICENSE, Json, Model, StoredModel, Timestamp
from app.api.strict_route import strict_router
from app.domain.accounts import queries as accounts_queries
from app.domain.accounts.permissions import Permission
from app.domain.accounts.tables import User
from app.domain.lineage import queries as lineage_queries
from app.domain.runs import queries as runs_queries
from app.domain.versions import queries as versions_queries
from app.domain.versions.tables import DatasetVersion

router = strict_router("lineage")


class VersionName(Model):
    id: str
    number: int
    name: str
    hash: str


class Counted(Model):
    count: int


class ContributorCount(Counted):
    user: str
    pseudonym: str
    erased_at: Timestamp | None
    name: str = Field("", description="For admins only.")


class ReviewCount(Counted):
    decision: str


class DecisionCount(ReviewCount):
    in_bulk: bool


class NumberedCount(Counted):
    """Of guidelines or terms; null when there were none."""

    id: str | None
    number: int | None


class SourceCount(Counted):
    source: str


class LicenseCount(Counted):
    license: str = Field(validation_alias=LICENSE)


class AssistanceCount(Counted):
    assistance: str | None


class WaiverCount(Counted):
    code: str


class Pasted(Counted):
    mean: float | None


class ItemDecision(Model):
    decision: str
    in_bulk: bool
    reviewer: str
    guideline: int | None


class LineageItem(Model):
    position: int
    split: str
    pair: str
    revision: str
    number: int
    author: str
    pseudonym: str
    created_at: Timestamp
    source: str
    license: str = Field(validation_alias=LICENSE)
    terms: int | None
    withdrawn_at: Timestamp | None
    decisions: list[ItemDecision]


class VersionLineage(Model):
    """Counts over the version, the largest first, and a page of its examples."""

    version: VersionName
    pairs: int
    withdrawn: int
    revisions: int
    authors: list[ContributorCount]
    reviewers: list[ContributorCount]
    decisions: list[DecisionCount]
    guidelines: list[NumberedCount]
    sources: list[SourceCount]
    licenses: list[LicenseCount] = Field(validation_alias=AliasChoices("licenses", "licences"))
    terms: list[NumberedCount]
    assistance: list[AssistanceCount]
    waivers: list[WaiverCount]
    pasted: Pasted
    redactions: Json
    items: list[LineageItem]
    next: str | None


class LineageModel(StoredModel):
    number: int
    stage: str
    artifacts: list[Json]


class LineageRun(Model):
    id: str
    number: int
    recipe: Json
    seed: int
    started_at: Timestamp | None
    finished_at: Timestamp | None


class ModelLineage(VersionLineage):
    model: LineageModel
    run: LineageRun
    trained_on_withdrawn: int


class PairCount(Counted):
    slug: str
    state: str


class ContributionRun(Model):
    run: str
    number: int
    state: str
    model: str | None
    model_number: int | None
    stage: str | None
    trained_on_withdrawn: int


class ContributionVersion(Model):
    version: str
    number: int
    name: str
    project: str
    pairs: int
    withdrawn: int
    runs: list[ContributionRun]


class Contributions(Model):
    user: str
    pseudonym: str
    erased_at: Timestamp | None
    revisions: int
    pairs: list[PairCount]
    reviews: list[ReviewCount]
    versions: list[ContributionVersion]


Cursor = Annotated[str | None, Query(max_length=40)]


def _lineage(session: Session, user: User, version: DatasetVersion, limit: int, cursor: str | None) -> VersionLineage:
    """Counts and a page of examples. Contributors are pseudonyms; admins also get their names."""
    counts = lineage_queries.version_lineage(session, version)
    page = lineage_queries.version_items(session, version, limit=limit, cursor=cursor)
    if user.is_admin:
        for person in (*counts.authors, *counts.reviewers):
            person["name"] = accounts_queries.get_user(session, person["user"]).name
    return VersionLineage.of(counts, page, version=version, redactions=version.redactions or {})


@router.get(
    "/versions/{version_id}/provenance",
    dependencies=[requires(Permission.READ_PROJECT)],
    response_model_exclude_unset=True,
)
def of_version(
    version_id: str, session: DbSession, user: CurrentUser, limit: Limit = 50, cursor: Cursor = None
) -> VersionLineage:
    return _lineage(session, user, versions_queries.by_id(session, version_id), limit, cursor)


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
    lineage = _lineage(session, user, versions_queries.by_id(session, run.version_id), limit, cursor)
    withdrawn = lineage_queries.withdrawn_training_examples(session, run)
    return ModelLineage.of(lineage, model=model, run=run, trained_on_withdrawn=withdrawn)


@router.get("/people/{user_id}/contributions", dependencies=[requires(Permission.USE)])
def of_person(user_id: str, session: DbSession, user: CurrentUser) -> Contributions:
    """The caller's own contributions; for admins anybody's."""
    person = lineage_queries.data_subject(session, user, user_id)
    return Contributions.model_validate(lineage_queries.contributions(session, person))
