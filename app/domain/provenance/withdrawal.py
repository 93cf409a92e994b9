"""Taking a person's content out of every place that holds a copy. Tombstones keep their ids, so that lineage holds.

Knows where texts are copied to: checks quote near-duplicates, versions freeze, reports and findings cite, answers to
repeated requests are kept. Knows nothing of who may ask for it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Select, Text, cast, delete, or_, select, update
from sqlalchemy.orm import Session

from app.core import jobs
from app.core.idempotency import IdempotentAnswer
from app.core.storage import Storage
from app.domain.datasets import actions as datasets
from app.domain.datasets import queries as dataset_queries
from app.domain.datasets.tables import DatasetVersion, VersionItem
from app.domain.evaluation import actions as evaluation
from app.domain.findings.tables import Finding
from app.domain.pairs import index
from app.domain.pairs.tables import Pair, PairBand, PairTag, PairVector, Revision
from app.domain.registry import actions as registry
from app.domain.registry.tables import ModelVersion
from app.domain.reviews.tables import Comment, Lease, Review
from app.domain.rounds import targets
from app.domain.rounds.tables import Round
from app.domain.training.tables import TrainingRun

EMPTY = [{"role": "user", "content": ""}, {"role": "assistant", "content": ""}]
NOTHING: dict[str, Any] = {
    "messages": EMPTY,
    "context": [],
    "tags": {},
    "problems": [],
    "prompt": "",
    "completion": "",
    "source": "",
    "waivers": [],
}
IDS = re.compile(r"\b(?:[0-9a-f]{64}|[0-9a-f]{32})\b")


@dataclass
class Gone:
    """What was withdrawn at the moment `at`, what that touched, and the files that nothing needs any more."""

    at: datetime
    revisions: set[str] = field(default_factory=set)
    pairs: set[str] = field(default_factory=set)
    versions: list[str] = field(default_factory=list)
    models: list[str] = field(default_factory=list)
    files: set[str] = field(default_factory=set)
    answers: int = 0


def drafts(session: Session, user_id: str, at: datetime) -> Gone:
    """Blank what was never given: drafts and discarded pairs, but for revisions that were judged or frozen once."""
    mine = select(Pair.id).where(Pair.author_id == user_id, Pair.state.in_(("draft", "discarded")))
    given = or_(
        Revision.id.in_(select(VersionItem.revision_id).where(VersionItem.revision_id == Revision.id)),
        Revision.id.in_(select(Review.revision_id).where(Review.pair_id == Revision.pair_id)),
    )
    session.execute(
        update(Revision)
        .where(Revision.pair_id.in_(mine), Revision.withdrawn_at.is_(None), ~given)
        .values(**NOTHING, withdrawn_at=at)
    )
    return _close(session, mine, at)


def everything(session: Session, user_id: str, at: datetime) -> Gone:
    """Blank every pair of the person, every revision they made of another's pair, and every comment on either."""
    mine = select(Pair.id).where(Pair.author_id == user_id)
    session.execute(
        update(Revision)
        .where(or_(Revision.pair_id.in_(mine), Revision.author_id == user_id), Revision.withdrawn_at.is_(None))
        .values(**NOTHING, withdrawn_at=at)
    )
    session.execute(
        update(Review).where(or_(Review.pair_id.in_(mine), Review.reviewer_id == user_id)).values(comment="")
    )
    session.execute(update(Comment).where(Comment.author_id == user_id).values(text="", quote="", start=None, end=None))
    gone = _close(session, mine, at)
    _fall_back(session, gone)
    return gone


def _close(session: Session, mine: Select[Any], at: datetime) -> Gone:
    """Take the pairs off the index, the desks and the lists."""
    gone = Gone(at, pairs=set(session.scalars(mine)))
    for table in (PairTag, PairBand, PairVector, Lease):
        session.execute(delete(table).where(table.pair_id.in_(mine)))
    session.execute(
        update(Pair).where(Pair.id.in_(mine)).values(state="withdrawn", submitted_revision_id=None, updated_at=at)
    )
    gone.revisions = set(session.scalars(select(Revision.id).where(Revision.withdrawn_at == at)))
    session.expire_all()
    return gone


