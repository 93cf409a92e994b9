"""The report shows what was counted, and nothing else."""

from __future__ import annotations

import json
from pathlib import Path

from tests.security import report

RESULT = """<testsuites><testsuite><testcase classname="a" name="one" time="1.5"/>
<testcase classname="a" name="two" time="1"><failure message="no"/></testcase>
<testcase classname="a" name="three" time="0"><skipped message="no Chromium"/></testcase></testsuite></testsuites>"""


def count(folder: Path, process: int, *given: tuple[str, int]) -> None:
    text = "".join(json.dumps({"name": name, "count": number}) + "\n" for name, number in given)
    (folder / f"{process}.jsonl").write_text(text)


def test_numbers_of_all_processes_are_summed(tmp_path: Path) -> None:
    count(tmp_path, 1, ("routes walked", 90), ("cells tried", 7))
    count(tmp_path, 2, ("routes walked", 7))
    (tmp_path / "3.jsonl").write_text('{"name": "routes wal')
    assert report.counts(tmp_path) == {"routes walked": 97, "cells tried": 7}
    assert report.main(tmp_path) == 0


def test_a_failed_test_fails_the_report(tmp_path: Path) -> None:
    count(tmp_path, 1, ("routes walked", 1))
    (tmp_path / "result.xml").write_text(RESULT)
    text = "\n".join(report.lines(report.counts(tmp_path), report.outcome(tmp_path / "result.xml")))
    assert "1 of 3 tests" in text
    assert "FAILED   a::two" in text
    assert "skipped  a::three" in text
    assert report.main(tmp_path) == 1


def test_what_must_be_zero_is_said_when_it_is_not(tmp_path: Path) -> None:
    count(tmp_path, 1, ("personal traces left", 0))
    assert report.main(tmp_path) == 0
    count(tmp_path, 2, ("personal traces left", 1))
    assert report.main(tmp_path) == 1


def test_a_run_that_counted_nothing_is_no_evidence(tmp_path: Path) -> None:
    assert report.main(tmp_path) == 1
