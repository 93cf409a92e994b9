"""Convert between the posted pair form and Content, and back to form values after an error."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.core.errors import Invalid
from app.domain.pairs import content as pair_content, declarations
from app.domain.pairs.content import Content
from app.domain.pairs.declarations import Declared
from app.domain.pairs.tables import Revision
from app.domain.projects import settings as project_settings
from app.domain.projects.tables import Project
from app.web.forms import Form

TAGS = ("domain", "language", "category", "difficulty")
BLANK: dict[str, Any] = {
    "messages": [{"role": "user", "content": ""}, {"role": "assistant", "content": ""}],
    "context": [],
    "tags": {},
    "source": "Written for this project",
    "licence": "Proprietary",
    "assistance": "none",
    "pasted_share": 0.0,
    "waivers": [],
}
DECLARED = ("assistance", "pasted_share", "waivers")


def from_form(form: Form) -> dict[str, Any]:
    """Return the form as plain data, without empty turns at the end and without an empty system message."""
    turns = [
        {"role": role, "content": content.replace("\r\n", "\n")}
        for role, content in zip(form.every("role"), form.every("content"), strict=False)
    ]
    turns = [turn for turn in turns if turn["role"] != "system" or turn["content"].strip()]
    while len(turns) > 2 and not turns[-1]["content"].strip() and not turns[-2]["content"].strip():
        turns = turns[:-2]
    tags = {name: value.strip() for name, value in form.prefixed("tag:").items()}
    if (extra := form.text("extra_tag")) and (value := form.text("extra_value")):
        tags[extra] = value
    return {
        "messages": turns,
        "context": _documents(form),
        "tags": tags,
        "source": form.text("source"),
        "licence": form.text("license"),
        **_declared(form),
    }


def tags_from_query(query: Mapping[str, str]) -> dict[str, str]:
    """Return the tags in a query string (`tag:category=rash`), to fill in a new form."""
    tags = ((name.removeprefix("tag:"), value) for name, value in query.items() if name.startswith("tag:"))
    return {name[:60]: value[:120] for name, value in list(tags)[:8] if name and value}


def _documents(form: Form) -> list[dict[str, str]]:
    """Return the context documents that have a text; title and source are matched by position."""
    texts = [text.replace("\r\n", "\n") for text in form.every("context_text")]
    names = {key: [name.strip() for name in form.every(f"context_{key}")] for key in ("source", "title")}
    return [
        {"text": text} | {key: column[at] for key, column in names.items() if at < len(column) and column[at]}
        for at, text in enumerate(texts)
        if text.strip()
    ]


def _declared(form: Form) -> dict[str, Any]:
    """Return the author's declarations; None for each field that the form lacks, which keeps the stored value."""
    share = form.raw("pasted_share")
    waivers = [
        {"code": name.removeprefix("waiver:"), "reason": str(reason)}
        for name, reason in form.multi_items()
        if name.startswith("waiver:")
    ]
    return {
        "assistance": form.raw("assistance") or None,
        "pasted_share": _share(share) if share else None,
        "waivers": waivers if waivers or "declares" in form else None,
    }


def _share(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise Invalid("pasted_share must be between 0 and 1.", field="pasted_share") from None


def parse(data: dict[str, Any]) -> Content:
    return pair_content.parse({name: value for name, value in data.items() if name not in DECLARED})


def declared(project: Project, data: dict[str, Any]) -> Declared:
    """Return the author's declarations, checked against the project's settings. A waiver for a check that now blocks is
    dropped silently: its problem is shown again, and autosave must not fail because of it."""
    severities = project_settings.of(project.settings)["checks"]
    waivers = data["waivers"]
    if waivers is not None:
        waivers = [waiver for waiver in waivers if declarations.may_waive(waiver["code"], severities)]
    return declarations.parse(
        severities, assistance=data["assistance"], pasted_share=data["pasted_share"], waivers=waivers
    )


def of_revision(revision: Revision) -> dict[str, Any]:
    return {
        "messages": revision.messages,
        "context": revision.context,
        "tags": revision.tags,
        "source": revision.source,
        "licence": revision.licence,
        "assistance": revision.assistance or "none",
        "pasted_share": revision.pasted_share or 0.0,
        "waivers": revision.waivers or [],
    }


def plain(revision: Revision) -> str:
    """Return all turns as one text, for the word diff."""
    return plain_text(revision.messages)


def plain_text(turns: list[dict[str, Any]]) -> str:
    if len(turns) == 2:
        return f"{turns[0]['content']}\n\n— — —\n\n{turns[1]['content']}"
    return "\n\n".join(f"[{turn['role']}]\n{turn['content']}" for turn in turns)
