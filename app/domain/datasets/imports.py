"""Importing a file of pairs: all of it or nothing. Bulk approval is an editor's explicit, recorded act."""

from __future__ import annotations

import tempfile
from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import partial
from typing import IO, Any

from sqlalchemy.orm import Session

from app.core import jobs
from app.core.database import new_id
from app.core.errors import Invalid
from app.core.storage import CHUNK, Storage
from app.domain.accounts.permissions import Permission
from app.domain.accounts.tables import User
from app.domain.audit import actions as audit
from app.domain.checks.catalogue import check_pair
from app.domain.checks.duplicates import shingles
from app.domain.checks.joining import near_pairs
from app.domain.checks.problem import Neighbour
from app.domain.consent import queries as consent
from app.domain.datasets import readers
from app.domain.guidelines import queries as guideline_queries
from app.domain.pairs import actions as pair_actions
from app.domain.pairs import index, vectors
from app.domain.pairs import queries as pair_queries
from app.domain.pairs.messages import Content
from app.domain.pairs.tables import Pair, Revision
from app.domain.projects import access
from app.domain.projects.tables import Project
from app.domain.reviews.tables import Review

KIND = "import"
Progress = Callable[[float, float], None]


def request_import(
    session: Session,
    user: User,
    project: Project,
    *,
    storage: Storage,
    data: bytes | IO[bytes],
    filename: str,
    format: str = "auto",
    source: str,
    licence: str,
    submit: bool = False,
    approve: bool = False,
) -> jobs.Job:
    """Keep the file and queue its import; the job reads all of it, this only its head.

    Raises Forbidden, Invalid when one of the first rows is wrong or source or licence lack, TooLarge.
    """
    access.require(session, user, Permission.WRITE_PAIR, project)
    if approve:
        access.require(session, user, Permission.APPROVE_IMPORT, project)
    terms_id = consent.require_current(session, user)
    for name, value in (("source", source), ("licence", licence)):
        if not value.strip():
            raise Invalid(f"Say the {name}: nothing enters a data set without source and licence.", field=name)
    head = readers.read(data, format, filename=filename, source=source, licence=licence, head=readers.HEAD_ROWS)
    rows = len(head) if len(head) < readers.HEAD_ROWS else None
    sha256, _ = storage.put([data] if isinstance(data, bytes) else iter(partial(data.read, CHUNK), b""))
    payload = {
        "project": project.id,
        "user": user.id,
        "file": sha256,
        "filename": filename[:200],
        "format": format,
        "source": source,
        "licence": licence,
        "submit": submit or approve,
        "approve": approve,
        "terms": terms_id,
    }
    job = jobs.enqueue(session, KIND, payload, project_id=project.id, created_by=user.id)
    job.progress_total = float(rows or 0)
    audit.record(
        session,
        user.id,
        "import.requested",
        "job",
        job.id,
        project_id=project.id,
        rows=rows,
        file=sha256,
        approve=approve,
    )
    return job


def check_rows(
    session: Session, storage: Storage, payload: dict[str, Any], progress: Progress
) -> list[tuple[Content, Pair, list[dict[str, Any]]]]:
    """Every row with its new pair and problems: against the project, and against the rows above it. Nothing saved."""
    project = session.get_one(Project, payload["project"])
    with tempfile.TemporaryFile() as file:
        file.writelines(storage.read(payload["file"]))
        contents = readers.read(
            file,
            payload["format"],
            filename=payload["filename"],
            source=payload["source"],
            licence=payload["licence"],
        )
    pairs = [
        Pair(id=new_id(), project_id=project.id, author_id=payload["user"], current_revision_id="") for _ in contents
    ]
    pairs.sort(key=lambda pair: pair.id)
    above = _above(contents, pairs)
    has_pairs = bool(pair_queries.counts_by_state(session, project))
    asked = [content.prompt for content in contents] if has_pairs else []
    known = index.neighbours_of_many(session, project, asked) or [[] for _ in contents]
    checked = []
    for number, content in enumerate(contents):
        found = check_pair(
            content.prompt,
            content.completion,
            languages=project.languages,
            neighbours=[*known[number], *above[number]],
            task=project.task,
            code_language=content.tags.get("language", ""),
        )
        checked.append((content, pairs[number], [problem.as_dict() for problem in found]))
        if number % 200 == 0:
            progress(number, len(contents))
    return checked


def _above(contents: Sequence[Content], pairs: Sequence[Pair]) -> dict[int, list[Neighbour]]:
    """row -> at most five near-duplicates among the rows above it."""
    found: dict[int, list[Neighbour]] = defaultdict(list)
    for left, right, similarity in near_pairs([shingles(content.prompt) for content in contents]):
        if len(found[right]) < 5:
            twin, known = contents[left], pairs[left].id
            found[right].append(Neighbour(known, "", round(similarity, 4), twin.prompt, twin.completion, "new"))
    return found


def save_rows(
    session: Session, payload: dict[str, Any], checked: list[tuple[Content, Pair, list[dict[str, Any]]]]
) -> dict[str, int]:
    """Write all rows in the caller's transaction. A row with a blocking problem stays a draft."""
    project = session.get_one(Project, payload["project"])
    guideline = guideline_queries.current(session, project)
    counts = {"imported": len(checked), "submitted": 0, "approved": 0, "drafts": 0}
    revisions, approvals = [], []
    for content, pair, problems in checked:
        revision = pair_actions.new_revision(
            pair, payload["user"], content, number=1, problems=problems, terms_id=payload.get("terms")
        )
        pair.current_revision_id = revision.id
        blocked = any(problem["severity"] == "block" for problem in problems)
        pair.state = "draft" if blocked or not payload["submit"] else "approved" if payload["approve"] else "submitted"
        pair.submitted_revision_id = revision.id if pair.state != "draft" else None
        counts["drafts" if pair.state == "draft" else pair.state] += 1
        revisions.append(revision)
        if pair.state == "approved":
            approvals.append(_approval(project, pair, revision, payload["user"], guideline.id if guideline else None))
    session.add_all([pair for _, pair, _ in checked])
    session.flush()
    session.add_all(revisions)
    session.flush()
    session.add_all(approvals)
    session.flush()
    index.add(session, [(pair, revision) for (_, pair, _), revision in zip(checked, revisions, strict=True)])
    vectors.request(session, project.id)
    _record(session, payload, counts)
    return counts


def _approval(project: Project, pair: Pair, revision: Revision, user_id: str, guideline_id: str | None) -> Review:
    """Not judged is null: a bulk approval rates nothing."""
    return Review(
        pair_id=pair.id,
        revision_id=revision.id,
        reviewed_revision_id=revision.id,
        reviewer_id=user_id,
        decision="accept",
        ratings={criterion["name"]: None for criterion in project.criteria},
        comment="Approved in bulk at import.",
        guideline_id=guideline_id,
        bulk=True,
    )


def _record(session: Session, payload: dict[str, Any], counts: dict[str, int]) -> None:
    audit.record(
        session,
        payload["user"],
        "pairs.imported",
        "project",
        payload["project"],
        project_id=payload["project"],
        file=payload["file"],
        **counts,
    )
    if payload["approve"]:
        audit.record(
            session,
            payload["user"],
            "pairs.approved_in_bulk",
            "project",
            payload["project"],
            project_id=payload["project"],
            file=payload["file"],
            approved=counts["approved"],
        )
