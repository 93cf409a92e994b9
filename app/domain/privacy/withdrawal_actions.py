"""Blank a user's content, and remove it from every place that holds a copy. Rows keep their ids, and so the lineage.

Checks quote near-duplicates, versions freeze texts, reports and findings cite them, answers to repeated requests are
stored. Permissions are checked by the callers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any

from sqlalchemy import Select, Update, delete, or_, select, update
from sqlalchemy.orm import Session

from app.core import jobs
from app.core.idempotency import IdempotentAnswer
from app.core.storage import Storage
from app.domain.comments.tables import Comment
from app.domain.evaluations import actions as evaluations_actions
from app.domain.findings.tables import Finding
from app.domain.models import actions as models_actions, queries as models_queries
from app.domain.pairs.indexes import index_actions, near_duplicate_queries
from app.domain.pairs.tables import Pair, PairBand, PairTag, PairVector, Revision
from app.domain.privacy import withdrawal, withdrawal_queries
from app.domain.privacy.withdrawal import WithdrawalResult
from app.domain.reviews.tables import Lease, Review
from app.domain.rounds import targets as round_targets
from app.domain.rounds.tables import Round
from app.domain.runs.tables import TrainingRun
from app.domain.versions import actions as versions_actions, queries as versions_queries
from app.domain.versions.tables import DatasetVersion

CHUNK = 100
"""Pairs, or rows, that one transaction changes: well under a second, so that other writers do not wait long."""
NO_SYNC = {"synchronize_session": False}
"""The session is not searched for changed objects; all of them are expired afterwards."""
EMPTY_COMMENT: dict[str, Any] = {"text": "", "quote": "", "start": None, "end": None}
Slices = set[tuple[str, str]]
OpenSession = Callable[[], AbstractContextManager[Session]]


# --- blanking, some pairs per transaction ---


def blank(session: Session, user_id: str, content: str, at: datetime, pairs: Sequence[str]) -> None:
    """Blank the drafts among these pairs, or with `withdraw` everything that the user wrote in them."""
    if content == "withdraw":
        _blank_everything(session, user_id, at, pairs)
    else:
        _blank_drafts(session, user_id, at, pairs)
    session.expire_all()


def _blank_drafts(session: Session, user_id: str, at: datetime, pairs: Sequence[str]) -> None:
    """Blank drafts and discarded pairs, but not revisions that a review or a version refers to."""
    own = select(Pair.id).where(Pair.id.in_(pairs), *withdrawal_queries.never_submitted(user_id))
    drafts = update(Revision).where(Revision.pair_id.in_(own), ~withdrawal_queries.judged_or_frozen())
    _blank_revisions(session, drafts, at)
    _close_pairs(session, own, at)


def _blank_everything(session: Session, user_id: str, at: datetime, pairs: Sequence[str]) -> None:
    """Blank the user's pairs with the reviews' comments on them, and the user's revisions of other pairs."""
    own = select(Pair.id).where(Pair.id.in_(pairs), Pair.author_id == user_id)
    written = or_(Revision.pair_id.in_(own), Revision.author_id == user_id)
    _blank_revisions(session, update(Revision).where(Revision.pair_id.in_(pairs), written), at)
    comments = update(Review).where(Review.pair_id.in_(own), Review.comment != "").values(comment="")
    session.execute(comments, execution_options=NO_SYNC)
    _close_pairs(session, own, at)
    session.expire_all()
    _restore_pairs_of_others(session, at, pairs)


def _blank_revisions(session: Session, statement: Update, at: datetime) -> None:
    remaining = statement.where(Revision.withdrawn_at.is_(None))
    session.execute(remaining.values(**withdrawal.EMPTY_REVISION, withdrawn_at=at), execution_options=NO_SYNC)


