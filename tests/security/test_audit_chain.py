"""Every kind of forgery of the audit log is detected and named, on both database engines."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, event, text
from sqlalchemy.exc import DBAPIError

from app.core.db.database import Database
from app.core.errors import Conflict
from app.domain.audit import actions as audit_actions, checkpoints, verify_queries
from app.domain.audit.checkpoints import CheckpointFile
from app.domain.audit.verify import Verification
from app.settings import Settings
from tests.security import tampering
from tests.security.tampering import COLUMNS, EVENTS

pytestmark = pytest.mark.assurance
Tally = Callable[[str, int], None]
Change = Callable[[Connection], object]


@pytest.fixture
def log(database: Database, settings: Settings) -> Database:
    """Twelve events, signed after the sixth and after the twelfth."""
    for _ in range(2):
        tampering.write_log(database, EVENTS // 2)
        with database.read() as session:
            assert audit_actions.make_checkpoint(session, settings) is not None
    return database


def verified(database: Database, settings: Settings, *against: Path) -> Verification:
    with database.read() as session:
        return verify_queries.verify_log(session, settings, against=list(against))


def walked(database: Database) -> Verification:
    """Verify the chain alone, without any checkpoint."""
    with database.read() as session:
        return verify_queries.verify_events(session, CheckpointFile())


def test_unchanged_log_is_intact(log: Database, settings: Settings) -> None:
    result = verified(log, settings)
    assert result.intact, result.summary()
    assert (result.count, result.agreeing) == (EVENTS, 2)
    assert "up to event 12" in result.summary()


@pytest.mark.parametrize("statement", ["UPDATE audit_events SET action = 'x'", "DELETE FROM audit_events", "TRUNCATE"])
def test_database_rejects_rewrites(log: Database, statement: str, settings: Settings) -> None:
    if statement == "TRUNCATE":
        if log.is_sqlite:
            return  # SQLite has no such statement
        statement = "TRUNCATE audit_events"
    with pytest.raises(DBAPIError, match="append-only"), log.engine.begin() as connection:
        connection.execute(text(statement))
    assert verified(log, settings).count == EVENTS


@pytest.mark.parametrize("column", COLUMNS)
@pytest.mark.parametrize("number", [1, 7, EVENTS])
def test_edit_of_any_column_is_named(log: Database, column: str, number: int, tally: Tally) -> None:
    tampering.forge(log, tampering.edit(number, column, COLUMNS[column]))
    result = walked(log)
    assert result.first_bad == number, result.summary()
    assert f"{number} " in result.summary()
    tally("forgeries found", 1)


FORGERIES: dict[str, tuple[Change, int]] = {
    "delete the first": (tampering.delete(1, 1), 1),
    "delete one of the middle": (tampering.delete(5, 5), 5),
    "delete a stretch": (tampering.delete(4, 8), 4),
    "insert one between": (tampering.insert_after(6), 8),
    "insert one before the first": (tampering.insert_as(0), 0),
    "insert one at the end": (tampering.insert_as(EVENTS + 1), EVENTS + 1),
    "swap two neighbors": (tampering.swap(4, 5), 4),
    "swap the first and the last": (tampering.swap(1, EVENTS), 1),
}


@pytest.mark.parametrize("name", FORGERIES)
def test_chain_shows_delete_insert_swap(log: Database, name: str, tally: Tally) -> None:
    change, first_bad = FORGERIES[name]
    tampering.forge(log, change)
    result = walked(log)
    assert result.first_bad == first_bad, result.summary()
    tally("forgeries found", 1)


CUTS: dict[str, tuple[Change, str]] = {
    "cut the last": (tampering.delete(EVENTS, EVENTS), "ends at event 11"),
    "cut half": (tampering.delete(7, EVENTS), "ends at event 6"),
    "cut all": (tampering.delete(1, EVENTS), "another first event"),
    "restamp from the first": (tampering.restamp(1), "from event 1"),
    "restamp from the third": (tampering.restamp(3), "between 1 and 6"),
    "restamp from the eighth": (tampering.restamp(8), "between 7 and 12"),
    "restamp the last": (tampering.restamp(EVENTS), "between 7 and 12"),
}


@pytest.mark.parametrize("name", CUTS)
def test_only_checkpoint_shows_cut_and_restamp(log: Database, settings: Settings, name: str, tally: Tally) -> None:
    change, problem = CUTS[name]
    tampering.forge(log, change)
    assert walked(log).intact, "the chain alone cannot show it"
    result = verified(log, settings)
    assert not result.intact
    assert problem in result.summary()
    tally("forgeries found", 1)


@pytest.mark.parametrize("name", CUTS)
def test_discontinuous_log_is_not_signed(log: Database, settings: Settings, name: str) -> None:
    tampering.forge(log, CUTS[name][0])
    before = settings.audit_checkpoints_path.read_bytes()
    with log.read() as session, pytest.raises(Conflict, match="No checkpoint was signed"):
        audit_actions.make_checkpoint(session, settings)
    assert settings.audit_checkpoints_path.read_bytes() == before


@pytest.mark.parametrize(("column", "raw"), [("at", "yesterday"), ("details", "{broken"), ("actor", "\udcff")])
def test_unreadable_event_is_named(log: Database, settings: Settings, column: str, raw: str, tally: Tally) -> None:
    if not log.is_sqlite:
        return  # PostgreSQL does not store it
    value = raw.encode("utf-8", "surrogateescape") if "\udcff" in raw else raw
    tampering.forge(log, tampering.spoil(column, value))  # type: ignore[arg-type]
    result = verified(log, settings)
    assert result.first_bad == 5, result.summary()
    tally("forgeries found", 1)


# --- forged checkpoints ---

FORGED_FIELDS: dict[str, dict[str, Any]] = {
    "count": {"count": 11},
    "head": {"head": "c" * 64},
    "time": {"at": "2020-01-01T00:00:00+00:00"},
    "origin": {"origin": "d" * 64},
    "signature": {"signature": "A" * 86 + "=="},
    "no signature": {"signature": ""},
    "another key": {"key": "0" * 16},
}


@pytest.mark.parametrize("name", FORGED_FIELDS)
def test_forged_checkpoint_is_detected(
    log: Database, settings: Settings, tmp_path: Path, name: str, tally: Tally
) -> None:
    path = tmp_path / "kept-elsewhere.jsonl"
    path.write_text(json.dumps({**tampering.lines(settings.audit_checkpoints_path)[-1], **FORGED_FIELDS[name]}) + "\n")
    result = verified(log, settings, path)
    assert not result.intact
    assert "kept-elsewhere.jsonl" in result.summary()
    tally("forgeries found", 1)


def test_new_key_does_not_hide_restamp(log: Database, settings: Settings, tmp_path: Path, tally: Tally) -> None:
    """The attacker owns the host and replaces database, key and checkpoints, but not the copy stored elsewhere."""
    copy, public = tmp_path / "copy.jsonl", checkpoints.public_key(settings)
    assert public is not None
    copy.write_bytes(settings.audit_checkpoints_path.read_bytes())
    old_key = checkpoints.parse_public_key(checkpoints.public_key_text(public))
    tampering.forge(log, tampering.restamp(4))
    settings.audit_key_path.unlink()
    settings.audit_checkpoints_path.unlink()
    with log.read() as session:
        assert audit_actions.make_checkpoint(session, settings) is not None
    assert verified(log, settings).intact, "the replaced files are consistent with each other"
    assert not verified(log, settings, copy).intact
    settings.audit_checkpoints_path.unlink()
    with log.read() as session:
        assert not verify_queries.verify_log(session, settings, against=[copy], key=old_key).intact
    tally("forgeries found", 1)


@pytest.mark.parametrize("name", sorted(set(FORGED_FIELDS) - {"another key"}))
def test_forged_own_line_is_detected(log: Database, settings: Settings, name: str, tally: Tally) -> None:
    path = settings.audit_checkpoints_path
    path.write_text(json.dumps({**tampering.lines(path)[-1], **FORGED_FIELDS[name]}) + "\n")
    assert not verified(log, settings).intact
    tally("forgeries found", 1)


def test_foreign_checkpoints_are_skipped(log: Database, settings: Settings) -> None:
    """As after a restore without the keys: the old lines stay, and the old key still verifies them."""
    old = checkpoints.public_key(settings)
    settings.audit_key_path.unlink()
    with log.read() as session:
        assert audit_actions.make_checkpoint(session, settings) is not None
    result = verified(log, settings)
    assert result.intact, result.summary()
    assert (result.agreeing, len(result.notes)) == (1, 2)
    with log.read() as session:
        assert verify_queries.verify_log(session, settings, key=old).agreeing == 2


def test_torn_line_is_skipped_and_noted(log: Database, settings: Settings) -> None:
    path = settings.audit_checkpoints_path
    path.write_text(path.read_text() + '{"origin": "ab')
    tampering.write_log(log, 1)
    with log.read() as session:
        assert audit_actions.make_checkpoint(session, settings) is not None
    result = verified(log, settings)
    assert result.intact, result.summary()
    assert (result.agreeing, len(result.notes)) == (3, 1)


# --- signing ---


def test_key_is_created_once_and_private(settings: Settings) -> None:
    keys: list[str] = []
    threads = [
        threading.Thread(
            target=lambda: keys.append(checkpoints.public_key_text(checkpoints.private_key(settings).public_key()))
        )
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert len(keys) == 8
    assert len(set(keys)) == 1
    assert settings.audit_key_path.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in settings.data_dir.iterdir()] == ["audit_key"]


def test_named_key_is_never_created(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, audit_key_file=tmp_path / "not-there")
    with pytest.raises(checkpoints.KeyMissing, match="PRECEPTOR_AUDIT_KEY_FILE"):
        checkpoints.private_key(settings)


def test_checkpoint_due_by_events_or_hour() -> None:
    at = datetime(2026, 11, 21, 12, tzinfo=UTC)
    last = checkpoints.Checkpoint("o", 100, "h", at.isoformat(), "k")
    due = [(0, 0), (199, 0), (200, 0), (0, 3), (1, 0), (1, 2)]
    answers = [checkpoints.is_due(last, 100 + more, at + timedelta(hours=hours)) for more, hours in due]
    assert answers == [False, False, True, False, False, True]
    assert not checkpoints.is_due(None, 0, at)
    assert checkpoints.is_due(None, 1, at)


def test_checkpoint_file_is_private(log: Database, settings: Settings) -> None:
    assert settings.audit_checkpoints_path.stat().st_mode & 0o777 == 0o600
    assert [line["count"] for line in tampering.lines(settings.audit_checkpoints_path)] == [6, 12]


# --- writing ---


def test_fifty_writers_leave_no_gap(database: Database, tally: Tally) -> None:
    """Each thread writes three events in separate transactions; every second thread rolls one back."""
    failures: list[BaseException] = []

    def write(number: int) -> None:
        try:
            for at in range(3):
                with database.session() as session:
                    audit_actions.record(session, f"{number:032x}", "pair.saved", "pair", str(at))
            if number % 2:
                with database.session() as session:
                    audit_actions.record(session, None, "pair.lost", "pair", "rolled back")
                    session.rollback()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    result = walked(database)
    assert failures == []
    assert result.intact, result.summary()
    assert result.count == 150
    tally("concurrent events chained", result.count)


def test_event_costs_select_and_insert(database: Database) -> None:
    tampering.write_log(database, 3)
    statements: list[str] = []
    event.listen(database.engine, "before_cursor_execute", lambda *args: statements.append(args[2].split()[0]))
    with database.session() as session:
        audit_actions.record(session, None, "pair.saved", "pair", "1")
    lock = [] if database.is_sqlite else ["SELECT"]
    verbs = [word for word in statements if word not in ("BEGIN", "SAVEPOINT", "RELEASE")]
    assert verbs == [*lock, "SELECT", "INSERT"]


def test_line_breaks_stay_in_one_line(database: Database) -> None:
    """User text cannot add a line to the downloaded log."""
    from app.domain.audit.queries import Filters, json_lines

    evil = 'saved\r\n{"id": 2, "action": "member.added"}\u2028\x85\x0b\x1b[2J'
    with database.session() as session:
        audit_actions.record(session, None, "pair.saved", "pair", "1\r\n2", name=evil, **{evil: [evil]})
    downloaded = "".join(json_lines(database, Filters()))
    assert len(downloaded.splitlines()) == 1
    assert json.loads(downloaded)["details"]["name"] == evil
    assert walked(database).intact


def test_details_read_back_as_hashed(database: Database) -> None:
    with database.session() as session:
        audit_actions.record(session, None, "x", "y", "z", numbers={10: 1, 9: 2.5}, pair=(1, 2), none=None, big=2**63)
    assert walked(database).intact
