"""The guidelines of a project: list the versions, publish a new one."""

from __future__ import annotations

from fastapi import APIRouter

from app.api.deps import CurrentProject, CurrentUser, requires
from app.api.schemas.base import Items
from app.api.schemas.projects import GuidelineOut, NewGuideline, PublishedGuideline
from app.api.strict_route import StrictRoute
from app.domain.accounts.permissions import Permission
from app.domain.guidelines import actions as guidelines_actions, queries as guidelines_queries
from app.http.transactions import DbSession

router = APIRouter(tags=["projects"], route_class=StrictRoute)


@router.post("/projects/{slug}/guidelines", status_code=201, dependencies=[requires(Permission.MANAGE_PROJECT)])
def publish(project: CurrentProject, body: NewGuideline, session: DbSession, user: CurrentUser) -> PublishedGuideline:
    guideline = guidelines_actions.publish(session, user, project, text=body.text)
    return PublishedGuideline.model_validate(guideline)


@router.get("/projects/{slug}/guidelines", dependencies=[requires(Permission.READ_PROJECT)])
def list_guidelines(project: CurrentProject, session: DbSession) -> Items[GuidelineOut]:
    versions = guidelines_queries.all_versions(session, project)
    return Items(items=[GuidelineOut.model_validate(guideline) for guideline in versions])
