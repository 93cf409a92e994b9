"""The guidelines of a project: list the versions, publish a new one."""

from __future__ import annotations

from app.api.deps import CurrentProject, CurrentUser, DbSession, requires
from app.api.schemas import Body, Items, Model, Timestamp
from app.api.strict_route import strict_router
from app.domain.accounts.permissions import Permission
from app.domain.guidelines import actions as guidelines_actions, queries as guidelines_queries

router = strict_router("projects")


class NewGuideline(Body):
    text: str


class PublishedGuideline(Model):
    id: str
    number: int
    published_at: Timestamp


class GuidelineOut(PublishedGuideline):
    text: str


@router.post("/projects/{slug}/guidelines", status_code=201, dependencies=[requires(Permission.MANAGE_PROJECT)])
def publish(project: CurrentProject, body: NewGuideline, session: DbSession, user: CurrentUser) -> PublishedGuideline:
    return PublishedGuideline.of(guidelines_actions.publish(session, user, project, text=body.text))


@router.get("/projects/{slug}/guidelines", dependencies=[requires(Permission.READ_PROJECT)])
def list_guidelines(project: CurrentProject, session: DbSession) -> Items[GuidelineOut]:
    return Items[GuidelineOut](items=guidelines_queries.all_versions(session, project))
