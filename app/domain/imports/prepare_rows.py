"""Contents of a file -> the rows to be written: ids, states, digests, problems, bands. Reads, and writes nothing.

All that takes time is done here, before the transaction that writes begins, so that other writers do not wait for it.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from app.core.db.base import new_id, now
from app.core.errors import Invalid
from app.core.process import pool
from app.domain.checks.problem import Neighbor
from app.domain.checks.similarity.minhash import Grams
from app.domain.checks.similarity.set_similarity_join import near_pairs
from app.domain.imports import batch_checks
from app.domain.pairs import content as pair_content
from app.domain.pairs import queries as pairs_queries
from app.domain.pairs import required_reviews, token_limits
from app.domain.pairs.content import Content
from app.domain.pairs.indexes import near_duplicates
from app.domain.projects import settings as project_settings
from app.domain.projects.tables import Project

Progress = Callable[[float, float], None]
Row = dict[str, Any]
MANY = 4_000
"""Rows of a file that are worth the second in which child processes start."""


@dataclass
class Prepared:
    """The rows of each table, ready for plain inserts; the file's bad rows as lines of JSON, and the refusal of it."""

    pairs: list[Row] = field(default_factory=list)
    revisions: list[Row] = field(default_factory=list)
    tags: list[Row] = field(default_factory=list)
    bands: list[tuple[str, Sequence[int]]] = field(default_factory=list)
    bad_lines: list[bytes] = field(default_factory=list)
    refusal: Invalid | None = None

    @property
    def bad_address(self) -> str:
        """The SHA-256 under which the bad rows are stored."""
        digest = hashlib.sha256()
        for line in self.bad_lines:
            digest.update(line)
        return digest.hexdigest()


def prepare(
    session: Session,
    project: Project,
    payload: dict[str, Any],
    contents: Sequence[Content],
    progress: Progress,
    children: int | None = None,
) -> Prepared:
    """Every content with its pair and problems: against the project, and against the contents above it.

    Many are checked by `children` (as many as this machine has cores), while their neighbours are looked up here.
    """
    ids = sorted(new_id() for _ in contents)
    asked = given_by(project)
    alone, known = _looked_at(session, project, asked, contents, progress, children)
    above = _above(contents, ids, alone.grams)
    made, at = Prepared(), now()
    for number, content in enumerate(contents):
        pair_id, neighbours = ids[number], (*known[number], *above.get(number, ()))
        problems = batch_checks.add_neighbor_problems(asked, content.completion, alone.problems[number], neighbours)
        revision = _revision(payload, pair_id, content, problems, at)
        made.pairs.append(_pair(project, payload, pair_id, revision["id"], _state(payload, problems), at))
        made.revisions.append(revision)
        made.tags += [
            {"pair_id": pair_id, "project_id": project.id, "tag": tag, "value": value}
            for tag, value in content.tags.items()
        ]
        made.bands.append((pair_id, alone.keys[number]))
        progress(len(contents), len(contents))
    return made


def _looked_at(
    session: Session,
    project: Project,
    asked: batch_checks.CheckConfig,
    contents: Sequence[Content],
    progress: Progress,
    children: int | None,
) -> tuple[batch_checks.Checked, list[list[Neighbor]]]:
    """What each is by itself, and at most five neighbours of each in the project."""
    if children is None:
        children = pool.cores() if len(contents) >= MANY else 1
    pieces = (
        batch_checks.piece(asked, list(map(_text, some)))
        for some in near_duplicates.batched(contents, batch_checks.PIECE)
    )
    has_pairs = bool(pairs_queries.counts_by_state(session, project))
    alone, known = batch_checks.Checked(), list[list[Neighbor]]()
    progress(0, len(contents))
    for said in pool.map_ordered(batch_checks.of_piece, pieces, children):
        alone.add(said)
        grams, keys = alone.grams[len(known) :], alone.keys[len(known) :]
        known += near_duplicates.neighbours_of_many(session, project, grams, keys) if has_pairs else [[] for _ in keys]
        progress(len(known), len(contents))
    return alone, known


def _text(content: Content) -> batch_checks.Text:
    sources = tuple(pairs_queries.sources_of(content))
    return batch_checks.Text(content.prompt, content.completion, sources, content.tags.get("language", ""))


def given_by(project: Project) -> batch_checks.CheckConfig:
    """What the project asks of every pair, as at the writing desk."""
    reader = token_limits.reader_of(project)
    return batch_checks.CheckConfig(
        languages=tuple(project.languages),
        task=project.task,
        rules=project_settings.rules(project.settings),
        severities=project_settings.of(project.settings)["checks"],
        tokenizer=reader.tokenizer if reader else None,
        context_length=reader.context if reader else 0,
    )


def _above(contents: Sequence[Content], ids: Sequence[str], grams: Sequence[Grams]) -> dict[int, list[Neighbor]]:
    """row -> at most five near-duplicates among the rows above it."""
    found: dict[int, list[Neighbor]] = defaultdict(list)
    for left, right, similarity in near_pairs(grams):
        if len(found[right]) < 5:
            twin = contents[left]
            found[right].append(Neighbor(ids[left], "", round(similarity, 4), twin.prompt, twin.completion, "new"))
    return found


def _state(payload: dict[str, Any], problems: batch_checks.Problems) -> str:
    """A row with a blocking problem stays a draft."""
    if not payload["submit"] or any(problem["severity"] == "block" for problem in problems):
        return "draft"
    return "approved" if payload["approve"] else "submitted"


def _pair(project: Project, payload: dict[str, Any], pair_id: str, revision_id: str, state: str, at: datetime) -> Row:
    given = state != "draft"
    share = project_settings.of(project.settings)["second_opinions"]
    return {
        "id": pair_id,
        "project_id": project.id,
        "author_id": payload["user"],
        "state": state,
        "current_revision_id": revision_id,
        "submitted_revision_id": revision_id if given else None,
        "opinions": required_reviews.needed_for(revision_id, project.overlap, share) if given else None,
        "created_at": at,
        "updated_at": at,
    }


def _revision(
    payload: dict[str, Any], pair_id: str, content: Content, problems: batch_checks.Problems, at: datetime
) -> Row:
    author = payload["user"]
    return {
        "id": pair_content.digest(content, pair=pair_id, author=author, number=1),
        "pair_id": pair_id,
        "number": 1,
        "author_id": author,
        "created_at": at,
        "problems": problems,
        "prompt": content.prompt,
        "completion": content.completion,
        "terms_id": payload.get("terms"),
        **content.as_dict(),
    }
