"""Jinja: the environment, its filters, and render(). Knows how values look, not what they mean."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from difflib import SequenceMatcher
from functools import cache, lru_cache
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlencode

import nh3
from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markdown_it import MarkdownIt
from markupsafe import Markup, escape

from app.domain.checks.text import invisible
from app.web.csrf import csrf_token

ROOT = Path(__file__).resolve().parents[2]
FLASH_COOKIE = "preceptor_flash"
MAX_DIFF_TOKENS = 6000

TONES = {
    "good": ("approved", "done", "accept", "fix_and_accept"),
    "accent": ("open", "submitted", "in_review", "running", "candidate"),
    "warn": ("changes_requested", "return", "escalate", "in_round", "cancelled"),
    "bad": ("rejected", "reject", "failed"),
}
WORDS = {
    "changes_requested": "Returned",
    "in_round": "In round",
    "licence": "License",
    "chrf": "chrF",
    "f1": "F1",
    "bad_rows": "Rows with errors",
    "lora": "LoRA",
    "qlora": "QLoRA",
    "majority": "Most frequent answer",
    "near_duplicates_across_splits": "Near-duplicates across splits",
    "max_minutes": "Time limit (minutes)",
    "batch_tokens": "Tokens per batch",
    "max_length": "Max example length (tokens)",
    "evaluations": "Validations",
    "macro_f1": "Macro F1",
    "rouge_l": "ROUGE-L",
    "bleu": "BLEU",
    "absolute_error": "Absolute error",
    "squared_error": "Squared error",
}
TAGS = {
    "a", "blockquote", "br", "code", "em", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "li", "ol", "p", "pre", "strong",
    "table", "tbody", "td", "th", "thead", "tr", "ul",
}  # fmt: skip
ATTRIBUTES = {"a": {"href", "title"}, "ol": {"start"}}
HTML_TAG = re.compile(r"""<[^>"]*(?:"[^"]*"[^>"]*)*>""")
MAX_CHIPS = 2000
LINK = re.compile(r"(?:https?://|mailto:)[^\s]", re.IGNORECASE)
_markdown = MarkdownIt("commonmark", {"html": False}).enable("table").disable("image")
_markdown.validateLink = lambda url: LINK.match(url) is not None  # type: ignore[method-assign]


def words(name: str) -> str:
    """Return a stored name as a label."""
    return WORDS.get(name) or name.replace("_", " ").replace("-", " ").capitalize()


def with_query(path: str, query: Mapping[str, Any]) -> str:
    """Return the path with the values that are not empty as its query."""
    return f"{path}?{urlencode({name: value for name, value in query.items() if value})}"


def tone(name: str) -> str:
    return next((tone for tone, names in TONES.items() if name in names), "")


def ago(moment: datetime) -> str:
    seconds = (datetime.now(UTC) - moment).total_seconds()
    for size, unit in ((86400 * 2, "day"), (3600 * 2, "hour"), (60, "minute")):
        if seconds >= size:
            return f"{int(seconds // (size // 2))} {unit}s ago" if size != 60 else f"{int(seconds // 60)} min ago"
    return "just now" if seconds < 20 else f"{int(seconds)} s ago"


def moment(at: datetime) -> str:
    return f"{at:%b %-d, %Y, %H:%M} UTC"


def duration(seconds: float | None) -> str:
    if seconds is None:
        return "–"
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def size(number: float) -> str:
    for unit in ("B", "kB", "MB"):
        if number < 1000:
            return f"{number:.0f} {unit}"
        number /= 1000
    return f"{number:.1f} GB"


def count(number: float | None) -> str:
    return "–" if number is None else f"{number:,.0f}"


def percent(part: float, whole: float = 1) -> str:
    return f"{100 * part / whole:.0f}%" if whole else "–"


@lru_cache(maxsize=512)
def markdown(text: str) -> Markup:
    """Return Markdown as sanitized HTML: the parser drops raw HTML, and an allowlist cleans its output.

    Images are disabled: an image URL could send data from the page to another site.
    """
    cleaned = nh3.clean(
        _markdown.render(text),
        tags=TAGS,
        attributes=ATTRIBUTES,
        clean_content_tags={"script", "style"},
        url_schemes={"http", "https", "mailto"},
        link_rel="noopener noreferrer nofollow ugc",
    )
    return Markup(cleaned if cleaned.isascii() else _chips_in_html(cleaned))


def _without_hidden(tag: re.Match[str]) -> str:
    return "".join(char for char in tag.group() if char.isascii() or not any(invisible.find(char)))


def _chips_in_html(html: str) -> str:
    """Show hidden characters between tags as chips, and remove them inside tags."""
    pieces, at = [], 0
    for tag in HTML_TAG.finditer(html):
        pieces += [_chips(html[at : tag.start()]), _without_hidden(tag)]
        at = tag.end()
    return "".join([*pieces, _chips(html[at:])])


def _chips(text: str) -> str:
    """Return HTML text with a chip for each hidden character."""
    pieces, at = [], 0
    for hidden in islice(invisible.find(text), MAX_CHIPS):
        pieces.append(text[at : hidden.start])
        pieces += [_chip(character) for character in text[hidden.start : hidden.end][:MAX_CHIPS]]
        at = hidden.end
    return "".join([*pieces, text[at:]])


def _chip(character: str) -> str:
    words = escape(invisible.describe(character))
    return f'<span class="hidden-character" title="{words}">U+{ord(character):04X}</span>'


def shown(text: Any) -> Markup:
    """Escape authored text and show each invisible character as a chip."""
    return Markup(_chips(str(escape("" if text is None else text))))


def word_diff(old: str, new: str) -> list[tuple[str, str]]:
    """Return [("same" | "removed" | "added", text)]; very long texts are compared line by line."""
    pattern = r"\s+|\w+|[^\w\s]"
    left, right = re.findall(pattern, old), re.findall(pattern, new)
    if len(left) + len(right) > MAX_DIFF_TOKENS:
        left, right = old.splitlines(keepends=True), new.splitlines(keepends=True)
    pieces: list[tuple[str, str]] = []
    for kind, a, b, c, d in SequenceMatcher(None, left, right, autojunk=False).get_opcodes():
        if kind == "equal":
            pieces.append(("same", "".join(left[a:b])))
            continue
        pieces += [
            (word, text) for word, text in (("removed", "".join(left[a:b])), ("added", "".join(right[c:d]))) if text
        ]
    return pieces


def static(path: str) -> str:
    """Return the URL of a static file. It changes with the file, so browsers can cache it."""
    file = ROOT / "static" / path
    version = int(file.stat().st_mtime) if file.exists() else 0
    return f"/static/{path}?v={version:x}"


def as_json(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), default=str)


@cache
def environment() -> Environment:
    env = Environment(
        loader=FileSystemLoader(ROOT / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    filters = (words, tone, ago, moment, duration, size, count, percent, markdown, shown, as_json)
    env.filters |= {function.__name__: function for function in filters}
    env.globals.update(static=static, word_diff=word_diff, path="", flash=None, user=None)
    return env


def render(request: Request, template: str, *, status: int | None = None, **context: Any) -> HTMLResponse:
    """Render a template. `user` and the CSRF field come from the request, the status from `error` if there is one."""
    error = context.get("error")
    status = status or (error.status if error else 200)
    token = csrf_token(request)
    field = Markup('<input type="hidden" name="csrf" value="{}">').format(token)
    flash = request.cookies.get(FLASH_COOKIE)
    context = {
        "user": getattr(request.state, "user", None),
        "path": request.scope["path"],
        "status": status,
        "tab": None,
        "project": None,
        "flash": unquote(flash) if flash else None,
        **context,
        "csrf": token,
        "csrf_field": lambda: field,
    }
    response = HTMLResponse(environment().get_template(template).render(context), status_code=status)
    response.headers["Cache-Control"] = "no-store"
    if flash and "HX-Request" not in request.headers:
        response.delete_cookie(FLASH_COOKIE, path="/")
    return response
