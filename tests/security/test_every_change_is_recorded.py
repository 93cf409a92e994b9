"""Every action that changes something records it: read from the sources of all rooms.

An action is a public function of a room that takes a session first. It records when it calls `audit.record`, itself or
through another function of the domain that does. What records nothing stands below, with the reason.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.assurance

DOMAIN = Path(__file__).resolve().parents[2] / "app" / "domain"
READERS = {"queries", "tables", "access", "permissions", "chain", "verify", "checkpoints"}
RECORDS_NOTHING = {
    "accounts.actions.revoke_all": "a step of signin.deactivate, which records",
    "accounts.actions.used": "when a token was last used; says nothing that the request's own event does not",
    "audit.actions.make_checkpoint": "signs what was recorded; changes no row",
    "datasets.actions.prepare": "reads only; freeze records what it prepared",
    "datasets.actions.redact": "a step of an erasure or a withdrawal, each of which records",
    "datasets.imports.check_rows": "reads only; save_rows records what it checked",
    "findings.actions.draft_brief": "words for a form; opening the round records",
    "pairs.actions.add_revision": "a step of create, save and of an editor's fix, each of which records",
    "evaluation.actions.forget": "a step of an erasure or a withdrawal, each of which records",
    "notifications.actions.mark_read": "what a person has seen; says nothing of the work",
    "notifications.actions.notify": "a line about what its caller records",
    "notifications.actions.sweep": "deletes lines that were read long ago",
    "notifications.actions.tell": "lines about what its caller records",
    "notifications.actions.tell_members": "lines about what its caller records",
    "notifications.webhooks.forget_deliveries": "deletes deliveries that ended long ago",
    "pairs.actions.undiscard": "a step of reviews.bring_back, which records",
    "pairs.actions.lock": "locks a row and changes nothing",
    "provenance.withdrawal.silence": "a step of an erasure, which records",
    "provenance.withdrawal.unsign_comments": "a step of an erasure, which records",
    "reviews.actions.renew": "a heartbeat of a lease whose taking was recorded",
    "signin.actions.person_for": "reads only",
    "signin.actions.rotate_session": "a step of a change of password or second factor, each of which records",
    "signin.actions.seen": "when a session was last used",
    "signin.actions.start_session": "follows a sign-in, which records, by link, password, second factor or provider",
    "training.actions.claim": "the ledger notes attempt and worker; the run's request and end are recorded",
    "training.actions.heartbeat": "the ledger's sign of life",
    "training.actions.record_events": "the run's own numbered log; its end is recorded",
    "training.actions.tell": "a line about the end of a run, which is recorded",
    "training.actions.end": "a step of evaluation.accept_completion, which records",
}

DERIVED = ("pairs.index.", "pairs.search.", "pairs.vectors.")
"""Indexes that follow from the revisions, whose saving records; they can be made anew and tell nothing of their own."""


def _functions() -> Iterator[tuple[str, ast.FunctionDef]]:
    """room.module.function -> its source."""
    for path in sorted(DOMAIN.rglob("*.py")):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.FunctionDef):
                yield ".".join((*path.relative_to(DOMAIN).with_suffix("").parts, node.name)), node


FUNCTIONS = dict(_functions())
BY_NAME: dict[str, list[str]] = {}
for _name in FUNCTIONS:
    BY_NAME.setdefault(_name.rsplit(".", 1)[1], []).append(_name)


def takes_session(function: ast.FunctionDef) -> bool:
    return bool(function.args.args) and function.args.args[0].arg == "session"


def calls(function: ast.FunctionDef) -> Iterator[tuple[str, str]]:
    """(what stands before the dot, name) of each call."""
    for node in ast.walk(function):
        if isinstance(node, ast.Call):
            if isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Name):
                yield node.func.value.id, node.func.attr
            elif isinstance(node.func, ast.Name):
                yield "", node.func.id


def records(name: str, seen: frozenset[str] = frozenset()) -> bool:
    """Does it call audit.record, or a function of the domain that does?"""
    if name in seen:
        return False
    for before, called in calls(FUNCTIONS[name]):
        if (before, called) == ("audit", "record"):
            return True
        here = f"{name.rsplit('.', 1)[0]}.{called}"
        likely = (
            [here] if not before else [one for one in BY_NAME.get(called, []) if before in one or before == "actions"]
        )
        if any(one in FUNCTIONS and records(one, seen | {name}) for one in likely):
            return True
    return False


def actions() -> list[str]:
    return [
        name
        for name, function in FUNCTIONS.items()
        if takes_session(function)
        and not function.name.startswith("_")
        and not READERS & set(name.split("."))
        and name != "audit.actions.record"
    ]


def writes(function: ast.FunctionDef) -> bool:
    """Does its own text change rows: session.add, delete, an update, or a field set on a loaded row?"""
    for node in ast.walk(function):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            if node.func.attr in ("add", "add_all", "delete", "merge") and _is_session(node.func.value):
                return True
            if node.func.attr in ("execute", "scalars") and _is_session(node.func.value) and _changes(node):
                return True
    return False


def _is_session(node: ast.AST) -> bool:
    return isinstance(node, ast.Name) and node.id == "session"


def _changes(call: ast.Call) -> bool:
    words = {part.func.id for part in ast.walk(call) if isinstance(part, ast.Call) and isinstance(part.func, ast.Name)}
    return bool(words & {"update", "delete", "insert"})


def test_the_actions_are_found(tally: Callable[[str, int], None]) -> None:
    found = actions()
    assert {"pairs.actions.save", "reviews.actions.decide", "accounts.actions.create_user"} <= set(found)
    tally("actions read", len(found))


def test_every_action_records_what_it_changes() -> None:
    silent = {name for name in actions() if name.split(".")[1] == "actions" and not records(name)}
    assert silent - set(RECORDS_NOTHING) == set()


def test_every_other_function_that_writes_rows_is_recorded_by_its_caller_or_itself() -> None:
    """Pure modules of a room that write, too: imports, second factors, single sign-on."""
    own = [name for name in actions() if not name.startswith(DERIVED)]
    silent = {name for name in own if writes(FUNCTIONS[name]) and not records(name)}
    called = {(before, one) for name in FUNCTIONS if records(name) for before, one in calls(FUNCTIONS[name])}
    by_a_recorder = {name for name in silent if any(one == name.rsplit(".", 1)[1] for _, one in called)}
    assert silent - by_a_recorder - set(RECORDS_NOTHING) == set()


def test_the_list_of_exceptions_holds_nothing_that_is_gone_or_records_by_now() -> None:
    assert [name for name in RECORDS_NOTHING if name not in FUNCTIONS or records(name)] == []


@pytest.mark.parametrize("name", sorted(name for name in FUNCTIONS if records(name)))
def test_one_path_records_once(name: str) -> None:
    """Two calls of audit.record in the same block would be two events for one change."""
    for node in ast.walk(FUNCTIONS[name]):
        for block in ("body", "orelse", "finalbody"):
            statements = getattr(node, block, None)
            if isinstance(statements, list):
                found = [one for one in statements if isinstance(one, ast.Expr) and _records_directly(one.value)]
                assert len(found) <= 1, f"{name}: {[ast.unparse(one)[:60] for one in found]}"


def _records_directly(node: ast.AST) -> bool:
    called = isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
    return called and ast.unparse(node.func) == "audit.record"  # type: ignore[attr-defined]
