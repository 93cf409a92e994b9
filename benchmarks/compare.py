"""Compare working trees of this repository: reviews per second and server CPU of each.

    python -m benchmarks.compare TREE TREE... [--pairs 6000] [--seconds 2] [--rounds 10] [--clients 4] [--json OUT]

The name of each tree is printed with the medians of its rounds. All servers run for the whole time, and one tree after
another reviews for a few seconds, so that other work on the machine meets all of them alike. Each has its own SQLite
database. Rely on the CPU time where the machine is busy.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.clients import review_together
from benchmarks.desks import cpu_seconds, hire, review, review_on
from benchmarks.soak import fill
from tests.fixtures.processes import Stack

WORK = {"two_requests": review, "one_request": review_on}


def start(tree: Path, folder: Path, pairs: int, clients: int) -> tuple[Stack, list[str]]:
    """The servers of one tree with pairs to review, and the tokens of its reviewers."""
    stack = Stack(folder / tree.name)
    stack.root = tree
    stack.start("web", "jobs")
    fill(stack, pairs)
    stack.processes["jobs"].terminate()
    return stack, hire(stack, clients)


def measure(stack: Stack, tokens: list[str], seconds: float) -> dict[str, dict[str, float]]:
    """One round: figures for two requests per pair and for one."""
    figures = {}
    for name, work in WORK.items():
        web = stack.processes["web"].pid
        before = cpu_seconds(web)
        result = review_together(work, [(stack.url, token, seconds) for token in tokens])
        milliseconds = 1000 * (cpu_seconds(web) - before) / result["reviews"]
        figures[name] = {"reviews_per_second": result["reviews_per_second"], "cpu_milliseconds": milliseconds}
    return figures


def medians(rounds: list[dict[str, dict[str, float]]]) -> dict[str, Any]:
    return {
        name: {figure: round(median(one[name][figure] for one in rounds), 2) for figure in rounds[0][name]}
        for name in WORK
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("trees", nargs="+", type=Path)
    parser.add_argument("--pairs", type=int, default=6_000)
    parser.add_argument("--seconds", type=float, default=2)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    rounds: dict[str, list[dict[str, dict[str, float]]]] = {tree.name: [] for tree in options.trees}
    with tempfile.TemporaryDirectory(prefix="preceptor-compare-") as folder:
        started: dict[str, tuple[Stack, list[str]]] = {}
        try:
            for tree in options.trees:
                started[tree.name] = start(tree.resolve(), Path(folder), options.pairs, options.clients)
            for _ in range(options.rounds):
                for name, (stack, tokens) in started.items():
                    rounds[name].append(measure(stack, tokens, options.seconds))
        finally:
            for stack, _ in started.values():
                stack.stop()
    result = {name: medians(figures) for name, figures in rounds.items()}
    print(json.dumps(result, indent=1))
    if options.json:
        options.json.write_text(json.dumps({"medians": result, "rounds": rounds}, indent=1))


if __name__ == "__main__":
    main()
