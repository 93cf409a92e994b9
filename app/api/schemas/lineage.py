"""What a version or a model is made of, in counts and example by example, and where a user's contributions went."""

from __future__ import annotations

from pydantic import AliasChoices, Field

from app.api.schemas.base import LICENSE, Json, Model, Timestamp


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


class DecisionCount(Counted):
    decision: str
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


class LineageModel(Model):
    id: str
    number: int
    stage: str
    artifacts: list[Json]
    created_at: Timestamp


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


class ReviewCount(Counted):
    decision: str


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
