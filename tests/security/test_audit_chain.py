"""The audit log cannot be forged unseen: every kind of forgery is tried on both engines, and named."""

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
from app.domain.audit import actions as audit_actions
from app.domain.audit import checkpoints, verify
from app.domain.audit.verify import Verification
from app.settings import Settings
from tests.security import tampering
from tests.security.tampering import COLUMNS, EVENTS

pytestmark = pytest.mark.assurance
Tally = Callable[[str, int], None]
Change = Callable[[Connection], object]


@pytest.fixture
def home(settings: Settings) -> Settings:
    return settings


@pytest.fixture
def log(database: Database, home: Settings) -> Database:
    """Twelve events, signed after the sixth and after the twelfth."""
    for _ in range(2):
        tampering.write_log(database, EVENTS // 2)
        with database.read() as session:
            assert audit_actions.make_checkpoint(session, home) is not None
    return database


def examined(database: Database, home: Settings, *against: Path) -> Verification:
    with database.read() as session:
        return verify.examine(session, home, against=list(against))


def walked(database: Database) -> Verification:
    """The chain alone, without any checkpoint."""
    with database.read() as session:
        return verify.verify(session)


def test_an_honest_log_is_intact(log: Database, home: Settings) -> None:
    found = examined(log, home)
    assert found.intact, found.words()
    assert (found.count, found.agreeing) == (EVENTS, 2)
    assert "up to event 12" in found.words()


@pytest.mark.parametrize("statement", ["UPDATE audit_events SET action = 'x'", "DELETE FROM audit_events", "TRUNCATE"])
def test_the_database_refuses_to_rewrite_the_log(log: Database, statement: str, home: Settings) -> None:
    if statement == "TRUNCATE":
        if log.is_sqlite:
            return  # SQLite has no such statement
        statement = "TRUNCATE audit_events"
    with pytest.raises(DBAPIError, match="append-only"), log.engine.begin() as connection:
        connection.execute(text(statement))
    assert examined(log, home).count == EVENTS


@pytest.mark.parametrize("column", COLUMNS)
@pytest.mark.parametrize("seq", [1, 7, EVENTS])
def test_an_edit_of_any_column_is_named(log: Database, column: str, seq: int, tally: Tally) -> None:
    tampering.forge(log, tampering.edit(seq, column, COLUMNS[column]))
    found = walked(log)
    assert found.first_bad == seq, found.words()
    assert f"{seq} " in found.words()
    tally("forgeries found", 1)


FORGERIES: dict[str, tuple[Change, int]] = {
    "delete the first": (tampering.delete(1, 1), 1),
    "delete one of the middle": (tampering.delete(5, 5), 5),
    "delete a stretch": (tampering.delete(4, 8), 4),
    "insert one between": (tampering.insert_after(6), 8),
    "insert one before the first": (tampering.insert_as(0), 0),
    "insert one at the end": (tampering.insert_as(EVENTS + 1), EVENTS + 1),
    "swap two neighbours": (tampering.swap(4, 5), 4),
    "swap the first and the last": (tampering.swap(1, EVENTS), 1),
}


@pytest.mark.parametrize("name", FORGERIES)
def test_the_chain_alone_shows_deletion_insertion_and_swap(log: Database, name: str, tally: Tally) -> None:
    change, first_bad = FORGERIES[name]
    tampering.forge(log, change)
    found = walked(log)
    assert found.first_bad == first_bad, found.words()
    tally("forgeries found", 1)


ONLY_SIGNED: dict[str, tuple[Change, str]] = {
    "cut the last": (tampering.delete(EVENTS, EVENTS), "ends at event 11"),
    "cut half": (tampering.delete(7, EVENTS), "ends at event 6"),
    "cut all": (tampering.delete(1, EVENTS), "another first event"),
    "restamp from the first": (tampering.restamp(1), "from event 1"),
    "restamp from the third": (tampering.restamp(3), "between 1 and 6"),
    "restamp from the eighth": (tampering.restamp(8), "between 7 and 12"),
    "restamp the last": (tampering.restamp(EVENTS), "between 7 and 12"),
}


@pytest.mark.parametrize("name", ONLY_SIGNED)
def test_only_a_checkpoint_shows_a_cut_tail_and_a_restamped_chain(
    log: Database, home: Settings, name: str, tally: Tally
) -> None:
    change, words = ONLY_SIGNED[name]
    tampering.forge(log, change)
    assert walked(log).intact, "the chain alone cannot know"
    found = examined(log, home)
    assert not found.intact
    assert words in found.words()
    tally("forgeries found", 1)


@pytest.mark.parametrize("name", ONLY_SIGNED)
def test_what_does_not_continue_the_last_checkpoint_is_not_signed(log: Database, home: Settings, name: str) -> None:
    tampering.forge(log, ONLY_SIGNED[name][0])
    before = home.audit_checkpoints_path.read_bytes()
    with log.read() as session, pytest.raises(Conflict, match="No checkpoint was signed"):
        audit_actions.make_checkpoint(session, home)
    assert home.audit_checkpoints_path.read_bytes() == before


@pytest.mark.parametrize(("column", "raw"), [("at", "yesterday"), ("details", "{broken"), ("actor", "\udcff")])
def test_an_event_that_cannot_be_read_any_more_is_named(
    log: Database, home: Settings, column: str, raw: str, tally: Tally
) -> None:
    if not log.is_sqlite:
        return  # PostgreSQL refuses to store it
    value = raw.encode("utf-8", "surrogateescape") if "\udcff" in raw else raw
    tampering.forge(log, tampering.spoil(column, value))  # type: ignore[arg-type]
    found = examined(log, home)
    assert found.first_bad == 5, found.words()
    tally("forgeries found", 1)


# --- forged checkpoints ---

LIES: dict[str, dict[str, Any]] = {
    "count": {"count": 11},
    "head": {"head": "c" * 64},
    "time": {"at": "2020-01-01T00:00:00+00:00"},
    "origin": {"origin": "d" * 64},
    "signature": {"signature": "A" * 86 + "=="},
    "no signature": {"signature": ""},
    "another key": {"key": "0" * 16},
}


@pytest.mark.parametrize("name", LIES)
def test_a_forged_checkpoint_is_found_by_its_signature(
    log: Database, home: Settings, tmp_path: Path, name: str, tally: Tally
) -> None:
    path = tmp_path / "kept-elsewhere.jsonl"
    path.write_text(json.dumps({**tampering.lines(home.audit_checkpoints_path)[-1], **LIES[name]}) + "\n")
    found = examined(log, home, path)
    assert not found.intact
    assert "kept-elsewhere.jsonl" in found.words()
    tally("forgeries found", 1)


def test_a_new_key_does_not_help_who_restamps(log: Database, home: Settings, tmp_path: Path, tally: Tally) -> None:
    """The attacker owns the host: database, key and checkpoints are all new. The copy kept elsewhere is not."""
    copy, public = tmp_path / "copy.jsonl", checkpoints.public_key(home)
    assert public is not None
    copy.write_bytes(home.audit_checkpoints_path.read_bytes())
    noted = checkpoints.from_text(checkpoints.as_text(public))
    tampering.forge(log, tampering.restamp(4))
    home.audit_key_path.unlink()
    home.audit_checkpoints_path.unlink()
    with log.read() as session:
        assert audit_actions.make_checkpoint(session, home) is not None
    assert examined(log, home).intact, "what the attacker left behind fits together"
    assert not examined(log, home, copy).intact
    home.audit_checkpoints_path.unlink()
    with log.read() as session:
        assert not verify.examine(session, home, against=[copy], key=noted).intact
    tally("forgeries found", 1)


@pytest.mark.parametrize("name", sorted(set(LIES) - {"another key"}))
def test_a_forged_line_among_our_own_is_found(log: Database, home: Settings, name: str, tally: Tally) -> None:
    path = home.audit_checkpoints_path
    path.write_text(json.dumps({**tampering.lines(path)[-1], **LIES[name]}) + "\n")
    assert not examined(log, home).intact
    tally("forgeries found", 1)


def test_what_another_installation_signed_is_passed_over_and_said(log: Database, home: Settings) -> None:
    """As after a restore without the keys: the old lines stay, and count for who compares them with the old key."""
    old = checkpoints.public_key(home)
    home.audit_key_path.unlink()
    with log.read() as session:
        assert audit_actions.make_checkpoint(session, home) is not None
    found = examined(log, home)
    assert found.intact, found.words()
    assert (found.agreeing, len(found.remarks)) == (1, 2)
    with log.read() as session:
        assert verify.examine(session, home, key=old).agreeing == 2


def test_a_torn_line_is_passed_over_and_said(log: Database, home: Settings) -> None:
    path = home.audit_checkpoints_path
    path.write_text(path.read_text() + '{"origin": "ab')
    tampering.write_log(log, 1)
    with log.read() as session:
        assert audit_actions.make_checkpoint(session, home) is not None
    found = examined(log, home)
    assert found.intact, found.words()
    assert (found.agreeing, len(found.remarks)) == (3, 1)


# --- signing ---


def test_the_key_is_made_once_and_only_for_this_user(home: Settings) -> None:
    made: list[str] = []
    threads = [
        threading.Thread(target=lambda: made.append(checkpoints.as_text(checkpoints.private_key(home).public_key())))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert len(made) == 8
    assert len(set(made)) == 1
    assert home.audit_key_path.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in home.data_dir.iterdir()] == ["audit_key"]


def test_a_named_key_is_never_made_up(tmp_path: Path) -> None:
    home = Settings(data_dir=tmp_path, audit_key_file=tmp_path / "not-there")
    with pytest.raises(checkpoints.KeyMissing, match="PRECEPTOR_AUDIT_KEY_FILE"):
        checkpoints.private_key(home)


def test_a_checkpoint_is_due_every_200_events_and_every_hour() -> None:
    at = datetime(2026, 11, 21, 12, tzinfo=UTC)
    last = checkpoints.Checkpoint("o", 100, "h", at.isoformat(), "k")
    due = [(0, 0), (199, 0), (200, 0), (0, 3), (1, 0), (1, 2)]
    answers = [checkpoints.is_due(last, 100 + more, at + timedelta(hours=hours)) for more, hours in due]
    assert answers == [False, False, True, False, False, True]
    assert not checkpoints.is_due(None, 0, at)
    assert checkpoints.is_due(None, 1, at)


def test_the_file_of_checkpoints_is_synced_and_for_this_user_only(log: Database, home: Settings) -> None:
    assert home.audit_checkpoints_path.stat().st_mode & 0o777 == 0o600
    assert [line["count"] for line in tampering.lines(home.audit_checkpoints_path)] == [6, 12]


# --- writing ---


def test_fifty_writers_at_once_leave_no_gap(database: Database, tally: Tally) -> None:
    """Each writes three events in transactions of its own; every other one rolls one back."""
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
    found = walked(database)
    assert failures == []
    assert found.intact, found.words()
    assert found.count == 150
    tally("concurrent events chained", found.count)


def test_an_event_costs_one_select_and_one_insert(database: Database) -> None:
    tampering.write_log(database, 3)
    statements: list[str] = []
    event.listen(database.engine, "before_cursor_execute", lambda *given: statements.append(given[2].split()[0]))
    with database.session() as session:
        audit_actions.record(session, None, "pair.saved", "pair", "1")
    lock = [] if database.is_sqlite else ["SELECT"]
    asked = [word for word in statements if word not in ("BEGIN", "SAVEPOINT", "RELEASE")]
    assert asked == [*lock, "SELECT", "INSERT"]


def test_an_event_with_line_breaks_stays_one_line(database: Database) -> None:
    """What a person typed cannot add a line to a log that is read line by line."""
    from app.domain.audit.queries import Filters, json_lines

    evil = 'saved\r\n{"id": 2, "action": "member.added"}\u2028\x85\x0b\x1b[2J'
    with database.session() as session:
        audit_actions.record(session, None, "pair.saved", "pair", "1\r\n2", name=evil, **{evil: [evil]})
    downloaded = "".join(json_lines(database, Filters()))
    assert len(downloaded.splitlines()) == 1
    assert json.loads(downloaded)["details"]["name"] == evil
    assert walked(database).intact


def test_details_of_any_kind_read_back_as_they_were_hashed(database: Database) -> None:
    with database.session() as session:
        audit_actions.record(session, None, "x", "y", "z", numbers={10: 1, 9: 2.5}, pair=(1, 2), none=None, big=2**63)
    assert walked(database).intact
