"""Every column that names a person has a decision; the plan names nothing that is not there."""

from __future__ import annotations

import pytest

import app.main  # noqa: F401  (so that every table is in the metadata)
from app.core.db.base import Base
from app.domain.privacy.personal_data_map import BY_VALUE, PLAN, identifies_person

DECIDED = {(one.table, one.column) for one in PLAN}
NAMING = {
    (table.name, column.name)
    for table in Base.metadata.sorted_tables
    for column in table.columns
    if identifies_person(column)
}


@pytest.mark.assurance
def test_every_column_that_identifies_person_has_a_decision() -> None:
    assert len(NAMING) > 25
    assert set() == NAMING - DECIDED, "decide in provenance/subject_tables.py what is exported and what erasure does"


def test_the_plan_names_only_what_is_there() -> None:
    assert {("contributors", "id")} == DECIDED - NAMING
    for one in PLAN:
        columns = Base.metadata.tables[one.table].columns
        assert {one.column, *one.without, *one.blanked} <= set(columns.keys()), one.table
    assert set(BY_VALUE) <= set(Base.metadata.tables)


def test_every_decision_has_a_reason_and_is_made_once() -> None:
    assert len(DECIDED) == len(PLAN)
    assert all(one.reason for one in PLAN)


def test_no_secret_is_exported() -> None:
    secret = {"digest", "hash", "secret"}
    assert [
        (one.table, name)
        for one in PLAN
        if one.exported and one.table not in ("audit_events", "dataset_versions")
        for name in secret & set(Base.metadata.tables[one.table].columns.keys()) - set(one.without)
    ] == []


def test_what_erasure_deletes_can_be_deleted() -> None:
    """No other table points at a row that goes."""
    deleted = {one.table for one in PLAN if one.fate == "delete"}
    pointed_at = {key.column.table.name for table in Base.metadata.sorted_tables for key in table.foreign_keys}
    assert deleted & pointed_at == set()
