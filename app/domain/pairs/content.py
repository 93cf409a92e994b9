"""The content of a pair: messages, context, tags, source and license. Parses untrusted input; pure."""

from __future__ import annotations

import hashlib
import json
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from app.core.errors import Invalid
from app.domain.checks.text.invisible import canonical, folded

ROLES = ("system", "user", "assistant")
MAX_MESSAGES, MAX_CHARACTERS, MAX_CONVERSATION, MAX_TAGS = 200, 32_000, 200_000, 40
JOIN = "\n\n"
KEYS = {"messages", "context", "tags", "source", "licence"}


@dataclass(frozen=True)
class Content:
    """The content of a revision. `messages` end with the assistant's answer."""

    messages: tuple[tuple[str, str], ...]
    context: tuple[dict[str, str], ...] = ()
    tags: dict[str, str] = field(default_factory=dict)
    source: str = ""
    licence: str = ""

    @property
    def prompt(self) -> str:
        """All messages but the last, without roles."""
        return JOIN.join(text for _, text in self.messages[:-1])

    @property
    def completion(self) -> str:
        return self.messages[-1][1] if self.messages else ""

    def as_dict(self) -> dict[str, Any]:
        return {
            "messages": [{"role": role, "content": text} for role, text in self.messages],
            "context": list(self.context),
            "tags": self.tags,
            "source": self.source,
            "licence": self.licence,
        }


def place(texts: Sequence[str], field: str, span: Sequence[int]) -> tuple[int, int, int] | None:
    """Return (message, start, end) of a span of the prompt, which joins all but the last of `texts`, or the completion.

    None where the span crosses from one message into the next.
    """
    start, end = span
    if field == "completion":
        return (len(texts) - 1, start, end) if texts and end <= len(texts[-1]) else None
    for number, text in enumerate(texts[:-1]):
        if start >= 0 and end <= len(text):
            return number, start, end
        start, end = start - len(text) - len(JOIN), end - len(text) - len(JOIN)
    return None


def turn_name(messages: Sequence[Mapping[str, Any]], at: int) -> str:
    """Return the name of a message on the pages: Prompt and Completion of one exchange, else User 1, Assistant 1, …"""
    role = messages[at]["role"]
    if role == "system":
        return "System message"
    if sum(message["role"] != "system" for message in messages) == 2:
        return "Prompt" if role == "user" else "Completion"
    number = sum(message["role"] == role for message in messages[: at + 1])
    return f"{'User' if role == 'user' else 'Assistant'} {number}"


def pair(prompt: str, completion: str, **rest: Any) -> Content:
    """Return the content of one prompt and one completion."""
    return parse(
        {"messages": [{"role": "user", "content": prompt}, {"role": "assistant", "content": completion}], **rest}
    )


def parse(body: Any) -> Content:
    """Return the content of decoded JSON. Raises Invalid that names the field and says how to fix it."""
    if not isinstance(body, dict):
        raise Invalid("Send an object with messages.", field="messages")
    if unknown := set(body) - KEYS:
        raise Invalid(
            f"Unknown field {sorted(unknown)[0]!r}; known are {', '.join(sorted(KEYS))}.", field=sorted(unknown)[0]
        )
    return Content(
        _messages(body.get("messages")),
        _context(body.get("context") or []),
        _tags(body.get("tags") or {}),
        _text(body.get("source") or "", "source", 500),
        _text(body.get("licence") or "", "licence", 120),
    )


def is_text(value: str) -> bool:
    """Return whether every database can store it: no NUL, no half of a surrogate pair (encoding tests fastest)."""
    try:
        return "\x00" not in value and bool(value.isascii() or value.encode())
    except UnicodeEncodeError:
        return False


def _text(value: Any, name: str, limit: int) -> str:
    if not isinstance(value, str) or len(value) > limit:
        raise Invalid(f"{name} is text of at most {limit} characters.", field=name)
    if not is_text(value):
        raise Invalid(f"{name} contains a character that is not text (NUL or half a surrogate pair).", field=name)
    composed = unicodedata.normalize("NFC", value)
    if len(composed) > limit:  # some characters have no composed form and grow
        raise Invalid(f"{name} is text of at most {limit} characters.", field=name)
    return composed


def _messages(value: Any) -> tuple[tuple[str, str], ...]:
    if not isinstance(value, list) or not 2 <= len(value) <= MAX_MESSAGES:
        raise Invalid(f"A pair has 2 to {MAX_MESSAGES} messages.", field="messages")
    parsed = []
    for item in value:
        if not isinstance(item, dict) or set(item) != {"role", "content"} or item["role"] not in ROLES:
            raise Invalid("Each message has a role (system, user, assistant) and content.", field="messages")
        parsed.append((str(item["role"]), _text(item["content"], "messages", MAX_CHARACTERS)))
    if sum(len(text) for _, text in parsed) > MAX_CONVERSATION:
        raise Invalid(f"A conversation has at most {MAX_CONVERSATION:,} characters; split it.", field="messages")
    if parsed[-1][0] != "assistant":
        raise Invalid("The last message is the assistant's: it is the answer that the model learns.", field="messages")
    return tuple(parsed)


def _context(value: Any) -> tuple[dict[str, str], ...]:
    if not isinstance(value, list) or len(value) > 50:
        raise Invalid("A pair has at most 50 context documents.", field="context")
    documents = []
    for item in value:
        if not isinstance(item, dict) or not set(item) <= {"text", "source", "title"} or "text" not in item:
            raise Invalid("Each context document has a text, and may have a title and a source.", field="context")
        documents.append({key: _text(text, "context", 100_000) for key, text in sorted(item.items())})
    return tuple(documents)


def _tags(value: Any) -> dict[str, str]:
    """Return names and values without invisible characters. Raises Invalid for names that differ only in case."""
    if not isinstance(value, dict) or len(value) > MAX_TAGS:
        raise Invalid(f"tags is an object with at most {MAX_TAGS} entries.", field="tags")
    tags: dict[str, str] = {}
    seen: set[str] = set()
    for key, text in sorted(value.items()):
        name = canonical(_text(key, "tags", 60))
        if isinstance(text, bool) or not isinstance(text, str | int | float) or not name:
            raise Invalid(f"The tag {key[:60]!r} needs a name and a text value.", field="tags")
        if shown := canonical(_text(str(text), "tags", 120)):
            if folded(name) in seen:
                raise Invalid(f"The tag {name!r} appears twice; keep it once.", field="tags")
            seen.add(folded(name))
            tags[name] = shown
    return dict(sorted(tags.items()))


def tag_of(text: str) -> tuple[str, str]:
    """Return (name, value) of a tag filter. Raises Invalid."""
    name, _, value = text.partition(":")
    if not name.strip() or not value.strip():
        raise Invalid("Write a tag filter as name:value.", field="tag")
    return name, value


def has_tag(tags: dict[str, str], wanted: tuple[str, str]) -> bool:
    """Return whether the tags include this one, whatever the case or Unicode composition."""
    name, value = folded(wanted[0]), folded(wanted[1])
    return any(folded(key) == name and folded(text) == value for key, text in tags.items())


def digest(content: Content, **identity: Any) -> str:
    """Return the SHA-256 of the canonical JSON of the content and of what identifies the revision."""
    body = json.dumps({**content.as_dict(), **identity}, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(body.encode()).hexdigest()
