"""Checked contents of a file -> the rows to write: ids, states, digests, problems, bands. Pure.

Everything slow happens before the transaction that writes, so that other writers do not wait for it.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from app.core.db.base import new_id, now
from app.core.errors import Invalid
from app.domain.checks.problem import Neighbor
from app.domain.checks.similarity.minhash import Grams
from app.domain.checks.similarity.set_similarity_join import near_pairs
from app.domain.imports import batch_checks
from app.domain.pairs import content as pair_content, queries as pairs_queries, states
from app.domain.pairs.content import Content
from app.domain.projects import settings as project_settings
from app.domain.projects.tables import Project

Row = dict[str, Any]


@dataclass
class PreparedRows:
    """The rows of each table, ready for plain inserts; the file's bad rows as JSON lines, and the error they cause."""

    pairs: list[Row] = field(default_factory=list)
    revisions: list[Row] = field(default_factory=list)
    tags: list[Row] = field(default_factory=list)
    bands: list[tuple[str, Sequence[int]]] = field(default_factory=list)
    bad_lines: list[bytes] = field(default_factory=list)
    error: Invalid | None = None

    @property
    def bad_address(self) -> str:
        """The SHA-256 under which the bad rows are stored."""
        return hashlib.sha256(b"".join(self.bad_lines)).hexdigest()


def prepare_rows(
    project: Project,
    options: batch_checks.Options,
    payload: dict[str, Any],
    contents: Sequence[Content],
    checked: Sequence[batch_checks.CheckedText],
    neighbors: Sequence[Sequence[Neighbor]],
    tick: Callable[[], None],
) -> PreparedRows:
    """Return the rows of all contents. `checked` and `neighbors` (in the project) have one item per content.

    `tick` is called for every row, and may raise to stop the work.
    """
    ids = sorted(new_id() for _ in contents)
    neighbors_above = _neighbors_above(contents, ids, [text.grams for text in checked])
    prepared, at = PreparedRows(), now()
    for number, content in enumerate(contents):
        pair_id, near = ids[number], (*neighbors[number], *neighbors_above.get(number, ()))
        problems = batch_checks.add_neighbor_problems(options, content.completion, checked[number].problems, near)
        revision = _revision(payload, pair_id, content, problems, at)
        prepared.pairs.append(_pair(project, payload, pair_id, revision["id"], _state(payload, problems), at))
        prepared.revisions.append(revision)
        prepared.tags += [
            {"pair_id": pair_id, "project_id": project.id, "tag": tag, "value": value}
            for tag, value in content.tags.items()
        ]
        prepared.bands.append((pair_id, checked[number].keys))
        tick()
    return prepared


def text_of(content: Content) -> batch_checks.Text:
    """Return what the checks need of a content."""
    sources = pairs_queries.sources_of(content)
    return batch_checks.Text(content.prompt, content.completion, sources, content.tags.get("language", ""))


def _neighbors_above(
    contents: Sequence[Content], ids: Sequence[str], grams: Sequence[Grams]
) -> dict[int, list[Neighbor]]:
    """Return row -> at most five near-duplicates among the rows above it."""
    neighbors: dict[int, list[Neighbor]] = defaultdict(list)
    for left, right, similarity in near_pairs(grams):
        if len(neighbors[right]) < 5:
            twin = contents[left]
            neighbors[right].append(Neighbor(ids[left], "", round(similarity, 4), twin.prompt, twin.completion, "new"))
    return neighbors


def _state(payload: dict[str, Any], problems: batch_checks.Problems) -> str:
    """Return the state of a new pair: a row with a blocking problem stays a draft."""
    if not payload["submit"] or any(problem["severity"] == "block" for problem in problems):
        return "draft"
    return "approved" if payload["approve"] else "submitted"


def _pair(project: Project, payload: dict[str, Any], pair_id: str, revision_id: str, state: str, at: datetime) -> Row:
    is_submitted = state != "draft"
    share = project_settings.of(project.settings)["second_opinions"]
    return {
        "id": pair_id,
        "project_id": project.id,
        "author_id": payload["user"],
        "state": state,
        "current_revision_id": revision_id,
        "submitted_revision_id": revision_id if is_submitted else None,
        "opinions": states.needed_for(revision_id, project.overlap, share) if is_submitted else None,
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