def _fall_back(session: Session, gone: Gone) -> None:
    """Another's pair that stood on a withdrawn revision goes back to the newest one left, and is judged again."""
    theirs = session.scalars(
        select(Pair)
        .join(Revision, Revision.pair_id == Pair.id)
        .where(Revision.withdrawn_at == gone.at, Pair.id.not_in(select(Pair.id).where(Pair.state == "withdrawn")))
        .distinct()
    )
    for pair in list(theirs):
        left = session.scalar(
            select(Revision)
            .where(Revision.pair_id == pair.id, Revision.withdrawn_at.is_(None))
            .order_by(Revision.number.desc())
            .limit(1)
        )
        if left is None:
            pair.state, pair.submitted_revision_id = "withdrawn", None
            continue
        if pair.current_revision_id in gone.revisions:
            pair.current_revision_id = left.id
            index.reindex(session, pair, left)
        if pair.submitted_revision_id in gone.revisions:
            pair.submitted_revision_id = left.id
            if pair.state in ("approved", "in_review"):
                pair.state = "submitted"
        pair.updated_at = gone.at
    withdrawn = select(Revision.id).where(Revision.withdrawn_at == gone.at)
    session.execute(delete(PairVector).where(PairVector.revision_id.in_(withdrawn)))
    session.flush()


def forget_copies(session: Session, storage: Storage, gone: Gone) -> None:
    """Remove the withdrawn texts wherever they were copied to; notes in `gone` what was touched."""
    _forget_quotes(session, gone)
    _forget_quoted_in_remarks(session, gone)
    _forget_kept_answers(session, gone)
    versions = session.scalars(
        select(DatasetVersion)
        .where(
            DatasetVersion.id.in_(
                select(VersionItem.version_id)
                .join(Revision, Revision.id == VersionItem.revision_id)
                .where(Revision.withdrawn_at == gone.at)
            )
        )
        .order_by(DatasetVersion.id)
    )
    for version in list(versions):
        gone.versions.append(version.id)
        gone.files |= datasets.redact(session, storage, version)
        left = _slices_left(storage, version)
        for run in list(session.scalars(select(TrainingRun).where(TrainingRun.version_id == version.id))):
            _forget_in_run(session, storage, gone, version, run, left)


def _forget_quotes(session: Session, gone: Gone) -> None:
    """A check of another pair quotes the near-duplicates that it found."""
    projects = (
        select(Pair.project_id).join(Revision, Revision.pair_id == Pair.id).where(Revision.withdrawn_at == gone.at)
    )
    rows = session.execute(
        select(Revision.id, Revision.problems)
        .join(Pair, Pair.id == Revision.pair_id)
        .where(Pair.project_id.in_(projects), cast(Revision.problems, Text).contains('"neighbours": [{'))
    )
    for revision_id, problems in list(rows):
        kept = [{**one, "neighbours": [n for n in one["neighbours"] if not _quotes(n, gone)]} for one in problems]
        if kept != problems:
            session.execute(update(Revision).where(Revision.id == revision_id).values(problems=kept))


def _forget_quoted_in_remarks(session: Session, gone: Gone) -> None:
    """A remark quotes the revision that it stands on; those on a pair that went altogether speak of nothing else."""
    withdrawn = select(Revision.id).where(Revision.withdrawn_at == gone.at)
    session.execute(update(Comment).where(Comment.revision_id.in_(withdrawn)).values(quote="", start=None, end=None))
    closed = select(Pair.id).where(Pair.state == "withdrawn")
    session.execute(update(Comment).where(Comment.pair_id.in_(closed)).values(text="", quote="", start=None, end=None))


def _quotes(neighbour: dict[str, Any], gone: Gone) -> bool:
    return neighbour["pair"] in gone.pairs or neighbour["revision"] in gone.revisions


