"""A real data set through the whole loop: API import, bulk approval, freeze, training under a time budget, report.

    python -m benchmarks.real_data FILE.jsonl [--minutes 4] [--task classification] [--json OUT]

FILE holds one {"prompt", "completion", …tags} a line. The web, jobs and trainer processes are real, on loopback, on a
data folder that is removed afterwards. Prints exact match with its 95 % interval beside the two references.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.fixtures.processes import Stack


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    parser.add_argument("--minutes", type=float, default=4.0)
    parser.add_argument("--task", default="classification")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="preceptor-benchmark-") as folder:
        stack = Stack(Path(folder) / "data")
        stack.start("web", "worker", "trainer")
        try:
            result = measure(stack, options.file, options.task, options.minutes)
        finally:
            stack.stop()
    show(result)
    if options.json:
        options.json.write_text(json.dumps(result, indent=1))


def measure(stack: Stack, file: Path, task: str, minutes: float) -> dict[str, Any]:
    stack.call("carol", "POST", "/projects", 201, json={"slug": "real", "name": file.stem, "task": task})
    stack.call("carol", "POST", "/projects/real/members", 201, json={"email": "bob@example.org", "role": "editor"})
    seconds = {}
    start = time.monotonic()
    job = stack.call(
        "bob",
        "POST",
        "/projects/real/imports",
        202,
        files={"file": (file.name, file.read_bytes())},
        data={"source": file.name, "license": "see ATTRIBUTION.md", "approve": "true"},
    )
    imported = stack.finished(f"/jobs/{job['id']}", 600)["result"]
    seconds["import"] = time.monotonic() - start
    start = time.monotonic()
    job = stack.call("carol", "POST", "/projects/real/versions", 202, json={"name": "all"})
    version = stack.call("carol", "GET", "/versions/" + stack.finished(f"/jobs/{job['id']}", 600)["result"]["version"])
    seconds["freeze"] = time.monotonic() - start
    start = time.monotonic()
    run = stack.call(
        "carol",
        "POST",
        "/projects/real/runs",
        202,
        json={"version": version["id"], "recipe": {"base_model": "starter", "max_minutes": minutes}},
    )
    stack.finished(f"/runs/{run['id']}", minutes * 60 + 900)
    seconds["run"] = time.monotonic() - start
    return {
        "imported": imported,
        "counts": version["counts"],
        "leak_report": version["leak_report"],
        "seconds": seconds,
        "report": stack.call("carol", "GET", f"/runs/{run['id']}/report"),
    }


def show(result: dict[str, Any]) -> None:
    report, match = result["report"], result["report"]["metrics"]["exact_match"]
    print(f"imported {result['imported']}; split {result['counts']}")
    print("near-duplicates across splits:", result["leak_report"]["near_duplicates_across_splits"])
    rows = {"base": match["base"], "tuned": match["tuned"], "difference": match["delta"]}
    rows |= {name: values["exact_match"] for name, values in report["references"].items() if "exact_match" in values}
    for name, row in rows.items():
        print(f"{name:14} {row['value']:7.3f}   95 % {row['low']:.3f} to {row['high']:.3f}")
    cost, peak = report["cost"], report["cost"]["peak_memory_bytes"] / 2**20
    print(f"trainer: {cost['seconds']:.0f} s, {cost['tokens']} tokens, {peak:.0f} MiB peak")
    print("seconds:", {name: round(value, 1) for name, value in result["seconds"].items()})


if __name__ == "__main__":
    main()
