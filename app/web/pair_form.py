"""The pair form <-> Content: what the writing desk posts, and what it shows again when something is wrong."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.datastructures import FormData

from app.core.errors import Invalid
from app.domain.pairs import content as pair_content
from app.domain.pairs import declarations
from app.domain.pairs.content import Content
from app.domain.pairs.declarations import Declared
from app.domain.pairs.tables import Revision
from app.domain.projects import settings as project_settings
from app.domain.projects.tables import Project

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
    return {
        "messages": kept,
        "context": _documents(form),
        "tags": tags,
        "source": str(form.get("source") or "").strip(),
        "licence": str(form.get("licence") or "").strip(),
        **_declared(form),
    }


def asked_tags(query: Mapping[str, str]) -> dict[str, str]:
    """Tags that an address asks for (`tag:category=rash`), for an empty form."""
    asked = ((name.removeprefix("tag:"), value) for name, value in query.items() if name.startswith("tag:"))
    return {name[:60]: value[:120] for name, value in list(asked)[:8] if name and value}


def _documents(form: FormData) -> list[dict[str, str]]:
    """Context documents that have a text; title and source stand beside it by position."""
    texts = [str(one).replace("\r\n", "\n") for one in form.getlist("context_text")]
    names = {key: [str(one).strip() for one in form.getlist(f"context_{key}")] for key in ("source", "title")}
    return [
        {"text": text} | {key: found[at] for key, found in names.items() if at < len(found) and found[at]}
        for at, text in enumerate(texts)
        if text.strip()
    ]


def _declared(form: FormData) -> dict[str, Any]:
    """What is not in the form stays None: as before."""
    share = str(form.get("pasted_share") or "")
    kept = [
        {"code": name.removeprefix("waiver:"), "reason": str(reason)}
        for name, reason in form.multi_items()
        if name.startswith("waiver:")
    ]
    return {
        "assistance": str(form.get("assistance") or "") or None,
        "pasted_share": _share(share) if share else None,
        "waivers": kept if kept or "declares" in form else None,
    }


def _share(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise Invalid("pasted_share is a share between 0 and 1.", field="pasted_share") from None


def parse(data: dict[str, Any]) -> Content:
    return pair_content.parse({name: value for name, value in data.items() if name not in DECLARED})


def declared(project: Project, data: dict[str, Any]) -> Declared:
    """What stands beside the text. A check that the project began to block meanwhile loses its waiver silently: its
    problem is shown again, and an autosave must not fail because of it."""
    chosen = project_settings.of(project.settings)["checks"]
    kept = data["waivers"]
    if kept is not None:
        kept = [one for one in kept if declarations.may_waive(one["code"], chosen)]
    return declarations.parse(chosen, assistance=data["assistance"], pasted_share=data["pasted_share"], waivers=kept)


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
    """All turns as one text, for the word diff."""
    return plain_of(revision.messages)


def plain_of(turns: list[dict[str, Any]]) -> str:
    if len(turns) == 2:
        return f"{turns[0]['content']}\n\n— — —\n\n{turns[1]['content']}"
    return "\n\n".join(f"[{turn['role']}]\n{turn['content']}" for turn in turns)
