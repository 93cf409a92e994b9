"""Taking a person's content out of every place that holds a copy. Tombstones keep their ids, so that lineage holds.

Knows where texts are copied to: checks quote near-duplicates, versions freeze, reports and findings cite, answers to
repeated requests are kept. Knows nothing of who may ask for it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, Text, Update, cast, delete, or_, select, update
from sqlalchemy.orm import Session

from app.core import jobs
from app.core.errors import Conflict
from app.core.idempotency import IdempotentAnswer
from app.core.storage import Storage
from app.domain.comments.tables import Comment
from app.domain.evaluations import actions as evaluations_actions
from app.domain.findings.tables import Finding
from app.domain.models import actions as models_actions
from app.domain.models.tables import ModelVersion
from app.domain.pairs.indexes import near_duplicates, search
from app.domain.pairs.tables import Pair, PairBand, PairTag, PairVector, Revision
from app.domain.reviews.tables import Lease, Review
from app.domain.rounds import targets as round_targets
from app.domain.rounds.tables import Round
from app.domain.runs.tables import TrainingRun
from app.domain.versions import actions as versions_actions
from app.domain.versions import queries as versions_queries
from app.domain.versions.tables import DatasetVersion, VersionItem

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
CHUNK = 100
"""Pairs, or rows, that are changed in one transaction: well under a second, so that nobody waits long."""
BLIND = {"synchronize_session": False}
"""Nothing that the session holds is looked through for what changed; all of it is expired afterwards."""
Opened = Callable[[], AbstractContextManager[Session]]
IDS = re.compile(r"\b(?:[0-9a-f]{64}|[0-9a-f]{32})\b")


@dataclass
class WithdrawalResult:
    """What was withdrawn at the moment `at`, what that touched, and the files that nothing needs any more."""

    at: datetime
    revisions: set[str] = field(default_factory=set)
    pairs: set[str] = field(default_factory=set)
    versions: list[str] = field(default_factory=list)
    models: list[str] = field(default_factory=list)
    files: set[str] = field(default_factory=set)
    answers: int = 0


# --- blanking, some pairs a transaction ---


def waiting(session: Session, user_id: str, content: str) -> list[str]:
    """Pairs in which something is still to be blanked: drafts, and with `withdraw` all that the person wrote."""
    if content != "withdraw":
        return list(session.scalars(select(Pair.id).where(*_never_given(user_id)).order_by(Pair.id)))
    standing = (
        select(Revision.pair_id)
        .join(Pair, Pair.id == Revision.pair_id)
        .where(or_(Pair.author_id == user_id, Revision.author_id == user_id), Revision.withdrawn_at.is_(None))
    )
    open_pairs = select(Pair.id).where(Pair.author_id == user_id, Pair.state != "withdrawn")
    return sorted({*session.scalars(standing), *session.scalars(open_pairs)})


def blank(session: Session, user_id: str, content: str, at: datetime, pairs: Sequence[str]) -> None:
    """Blank what is to go of these pairs, and take those of the person off the index, the desks and the lists."""
    if content == "withdraw":
        _everything(session, user_id, at, pairs)
    else:
        _drafts(session, user_id, at, pairs)
    session.expire_all()


def _never_given(user_id: str) -> tuple[ColumnElement[bool], ...]:
    return Pair.author_id == user_id, Pair.state.in_(("draft", "discarded"))


def _drafts(session: Session, user_id: str, at: datetime, pairs: Sequence[str]) -> None:
    """What was never given: drafts and discarded pairs, but for revisions that were judged or frozen once."""
    mine = select(Pair.id).where(Pair.id.in_(pairs), *_never_given(user_id))
    given = or_(
        Revision.id.in_(select(VersionItem.revision_id).where(VersionItem.revision_id == Revision.id)),
        Revision.id.in_(select(Review.revision_id).where(Review.pair_id == Revision.pair_id)),
    )
    _change(session, update(Revision).where(Revision.pair_id.in_(mine), ~given), at)
    _close(session, mine, at)


def _everything(session: Session, user_id: str, at: datetime, pairs: Sequence[str]) -> None:
    """Every pair of the person with what was remarked on it, and every revision they made of another's."""
    mine = select(Pair.id).where(Pair.id.in_(pairs), Pair.author_id == user_id)
    written = or_(Revision.pair_id.in_(mine), Revision.author_id == user_id)
    _change(session, update(Revision).where(Revision.pair_id.in_(pairs), written), at)
    remarks = update(Review).where(Review.pair_id.in_(mine), Review.comment != "").values(comment="")
    session.execute(remarks, execution_options=BLIND)
    _close(session, mine, at)
    session.expire_all()
    _fall_back(session, at, pairs)


def _change(session: Session, which: Update, at: datetime) -> None:
    standing = which.where(Revision.withdrawn_at.is_(None))
    session.execute(standing.values(**NOTHING, withdrawn_at=at), execution_options=BLIND)


