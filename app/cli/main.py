"""`preceptor …`: the commands."""

from __future__ import annotations

import json
import logging
import os
import sys
import threading
from pathlib import Path
from typing import Annotated

import typer

from app.bootstrap import migrate as migrate_schema, open_installation, require_current
from app.cli import accounts, audit, backup, demo_loop, doctor, files, services, up as start
from app.cli.supervisor import Interrupts, wait_until_free
from app.core.errors import AppError
from app.worker import loop as job_worker

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Preceptor: write, review and version fine-tuning data, train a model on it, and see what to write next.",
)
app.add_typer(accounts.users, name="user")
app.add_typer(accounts.tokens, name="token")
app.add_typer(accounts.people, name="person")
app.add_typer(audit.audit, name="audit")

HOST = Annotated[str, typer.Option(help="Address to listen on. Use 0.0.0.0 for all interfaces.")]
PORT = Annotated[int, typer.Option(help="Port to listen on.", min=1, max=65535)]


@app.command()
def up(
    host: HOST = "127.0.0.1",
    port: PORT = 8080,
    no_trainer: Annotated[bool, typer.Option("--no-trainer", help="Do not start a trainer.")] = False,
    no_demo: Annotated[bool, typer.Option("--no-demo", help="Do not load the demo project.")] = False,
) -> None:
    """Migrate the database, start web, worker and trainer, and print sign-in links."""
    start.up(host=host, port=port, with_trainer=not no_trainer, with_demo=not no_demo)


app.command("demo")(demo_loop.demo)
app.command("import")(files.import_)
app.command("export")(files.export_)
app.command("doctor")(doctor.doctor)


@app.command("backup")
def backup_(
    folder: Annotated[Path, typer.Argument(help="A new or empty folder.")],
    with_key: Annotated[bool, typer.Option("--with-key", help="Include the installation's keys.")] = False,
) -> None:
    """Back up the running installation: all tables and files, with a manifest of hashes."""
    manifest = backup.backup(open_installation(), folder, with_key=with_key)
    print(*backup.summary(manifest, folder, "Backed up to"), sep="\n")
    raise typer.Exit(1 if manifest["damaged_artifacts"] else 0)


@app.command("restore")
def restore_(
    folder: Annotated[Path, typer.Argument(exists=True, file_okay=False)],
    verify_only: Annotated[bool, typer.Option("--verify-only", help="Verify all hashes without restoring.")] = False,
    erasures: Annotated[
        Path | None, typer.Option(help="A copy of the erasures file.", exists=True, dir_okay=False)
    ] = None,
) -> None:
    """Verify a backup and restore it into an empty installation. Users erased since the backup are erased again."""
    if verify_only:
        print(*backup.summary(backup.verify(folder), folder, "Verified"), sep="\n")
        return
    restored = backup.restore(open_installation(), folder, erasures=erasures)
    print(*backup.summary(restored, folder, "Restored from"), sep="\n")


@app.command()
def migrate() -> None:
    """Migrate the database schema to the latest version."""
    migrate_schema(open_installation().database)
    print("The database schema is up to date.")


@app.command()
def web(host: HOST = "127.0.0.1", port: PORT = 8080) -> None:
    """Run only the web process."""
    require_current(open_installation().database)
    wait_until_free(host, port)
    command = services.web_command(host, port)
    os.execve(command[0], command, {**services.FEW_ARENAS, **os.environ})


@app.command("jobs", hidden=True)
@app.command()
def worker() -> None:
    """Run only the background worker."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr)
    stop = threading.Event()
    Interrupts(stop.set)
    installation = open_installation()
    require_current(installation.database)
    job_worker.work(installation, stop)


@app.command()
def trainer() -> None:
    """Run only the trainer. Reads PRECEPTOR_URL and PRECEPTOR_WORKER_TOKEN[_FILE]."""
    os.execv(services.TRAINER[0], services.TRAINER)


def _secrets_from_files() -> None:
    """Set NAME from the file in NAME_FILE, for secrets that are read from the environment."""
    for name in ("PGPASSWORD", "PRECEPTOR_WORKER_TOKEN"):
        path = os.environ.get(f"{name}_FILE")
        if path and not os.environ.get(name):
            os.environ[name] = Path(path).read_text().strip()


def main() -> None:
    """Run a command. An error that the user can fix is printed as one line, without a traceback."""
    os.umask(0o077)  # files are readable by this user only
    try:
        _secrets_from_files()
        app()
    except AppError as error:
        print(error.detail, file=sys.stderr)
        sys.exit(getattr(error, "exit_code", 1))
    except json.JSONDecodeError as error:
        print(f"Invalid JSON: {error}.", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
