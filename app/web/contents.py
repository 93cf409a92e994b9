"""The pair form <-> Content: what the writing desk posts, and what it shows again when something is wrong."""

from __future__ import annotations

from typing import Any

from starlette.datastructures import FormData

from app.domain.pairs import messages
from app.domain.pairs.messages import Content
from app.domain.pairs.tables import Revision

TAGS = ("domain", "language", "category", "difficulty")
BLANK: dict[str, Any] = {
    "messages": [{"role": "user", "content": ""}, {"role": "assistant", "content": ""}],
    "context": [],
    "tags": {},
    "source": "Written for this project",
    "licence": "Proprietary",
}


def from_form(form: FormData) -> dict[str, Any]:
    """The form as plain data. Empty turns at the end and an empty system message are left out."""
    turns = [
        {"role": str(role), "content": str(content).replace("\r\n", "\n")}
        for role, content in zip(form.getlist("role"), form.getlist("content"), strict=False)
    ]
    kept = [turn for turn in turns if turn["role"] != "system" or turn["content"].strip()]
    while len(kept) > 2 and not kept[-1]["content"].strip() and not kept[-2]["content"].strip():
        kept = kept[:-2]
    tags = {
        name.removeprefix("tag:"): str(value).strip()
        for name, value in form.multi_items()
        if name.startswith("tag:") and str(value).strip()
    }
    extra, worth = str(form.get("extra_tag") or "").strip(), str(form.get("extra_value") or "").strip()
    if extra and worth:
        tags[extra] = worth
    context = [
        {"text": str(body), "source": str(source).strip()}
        for body, source in zip(form.getlist("context_text"), form.getlist("context_source"), strict=False)
        if str(body).strip()
    ]
    return {
        "messages": kept,
        "context": context,
        "tags": tags,
        "source": str(form.get("source") or "").strip(),
        "licence": str(form.get("licence") or "").strip(),
    }


def parse(data: dict[str, Any]) -> Content:
    return messages.parse(data)


def of_revision(revision: Revision) -> dict[str, Any]:
    return {
        "messages": revision.messages,
        "context": revision.context,
        "tags": revision.tags,
        "source": revision.source,
        "licence": revision.licence,
    }


def plain(revision: Revision) -> str:
    """All turns as one text, for the word diff."""
    turns = revision.messages
    if len(turns) == 2:
        return f"{turns[0]['content']}\n\n— — —\n\n{turns[1]['content']}"
    return "\n\n".join(f"[{turn['role']}]\n{turn['content']}" for turn in turns)
