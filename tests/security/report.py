"""`make audit-report`: what the tests tried, in numbers that they counted themselves while they ran.

Reads the lines that the `tally` fixture wrote (each process of a run keeps a file) and pytest's own result. Nothing
here knows a number, or a test.
"""

from __future__ import annotations

import json
import sys
import xml.etree.ElementTree as ElementTree
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TALLY = ROOT / ".audit-report"
RESULT = "result.xml"
MUST_BE_ZERO = ("personal traces left",)


@dataclass(frozen=True)
class Outcome:
    """What pytest said of the run."""

    tests: int
    failed: list[str]
    skipped: list[str]
    seconds: float


def counts(folder: Path) -> Counter[str]:
    """Each counter, summed over all processes. A line that a killed process tore is passed over."""
    total: Counter[str] = Counter()
    for path in sorted(folder.glob("*.jsonl")):
        for line in path.read_text().splitlines():
            try:
                one = json.loads(line)
                total[str(one["name"])] += int(one["count"])
            except (ValueError, KeyError, TypeError):
                continue
    return total


def outcome(path: Path) -> Outcome | None:
    """None when pytest left no result, as after a run that was not made by `make audit-report`."""
    if not path.exists():
        return None
    cases = list(ElementTree.parse(path).iter("testcase"))
    return Outcome(
        tests=len(cases),
        failed=[_name(case) for case in cases if case.find("failure") is not None or case.find("error") is not None],
        skipped=[_name(case) for case in cases if case.find("skipped") is not None],
        seconds=sum(float(case.get("time", 0)) for case in cases),
    )


def _name(case: ElementTree.Element) -> str:
    return f"{case.get('classname', '')}::{case.get('name', '')}"


def lines(total: Counter[str], run: Outcome | None) -> Iterator[str]:
    """The table."""
    if not total:
        yield "Nothing was counted: no test of a promise has run. Start: make audit-report"
        return
    wide = max(map(len, total))
    for name in sorted(total):
        verdict = "" if name not in MUST_BE_ZERO else "  as promised" if total[name] == 0 else "  BROKEN: must be 0"
        yield f"  {name:<{wide}}  {total[name]:>9,}{verdict}"
    if run is None:
        yield "Counted by the last run of the tests; its outcome stands in its own output."
        return
    passed = run.tests - len(run.failed) - len(run.skipped)
    yield f"{passed} of {run.tests} tests of promises passed, {len(run.skipped)} skipped, in {run.seconds:.0f} s."
    yield from (f"  skipped  {name}" for name in run.skipped)
    yield from (f"  FAILED   {name}" for name in run.failed)


def main(folder: Path = TALLY) -> int:
    """Exit 0 when nothing failed and every counter that must be zero is."""
    total, run = counts(folder), outcome(folder / RESULT)
    print("What the tests of the promises tried (SECURITY.md says what each promise is):")
    print("\n".join(lines(total, run)))
    return int(not total or any(total[name] for name in MUST_BE_ZERO) or bool(run and run.failed))


if __name__ == "__main__":
    sys.exit(main())
