"""Every change is a function in some actions module, every read is one in some queries module; routes do neither."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOMAIN = ROOT / "app" / "domain"
GUARD = DOMAIN / "projects" / "access.py"
"""The permission guard reads memberships for every action."""
GUARDS = {GUARD, DOMAIN / "accounts" / "permissions.py"}
DEPENDENCIES = {"api/deps.py", "http/route_permissions.py"}
"""They authenticate and authorize a request before its handler, in a transaction of their own."""
RAW = {"cli/backup.py", "cli/doctor.py", "cli/dump.py"}
"""They look at the database itself: every table, sizes, clocks."""
WRITES = {"add", "add_all", "delete", "merge", "flush", "bulk_insert_mappings"}
READS = {"execute", "get", "get_one", "scalar", "scalars"}
STATEMENTS = {"insert", "update", "delete"}
Function = ast.FunctionDef | ast.AsyncFunctionDef


def is_actions(path: Path) -> bool:
    return path.stem == "actions" or path.stem.endswith("_actions")


def is_queries(path: Path) -> bool:
    return path.stem == "queries" or path.stem.endswith("_queries")


def functions(path: Path) -> Iterator[Function]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, Function):
            yield node


def takes_a_session(function: Function) -> bool:
    arguments = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
    return any(arg.annotation is not None and "Session" in ast.unparse(arg.annotation).split() for arg in arguments)


def calls_on_session(node: ast.AST) -> Iterator[ast.Call]:
    for call in ast.walk(node):
        if (
            isinstance(call, ast.Call)
            and isinstance(call.func, ast.Attribute)
            and isinstance(call.func.value, ast.Name)
            and call.func.value.id == "session"
        ):
            yield call


def is_write(call: ast.Call) -> bool:
    """session.add(...) and the like, or session.execute(insert(...)...)."""
    assert isinstance(call.func, ast.Attribute)
    if call.func.attr in WRITES:
        return True
    names = {node.id for argument in call.args for node in ast.walk(argument) if isinstance(node, ast.Name)}
    return call.func.attr in READS and bool(names & STATEMENTS)


def sources(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*.py") if path.stem != "__init__")


def where(path: Path, node: Function) -> str:
    return f"{path.relative_to(ROOT)}:{node.lineno} {node.name}"


def test_sessions_stay_in_actions_and_queries() -> None:
    wrong = [
        where(path, function)
        for path in sources(DOMAIN)
        if not is_actions(path) and not is_queries(path) and path not in GUARDS
        for function in functions(path)
        if takes_a_session(function)
    ]
    assert wrong == []


def test_queries_write_nothing() -> None:
    wrong = [
        where(path, function)
        for path in [*filter(is_queries, sources(DOMAIN)), GUARD]
        for function in functions(path)
        if any(is_write(call) for call in calls_on_session(function))
    ]
    assert wrong == []


def test_interfaces_use_actions_and_queries() -> None:
    """A page, an API route, a command or a job handler runs no statement of its own."""
    wrong = [
        where(path, function)
        for folder in ("web", "api", "http", "cli", "worker")
        for path in sources(ROOT / "app" / folder)
        if f"{folder}/{path.name}" not in DEPENDENCIES | RAW
        for function in functions(path)
        if any(call.func.attr in WRITES | READS for call in calls_on_session(function))  # type: ignore[attr-defined]
    ]
    assert wrong == []
