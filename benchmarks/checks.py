"""How much the checks find, how often they are wrong, and what they cost.

    python -m benchmarks.checks FOLDER [--texts 1000] [--half odd|even] [--json OUT] [--misses KIND] [--alarms CODE]

FOLDER holds presidio_synth_v2.jsonl, texts whose personal data is marked, and ordinary texts: banking77_train,
medquad_open, gsm8k_train_3000, tldr_en, bitext_support_80, onestop_pairs, text2sql_advising. A marked span counts as
found when one mark covers half of it; a mark counts as right when at least half of it is marked, of whatever type, and
of the right kind when it touches a span of its own type. --half keeps the sentence templates with odd or even numbers,
so that one half can be looked at and the other only counted. Ordinary texts hold names and hotlines too: not every
alarm there is false.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from app.domain.checks import language, run_checks
from app.domain.checks.code import check as code_check
from app.domain.checks.pii import addresses, credentials, identifiers, national_ids, persons, phone_numbers
from app.domain.checks.pii.check import find_spans
from app.domain.checks.text import basic

ORDINARY = {
    "banking77_train": "classification",
    "medquad_open": "generation",
    "gsm8k_train_3000": "generation",
    "tldr_en": "code",
    "bitext_support_80": "generation",
    "onestop_pairs": "generation",
    "text2sql_advising": "code",
}
GOLD = {
    "PERSON": {"person"},
    "STREET_ADDRESS": {"address"},
    "ZIP_CODE": {"address"},
    "PHONE_NUMBER": {"phone"},
    "CREDIT_CARD": {"card"},
    "EMAIL_ADDRESS": {"email"},
    "IBAN_CODE": {"iban"},
    "US_SSN": {"ssn"},
    "IP_ADDRESS": {"ip"},
    "US_DRIVER_LICENSE": {"licence"},
    "DOMAIN_NAME": {"url"},
}


def rows(file: Path, limit: int | None = None) -> list[dict[str, Any]]:
    found = [json.loads(line) for line in file.read_text().split("\n") if line]
    return random.Random(7).sample(found, min(limit, len(found))) if limit else found


def overlap(left: tuple[int, int], right: tuple[int, int]) -> int:
    return max(0, min(left[1], right[1]) - max(left[0], right[0]))


def personal_data(file: Path, half: str | None, misses: str | None) -> dict[str, dict[str, float]]:
    """type -> n, found, recall (any mark), typed (mark of that type); kind -> marks, right, precision."""
    n, found, typed, marks_of = Counter[str](), Counter[str](), Counter[str](), Counter[str]()
    right, same = Counter[str](), Counter[str]()
    for row in rows(file):
        if half and (row["meta"]["template_id"] % 2 == 1) != (half == "odd"):
            continue
        prompt, gold = row["prompt"], row["meta"]["spans"]
        marks = find_spans(prompt, ["en"])
        for span in gold:
            place = (span["start_position"], span["end_position"])
            hits = [mark for mark in marks if 2 * overlap(place, mark[:2]) >= place[1] - place[0]]
            n[span["entity_type"]] += 1
            found[span["entity_type"]] += bool(hits)
            typed[span["entity_type"]] += any(mark.kind in GOLD.get(span["entity_type"], ()) for mark in hits)
            if misses == span["entity_type"] and not hits:
                print("missed", repr(prompt[max(0, place[0] - 50) : place[1] + 30]), "->", prompt[slice(*place)])
        for mark in marks:
            inside: Counter[str] = Counter()
            for span in gold:
                inside[span["entity_type"]] += overlap(mark[:2], (span["start_position"], span["end_position"]))
            good = 2 * sum(inside.values()) >= mark.end - mark.start
            same[mark.kind] += any(mark.kind in GOLD.get(kind, ()) for kind, part in inside.items() if part)
            marks_of[mark.kind] += 1
            right[mark.kind] += good
            if misses == mark.kind and not good:
                print("wrong", repr(prompt[max(0, mark.start - 30) : mark.end + 30]), "->", prompt[slice(*mark[:2])])
    recalls = {kind: {"n": n[kind], "recall": found[kind] / n[kind], "right kind": typed[kind] / n[kind]} for kind in n}
    precisions = {
        kind: {
            "marks": marks_of[kind],
            "precision": right[kind] / marks_of[kind],
            "right kind": same[kind] / marks_of[kind],
        }
        for kind in marks_of
    }
    return {"recall": recalls, "precision": precisions}  # type: ignore[dict-item]


def false_alarms(folder: Path, limit: int, show: str | None) -> dict[str, dict[str, float]]:
    """data set -> code (pii by kind) -> texts with it per 1,000 pairs. Most of these texts are clean."""
    found: dict[str, dict[str, float]] = {}
    for name, task in ORDINARY.items():
        counts: Counter[str] = Counter()
        chosen = rows(folder / f"{name}.jsonl", limit)
        for row in chosen:
            problems = run_checks.check_pair(row["prompt"], row["completion"], languages=["en"], task=task)
            counts.update({named(problem) for problem in problems})
            for problem in problems:
                if show in (problem.code, named(problem)):
                    body = row[problem.field]
                    a, b = problem.span or (0, 80)
                    print(
                        name,
                        problem.message,
                        repr(body[max(0, a - 30) : a]),
                        "<<",
                        repr(body[a:b][:160]),
                        ">>",
                        repr(body[b : b + 30]),
                    )
        found[name] = {code: 1000 * count / len(chosen) for code, count in counts.most_common()}
    return found


def named(problem: Any) -> str:
    return f"{problem.code}.{problem.kind}" if problem.kind else str(problem.code)


def costs(folder: Path) -> dict[str, float]:
    """check -> milliseconds a pair, over pairs of about 2,000 characters."""
    pairs = [(row["prompt"], (row["completion"] * 9)[:1900]) for row in rows(folder / "medquad_open.jsonl", 150)]
    steps: dict[str, Callable[[str, str], Any]] = {
        "text": lambda p, c: list(basic.check_text(p, c)),
        "language": lambda p, c: list(language.check_language(c, ["en"])),
        "code": lambda p, c: list(code_check.check_code("completion", c)),
        "all but duplicates": lambda p, c: run_checks.check_pair(p, c, languages=["en"]),
    }
    for module in (credentials, identifiers, national_ids, phone_numbers, addresses, persons):
        name = module.__name__.rsplit(".", 1)[1]
        steps[name] = finding(getattr(module, f"find_{name}"))
    return {name: timed(step, pairs) for name, step in steps.items()}


def finding(find: Callable[[str], Any]) -> Callable[[str, str], Any]:
    return lambda _, completion: list(find(completion))


def timed(step: Callable[[str, str], Any], pairs: list[tuple[str, str]]) -> float:
    step(*pairs[0])
    start = time.process_time()
    for prompt, completion in pairs:
        step(prompt, completion)
    return 1000 * (time.process_time() - start) / len(pairs)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--texts", type=int, default=1000)
    parser.add_argument("--half", choices=["odd", "even"])
    parser.add_argument("--misses", help="print what was missed of a marked type, or marked wrongly of a kind")
    parser.add_argument("--alarms", help="print every problem of this code on ordinary texts")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    result = {
        "personal data": personal_data(options.folder / "presidio_synth_v2.jsonl", options.half, options.misses),
        "problems per 1,000 ordinary pairs": false_alarms(options.folder, options.texts, options.alarms),
        "milliseconds a pair": costs(options.folder),
    }
    for line in lines(result):
        print(line)
    if options.json:
        options.json.write_text(json.dumps(result, indent=1))


def lines(result: dict[str, Any], depth: int = 0) -> Iterator[str]:
    for name, value in result.items():
        if isinstance(value, dict) and any(isinstance(inner, dict) for inner in value.values()):
            yield f"{'  ' * depth}{name}"
            yield from lines(value, depth + 1)
        elif isinstance(value, dict):
            yield f"{'  ' * depth}{name:20} " + "  ".join(f"{key} {number:.3g}" for key, number in value.items())
        else:
            yield f"{'  ' * depth}{name:20} {value:.3f}"


if __name__ == "__main__":
    main()
