"""Terms of contribution: their versions, accepting the current one, withdrawing the acceptance."""

from __future__ import annotations

from pydantic import Field

from app.api.deps import CurrentUser, DbSession, requires
from app.api.schemas import Body, Items, Model, StoredModel, Timestamp
from app.api.strict_route import strict_router
from app.domain.accounts.permissions import Permission
from app.domain.consent import actions as consent_actions, queries as consent_queries

router = strict_router("terms")


class NewTerms(Body):
    text: str


class TermsNumber(Body):
    number: int


class TermsOut(StoredModel):
    number: int
    text: str
    sha256: str


class AllTerms(Items[TermsOut]):
    current: TermsOut | None = Field(description="Null while no terms are published: then none have to be accepted.")
    accepted: bool = Field(description="Whether the caller has accepted the current terms.")


class Acceptance(Model):
    number: int
    accepted_at: Timestamp = Field(validation_alias="created_at")
    how: str


class Accepted(Model):
    accepted: bool


@router.get("/terms", dependencies=[requires(Permission.USE)])
def show(session: DbSession, user: CurrentUser) -> AllTerms:
    versions = consent_queries.versions(session)
    return AllTerms(
        current=versions[0] if versions else None,
        accepted=consent_queries.accepted_terms_id(session, user) is not None,
        items=versions,
    )


@router.post("/terms", dependencies=[requires(Permission.MANAGE_TERMS)], status_code=201)
def publish(body: NewTerms, session: DbSession, user: CurrentUser) -> TermsOut:
    return TermsOut.of(consent_actions.publish(session, user, body.text))


@router.post("/terms/accept", dependencies=[requires(Permission.USE)])
def accept(body: TermsNumber, session: DbSession, user: CurrentUser) -> Acceptance:
    return Acceptance.of(consent_actions.accept(session, user, body.number, how="api"), number=body.number)


@router.post("/terms/withdraw", dependencies=[requires(Permission.USE)])
def withdraw(session: DbSession, user: CurrentUser) -> Accepted:
    consent_actions.withdraw(session, user)
    return Accepted(accepted=False)