def _forget_kept_answers(session: Session, gone: Gone) -> None:
    """An answer kept for a repeated request holds what the request wrote or took from the queue."""
    for answer in list(session.scalars(select(IdempotentAnswer))):
        if any(one in gone.pairs or one in gone.revisions for one in IDS.findall(json.dumps(answer.body))):
            session.delete(answer)


def _slices_left(storage: Storage, version: DatasetVersion) -> set[tuple[str, str]]:
    """Each (tag, value) that an example which is still there carries."""
    return {
        (tag, value)
        for file in dataset_queries.files_of(version).values()
        for line in storage.bytes_of(file["sha256"]).splitlines()
        for tag, value in json.loads(line)["tags"].items()
    }


def _forget_in_run(
    session: Session,
    storage: Storage,
    gone: Gone,
    version: DatasetVersion,
    run: TrainingRun,
    left: set[tuple[str, str]],
) -> None:
    _redirect(session, version, run)
    gone.answers += evaluation.forget(session, run, gone.revisions, left)
    for finding in list(session.scalars(select(Finding).where(Finding.run_id == run.id))):
        _forget_in_finding(session, gone, finding, left)
    for model in list(session.scalars(select(ModelVersion).where(ModelVersion.run_id == run.id))):
        gone.models.append(model.id)
        gone.files |= registry.redact(storage, model, gone.revisions, left)


def _redirect(session: Session, version: DatasetVersion, run: TrainingRun) -> None:
    """A run that waits reads the redacted files; one that trains on the old ones is asked to stop."""
    job = jobs.by_id(session, run.job_id)
    if job.state == "running" and not job.cancel_requested:
        jobs.request_cancel(session, job.id)
    if job.state in jobs.OPEN:
        session.execute(delete(jobs.JobFile).where(jobs.JobFile.job_id == job.id))
        files = {file["sha256"] for file in dataset_queries.files_of(version).values()}
        session.add_all(jobs.JobFile(job_id=job.id, sha256=sha256) for sha256 in sorted(files))
        session.flush()


def _forget_in_finding(session: Session, gone: Gone, finding: Finding, left: set[tuple[str, str]]) -> None:
    """Its failing answers, the lines of its round's brief that cite them, and a slice named by a withdrawn text."""
    cited = [answer["prompt"] for answer in finding.failing if answer["id"] in gone.revisions]
    finding.failing = [answer for answer in finding.failing if answer["id"] not in gone.revisions]
    round_ = session.get(Round, finding.round_id) if finding.round_id else None
    if round_ is not None:
        round_.brief = _without_lines(round_.brief, cited)
    if (finding.tag, finding.value) in left:
        return
    if round_ is not None:
        round_.brief = _without_lines(round_.brief, [finding.value])
        round_.title = round_.title.replace(finding.value, "(withdrawn)")
        round_.targets = targets.without(round_.targets, finding.value, "(withdrawn)")
    finding.title = finding.title.replace(finding.value, "(withdrawn)")
    finding.note = finding.note.replace(finding.value, "(withdrawn)")
    finding.value = "(withdrawn)"


def _without_lines(text: str, cited: Iterable[str]) -> str:
    """The text less the lines that cite a withdrawn one; a citation is shortened, with its white space made even."""
    starts = [" ".join(one.split()).replace("`", "'")[:157] for one in cited if one.strip()]
    return "\n".join(line for line in text.split("\n") if not any(start in line for start in starts))


def unsign_comments(session: Session, user_id: str, names: tuple[str, ...]) -> None:
    """Take the person's own name and address out of what they remarked, whether or not the remarks are kept."""
    given: list[tuple[Any, str]] = [
        *((one, "comment") for one in session.scalars(select(Review).where(Review.reviewer_id == user_id))),
        *((one, "text") for one in session.scalars(select(Comment).where(Comment.author_id == user_id))),
    ]
    for row, column in given:
        text = getattr(row, column)
        for name in filter(None, names):
            text = re.sub(re.escape(name), "[name]", text, flags=re.IGNORECASE)
        if text != getattr(row, column):
            setattr(row, column, text)
    session.flush()