def _close_pairs(session: Session, own: Select[Any], at: datetime) -> None:
    """Remove the user's pairs from indexes and from the review queue, and set their state."""
    for table in (PairTag, PairBand, PairVector, Lease):
        session.execute(delete(table).where(table.pair_id.in_(own)), execution_options=NO_SYNC)
    ids = list(session.scalars(own))
    index_actions.blank_texts(session, ids)
    closed = update(Pair).where(Pair.id.in_(ids)).values(state="withdrawn", submitted_revision_id=None, updated_at=at)
    session.execute(closed, execution_options=NO_SYNC)


def _restore_pairs_of_others(session: Session, at: datetime, pairs: Sequence[str]) -> None:
    """Set other authors' pairs with a withdrawn revision back to their newest remaining one, to be reviewed again."""
    withdrawn = withdrawal_queries.revisions_withdrawn(session, pairs, at)
    for pair in withdrawal_queries.pairs_of_others(session, pairs, at):
        remaining = withdrawal_queries.newest_remaining(session, pair)
        if remaining is None:
            pair.state, pair.submitted_revision_id = "withdrawn", None
            index_actions.blank_texts(session, [pair.id])
            continue
        if pair.current_revision_id in withdrawn:
            pair.current_revision_id = remaining.id
            index_actions.reindex(session, pair, remaining)
        if pair.submitted_revision_id in withdrawn:
            pair.submitted_revision_id = remaining.id
            if pair.state in ("approved", "in_review"):
                pair.state = "submitted"
        pair.updated_at = at
    vectors = delete(PairVector).where(PairVector.pair_id.in_(pairs), PairVector.revision_id.in_(withdrawn))
    session.execute(vectors, execution_options=NO_SYNC)
    session.flush()


def blank_comments(session: Session, user_id: str) -> None:
    """Blank the user's comments in reviews and on pairs."""
    session.execute(update(Review).where(Review.reviewer_id == user_id, Review.comment != "").values(comment=""))
    session.execute(update(Comment).where(Comment.author_id == user_id).values(**EMPTY_COMMENT))


def anonymize_comments(session: Session, user_id: str, names: tuple[str, ...]) -> None:
    """Remove the user's own name and email address from their comments, whether or not these are kept."""
    for review in session.scalars(select(Review).where(Review.reviewer_id == user_id, Review.comment != "")):
        review.comment = withdrawal.without_names(review.comment, names)
    for comment in session.scalars(select(Comment).where(Comment.author_id == user_id, Comment.text != "")):
        comment.text = withdrawal.without_names(comment.text, names)
    session.flush()


# --- copies, each place in its own transaction ---


def remove_copies(read: OpenSession, write: OpenSession, storage: Storage, result: WithdrawalResult) -> None:
    """Remove the withdrawn texts from every copy; add to `result` what was changed.

    `read` and `write` each open a transaction. Slow searches run in read transactions.
    """
    with write() as session:
        index_actions.purge_texts(session)
        _remove_quotes_in_comments(session, result)
    _remove_quotes_in_problems(read, write, result)
    _remove_stored_answers(read, write, result)
    with read() as session:
        versions = withdrawal_queries.versions_with_withdrawn(session, result.at)
    for version_id in versions:
        _redact_version(read, write, storage, result, version_id)


def _remove_quotes_in_problems(read: OpenSession, write: OpenSession, result: WithdrawalResult) -> None:
    """The checks of other pairs quote their near-duplicates."""
    with read() as session:
        quoting = withdrawal_queries.revisions_quoting(session, result)
    for batch in near_duplicate_queries.batched(quoting, CHUNK):
        with write() as session:
            rows = session.execute(select(Revision.id, Revision.problems).where(Revision.id.in_(batch)))
            for revision_id, problems in rows.all():
                rest = withdrawal.without_quotes(problems, result)
                session.execute(update(Revision).where(Revision.id == revision_id).values(problems=rest))


