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
from app.cli import accounts, audit as audit_log, backup, demo_loop, doctor, files, people, services, up as start
from app.cli.supervisor import Interrupts, wait_until_free
from app.core.errors import AppError
from app.domain.accounts import actions as accounts_actions
from app.settings import Settings
from app.worker import loop as job_worker

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Preceptor: write, review and version fine-tuning data, train a model on it, and see what to write next.",
)
user = typer.Typer(no_args_is_help=True, help="Manage accounts.")
token = typer.Typer(no_args_is_help=True, help="Manage API tokens for scripts and trainers.")
app.add_typer(user, name="user")
app.add_typer(token, name="token")
person = typer.Typer(no_args_is_help=True, help="Export or erase a user's data.")
app.add_typer(person, name="person")
audit = typer.Typer(no_args_is_help=True, help="Verify and sign the audit log.")
app.add_typer(audit, name="audit")

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


@app.command()
def demo(
    headless: Annotated[bool, typer.Option("--headless", help="Run the loop without a browser, then exit.")] = False,
    out: Annotated[Path | None, typer.Option("--json", help="Write the report to this JSON file.")] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Use PRECEPTOR_DATA_DIR and keep the data.")] = False,
    minutes: Annotated[float, typer.Option(help="Maximum training time in minutes.", min=0.05, max=60)] = 2.0,
) -> None:
    """Run the whole loop on the demo data through the HTTP API."""
    if not headless:
        raise AppError("Add --headless to run the demo without a browser. To use the pages, run: preceptor up")
    demo_loop.run(out=out, keep=keep, minutes=minutes)


@user.command("add")
def add_user(
    email: str,
    name: Annotated[str | None, typer.Option(help="Display name.")] = None,
    admin: Annotated[bool, typer.Option("--admin", help="Give the admin role.")] = False,
) -> None:
    """Create an account and print its one-time sign-in link."""
    installation = open_installation()
    with installation.database.session() as session:
        added = accounts_actions.create_user(session, email=email, name=name, is_admin=admin)
        print(accounts.link(session, added, installation.settings.url))


@user.command("link")
def link_user(email: str) -> None:
    """Print a new one-time sign-in link for an account."""
    installation = open_installation()
    with installation.database.session() as session:
        print(accounts.link(session, accounts.user_named(session, email), installation.settings.url))


@user.command("deactivate")
def deactivate_user(
    email: str,
    acting: Annotated[str | None, typer.Option("--as", help="The acting admin. Default: the oldest admin.")] = None,
) -> None:
    """Deactivate an account: end its sessions and revoke its tokens and links."""
    with open_installation().database.session() as session:
        print(f"{accounts.deactivate(session, email, acting).email} can no longer sign in.")


@token.command("create")
def create_token(
    email: Annotated[str, typer.Option("--user", help="Email of the token's owner.")],
    days: Annotated[int, typer.Option(help="Days until the token expires.")] = 90,
    read_only: Annotated[bool, typer.Option("--read-only", help="Allow reading only.")] = False,
    worker: Annotated[bool, typer.Option("--worker", help="Create a trainer token instead of an API token.")] = False,
    name: Annotated[str, typer.Option(help="Name of the token.")] = "",
) -> None:
    """Create a token and print it, alone on the last line. It is shown only once."""
    with open_installation().database.session() as session:
        raw = accounts_actions.issue_token(
            session,
            user=accounts.user_named(session, email),
            name=name,
            days=days,
            read_only=read_only,
            scope="worker" if worker else "api",
        )
    print("Save this token now; it is shown only once.")
    print(raw)


@token.command("list")
def list_tokens(email: Annotated[str, typer.Option("--user", help="Email of the account.")]) -> None:
    """List the active tokens of an account, without their secret values."""
    with open_installation().database.read() as session:
        for line in accounts.token_lines(session, email):
            print(line)


@token.command("revoke")
def revoke_token(token_id: Annotated[str, typer.Argument(metavar="ID")]) -> None:
    """Revoke a token by the ID that `token list` prints."""
    with open_installation().database.session() as session:
        accounts.revoke_token(session, token_id)
    print("Revoked.")


