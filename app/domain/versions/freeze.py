"""Compute a version from approved revisions: deduplicate, group, split, hash. Pure except for the storage."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from app.core.db.base import new_id
from app.core.storage import Storage
from app.domain.checks.similarity.minhash import THRESHOLD, normalize
from app.domain.pairs.tables import Pair, Revision
from app.domain.projects.tables import Project
from app.domain.versions import export, splits as version_splits
from app.domain.versions.tables import DatasetVersion, VersionItem

MAX_VALUES = 200
Row = tuple[Pair, Revision]


def build_version(
    storage: Storage, project: Project, payload: dict[str, Any], rows: list[Row]
) -> tuple[DatasetVersion, list[VersionItem]]:
    """Write the split files and return the version, without its number, and its items. Slow; saves no row."""
    selected = _deduplicated(rows) if payload["deduplicate"] else rows
    groups = version_splits.group([revision.prompt for _, revision in selected])
    splits = version_splits.assign(groups.cluster, _strata(project, selected), payload["splits"], payload["seed"])
    tags = [slice_tags(project, revision) for _, revision in selected]
    files = _write_files(storage, selected, splits, tags)
    version = DatasetVersion(
        id=new_id(),
        project_id=project.id,
        name=payload["name"],
        seed=payload["seed"],
        splits=payload["splits"],
        filters=payload["filters"],
        deduplicate=payload["deduplicate"],
        files=files,
        created_by=payload["user"],
        hash=_hash(payload, selected, splits, files),
        leak_report=_leak_report(groups, splits, removed=len(rows) - len(selected)),
        counts={"total": len(selected), **{name: splits.count(name) for name in version_splits.SPLITS}},
        distribution=distribution_of(
            (split, {**values, **origin_tags(revision)})
            for split, values, (_, revision) in zip(splits, tags, selected, strict=True)
        ),
    )
    return version, _items(version, selected, splits, groups.cluster)


def distribution_of(items: Iterable[tuple[str, dict[str, str]]]) -> dict[str, dict[str, dict[str, int]]]:
    """Return tag -> value -> split -> count from (split, tags). Tags with more than 200 values are ids and left out."""
    counts: dict[str, dict[str, dict[str, int]]] = defaultdict(lambda: defaultdict(lambda: defaultdict(int)))
    for split, tags in items:
        for tag, value in tags.items():
            counts[tag][value][split] += 1
    return {
        tag: {value: dict(splits) for value, splits in sorted(values.items())}
        for tag, values in sorted(counts.items())
        if len(values) <= MAX_VALUES
    }


def slice_tags(project: Project, revision: Any) -> dict[str, str]:
    """Return a revision's tags; in a classification without categories, the answer is a tag too."""
    if project.task == "classification" and "category" not in revision.tags:
        return {**revision.tags, "answer": revision.completion[:120]}
    return dict(revision.tags)


def origin_tags(revision: Any) -> dict[str, str]:
    """Return license and source, which count like tags, unless a tag has the same name."""
    origin = {"licence": revision.licence, "source": revision.source}
    return {name: value for name, value in origin.items() if name not in revision.tags}


def _hash(payload: dict[str, Any], rows: list[Row], splits: list[str], files: dict[str, Any]) -> str:
    """Return the SHA-256 of the version's files, items, seed, shares and filters."""
    manifest = {
        "files": files,
        "items": [[revision.id, split] for (_, revision), split in zip(rows, splits, strict=True)],
        "seed": payload["seed"],
        "splits": payload["splits"],
        "filters": payload["filters"],
    }
    return hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()


def _leak_report(groups: version_splits.Groups, splits: list[str], *, removed: int) -> dict[str, Any]:
    return {
        "near_duplicates_across_splits": version_splits.count_leaks(groups, splits),
        "threshold": THRESHOLD,
        "method": "Jaccard of character 5-grams of the prompts, exact",
        "groups": len(set(groups.cluster)),
        "duplicates_removed": removed,
    }


def _items(version: DatasetVersion, rows: list[Row], splits: list[str], cluster: list[int]) -> list[VersionItem]:
    return [
        VersionItem(
            version_id=version.id,
            position=index,
            revision_id=revision.id,
            pair_id=pair.id,
            split=splits[index],
            cluster=cluster[index],
        )
        for index, (pair, revision) in enumerate(rows)
    ]


def _deduplicated(rows: list[Row]) -> list[Row]:
    """Return the first of each set of rows with the same normalized prompt and completion."""
    first: dict[tuple[str, str], Row] = {}
    for row in rows:
        first.setdefault((normalize(row[1].prompt), normalize(row[1].completion)), row)
    return list(first.values())


def _strata(project: Project, rows: list[Row]) -> list[str]:
    """Return what each split gets an even share of: answers of a classification, else categories."""
    if project.task == "classification":
        return [revision.completion for _, revision in rows]
    return [str(revision.tags.get("category", "")) for _, revision in rows]


def _write_files(storage: Storage, rows: list[Row], splits: list[str], tags: list[dict[str, str]]) -> dict[str, Any]:
    files = {}
    for name in version_splits.SPLITS:
        lines = [
            export.example_line(revision.id, revision.messages, tags[index])
            for index, (_, revision) in enumerate(rows)
            if splits[index] == name
        ]
        sha256, size = storage.put(lines)
        files[name] = {"sha256": sha256, "size": size, "examples": len(lines)}
    return files
