"""The documents match the code: links resolve, named tests and commands exist, bold labels are on the screen."""

from __future__ import annotations

import ast
import html
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer.main

from app.cli.main import app as command_line
from app.domain.checks.guideline_rules import FREE, LENGTH, TESTS, WORDS
from app.domain.checks.pii.redaction import KINDS
from app.domain.checks.registry import CODES
from app.web.projects_settings import RULES
from tests.security.test_compliance import CLAIMS, NAMED, QUOTED, exists

ROOT = Path(__file__).resolve().parents[2]
GUIDE = ROOT / "docs" / "guide"
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
OURS = [ROOT / "docs" / "why.md", *sorted(GUIDE.glob("*.md"))]
LABELED = [GUIDE / f"{name}.md" for name in ("checks", "for-experts", "for-editors", "for-admins")]
"""Guides whose bold words are labels on the screen."""
DESKS = {
    "pairs/write.html": ("for-experts.md", "Writing page"),
    "pairs/submit.html": ("for-experts.md", "Before submitting"),
    "reviews/queue.html": ("for-editors.md", "Queue"),
    "reviews/desk.html": ("for-editors.md", "Review page"),
    "reviews/adjudicate.html": ("for-editors.md", "Adjudication page"),
}
"""Template with keyboard shortcuts -> guide and heading of its table."""


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


def section(text: str, heading: str) -> str:
    """Return the text under a heading, up to the next heading."""
    match = re.search(rf"^(#+) {re.escape(heading)}$\n(.*?)(?=^#{{1,6}} |\Z)", text, re.MULTILINE | re.DOTALL)
    assert match, f"no heading {heading!r}"
    return match.group(2)


def rows(text: str) -> list[list[str]]:
    """Return the cells of a table without its header and without backticks."""
    cells = [re.split(r"(?<!\\)\|", line)[1:-1] for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip().strip("`") for cell in row] for row in cells[2:]]


# --- links ---


@cache
def anchors(path: Path) -> frozenset[str]:
    """Return the anchors that GitHub creates for the headings of a page."""
    headings = re.findall(r"^#+ (.+)$", re.sub(r"```.*?```", "", path.read_text(), flags=re.DOTALL), re.MULTILINE)
    return frozenset(re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings)