@audit.command("verify")
def verify_audit(
    against: Annotated[list[Path] | None, typer.Option(help="A copy of the checkpoints file. Repeatable.")] = None,
    public_key: Annotated[str | None, typer.Option(help="The public key printed by: preceptor audit key")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Verify the audit log. Exits with 1 and names the first invalid event if it was tampered with."""
    result = audit_log.verify_log(against or [], public_key)
    audit_log.print_verification(result, as_json=as_json)
    raise typer.Exit(0 if result.intact else 1)


@audit.command("checkpoint")
def sign_checkpoint() -> None:
    """Sign a checkpoint of the audit log."""
    print(audit_log.sign_now())


@audit.command("key")
def print_audit_key() -> None:
    """Print the public key of the checkpoints. Keep a copy outside this server."""
    print(audit_log.public_key_text())


@person.command("export")
def export_person(email: str, out: Annotated[Path, typer.Option(help="Path of the ZIP file to write.")]) -> None:
    """Export everything a user contributed as a ZIP file."""
    print(f"{out}: {people.export(open_installation(), email, out):,} bytes")


@person.command("erase")
def erase_person(
    email: str,
    content: Annotated[str, typer.Option(help="keep: keep contributions, anonymized. withdraw: delete their text.")],
    yes: Annotated[bool, typer.Option("--yes", help="Skip the confirmation.")] = False,
) -> None:
    """Erase a user permanently: name, email, sign-in data and drafts. --content decides about contributions."""
    if not yes:
        typer.confirm(f"Erase {email} and {content} their contributions? This cannot be undone.", abort=True)
    report = people.erase(open_installation(), email, content)
    print(f"Erased. {report['revisions']:,} revisions erased, {report['files']:,} files deleted,", end=" ")
    print(f"{len(report['versions'])} versions changed, {len(report['models'])} models flagged.")


@app.command("import")
def import_(
    project: str,
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False)],
    names: Annotated[str, typer.Option("--map", help="prompt=question,completion=answer,tags=topic")] = "",
    source: Annotated[str, typer.Option(help="Source for rows without one. Default: the file name.")] = "",
    license: Annotated[str, typer.Option("--license", "--licence", help="License for rows without one.")] = "",
    form: Annotated[
        str,
        typer.Option("--format", help="auto, or a format name."),
    ] = "auto",
    email: Annotated[str | None, typer.Option("--user", help="The importing user. Default: the oldest admin.")] = None,
    submit: Annotated[bool, typer.Option("--submit", help="Submit the pairs for review.")] = False,
    approve: Annotated[bool, typer.Option("--approve", help="Approve without review; this is logged.")] = False,
    skip_bad: Annotated[bool, typer.Option("--skip-bad", help="Skip rows with errors and import the rest.")] = False,
    bad_rows: Annotated[Path | None, typer.Option(help="Write rows with errors to this JSON Lines file.")] = None,
) -> None:
    """Import a file of pairs into a project. A row with an error cancels the import unless --skip-bad is set."""
    counts = files.import_file(
        open_installation(),
        project,
        file,
        email=email,
        form=form,
        source=source or file.name,
        license=license,
        submit=submit,
        approve=approve,
        names=files.parse_map(names),
        skip_bad=skip_bad,
        bad_rows=bad_rows,
    )
    print(", ".join(f"{count} {name}" for name, count in counts.items()))


@app.command("export")
def export_(
    version: Annotated[str, typer.Argument(help="Version ID, or PROJECT/NUMBER.")],
    out: Annotated[Path, typer.Option(help="Folder to write to.")],
    form: Annotated[str, typer.Option("--format", help="jsonl, openai, sharegpt, alpaca, trl")] = "jsonl",
) -> None:
    """Export a version's files and manifest.json."""
    print(files.export_version(open_installation(), version, form, out))


@app.command("doctor")
def doctor_(
    database: Annotated[bool, typer.Option("--database", help="Check only the database.")] = False,
) -> None:
    """Check the installation. Exits with 1 if a check fails."""
    healthy = True
    for name, passed, message in doctor.run_checks(Settings(), only="database" if database else None):
        healthy = healthy and passed
        print(f"{'ok  ' if passed else 'FAIL'} {name}: {message}")
    raise typer.Exit(0 if healthy else 1)


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
    installation = open_installation()
    migrate_schema(installation.database)
    print("The database schema is up to date.")


@app.command()
def web(host: HOST = "127.0.0.1", port: PORT = 8080) -> None:
    """Run only the web process."""
    require_current(open_installation().database)
    wait_until_free(host, port)
    command = services.web_command(host, port)
    os.execve(command[0], command, services.low_memory_env())


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
    command = services.trainer_command()
    os.execv(command[0], command)


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
