"""Every column that identifies a person is in the personal data map, and the map names only existing columns."""

from __future__ import annotations

from typing import Any

import pytest

import app.main  # noqa: F401  (so that every table is in the metadata)
from app.core.db.base import Base
from app.domain.privacy.personal_data_map import PLAN

NAMES = ("author_id", "reviewer_id", "user_id", "contributor_id", "person_id", "actor", "owner_id", "assignee_id")
OWNERS = ("users", "contributors", "persons")


def identifies_person(column: Any) -> bool:
    """By a foreign key, or by its name."""
    points = any(key.column.table.name in OWNERS for key in column.foreign_keys)
    return points or column.name in NAMES or column.name.endswith("_by")


MAPPED = {(entry.table, entry.column) for entry in PLAN}
IDENTIFYING = {
    (table.name, column.name)
    for table in Base.metadata.sorted_tables
    for column in table.columns
    if identifies_person(column)
}


@pytest.mark.assurance
def test_identifying_columns_are_mapped() -> None:
    assert len(IDENTIFYING) > 25
    assert set() == IDENTIFYING - MAPPED, "add the column to app/domain/privacy/personal_data_map.py"


def test_map_names_existing_columns() -> None:
    assert {("contributors", "id")} == MAPPED - IDENTIFYING
    for entry in PLAN:
        columns = Base.metadata.tables[entry.table].columns
        assert {entry.column, *entry.without, *entry.blanked} <= set(columns.keys()), entry.table


def test_entries_are_unique_with_reason() -> None:
    assert len(MAPPED) == len(PLAN)
    assert all(entry.reason for entry in PLAN)


def test_no_secret_is_exported() -> None:
    secret = {"digest", "hash", "secret"}
    assert [
        (entry.table, name)
        for entry in PLAN
        if entry.exported and entry.table not in ("audit_events", "dataset_versions")
        for name in secret & set(Base.metadata.tables[entry.table].columns.keys()) - set(entry.without)
    ] == []


def test_deleted_rows_are_not_referenced() -> None:
    """No foreign key points at a table whose rows erasure deletes."""
    deleted = {entry.table for entry in PLAN if entry.fate == "delete"}
    pointed_at = {key.column.table.name for table in Base.metadata.sorted_tables for key in table.foreign_keys}
    assert deleted & pointed_at == set()
