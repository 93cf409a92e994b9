"""The progress of a project."""

from __future__ import annotations

from app.api.deps import CurrentProject, CurrentUser, DbSession, requires
from app.api.rounds import RoundProgress, with_progress
from app.api.schemas import Model
from app.api.strict_route import strict_router
from app.domain.accounts.permissions import Permission
from app.domain.pairs import queries as pairs_queries
from app.domain.progress import queries as progress_queries
from app.domain.review_quality import queries as review_quality_queries
from app.domain.rounds import queries as rounds_queries

router = strict_router("rounds")


class Day(Model):
    day: str
    approved: int


class CoverageCell(Model):
    domain: str | None
    language: str | None
    written: int
    approved: int


class AuthorCounts(Model):
    draft: int
    submitted: int
    changes_requested: int
    approved: int
    rejected: int
    approved_week: int
    approved_month: int


class ReviewerCounts(Model):
    all: int
    week: int
    month: int
    median_seconds: float | None


class OwnWork(Model):
    pairs: AuthorCounts
    reviews: ReviewerCounts


class ProjectProgress(Model):
    counts: dict[str, int]
    rounds: list[RoundProgress]
    approved_by_day: list[Day]
    coverage: list[CoverageCell]
    own: OwnWork


@router.get("/projects/{slug}/progress", dependencies=[requires(Permission.READ_PROJECT)])
def show(project: CurrentProject, session: DbSession, user: CurrentUser) -> ProjectProgress:
    """The open rounds, approved pairs per day of the last month, coverage, and the caller's own work."""
    rounds = rounds_queries.open_rounds(session, project)
    cells = progress_queries.coverage(session, project)["cells"]
    by_day = progress_queries.approved_by_day(session, project)
    return ProjectProgress(
        counts=pairs_queries.counts_by_state(session, project),
        rounds=[with_progress(session, user, project, round_) for round_ in rounds],
        approved_by_day=[{"day": day.isoformat(), "approved": n} for day, n in sorted(by_day.items())],
        coverage=[
            {"domain": domain or None, "language": language or None, **counts}
            for (domain, language), counts in sorted(cells.items())
        ],
        own={
            "pairs": progress_queries.author_counts(session, project, user.id),
            "reviews": review_quality_queries.reviewer_counts(session, project, user),
        },
    )
