"""Fenced code blocks that do not parse. Pure."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator

import sqlglot
from sqlglot.errors import SqlglotError

from app.domain.checks.problem import Problem

FENCE = re.compile(r"```(\w+)\n(.*?)```", re.DOTALL)


def check_code(field: str, text: str) -> Iterator[Problem]:
    """A warning for each fenced Python, SQL or JSON block with a syntax error, naming it."""
    for match in FENCE.finditer(text):
        error = _error(match.group(1).lower(), match.group(2))
        if error:
            yield Problem("code", "warn", f"This {match.group(1)} does not parse: {error}", field, match.span(2))


def _error(language: str, code: str) -> str | None:
    try:
        if language in ("python", "py"):
            ast.parse(code)
        elif language == "json":
            json.loads(code)
        elif language == "sql":
            sqlglot.parse(code)
    except SyntaxError as error:
        return f"line {error.lineno}: {error.msg}"
    except (ValueError, SqlglotError, RecursionError, MemoryError) as error:
        return str(error).splitlines()[0][:200]
    return None
