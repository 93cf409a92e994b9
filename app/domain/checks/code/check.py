"""Code that does not parse: Python, SQL, JSON and JavaScript, fenced or as a whole completion. Pure.

Nothing is executed. The number and length of blocks are bounded; longer blocks are not checked.
"""

from __future__ import annotations

import ast
import json
import re
import textwrap
from collections.abc import Callable, Iterator
from functools import cache
from itertools import islice
from typing import Any

from app.domain.checks.code.code_blocks import blocks
from app.domain.checks.code.sql import DIALECTS, sql_fault, sql_risks
from app.domain.checks.problem import Problem

MAX_CHARACTERS, MAX_BLOCKS, MAX_BLOCK = 64_000, 200, 20_000
# line (1 is the first of the code, 0 is unknown) and what is wrong
Fault = tuple[int, str]
STARTS = {
    "sql": re.compile(
        r"\s*(?:--[^\n]*\s+)*(?:SELECT\s|WITH\s+\w+\s+AS\s*\(|INSERT\s+INTO\s|UPDATE\s+\S+\s+SET\s|DELETE\s+FROM\s"
        r"|(?:CREATE|ALTER|DROP)\s+(?:OR\s+REPLACE\s+)?(?:TABLE|VIEW|INDEX)\s)",
        re.IGNORECASE,
    ),
    "python": re.compile(
        r"\s*(?:#[^\n]*\n\s*)*(?:def \w+\(|class \w+[:(]|import \w|from [\w.]+ import |@\w+|for \w+ in |print\()"
    ),
    "javascript": re.compile(
        r"\s*(?:function\s+\w+\s*\(|const \w+\s*=|let \w+\s*=|export (?:default|const|function)|\(?\w*\)?\s*=>\s*\{)"
    ),
}


def check_code(field: str, text: str, whole: str = "") -> Iterator[Problem]:
    """Warn about each block with a syntax error and mark its line. `whole` is the language of an unfenced text."""
    sources = [(block.language, block.start, block.end) for block in islice(blocks(text[:MAX_CHARACTERS]), MAX_BLOCKS)]
    if whole and not sources:
        sources = [(whole.lower(), 0, len(text))]
    for language, start, end in sources:
        if end - start <= MAX_BLOCK:
            yield from _of_block(field, text, language, start, end)


def knows(language: str) -> bool:
    """Whether code in this language can be checked."""
    return _parser(language.strip().lower()) is not None


def guess(text: str) -> str:
    """Guess the language of a text that is code as a whole; "" if its beginning does not show it."""
    for language, start in STARTS.items():
        if start.match(text):
            return language
    return "json" if text.lstrip()[:1] in ("{", "[") and text.rstrip()[-1:] in ("}", "]") and '"' in text else ""


def _of_block(field: str, text: str, language: str, start: int, end: int) -> Iterator[Problem]:
    parse, code = _parser(language), text[start:end]
    if parse is None or not code.strip():
        return
    try:
        fault = parse(code)
    except (ValueError, RecursionError, MemoryError) as error:
        fault = 0, (str(error) or "it is nested too deeply")[:200]
    if fault:
        line, words = fault
        span, number = _line_span(text, start, end, line)
        yield Problem("code", f"This {language} does not parse: line {number}: {words}", field, span, kind=language)
    elif language in DIALECTS:
        for first, last, message in sql_risks(code, DIALECTS[language]):
            yield Problem("sql_risk", message, field, (start + first, start + last))


def _line_span(text: str, start: int, end: int, line: int) -> tuple[tuple[int, int], int]:
    """The span of a line of the code, and its number in the field."""
    lines = text[start:end].split("\n")
    line = min(max(line, 1), len(lines))
    begin = start + sum(len(row) + 1 for row in lines[: line - 1])
    return (begin, max(begin, begin + len(lines[line - 1]))), text.count("\n", 0, start) + line


def _parser(language: str) -> Callable[[str], Fault | None] | None:
    if language in ("python", "py", "python3"):
        return _python
    if language == "json":
        return _json
    if language in ("javascript", "js", "jsx", "mjs", "node"):
        return _javascript
    if language in DIALECTS:
        return lambda code: sql_fault(code, DIALECTS[language])
    return None


def _python(code: str) -> Fault | None:
    if re.search(r"^\s*(?:>>> |%\w|!\w|\$ )", code, re.MULTILINE):
        return None  # a console session or a notebook
    try:
        ast.parse(textwrap.dedent(code))
    except SyntaxError as error:
        return error.lineno or 0, str(error.msg)
    return None


def _json(code: str) -> Fault | None:
    try:
        json.loads(code)
    except json.JSONDecodeError as error:
        return error.lineno, f"column {error.colno}: {error.msg}"
    return None


def _javascript(code: str) -> Fault | None:
    """The first syntax error and the text there."""
    import tree_sitter

    root = tree_sitter.Parser(_javascript_grammar()).parse(code.encode("utf-8", "replace")).root_node
    if not root.has_error:
        return None
    node = _first_error(root)
    if node.is_missing:
        return node.start_point.row + 1, f"{node.type!r} is missing"
    text = " ".join((node.text or b"").decode("utf-8", "replace").split())[:40]
    return node.start_point.row + 1, f"near {text!r}" if text else "unexpected end"


def _first_error(node: Any) -> Any:
    """The innermost first node that is an error; walks only where errors are."""
    while not node.is_error and not node.is_missing:
        inner = next((child for child in node.children if child.has_error or child.is_missing), None)
        if inner is None:
            return node
        node = inner
    return node


@cache
def _javascript_grammar() -> Any:
    import tree_sitter
    import tree_sitter_javascript

    return tree_sitter.Language(tree_sitter_javascript.language())
