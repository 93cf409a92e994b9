"""Problems as a person reads them: the place quoted, the neighbours compared with one's own text, the reason it stays.

Knows how a problem looks; what is a problem, and whether it blocks, was decided in the room of pairs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from app.domain.checks.registry import CODES, name_of
from app.domain.pairs import content as pair_content
from app.domain.pairs import declarations
from app.web.render import environment, word_diff

AROUND = 40
MOST_QUOTED, MOST_COMPARED = 200, 3000
ALIKE = ((0.999, "the same"), (0.9, "almost the same"), (0.8, "very alike"), (0.7, "alike"), (0.0, "nearest"))


def explained(
    problems: Sequence[Mapping[str, Any]] | None,
    turns: Sequence[Mapping[str, str]],
    waivers: Sequence[Mapping[str, str]] | None = None,
) -> list[dict[str, Any]]:
    """Each problem with `name`, `where`, `quote`, `mend`, `kept` and its neighbours compared; kept ones come last."""
    texts = [turn["content"] for turn in turns]
    kept = declarations.reasons(waivers)
    found = [_one(problem, texts, kept) for problem in problems or ()]
    return sorted(found, key=lambda one: bool(one["kept"]))


def _one(problem: Mapping[str, Any], texts: list[str], kept: Mapping[str, str]) -> dict[str, Any]:
    code, blocks = problem.get("code", ""), problem["severity"] == "block"
    span, fix = problem.get("span"), problem.get("fix")
    place = pair_content.place(texts, problem["field"], span) if span else None
    target = pair_content.place(texts, problem["field"], fix["span"]) if fix else None
    return {
        **problem,
        "name": name_of(code),
        "blocks": blocks,
        "kept": "" if blocks else kept.get(code, ""),
        "may_keep": not blocks and code in CODES,
        "place": _target(texts, place),
        "quote": _quote(texts, place),
        "mend": _target(texts, target) | {"replacement": fix["replacement"]} if target and fix else None,
        "neighbours": [_neighbour(one, texts) for one in problem["neighbours"]],
    }


def _target(texts: list[str], place: tuple[int, int, int] | None) -> dict[str, Any]:
    if place is None:
        return {}
    turn, start, end = place
    return {"turn": turn, "start": start, "end": end, "expected": texts[turn][start:end]}


def _quote(texts: list[str], place: tuple[int, int, int] | None) -> tuple[str, str, str] | None:
    """(before, the place itself, after)."""
    if place is None:
        return None
    turn, start, end = place
    text = texts[turn]
    before, marked, after = text[max(0, start - AROUND) : start], text[start:end], text[end : end + AROUND]
    if len(marked) > MOST_QUOTED:
        marked, after = marked[:MOST_QUOTED] + " …", ""
    return ("… " if start > AROUND else "") + before, marked, after + (" …" if end + AROUND < len(text) else "")


def _neighbour(near: Mapping[str, Any], texts: list[str]) -> dict[str, Any]:
    by = near.get("by", "wording")
    words = next(said for least, said in ALIKE if near["similarity"] >= least)
    prompt, completion = pair_content.JOIN.join(texts[:-1]), texts[-1] if texts else ""
    return {
        **near,
        "words": f"{words.capitalize()} by {by}",
        "prompt_diff": _diff(near["prompt"], prompt) if by != "subject" else None,  # what is far has no words in common
        "completion_diff": _diff(near["completion"], completion),
    }


def _diff(theirs: str, own: str) -> list[tuple[str, str]] | None:
    """None for texts too long to compare at each pause of the keyboard."""
    return word_diff(theirs, own) if len(theirs) + len(own) <= 2 * MOST_COMPARED else None


environment().globals["explained"] = explained
environment().globals["check_name"] = name_of
environment().globals["assistance_words"] = declarations.ASSISTANCE
