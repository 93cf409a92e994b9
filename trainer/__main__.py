"""Command line: `python -m trainer run RECIPE.json` and `python -m trainer work [--once]`,
and `python -m trainer embedding --out DIR`.

Knows arguments, signals and the environment that must be set before torch is loaded; knows nothing of the work itself.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
from pathlib import Path


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m trainer")
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="fine-tune and evaluate one recipe, without the web application")
    run.add_argument("recipe", type=Path)
    run.add_argument("--parent", type=int, help="process id to die with; set by the supervisor")
    work = commands.add_parser("work", help="claim runs from the application at PRECEPTOR_URL and execute them")
    work.add_argument("--once", action="store_true", help="end after one job, or at once when there is none")
    embedding = commands.add_parser("embedding", help="make the file by which the application compares meanings")
    embedding.add_argument("--out", type=Path, required=True)
    given = parser.parse_args(arguments)
    if given.command == "embedding":
        return _embedding(given.out)
    stop = _stop_on_signal()
    return _run(given.recipe, given.parent, stop) if given.command == "run" else _work(given.once, stop)


def _stop_on_signal() -> threading.Event:
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return stop


def _run(recipe: Path, parent: int | None, stop: threading.Event) -> int:
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # spinning threads would starve the web on a small machine
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    if os.environ.get("PRECEPTOR_ALLOW_HUB") != "1":
        os.environ["HF_HUB_OFFLINE"] = "1"
    if parent is not None:
        from trainer.worker.subprocess import die_with_parent

        die_with_parent(parent)
    from trainer.pipeline import run_file

    return run_file(recipe, stop.is_set)


def _embedding(out: Path) -> int:
    from trainer.embedding.export import NotHere, make

    try:
        print(f"Embedding {make(out)['digest'][:12]} is in {out}")
    except NotHere as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _work(once: bool, stop: threading.Event) -> int:
    from trainer.worker.supervisor import work

    return work(once, stop)


if __name__ == "__main__":
    sys.exit(main())
