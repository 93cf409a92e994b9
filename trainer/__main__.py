"""Command line: `python -m trainer run SPEC.json`, `python -m trainer work [--once]`,
and `python -m trainer embedding --out DIR`.

Knows arguments, signals and the environment that must be set before torch is loaded; does no work itself.
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
    run = commands.add_parser("run", help="fine-tune or evaluate as a file says, without the web application")
    run.add_argument("spec", type=Path)
    run.add_argument("--parent", type=int, help="process id to die with; set by the supervisor")
    work = commands.add_parser("work", help="claim work from the application at PRECEPTOR_URL and execute it")
    work.add_argument("--once", action="store_true", help="end after one job, or at once when there is none")
    embedding = commands.add_parser("embedding", help="export the sentence embedding that finds similar pairs")
    embedding.add_argument("--out", type=Path, required=True)
    args = parser.parse_args(arguments)
    if args.command == "embedding":
        return _embedding(args.out)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    if args.command == "run":
        return _run(args.spec, args.parent, stop)
    from trainer.worker.supervisor import work as claim_and_work

    return claim_and_work(args.once, stop)


def _run(spec: Path, parent: int | None, stop: threading.Event) -> int:
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # spinning threads would slow the web server
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    if os.environ.get("PRECEPTOR_ALLOW_HUB") != "1":
        os.environ["HF_HUB_OFFLINE"] = "1"
    if parent is not None:
        from trainer.worker.subprocess import die_with_parent

        die_with_parent(parent)
    from trainer.pipeline.execute import run_file

    return run_file(spec, stop.is_set)


def _embedding(out: Path) -> int:
    from trainer.embedding.export import MissingSource, export

    try:
        print(f"Embedding {export(out)['digest'][:12]} is in {out}")
    except MissingSource as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
