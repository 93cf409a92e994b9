"""The text search: what pairs are found by, and an index of its trigrams that the database keeps by itself.

Frozen: a change of the tables is a new migration. It fills in what app/domain/pairs/indexes/search_queries.py writes.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from hashlib import blake2b
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

BATCH = 1_000
END = "\x1f"
SQLITE_INDEX = (
    "CREATE VIRTUAL TABLE pair_grams USING fts5(marks, text, content='pair_texts', content_rowid='number', "
    "tokenize='trigram case_sensitive 1', detail=none, columnsize=0)",
    "CREATE VIRTUAL TABLE pair_grams_terms USING fts5vocab(pair_grams, row)",
    "CREATE TRIGGER pair_texts_added AFTER INSERT ON pair_texts BEGIN "
    "INSERT INTO pair_grams (rowid, marks, text) VALUES (new.number, new.marks, new.text); END",
    "CREATE TRIGGER pair_texts_removed AFTER DELETE ON pair_texts BEGIN "
    "INSERT INTO pair_grams (pair_grams, rowid, marks, text) "
    "VALUES ('delete', old.number, old.marks, old.text); END",
    "CREATE TRIGGER pair_texts_changed AFTER UPDATE ON pair_texts BEGIN "
    "INSERT INTO pair_grams (pair_grams, rowid, marks, text) "
    "VALUES ('delete', old.number, old.marks, old.text); "
    "INSERT INTO pair_grams (rowid, marks, text) VALUES (new.number, new.marks, new.text); END",
)
THREES = " || E'\\x1e' || ".join(
    rf"regexp_replace({words}, '(...)', E'\\1\x1e', 'g')"
    for words in ("marks || body", "substr(marks || body, 2)", "substr(marks || body, 3)")
)
TWOS = " || E'\\x1e' || ".join(
    rf"regexp_replace({words}, '(..)', E'\\1\x1e', 'g')" for words in ("body", "substr(body, 2)")
)
POSTGRESQL_INDEX = (
    "CREATE FUNCTION pair_grams(marks text, body text) RETURNS text[] LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE "
    f"COST 10000 AS $$ SELECT string_to_array({THREES}, E'\\x1e') "
    "|| CASE WHEN octet_length(body) = char_length(body) THEN NULL ELSE "
    f"string_to_array({TWOS}, E'\\x1e') || string_to_array(body, NULL) END $$",
    "CREATE INDEX ix_pair_texts_grams ON pair_texts USING gin (pair_grams(marks, text))",
    "ALTER INDEX ix_pair_texts_grams ALTER COLUMN 1 SET STATISTICS 0",
)


def upgrade() -> None:
    op.create_table(
        "pair_texts",
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("pair_id", sa.String(length=32), nullable=False),
        sa.Column("marks", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["pair_id"], ["pairs.id"], name="fk_pair_texts_pair_id_pairs"),
        sa.PrimaryKeyConstraint("number", name="pk_pair_texts"),
        sa.UniqueConstraint("pair_id", name="uq_pair_texts_pair_id"),
    )
    fill()
    sqlite = op.get_bind().dialect.name == "sqlite"
    for statement in SQLITE_INDEX if sqlite else POSTGRESQL_INDEX:
        op.get_bind().exec_driver_sql(statement)
    if sqlite:
        op.execute("INSERT INTO pair_grams (pair_grams) VALUES ('rebuild')")


def fill() -> None:
    """The text of every pair, oldest first, some at a time."""
    texts = sa.table("pair_texts", *map(sa.column, ("number", "pair_id", "marks", "text")))
    free = 0
    for rows in current():
        values = []
        for row in rows:
            free = max(free, number_of(row.id))
            values.append({
                "number": free, "pair_id": row.id, "marks": marks_of(row),
                "text": f"{END}{fold(row.prompt)}{END}{fold(row.completion)}{END}{END}",
            })  # fmt: skip
            free += 1
        op.get_bind().execute(sa.insert(texts), values)


def current() -> Iterator[Any]:
    """Lists of (id, project_id, author_id, tags, prompt, completion)."""
    pairs = sa.table("pairs", *map(sa.column, ("id", "project_id", "author_id", "current_revision_id")))
    revisions = sa.table(
        "revisions", *map(sa.column, ("id", "prompt", "completion")), sa.column("tags", sa.JSON(none_as_null=True))
    )
    statement = (
        sa.select(
            pairs.c.id, pairs.c.project_id, pairs.c.author_id, revisions.c.tags,
            revisions.c.prompt, revisions.c.completion,
        )
        .join(revisions, revisions.c.id == pairs.c.current_revision_id)
        .order_by(pairs.c.id)
        .limit(BATCH)
    )  # fmt: skip
    rows = op.get_bind().execute(statement).all()
    while rows:
        yield rows
        rows = op.get_bind().execute(statement.where(pairs.c.id > rows[-1].id)).all()


def fold(words: str) -> str:
    if not words.isascii():
        words = unicodedata.normalize("NFC", unicodedata.normalize("NFC", words).casefold())
    return words.lower().replace("\x1e", " ").replace(END, " ")


def number_of(pair_id: str) -> int:
    try:
        return int(pair_id[:16], 16) >> 2
    except ValueError:
        return 0


def marks_of(row: Any) -> str:
    tags = [mark("tag", folded(tag), folded(str(value))) for tag, value in sorted(row.tags.items())]
    return mark("project", row.project_id) + mark("author", row.author_id) + "".join(tags)


def mark(*names: str) -> str:
    number = int.from_bytes(blake2b("\x00".join(names).encode(), digest_size=8).digest(), "big")
    return "".join(chr(0xE000 + part % 6400) for part in (number, number // 6400, number // 6400**2))


def folded(name: str) -> str:
    """A tag's name or value, as they are compared."""
    kept = "".join(
        one for one in unicodedata.normalize("NFC", name) if unicodedata.category(one) not in ("Cf", "Cc", "Cs")
    )
    even = unicodedata.normalize("NFC", " ".join(kept.split()))
    return unicodedata.normalize("NFC", even.casefold())
