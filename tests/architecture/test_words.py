"""Names and prose use the field's words. Each banned word is listed with the word to use."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

NAMES = {
    "found": "match, row, result",
    "given": "value, payload, options",
    "asked": "query, request",
    "said": "message, event",
    "kept": "saved, stored",
    "told": "notified",
    "gone": "withdrawn, removed",
    "meant": "match",
    "spelt": "spelling",
    "one": "the noun itself: pair, row, name",
    "mend": "fix",
    "mended": "fixed",
    "remark": "comment",
    "ruling": "adjudication",
    "ledger": "job queue",
    "verdict": "decision",
    "verdicts": "decisions",
    "opinion": "review",
    "opinions": "reviews",
    "door": "permission dependency",
    "glance": "read connection",
    "turnstile": "process lock",
    "whoever": "the user who",
}
"""Banned as a word of an identifier in Python: `one`, `found_pairs`, `mend_text`. Left: banned; right: use instead."""
ALLOWED_NAMES = {
    "NotFound",
    "second_opinions",
    "one_or_none",
    "scalar_one",
    "scalar_one_or_none",
    "one_hot",
    "_one_hot",
    "z_one",
}

PROSE = {
    r"\bmend(s|ed|ing)?\b": "fix",
    r"\bremarks?\b": "comment",
    r"\brulings?\b": "adjudication",
    r"\bverdicts?\b": "decision, review",
    r"\bledger\b": "job queue",
    r"\bstoreys?\b": "layer",
    r"\bwhoever\b": "the user who",
    r"\bis told\b": "is notified",
    r"\bsomebody\b": "someone, a user, another editor",
    r"\b(opinions?)\b": "review",
    r"\blicences?\b": "license",
    r"\b(colour|behaviour|neighbour|favour|honour)(s|ed|ing|hood)?\b": "US spelling",
    r"\d %": "no space before %",
}
"""Banned in what people read: templates, docs, docstrings, comments and messages."""
STORED = re.compile(r"`[^`]*`|\"[^\"]*\"|'[a-z_.]+'")
"""Quoted code and stored values: a column, a JSON key and a setting keep their names."""
SEEDS = {"second opinion"}
"""Strings that seed a random draw: another string would draw other pairs."""
PAGES = sorted((ROOT / "templates").rglob("*.html"))
DOCS = [
    ROOT / "README.md",
    ROOT / "CHANGELOG.md",
    ROOT / "SECURITY.md",
    ROOT / "CONTRIBUTING.md",
    *sorted((ROOT / "docs").rglob("*.md")),
    ROOT / "trainer" / "starter" / "MODEL_CARD.md",
    ROOT / "app" / "cli" / "demo" / "README.md",
    ROOT / "app" / "cli" / "demo" / "guideline.md",
    ROOT / "app" / "cli" / "demo" / "brief.md",
]
PYTHON = sorted(path for folder in ("app", "trainer") for path in (ROOT / folder).rglob("*.py"))


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


def identifiers(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """(line, name) of what a file defines or binds."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.lineno, node.name
        elif isinstance(node, ast.arg):
            yield node.lineno, node.arg
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.id


def words(name: str) -> list[str]:
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower().strip("_").split("_")


@pytest.mark.parametrize("path", PYTHON, ids=named)
def test_identifiers_are_standard_words(path: Path) -> None:
    wrong = [
        f"{line}: {name} (use {NAMES[word]})"
        for line, name in identifiers(ast.parse(path.read_text()))
        if name not in ALLOWED_NAMES
        for word in words(name)
        if word in NAMES
    ]
    assert wrong == []


def is_text(value: str) -> bool:
    """Whether a string is a message, and not a key, a stored value or a seed."""
    return " " in value and value not in SEEDS


def prose(path: Path) -> Iterator[tuple[int, str]]:
    """(line, text) that a person reads: Python docstrings, comments and messages; documents; pages."""
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if path.suffix == ".py":
            comment = re.search(r"(?:^|\s)#\s(.*)", line)
            if comment:
                yield number, comment[1]
        elif path.suffix == ".html":
            yield number, re.sub(r"{[{%#].*?[}%#]}|<[^>]*>", " ", line)
        else:
            yield number, line
    if path.suffix == ".py":
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and is_text(node.value):
                yield node.lineno, node.value


@pytest.mark.parametrize("path", [*PYTHON, *PAGES, *DOCS], ids=named)
def test_prose_is_plain_us_english(path: Path) -> None:
    wrong = [
        f"{number}: {match.group()} (use {instead})"
        for number, text in prose(path)
        for pattern, instead in PROSE.items()
        if (match := re.search(pattern, STORED.sub(" ", text), re.IGNORECASE))
    ]
    assert wrong == []