def _close(session: Session, mine: Select[Any], at: datetime) -> None:
    for table in (PairTag, PairBand, PairVector, Lease):
        session.execute(delete(table).where(table.pair_id.in_(mine)), execution_options=BLIND)
    ids = list(session.scalars(mine))
    search.blank(session, ids)
    closed = update(Pair).where(Pair.id.in_(ids))
    session.execute(
        closed.values(state="withdrawn", submitted_revision_id=None, updated_at=at), execution_options=BLIND
    )


def _fall_back(session: Session, at: datetime, pairs: Sequence[str]) -> None:
    """Another's pair that stood on a withdrawn revision goes back to the newest one left, and is judged again."""
    withdrawn = set(
        session.scalars(select(Revision.id).where(Revision.pair_id.in_(pairs), Revision.withdrawn_at == at))
    )
    theirs = session.scalars(
        select(Pair)
        .join(Revision, Revision.pair_id == Pair.id)
        .where(Pair.id.in_(pairs), Revision.withdrawn_at == at, Pair.state != "withdrawn")
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
            search.blank(session, [pair.id])
            continue
        if pair.current_revision_id in withdrawn:
            pair.current_revision_id = left.id
            near_duplicates.reindex(session, pair, left)
        if pair.submitted_revision_id in withdrawn:
            pair.submitted_revision_id = left.id
            if pair.state in ("approved", "in_review"):
                pair.state = "submitted"
        pair.updated_at = at
    session.execute(
        delete(PairVector).where(PairVector.pair_id.in_(pairs), PairVector.revision_id.in_(withdrawn)),
        execution_options=BLIND,
    )
    session.flush()


def silence(session: Session, user_id: str) -> None:
    """Blank the person's comments, on whichever pair."""
    session.execute(update(Review).where(Review.reviewer_id == user_id, Review.comment != "").values(comment=""))
    session.execute(update(Comment).where(Comment.author_id == user_id).values(text="", quote="", start=None, end=None))


# --- copies, each place in a transaction of its own ---


def found(session: Session, user_id: str, at: datetime) -> WithdrawalResult:
    """What was blanked at the moment `at`."""
    closed = select(Pair.id).where(Pair.author_id == user_id, Pair.state == "withdrawn")
    blanked = select(Revision.id).where(Revision.withdrawn_at == at)
    return WithdrawalResult(at, pairs=set(session.scalars(closed)), revisions=set(session.scalars(blanked)))


def forget_copies(read: Opened, write: Opened, storage: Storage, gone: WithdrawalResult) -> None:
    """Remove the withdrawn texts wherever they were copied to; notes in `gone` what was touched.

    `read` and `write` open a transaction each time. What takes long is looked for while reading.
    """
    with write() as session:
        search.purge(session)
        _forget_quoted_in_remarks(session, gone)
    _forget_quotes(read, write, gone)
    _forget_kept_answers(read, write, gone)
    with read() as session:
        versions = session.scalars(
            select(DatasetVersion.id)
            .where(
                DatasetVersion.id.in_(
                    select(VersionItem.version_id)
                    .join(Revision, Revision.id == VersionItem.revision_id)
                    .where(Revision.withdrawn_at == gone.at)
                )
            )
            .order_by(DatasetVersion.id)
        ).all()
    for version_id in versions:
        _forget_in_version(read, write, storage, gone, version_id)


def _forget_quotes(read: Opened, write: Opened, gone: WithdrawalResult) -> None:
    """A check of another pair quotes the near-duplicates that it found."""
    with read() as session:
        projects = (
            select(Pair.project_id).join(Revision, Revision.pair_id == Pair.id).where(Revision.withdrawn_at == gone.at)
        )
        rows = session.execute(
            select(Revision.id, Revision.problems)
            .join(Pair, Pair.id == Revision.pair_id)
            .where(Pair.project_id.in_(projects), cast(Revision.problems, Text).contains('"neighbours": [{'))
        )
        quoting = [revision_id for revision_id, problems in rows if _unquoted(problems, gone) != problems]
    for some in near_duplicates.batched(quoting, CHUNK):
        with write() as session:
            problems_of = select(Revision.id, Revision.problems).where(Revision.id.in_(some))
            for revision_id, problems in session.execute(problems_of).all():
                kept = _unquoted(problems, gone)
                session.execute(update(Revision).where(Revision.id == revision_id).values(problems=kept))


def _unquoted(problems: list[dict[str, Any]], gone: WithdrawalResult) -> list[dict[str, Any]]:
    return [{**one, "neighbours": [n for n in one["neighbours"] if not _quotes(n, gone)]} for one in problems]


def _quotes(neighbour: dict[str, Any], gone: WithdrawalResult) -> bool:
    return neighbour["pair"] in gone.pairs or neighbour["revision"] in gone.revisions


def _forget_quoted_in_remarks(session: Session, gone: WithdrawalResult) -> None:
    """A remark quotes the revision that it stands on; those on a pair that went altogether speak of nothing else."""
    withdrawn = select(Revision.id).where(Revision.withdrawn_at == gone.at)
    session.execute(update(Comment).where(Comment.revision_id.in_(withdrawn)).values(quote="", start=None, end=None))
    closed = select(Pair.id).where(Pair.state == "withdrawn")
    session.execute(update(Comment).where(Comment.pair_id.in_(closed)).values(text="", quote="", start=None, end=None))


def _forget_kept_answers(read: Opened, write: Opened, gone: WithdrawalResult) -> None:
    """An answer kept for a repeated request holds what the request wrote or took from the queue."""
    with read() as session:
        kept = [(one.user_id, one.key) for one in session.scalars(select(IdempotentAnswer)) if _tells(one, gone)]
    with write() as session:
        for key in kept:
            if (answer := session.get(IdempotentAnswer, key)) is not None:
                session.delete(answer)


def _tells(answer: IdempotentAnswer, gone: WithdrawalResult) -> bool:
    return any(one in gone.pairs or one in gone.revisions for one in IDS.findall(json.dumps(answer.body)))


def _forget_in_version(read: Opened, write: Opened, storage: Storage, gone: WithdrawalResult, version_id: str) -> None:
    """The new files are made while reading: a version may have a hundred thousand examples."""
    with read() as session:
        version = session.get_one(DatasetVersion, version_id)
        before = version.redactions
        files = versions_actions.redact(session, storage, version)
        redactions, distribution = version.redactions, version.distribution
        left = _slices_left(storage, version)
        runs = session.scalars(select(TrainingRun.id).where(TrainingRun.version_id == version_id)).all()
    with write() as session:
        version = session.get_one(DatasetVersion, version_id, with_for_update=True)
        if version.redactions not in (before, redactions):
            raise Conflict("Another erasure changes this version just now; what is left follows by itself.")
        version.redactions, version.distribution = redactions, distribution
        gone.versions.append(version_id)
        gone.files |= files
    for run_id in runs:
        with write() as session:
            run, version = session.get_one(TrainingRun, run_id), session.get_one(DatasetVersion, version_id)
            _forget_in_run(session, storage, gone, version, run, left)


def _slices_left(storage: Storage, version: DatasetVersion) -> set[tuple[str, str]]:
    """Each (tag, value) that an example which is still there carries."""
    return {
        (tag, value)
        for file in versions_queries.files_of(version).values()
        for line in storage.bytes_of(file["sha256"]).splitlines()
        for tag, value in json.loads(line)["tags"].items()
    }


def _forget_in_run(
    session: Session,
    storage: Storage,
    gone: WithdrawalResult,
    version: DatasetVersion,
    run: TrainingRun,
    left: set[tuple[str, str]],
) -> None:
    _redirect(session, version, run)
    gone.answers += evaluations_actions.forget(session, run, gone.revisions, left)
    for finding in list(session.scalars(select(Finding).where(Finding.run_id == run.id))):
        _forget_in_finding(session, gone, finding, left)
    for model in list(session.scalars(select(ModelVersion).where(ModelVersion.run_id == run.id))):
        gone.models.append(model.id)
        gone.files |= models_actions.redact(storage, model, gone.revisions, left)


def _redirect(session: Session, version: DatasetVersion, run: TrainingRun) -> None:
    """A run that waits reads the redacted files; one that trains on the old ones is asked to stop."""
    job = jobs.by_id(session, run.job_id)
    if job.state == "running" and not job.cancel_requested:
        jobs.request_cancel(session, job.id)
    if job.state in jobs.OPEN:
        session.execute(delete(jobs.JobFile).where(jobs.JobFile.job_id == job.id))
        files = {file["sha256"] for file in versions_queries.files_of(version).values()}
        session.add_all(jobs.JobFile(job_id=job.id, sha256=sha256) for sha256 in sorted(files))
        session.flush()


def _forget_in_finding(session: Session, gone: WithdrawalResult, finding: Finding, left: set[tuple[str, str]]) -> None:
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
        round_.targets = round_targets.replace_value(round_.targets, finding.value, "(withdrawn)")
    finding.title = finding.title.replace(finding.value, "(withdrawn)")
    finding.note = finding.note.replace(finding.value, "(withdrawn)")
    finding.value = "(withdrawn)"


def _without_lines(text: str, cited: Iterable[str]) -> str:
    """The text less the lines that cite a withdrawn one; a citation is shortened, with its white space made even."""
    starts = [" ".join(one.split()).replace("`", "'")[:157] for one in cited if one.strip()]
    return "\n".join(line for line in text.split("\n") if not any(start in line for start in starts))


def unsign_comments(session: Session, user_id: str, names: tuple[str, ...]) -> None:
    """Take the person's own name and address out of what they remarked, whether or not the remarks are kept."""
    columns = ((Review, Review.comment, Review.reviewer_id), (Comment, Comment.text, Comment.author_id))
    for table, column, by in columns:
        for row_id, text in session.execute(select(table.id, column).where(by == user_id, column != "")).all():
            unsigned = text
            for name in filter(None, names):
                unsigned = re.sub(re.escape(name), "[name]", unsigned, flags=re.IGNORECASE)
            if unsigned != text:
                session.execute(update(table).where(table.id == row_id).values({column.key: unsigned}))
    session.flush()
