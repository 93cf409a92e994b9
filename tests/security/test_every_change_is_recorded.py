"""Every action that changes something is in the audit log, checked in the source of every room.

An action is a public function of a room whose first parameter is the session. It is recorded when it calls
`audit_actions.record`, directly or through another function of the domain. The exceptions are listed with a reason.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.assurance

DOMAIN = Path(__file__).resolve().parents[2] / "app" / "domain"
READERS = {"queries", "tables", "access", "permissions", "verify", "checkpoints"}
RECORDS_NOTHING = {
    "accounts.actions.revoke_all_tokens": "a step of auth.deactivate, which records",
    "audit.actions.make_checkpoint": "signs what was recorded; changes no row",
    "auth.actions.rotate_session": "a step of a change of password or second factor, each of which records",
    "auth.actions.start_session": "follows a sign-in, which records, by link, password, second factor or provider",
    "auth.actions.user_for": "reads only",
    "evaluations.actions.forget": "a step of an erasure or a withdrawal, each of which records",
    "notifications.actions.mark_read": "what a user has read",
    "notifications.actions.notify": "a notification of what its caller records",
    "notifications.actions.sweep": "deletes notifications that were read long ago",
    "pairs.actions.add_revision": "a step of create, save and a reviewer's correction, each of which records",
    "pairs.actions.lock": "locks a row and changes nothing",
    "pairs.actions.notify": "a notification of what its caller records",
    "pairs.actions.undiscard": "a step of reviews.restore, which records",
    "privacy.withdrawal_actions.blank": "a step of an erasure, which records",
    "privacy.withdrawal_actions.anonymize_comments": "a step of an erasure, which records",
    "privacy.withdrawal_actions.blank_comments": "a step of an erasure, which records",
    "reviews.actions.renew": "a heartbeat of a lease whose taking was recorded",
    "reviews.actions.update_state": "a step of decide, undo and adjudicate, which record",
    "reviews.adjudication_actions.require_adjudicator": "reads only",
    "runs.actions.claim": "the job stores attempt and worker; the run's request and end are recorded",
    "runs.actions.end": "a step of evaluations.accept_completion, which records",
    "runs.actions.heartbeat": "a heartbeat of the job",
    "runs.actions.notify_finished": "a notification of the end of a run, which is recorded",
    "runs.actions.record_events": "the run's own numbered log; its end is recorded",
    "versions.actions.redact": "a step of an erasure or a withdrawal, each of which records",
    "webhooks.actions.delete_old_deliveries": "deletes deliveries that ended long ago",
    "webhooks.actions.enqueue_deliveries": "deliveries of what its caller records",
    "webhooks.actions.record_delivery": "how the last delivery of a webhook went",
}

RECORDERS = ("audit_actions.record", "pairs_actions.record", "record")
DERIVED = ("pairs.indexes.",)
"""Indexes of the revisions, whose saving is recorded; they can be rebuilt and hold nothing of their own."""


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
        if (before, called) == ("audit_actions", "record"):
            return True
        here = f"{name.rsplit('.', 1)[0]}.{called}"
        likely = [here] if not before else [full for full in BY_NAME.get(called, []) if is_module(before, full)]
        if any(full in FUNCTIONS and records(full, seen | {name}) for full in likely):
            return True
    return False


def is_module(alias: str, full: str) -> bool:
    """Whether the alias of an import may be the module of the function `room.module.name`."""
    return alias in full or alias == "actions" or alias.replace("_actions", ".actions") in full


def actions() -> list[str]:
    return [
        name
        for name, function in FUNCTIONS.items()
        if takes_session(function)
        and not function.name.startswith("_")
        and not READERS & set(name.split("."))
        and not name.split(".")[1].endswith("_queries")
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
    silent = {name for name in actions() if name.split(".")[1].endswith("actions") and not records(name)}
    assert silent - set(RECORDS_NOTHING) == set()


def test_every_other_function_that_writes_rows_is_recorded_by_its_caller_or_itself() -> None:
    """Other modules of a room that write, such as second factors and single sign-on."""
    own = [name for name in actions() if not name.startswith(DERIVED)]
    silent = {name for name in own if writes(FUNCTIONS[name]) and not records(name)}
    called = {(before, one) for name in FUNCTIONS if records(name) for before, one in calls(FUNCTIONS[name])}
    by_a_recorder = {name for name in silent if any(one == name.rsplit(".", 1)[1] for _, one in called)}
    assert silent - by_a_recorder - set(RECORDS_NOTHING) == set()


def test_the_list_of_exceptions_holds_nothing_that_is_gone_or_records_by_now() -> None:
    assert [name for name in RECORDS_NOTHING if name not in FUNCTIONS or records(name)] == []


@pytest.mark.parametrize("name", sorted(name for name in FUNCTIONS if records(name)))
def test_one_path_records_once(name: str) -> None:
    """Two events in the same block would be two for one change."""
    for node in ast.walk(FUNCTIONS[name]):
        for block in ("body", "orelse", "finalbody"):
            statements = getattr(node, block, None)
            if isinstance(statements, list):
                direct = [line for line in statements if isinstance(line, ast.Expr) and _records_directly(line.value)]
                assert len(direct) <= 1, f"{name}: {[ast.unparse(line)[:60] for line in direct]}"


def _records_directly(node: ast.AST) -> bool:
    called = isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
    return called and ast.unparse(node.func) in RECORDERS  # type: ignore[attr-defined]
