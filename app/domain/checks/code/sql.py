"""SQL that does not parse, or that is risky (NULL comparisons, changes of every row). By sqlglot; pure."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator

import sqlglot
from sqlglot import exp
from sqlglot.errors import ParseError, SqlglotError

# sqlglot logs statements that it does not know; keep what authors write out of the log.
logging.getLogger("sqlglot").setLevel(logging.ERROR)

# the word after the fence -> sqlglot's dialect
OWN_NAMES = "bigquery clickhouse duckdb hive mysql oracle postgres presto redshift snowflake spark sqlite trino tsql"
DIALECTS = {name: name for name in OWN_NAMES.split()} | {
    "sql": "",
    "postgresql": "postgres",
    "psql": "postgres",
    "sqlite3": "sqlite",
    "mariadb": "mysql",
    "mssql": "tsql",
    "sqlserver": "tsql",
    "sparksql": "spark",
}
IS_NULL = re.compile(r"(?:<>|!=|(?<![<>!:])=)\s*NULL\b", re.IGNORECASE)
WHOLE_TABLE = re.compile(r"\b(?:UPDATE|DELETE)\b", re.IGNORECASE)


def sql_fault(code: str, dialect: str = "") -> tuple[int, str] | None:
    """The line of the first syntax error, and what is wrong with it."""
    try:
        sqlglot.parse(code, read=dialect or None)
    except ParseError as error:
        first = error.errors[0] if error.errors else {}
        words = _plain(str(first.get("description") or error).splitlines()[0])
        at = f" near {first['highlight']!r}" if first.get("highlight") else ""
        return int(first.get("line") or 0), f"column {first.get('col') or 1}: {words}{at}"
    except SqlglotError as error:
        return _open_quote_line(code), _plain((str(error) or "it cannot be read").splitlines()[0])[:200]
    return None


def _plain(words: str) -> str:
    """Without sqlglot's class names."""
    words = re.sub(
        r"Required keyword: '(?:this|expression|expressions)' missing for <class '[\w.]*?(\w+)'>",
        r"\1 is incomplete",
        words,
    )
    return re.sub(r"<class '[\w.]*?(\w+)'>", r"\1", words)


def _open_quote_line(code: str) -> int:
    """The line of the last quote: a text that never ends is what the tokenizer stops at."""
    return code.count("\n", 0, max(code.rfind("'"), code.rfind('"'), code.rfind("`"), 0)) + 1


def sql_risks(code: str, dialect: str = "") -> Iterator[tuple[int, int, str]]:
    """(start, end, message) of a comparison with NULL, and of a change of every row."""
    try:
        statements = sqlglot.parse(code, read=dialect or None)
    except (SqlglotError, ValueError, RecursionError, MemoryError):
        return
    trees = [statement for statement in statements if statement is not None]
    if any(_compares_null(tree) for tree in trees) and (match := IS_NULL.search(code)):
        yield (*match.span(), "A comparison with NULL is never true; write IS NULL or IS NOT NULL.")
    changes = [tree for tree in trees if isinstance(tree, exp.Update | exp.Delete)]
    for match, tree in zip(WHOLE_TABLE.finditer(code), changes, strict=False):
        if not tree.args.get("where") and len(trees) == 1:
            yield (*match.span(), f"This {match.group().upper()} has no WHERE and changes every row; say which rows.")


def _compares_null(tree: exp.Expr) -> bool:
    return any(
        isinstance(node.expression, exp.Null) and node.find_ancestor(exp.Where, exp.Having, exp.Join)
        for node in tree.find_all(exp.EQ, exp.NEQ)
    )
