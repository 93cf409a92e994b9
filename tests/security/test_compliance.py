"""Security documents name tests, pages, and commands that exist, and make no compliance claims."""

from __future__ import annotations

import ast
import csv
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from app.cli.main import app as command_line
from app.http import route_permissions
from app.main import create_app
from app.settings import Settings
from tests.security import report

pytestmark = pytest.mark.assurance

ROOT = Path(__file__).resolve().parents[2]
SECURITY = ROOT / "SECURITY.md"
CONTROLS = ROOT / "docs" / "controls.csv"
DOCUMENTS = [SECURITY, ROOT / "docs" / "compliance.md", ROOT / "docs" / "privacy.md", CONTROLS]
NAMED = re.compile(r"\btests/[\w/]+\.py(?:::\w+)?")
CLAIMS = re.compile(
    r"\b(is|are|fully|makes? you|keeps? you|be) (compliant|certified|unhackable|secure by default)\b"
    r"|\b(GDPR|HIPAA|ISO|SOC ?2|AI Act|NIST)[- ]compliant\b|\bcomplies with\b|\bguarantees? (privacy|compliance)\b"
    r"|\bmilitary[- ]grade\b|\bbank[- ]grade\b",
    re.IGNORECASE,
)
QUOTED = re.compile(r'"[^"\n]*"')


def rows() -> list[dict[str, str]]:
    with CONTROLS.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@cache
def names_in(path: str) -> frozenset[str]:
    file = ROOT / path
    if not file.is_file():
        return frozenset()
    functions = (node for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.FunctionDef))
    return frozenset(node.name for node in functions if node.name.startswith("test_"))


def exists(test: str) -> bool:
    """Return whether the file contains tests, or the named test."""
    path, _, name = test.partition("::")
    return name in names_in(path) if name else bool(names_in(path))


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_named_tests_exist(path: Path, tally: Callable[[str, int], None]) -> None:
    named = sorted(set(NAMED.findall(path.read_text())))
    assert [test for test in named if not exists(test)] == []
    tally("tests named by the documents", len(named))


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_no_compliance_claims(path: Path) -> None:
    """Quoted words are allowed: the documents list the words that they avoid."""
    assert CLAIMS.findall(QUOTED.sub("", path.read_text())) == []


def test_no_compliance_claims_on_pages() -> None:
    assert [path.name for path in (ROOT / "templates").rglob("*.html") if CLAIMS.search(path.read_text())] == []


def test_controls_are_complete(tally: Callable[[str, int], None]) -> None:
    lines = rows()
    assert {row["framework"].split(" ")[0] for row in lines} == {"NIST", "ISO/IEC"}
    for row in lines:
        assert all(row.values()), row
        assert NAMED.fullmatch(row["tests"].split(" ")[0]), row
        assert row["checked"] in ("yes", "no"), row
        assert row["evidence"].startswith(("page: /", "command: ")), row
    tally("controls supported", len(lines))


def test_unchecked_controls_are_disclosed() -> None:
    if any(row["checked"] == "no" for row in rows()):
        assert "were not compared with the original texts" in (ROOT / "docs" / "compliance.md").read_text()


def test_threats_and_guarantees_have_tests() -> None:
    tables = [line for line in SECURITY.read_text().splitlines() if line.startswith("|")]
    threats = [line for line in tables if line.count("|") == 4 and "`tests/" in line]
    guarantees = [line for line in tables if re.match(r"\| G\d+ \|", line)]
    assert len(threats) - len(guarantees) >= 20
    assert [line for line in guarantees if not NAMED.search(line)] == []
    numbers = [int(number) for number in re.findall(r"^\| G(\d+) \|", SECURITY.read_text(), re.MULTILINE)]
    assert numbers == list(range(1, len(numbers) + 1))


def test_evidence_exists(tmp_path: Path) -> None:
    app = create_app(Settings(data_dir=tmp_path))
    addresses = {re.sub(r"{\w+}", "{}", path) for path in (route.path for route in route_permissions.walk(app.routes))}
    app.state.database.dispose()
    commands = {command.name or command.callback.__name__ for command in command_line.registered_commands}  # type: ignore[union-attr]
    commands |= {group.name for group in command_line.registered_groups if group.name}
    for row in rows():
        kind, _, target = row["evidence"].partition(": ")
        if kind == "page":
            assert re.sub(r"{\w+}", "{}", target) in addresses, target
        elif target.startswith("preceptor "):
            assert {target.split()[1], target.split()[1].rstrip("_")} & commands, target


def test_report_has_no_numbers() -> None:
    """The report prints only numbers that tests counted. Zero is the required number of traces of an erased person."""
    tree = ast.parse(Path(report.__file__).read_text())
    numbers = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and type(node.value) is int}
    assert numbers <= {0, 2}  # 2: the folders above the file
