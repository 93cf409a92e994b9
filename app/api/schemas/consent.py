"""Terms of contribution and their acceptance."""

from __future__ import annotations

from pydantic import Field

from app.api.schemas.base import Body, Items, Model, Timestamp


class NewTerms(Body):
    text: str


class TermsNumber(Body):
    number: int


class TermsOut(Model):
    id: str
    number: int
    text: str
    sha256: str
    created_at: Timestamp


class AllTerms(Items[TermsOut]):
    current: TermsOut | None = Field(description="Null while no terms are published: then none have to be accepted.")
    accepted: bool = Field(description="Whether the caller has accepted the current terms.")


class Acceptance(Model):
    number: int
    accepted_at: Timestamp
    how: str


class Accepted(Model):
    accepted: bool