@pytest.mark.parametrize("path", DOCUMENTS, ids=named)
def test_links_resolve(path: Path) -> None:
    prose = re.sub(r"```.*?```", "", path.read_text(), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", prose):
        if re.match(r"[a-z]+:", target):
            continue
        address, _, anchor = target.partition("#")
        linked = (path.parent / address).resolve() if address else path
        assert linked.exists(), target
        assert not anchor or anchor in anchors(linked), target


def test_readme_links_guides() -> None:
    readme = (ROOT / "README.md").read_text()
    assert [named(path) for path in OURS if f"({named(path)})" not in readme] == []


# --- named tests and claims ---


@pytest.mark.parametrize("path", DOCUMENTS, ids=named)
def test_named_tests_exist(path: Path) -> None:
    assert [test for test in sorted(set(NAMED.findall(path.read_text()))) if not exists(test)] == []


@pytest.mark.parametrize("path", [*OURS, ROOT / "README.md"], ids=named)
def test_no_compliance_claims(path: Path) -> None:
    assert CLAIMS.findall(QUOTED.sub("", path.read_text())) == []


def test_complaints_have_all_parts() -> None:
    complaints = re.split(r"^## \d+\. ", (ROOT / "docs" / "why.md").read_text(), flags=re.MULTILINE)[1:]
    assert len(complaints) == 15
    for complaint in complaints:
        assert all(f"**{part}**" in complaint for part in ("Here", "See", "Tests", "Missing")), complaint[:80]
        assert NAMED.search(complaint) and re.search(r"[\w-]+/[\w-]+#\d+", complaint), complaint[:80]


# --- commands ---


HIDDEN = {"jobs"}
"""The old name of `preceptor worker`, kept for scripts."""


def commands() -> dict[str, set[str]]:
    """Return command name ("token create") -> its options; a group has none."""

    def walk(command: Any, words: tuple[str, ...]) -> dict[str, set[str]]:
        options = {" ".join(words): {name for param in command.params for name in param.opts if name.startswith("--")}}
        for name, inner in getattr(command, "commands", {}).items():
            options |= walk(inner, (*words, name))
        return options

    return walk(typer.main.get_command(command_line), ())


def code(text: str) -> list[str]:
    """Return the lines of code blocks and `inline code`."""
    blocks = re.findall(r"```[^\n]*\n(.*?)```", text, re.DOTALL)
    inline = re.findall(r"`([^`]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL))
    return [" ".join(line.split()) for line in [*(line for block in blocks for line in block.splitlines()), *inline]]


@pytest.mark.parametrize("path", DOCUMENTS, ids=named)
def test_commands_and_options_exist(path: Path) -> None:
    known = commands()
    for line in code(path.read_text()):
        match = re.match(r"(?:\.venv/bin/)?preceptor ((?:[a-z]+ ?)*)(.*)", line)
        if not match or not match.group(1):
            continue
        words = match.group(1).split()
        name = " ".join(words[:2]) if " ".join(words[:2]) in known else words[0]
        assert name in known, line
        options = set(re.findall(r"(?<!\S)--[a-z-]+", match.group(2).split("  #")[0])) - {"--help"}
        assert options <= known[name], f"{line}: {sorted(options - known[name])}"


def test_engineers_guide_lists_commands() -> None:
    documented = " ".join(code((GUIDE / "for-engineers.md").read_text()))
    lacking = [name for name in commands() if name and name not in HIDDEN and f"preceptor {name}" not in documented]
    assert lacking == []


@pytest.mark.parametrize("path", DOCUMENTS, ids=named)
def test_make_targets_and_variables_exist(path: Path) -> None:
    text = path.read_text()
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert {line.split()[1] for line in code(text) if line.startswith("make ") and len(line.split()) > 1} <= targets
    sources = "\n".join(file.read_text() for folder in ("app", "trainer") for file in (ROOT / folder).rglob("*.py"))
    for name in re.findall(r"\bPRECEPTOR_([A-Z_]*[A-Z])\b", text):
        assert f"PRECEPTOR_{name}" in sources or re.search(rf"^    {name.lower()}: ", sources, re.MULTILINE), name


# --- words on the screen ---


@cache
def screen() -> str:
    """Return the text of all templates and page modules."""
    files = [*(ROOT / "templates").rglob("*.html"), *(ROOT / "app" / "web").glob("*.py")]
    return html.unescape("\n".join(path.read_text() for path in files)).replace("_", " ").casefold()


@pytest.mark.parametrize("path", LABELED, ids=named)
def test_bold_labels_are_on_screen(path: Path) -> None:
    labels = {" ".join(label.split()) for label in re.findall(r"\*\*(.+?)\*\*", path.read_text(), re.DOTALL)} - {"bold"}
    assert [label for label in sorted(labels) if label.casefold() not in screen()] == []


def keys_of(template: Path) -> list[tuple[str, str]]:
    match = re.search(r"ui\.keys\((\[.*?\])\)", template.read_text(), re.DOTALL)
    return list(ast.literal_eval(match.group(1))) if match else []


def test_shortcut_dialogs_have_tables() -> None:
    templates = {
        str(page.relative_to(ROOT / "templates")) for page in (ROOT / "templates").rglob("*.html") if keys_of(page)
    }
    assert templates == set(DESKS)


@pytest.mark.parametrize("template", DESKS)
def test_shortcut_tables_match_dialogs(template: str) -> None:
    guide, heading = DESKS[template]
    keys = section((GUIDE / guide).read_text().partition("## Keyboard shortcuts\n")[2], heading)
    assert [tuple(row) for row in rows(keys)] == keys_of(ROOT / "templates" / template)


# --- checks ---


def test_checks_have_name_and_severity() -> None:
    documented = {row[0]: row[1:3] for row in rows(section((GUIDE / "checks.md").read_text(), "The checks"))}
    effects = {"block": "blocks", "warn": "warns", "off": "off"}
    assert documented == {
        name: [check.name, ("always " if check.fixed else "") + effects[check.severity]]
        for name, check in CODES.items()
    }


def test_personal_data_types_are_listed() -> None:
    documented = {row[0]: row[1:] for row in rows(section((GUIDE / "checks.md").read_text(), "Personal data by type"))}
    assert {kind: KINDS[kind][1] for kind in KINDS if kind != "secret"} == {
        kind: cells[1] for kind, cells in documented.items()
    }
    assert all(cells[0].startswith(KINDS[kind][0]) for kind, cells in documented.items())


def test_rules_are_listed_with_values() -> None:
    documented = {
        row[1]: (row[0], row[2])
        for row in rows(section((GUIDE / "checks.md").read_text(), "Rules that an admin writes"))
    }
    assert {kind: words for kind, (words, _) in documented.items()} == RULES
    takes = {WORDS: "phrases", LENGTH: "a number"}
    assert all(value == takes[TESTS[kind][0]] for kind, (_, value) in documented.items() if TESTS[kind][0] != FREE)
