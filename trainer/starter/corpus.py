"""Training rows for the starter model from public-domain books: running prose and pseudo-dialogues.

Knows Markdown books named `Author__Title.md`; knows nothing of tokenizers or of the model.
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass
from pathlib import Path

PROSE_CHARACTERS = 1400


@dataclass(frozen=True)
class Book:
    """One text: `label` is its title as a snake_case word, `paragraphs` its cleaned prose."""

    label: str
    author: str
    paragraphs: list[str]


@dataclass(frozen=True)
class Row:
    """Prose when `answer` is None; otherwise a question and its answer, which train the role tokens."""

    text: str
    answer: str | None = None


def read_books(folder: Path) -> list[Book]:
    """Read every `*.md` of the folder in name order, so that a seed gives the same rows on every machine."""
    return [_read_book(path) for path in sorted(folder.glob("*.md"))]


def _read_book(path: Path) -> Book:
    author, _, title = path.stem.partition("__")
    blocks = re.split(r"\n\s*\n", path.read_text(encoding="utf-8"))
    paragraphs = [text for text in map(_clean, blocks) if len(text) > 40]
    return Book(_label(title), _label(author), paragraphs)


def _clean(block: str) -> str:
    plain = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", block)
    plain = re.sub(r"[*_#>`\\]+", "", plain)
    for curly, straight in (("“", '"'), ("”", '"'), ("’", "'"), ("‘", "'")):
        plain = plain.replace(curly, straight)
    return re.sub(r"\s+", " ", plain).strip()


def _label(words: str) -> str:
    return "_".join(re.findall(r"[a-z]+", words.lower()))


def sentences(paragraph: str) -> list[str]:
    """Split a paragraph into its sentences of 16 to 239 characters."""
    return [part for part in re.split(r"(?<=[.!?])\s+", paragraph) if 15 < len(part) < 240]


def training_rows(books: list[Book], seed: int) -> list[Row]:
    """Return all prose once and about as many short dialogues, shuffled by the seed."""
    rng = random.Random(seed)
    rows = [row for book in books for row in _prose(book)]
    rows += [row for book in books for paragraph in book.paragraphs for row in _dialogues(book, paragraph, rng)]
    rng.shuffle(rows)
    return rows


def _prose(book: Book) -> list[Row]:
    rows, current = [], ""
    for paragraph in book.paragraphs:
        current = f"{current}\n{paragraph}" if current else paragraph
        if len(current) > PROSE_CHARACTERS:
            rows.append(Row(current))
            current = ""
    return [*rows, Row(current)] if current else rows


def _dialogues(book: Book, paragraph: str, rng: random.Random) -> list[Row]:
    """Make one dialogue of each paragraph of at least two sentences.

    Naming the book makes the last prompt token summarize a short text, which label tasks need later; the other kinds
    teach that the answer depends on the prompt (copying) and that answers end.
    """
    parts = sentences(paragraph)
    if len(parts) < 2:
        return []
    at = rng.randrange(len(parts) - 1)
    kinds = ("book", "book", "author", "reply", "last_words")
    return [_dialogue(rng.choice(kinds), book, parts[at], parts[at + 1])]


def _dialogue(kind: str, book: Book, first: str, second: str) -> Row:
    if kind == "book":
        return Row(first, book.label)
    if kind == "author":
        return Row(f"Author? {first}", book.author)
    if kind == "reply":
        return Row(first, second)
    return Row(f"Last words? {first}", " ".join(first.split()[-3:]))
