"""The house rules that a machine can check: sizes, names, who imports what."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BANNED = {"utils", "util", "helpers", "common", "manager", "misc"}
SOURCES = sorted(path for folder in ("app", "trainer", "migrations") for path in (ROOT / folder).rglob("*.py"))
OURS = [*SOURCES, *sorted((ROOT / "tests").rglob("*.py"))]


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", OURS, ids=named)
def test_a_file_has_at_most_400_lines(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 400


@pytest.mark.parametrize("path", SOURCES, ids=named)
def test_a_function_has_at_most_60_lines(path: Path) -> None:
    functions = [
        n for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    is_migration = "versions" in path.parts
    assert [f.name for f in functions if (f.end_lineno or 0) - f.lineno >= 60 and not is_migration] == []


def test_no_module_has_a_name_that_says_nothing() -> None:
    assert [named(path) for path in OURS if path.stem in BANNED] == []


@pytest.mark.parametrize("path", [path for path in SOURCES if path.stem != "__init__"], ids=named)
def test_a_module_says_what_it_is(path: Path) -> None:
    assert ast.get_docstring(ast.parse(path.read_text()))


def imported(path: Path) -> set[str]:
    """Dotted names of all imports, also those inside functions."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def test_the_application_imports_nothing_of_the_trainer_but_its_protocol() -> None:
    wrong = [
        (named(path), name)
        for path in (ROOT / "app").rglob("*.py")
        for name in imported(path)
        if name.split(".")[0] == "trainer" and not name.startswith("trainer.protocol")
    ]
    assert wrong == []


def test_nothing_commits_outside_the_database_module() -> None:
    """And the line of its writers."""
    wrong = [
        named(path)
        for path in (ROOT / "app").rglob("*.py")
        if path.name != "group_commit.py"
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "commit"
    ]
    assert wrong == []