def _remove_quotes_in_comments(session: Session, result: WithdrawalResult) -> None:
    """Remove quotes of withdrawn revisions, and whole comments on pairs that are withdrawn."""
    withdrawn = select(Revision.id).where(Revision.withdrawn_at == result.at)
    session.execute(update(Comment).where(Comment.revision_id.in_(withdrawn)).values(quote="", start=None, end=None))
    closed = select(Pair.id).where(Pair.state == "withdrawn")
    session.execute(update(Comment).where(Comment.pair_id.in_(closed)).values(**EMPTY_COMMENT))


def _remove_stored_answers(read: OpenSession, write: OpenSession, result: WithdrawalResult) -> None:
    """A stored answer to a repeated request holds what the request wrote or took from the queue."""
    with read() as session:
        keys = withdrawal_queries.answers_naming(session, result)
    with write() as session:
        for key in keys:
            if (answer := session.get(IdempotentAnswer, key)) is not None:
                session.delete(answer)


def _redact_version(
    read: OpenSession, write: OpenSession, storage: Storage, result: WithdrawalResult, version_id: str
) -> None:
    """The new files are written in a read transaction: a version may have a hundred thousand examples."""
    with read() as session:
        version = session.get_one(DatasetVersion, version_id)
        redaction = versions_queries.redaction(session, storage, version)
        slices = withdrawal.slices_in(storage, {**version.files, **redaction.redactions})
        runs = session.scalars(select(TrainingRun.id).where(TrainingRun.version_id == version_id)).all()
    with write() as session:
        versions_actions.redact(session, version_id, redaction)
        result.versions.append(version_id)
        result.files |= redaction.replaced
    for run_id in runs:
        with write() as session:
            _redact_run(session, storage, result, run_id, slices)


def _redact_run(session: Session, storage: Storage, result: WithdrawalResult, run_id: str, slices: Slices) -> None:
    """Redact a run's job, answers, findings and model. `slices` are the tags of the version's remaining examples."""
    run = session.get_one(TrainingRun, run_id)
    _replace_job_files(session, run)
    result.answers += evaluations_actions.forget(session, run, result.revisions, slices)
    for finding in session.scalars(select(Finding).where(Finding.run_id == run.id)).all():
        _redact_finding(session, result, finding, slices)
    if model := models_queries.of_run(session, run):
        result.models.append(model.id)
        result.files |= models_actions.redact(storage, model, result.revisions, slices)


def _replace_job_files(session: Session, run: TrainingRun) -> None:
    """A waiting run gets the redacted files; one that trains on the old files is cancelled."""
    job = jobs.by_id(session, run.job_id)
    if job.state == "running" and not job.cancel_requested:
        jobs.request_cancel(session, job.id)
    if job.state in jobs.OPEN:
        session.execute(delete(jobs.JobFile).where(jobs.JobFile.job_id == job.id))
        version = session.get_one(DatasetVersion, run.version_id)
        files = {file["sha256"] for file in versions_queries.files_of(version).values()}
        session.add_all(jobs.JobFile(job_id=job.id, sha256=sha256) for sha256 in sorted(files))
        session.flush()


def _redact_finding(session: Session, result: WithdrawalResult, finding: Finding, slices: Slices) -> None:
    """Remove withdrawn answers, the lines of the round's brief that cite them, and a value that no example has left."""
    citations = [answer["prompt"] for answer in finding.failing if answer["id"] in result.revisions]
    finding.failing = [answer for answer in finding.failing if answer["id"] not in result.revisions]
    round_ = session.get(Round, finding.round_id) if finding.round_id else None
    if round_ is not None:
        round_.brief = withdrawal.without_lines(round_.brief, citations)
    if (finding.tag, finding.value) in slices:
        return
    if round_ is not None:
        round_.brief = withdrawal.without_lines(round_.brief, [finding.value])
        round_.title = round_.title.replace(finding.value, "(withdrawn)")
        round_.targets = round_targets.replace_value(round_.targets, finding.value, "(withdrawn)")
    finding.title = finding.title.replace(finding.value, "(withdrawn)")
    finding.note = finding.note.replace(finding.value, "(withdrawn)")
    finding.value = "(withdrawn)"
