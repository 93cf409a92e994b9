"""Copies, near copies and contradictions among the neighbors of a pair. Pure: neighbors are passed in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from app.domain.checks.problem import Neighbor, Problem, Severity
from app.domain.checks.similarity.contradiction import difference
from app.domain.checks.similarity.minhash import normalize

SHOWN = 5
OTHERWISE = "write a different case."


def check_duplicates(completion: str, neighbours: Sequence[Neighbor], task: str = "generation") -> Iterator[Problem]:
    """Blocks an exact copy, warns of near copies, and of a near-identical prompt with another answer."""
    if not neighbours:
        return
    answer = normalize(completion)
    exact = [n for n in neighbours if _is_copy(n) and normalize(n.completion) == answer]
    if exact:
        yield _problem("duplicate", "This pair already exists; open the existing one instead.", exact)
        return
    differ = {id(n): difference(completion, n.completion, task) for n in neighbours}
    same = [n for n in neighbours if not differ[id(n)]]
    if near := [n for n in same if n.by == "wording"]:
        yield _problem("near_duplicate", f"A pair with almost the same wording exists; {OTHERWISE}", near)
    if same_meaning := [n for n in same if n.by == "meaning"]:
        yield _problem(
            "same_meaning", f"A pair that asks the same thing in other words exists; {OTHERWISE}", same_meaning
        )
    if other := [n for n in neighbours if differ[id(n)]]:
        yield _problem("contradiction", _words(other[0], differ[id(other[0])]), other)


def _is_copy(neighbour: Neighbor) -> bool:
    return neighbour.by == "wording" and neighbour.similarity >= 1.0


def _words(other: Neighbor, differs: str) -> str:
    """Neighbors by wording come first; the message says when only the wording is alike."""
    alike = "almost the same prompt" if other.by == "wording" else "a prompt of the same meaning"
    return f"A pair with {alike} has {differs}; correct one, or make the prompts distinguish the two cases."


def _problem(code: str, message: str, neighbours: Sequence[Neighbor]) -> Problem:
    field = "completion" if code == "contradiction" else "prompt"
    severity: Severity = "block" if code == "duplicate" else "warn"
    return Problem(code, message, field, neighbours=tuple(neighbours[:SHOWN]), severity=severity)
