"""Fenced code blocks of Markdown: position, language, and the text without them. Pure; linear time."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

OPENS = re.compile(r"(`{3,}|^[ \t]{0,12}~{3,})[ \t]*([\w+#.-]{0,30})([^`\n]{0,200})$")
CLOSES = re.compile(r"(`{3,}|^[ \t]{0,12}~{3,})[ \t\r]*$")


class Block(NamedTuple):
    """[start, end) is the code alone. A block that is never closed runs to the end of the text."""

    language: str
    start: int
    end: int
    closed: bool
    opened: int


def blocks(text: str) -> Iterator[Block]:
    """Every fenced block in order."""
    if "```" not in text and "~~~" not in text:
        return
    place, opened, fence, language, start = 0, 0, "", "", 0
    for line in text.split("\n"):
        if fence:
            match = CLOSES.search(line)
            if match and match.group(1).lstrip().startswith(fence):
                yield Block(language, start, place + match.start(), True, opened)
                fence = ""
        elif (match := OPENS.search(line)) and line.count("```") != 2:
            fence, language = match.group(1).lstrip(), match.group(2).lower()
            opened, start = place + match.start(), place + len(line) + 1
        place += len(line) + 1
    if fence:
        yield Block(language, min(start, len(text)), len(text), False, opened)


def prose(text: str) -> str:
    """The text with code blocks and `code` blanked out, so that positions stay the same."""
    parts, last = [], 0
    for block in blocks(text):
        parts += [text[last : block.opened], _blank(text[block.opened : block.end])]
        last = block.end
    return re.sub(r"`[^`\n]{1,200}`", lambda match: " " * len(match.group()), "".join([*parts, text[last:]]))


def _blank(text: str) -> str:
    return re.sub(r"[^\n]", " ", text)
