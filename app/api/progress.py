"""The progress of a project."""

from __future__ import annotations

from fastapi import APIRouter

from app.api.deps import CurrentProject, CurrentUser, requires
from app.api.rounds import with_progress
from app.api.schemas.rounds import AuthorCounts, CoverageCell, Day, OwnWork, ProjectProgress, ReviewerCounts
from app.api.strict_route import StrictRoute
from app.domain.accounts.permissions import Permission
from app.domain.pairs import queries as pairs_queries
from app.domain.progress import queries as progress_queries
from app.domain.review_quality import reviewer_stats_queries
from app.domain.rounds import queries as rounds_queries
from app.http.transactions import DbSession

router = APIRouter(tags=["rounds"], route_class=StrictRoute)


@router.get(
    "/projects/{slug}/progress", dependencies=[requires(Permission.READ_PROJECT)], response_model_exclude_unset=True
)
def show(project: CurrentProject, session: DbSession, user: CurrentUser) -> ProjectProgress:
    """The open rounds, approved pairs per day of the last month, coverage, and the caller's own work."""
    rounds = rounds_queries.by_urgency(rounds_queries.open_rounds(session, project))
    cells = progress_queries.coverage(session, project)["cells"]
    by_day = progress_queries.approved_by_day(session, project)
    return ProjectProgress(
        counts=pairs_queries.counts_by_state(session, project),
        rounds=[with_progress(session, user, project, round_) for round_ in rounds],
        approved_by_day=[Day(day=day.isoformat(), approved=n) for day, n in sorted(by_day.items())],
        coverage=[
            CoverageCell(domain=domain or None, language=language or None, **counts)
            for (domain, language), counts in sorted(cells.items())
        ],
        own=OwnWork(
            pairs=AuthorCounts(**progress_queries.author_counts(session, project, user.id)),
            reviews=ReviewerCounts(**reviewer_stats_queries.reviewer_counts(session, project, user)),
        ),
    )
