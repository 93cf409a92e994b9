"""Problems as the pages show them: the quoted place, similar pairs compared with the text, the reason for a waiver.

Knows how a problem looks. Which problems exist, and which of them block, is decided in `app.domain.pairs`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from app.domain.checks.registry import CODES, name_of
from app.domain.pairs import content as pair_content, declarations
from app.web.render import environment, word_diff

AROUND = 40
MOST_QUOTED, MOST_COMPARED = 200, 3000
SIMILARITIES = (
    (0.999, "identical"),
    (0.9, "nearly identical"),
    (0.8, "very similar"),
    (0.7, "similar"),
    (0.0, "closest"),
)


def explained(
    problems: Sequence[Mapping[str, Any]] | None,
    turns: Sequence[Mapping[str, str]],
    waivers: Sequence[Mapping[str, str]] | None = None,
) -> list[dict[str, Any]]:
    """Return each problem with `name`, `place`, `quote`, `fix`, `waiver` and compared neighbors; waived ones last."""
    texts = [turn["content"] for turn in turns]
    reasons = declarations.reasons(waivers)
    rows = [_explained(problem, texts, reasons) for problem in problems or ()]
    return sorted(rows, key=lambda row: bool(row["waiver"]))


def _explained(problem: Mapping[str, Any], texts: list[str], reasons: Mapping[str, str]) -> dict[str, Any]:
    code, blocks = problem.get("code", ""), problem["severity"] == "block"
    span, fix = problem.get("span"), problem.get("fix")
    place = pair_content.place(texts, problem["field"], span) if span else None
    target = pair_content.place(texts, problem["field"], fix["span"]) if fix else None
    return {
        **problem,
        "name": name_of(code),
        "blocks": blocks,
        "waiver": "" if blocks else reasons.get(code, ""),
        "can_waive": not blocks and code in CODES,
        "place": _target(texts, place),
        "quote": _quote(texts, place),
        "fix": _target(texts, target) | {"replacement": fix["replacement"]} if target and fix else None,
        "neighbours": [_neighbor(near, texts) for near in problem["neighbours"]],
    }


def _target(texts: list[str], place: tuple[int, int, int] | None) -> dict[str, Any]:
    if place is None:
        return {}
    turn, start, end = place
    return {"turn": turn, "start": start, "end": end, "expected": texts[turn][start:end]}


def _quote(texts: list[str], place: tuple[int, int, int] | None) -> tuple[str, str, str] | None:
    """Return (text before, the place itself, text after)."""
    if place is None:
        return None
    turn, start, end = place
    text = texts[turn]
    before, marked, after = text[max(0, start - AROUND) : start], text[start:end], text[end : end + AROUND]
    if len(marked) > MOST_QUOTED:
        marked, after = marked[:MOST_QUOTED] + " …", ""
    return ("… " if start > AROUND else "") + before, marked, after + (" …" if end + AROUND < len(text) else "")


def _neighbor(near: Mapping[str, Any], texts: list[str]) -> dict[str, Any]:
    by = near.get("by", "wording")
    words = next(words for least, words in SIMILARITIES if near["similarity"] >= least)
    prompt, completion = pair_content.JOIN.join(texts[:-1]), texts[-1] if texts else ""
    return {
        **near,
        "words": f"{words.capitalize()} {by}",
        "prompt_diff": _diff(near["prompt"], prompt) if by != "subject" else None,  # an outlier shares no words with it
        "completion_diff": _diff(near["completion"], completion),
    }


def _diff(theirs: str, own: str) -> list[tuple[str, str]] | None:
    """Return a word diff, None if the texts are too long to compare on every live check."""
    return word_diff(theirs, own) if len(theirs) + len(own) <= 2 * MOST_COMPARED else None


environment().globals["explained"] = explained
environment().globals["check_name"] = name_of
environment().globals["turn_name"] = pair_content.turn_name
environment().globals["assistance_words"] = declarations.ASSISTANCE
