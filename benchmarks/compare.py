"""Compare working trees of this repository: reviews per second and server CPU of each.

    python -m benchmarks.compare TREE TREE... [--pairs 4000] [--seconds 0.5] [--rounds 40] [--clients 4] [--json OUT]

All servers run for the whole time, each with an SQLite database of its own. One tree after another reviews for half a
second, so that other work on the machine slows all of them alike. Printed are the totals of all rounds.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path

from benchmarks.clients import review_together
from benchmarks.desks import cpu_seconds, hire, review, review_on
from benchmarks.soak import fill
from tests.fixtures.processes import Stack

Figures = tuple[float, float, float]
WORK = {"two_requests": review, "one_request": review_on}


def start(tree: Path, folder: Path, pairs: int, clients: int) -> tuple[Stack, list[str]]:
    """The servers of one tree with pairs to review, and the tokens of its reviewers."""
    stack = Stack(folder / tree.name)
    stack.root = tree
    stack.start("web", "worker")
    fill(stack, pairs)
    stack.processes["worker"].terminate()
    return stack, hire(stack, clients)


def measure(stack: Stack, tokens: list[str], seconds: float) -> dict[str, Figures]:
    """One round: (reviews, seconds, server CPU seconds) for two requests per pair and for one."""
    figures, web = {}, stack.processes["web"].pid
    for name, work in WORK.items():
        start, before = time.monotonic(), cpu_seconds(web)
        result = review_together(work, [(stack.url, token, seconds) for token in tokens])
        figures[name] = (result["reviews"], time.monotonic() - start, cpu_seconds(web) - before)
    return figures


def totals(rounds: list[dict[str, Figures]]) -> dict[str, dict[str, float]]:
    """Figures of all rounds of one tree."""
    result = {}
    for name in WORK:
        reviews, seconds, cpu = (sum(column) for column in zip(*(one[name] for one in rounds), strict=True))
        result[name] = {
            "reviews_per_second": round(reviews / seconds, 1),
            "server_cpu_milliseconds_per_review": round(1000 * cpu / reviews, 2),
        }
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("trees", nargs="+", type=Path)
    parser.add_argument("--pairs", type=int, default=4_000)
    parser.add_argument("--seconds", type=float, default=0.5)
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    rounds: dict[str, list[dict[str, Figures]]] = {tree.name: [] for tree in options.trees}
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
    result = {name: totals(figures) for name, figures in rounds.items()}
    print(json.dumps(result, indent=1))
    if options.json:
        options.json.write_text(json.dumps({"totals": result, "rounds": rounds}, indent=1))


if __name__ == "__main__":
    main()
