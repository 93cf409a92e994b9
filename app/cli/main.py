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

from app.bootstrap import migrate as migrate_schema
from app.bootstrap import open_installation, require_current
from app.cli import accounts, backup, demo_loop, doctor, files, people, services
from app.cli import audit as audit_log
from app.cli import up as start
from app.cli.supervisor import Interrupts, wait_until_free
from app.core.errors import AppError
from app.domain.accounts import actions as accounts_actions
from app.settings import Settings
from app.worker import loop as job_worker

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Preceptor: experts write, editors review, a model learns, a report says where to write next.",
)
user = typer.Typer(no_args_is_help=True, help="Accounts.")
token = typer.Typer(no_args_is_help=True, help="Tokens for scripts and trainers.")
app.add_typer(user, name="user")
app.add_typer(token, name="token")
person = typer.Typer(no_args_is_help=True, help="A person's data, and erasure.")
app.add_typer(person, name="person")
audit = typer.Typer(no_args_is_help=True, help="The audit log.")
app.add_typer(audit, name="audit")

HOST = Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 for all.")]
PORT = Annotated[int, typer.Option(help="Port to listen on.", min=1, max=65535)]


@app.command()
def up(
    host: HOST = "127.0.0.1",
    port: PORT = 8080,
    no_trainer: Annotated[bool, typer.Option("--no-trainer", help="Start no trainer here.")] = False,
    no_demo: Annotated[bool, typer.Option("--no-demo", help="Load no demo project.")] = False,
) -> None:
    """Migrate, start web, jobs and trainer, and print sign-in links."""
    start.up(host=host, port=port, with_trainer=not no_trainer, with_demo=not no_demo)


@app.command()
def demo(
    headless: Annotated[bool, typer.Option("--headless", help="Go through the whole loop, then stop.")] = False,
    out: Annotated[Path | None, typer.Option("--json", help="Write the report to this file.")] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Use PRECEPTOR_DATA_DIR and keep it.")] = False,
    minutes: Annotated[float, typer.Option(help="Longest time to train.", min=0.05, max=60)] = 2.0,
) -> None:
    """The whole loop on the demo data, over the HTTP interface, to the end."""
    if not headless:
        raise AppError("With pages to look at, start: preceptor up    For the loop without a browser: --headless")
    demo_loop.run(out=out, keep=keep, minutes=minutes)


@user.command("add")
def add_user(
    email: str,
    name: Annotated[str | None, typer.Option(help="Shown name.")] = None,
    admin: Annotated[bool, typer.Option("--admin", help="May do everything.")] = False,
) -> None:
    """Make an account and print its one-time sign-in link."""
    installation = open_installation()
    with installation.database.session() as session:
        added = accounts_actions.create_user(session, email=email, name=name, is_admin=admin)
        print(accounts.link(session, added, installation.settings.url))


@user.command("link")
def link_user(email: str) -> None:
    """Print a new one-time sign-in link of an account."""
    installation = open_installation()
    with installation.database.session() as session:
        print(accounts.link(session, accounts.user_named(session, email), installation.settings.url))


@user.command("deactivate")
def deactivate_user(
    email: str,
    acting: Annotated[str | None, typer.Option("--as", help="The admin who does it; default: the oldest.")] = None,
) -> None:
    """End the sessions of an account, revoke its tokens and links, and let it in no more."""
    with open_installation().database.session() as session:
        print(f"{accounts.deactivate(session, email, acting).email} may not sign in any more.")


@token.command("create")
def create_token(
    email: Annotated[str, typer.Option("--user", help="Whose token.")],
    days: Annotated[int, typer.Option(help="Days of life.")] = 90,
    read_only: Annotated[bool, typer.Option("--read-only", help="May not change anything.")] = False,
    worker: Annotated[bool, typer.Option("--worker", help="For a trainer instead of a script.")] = False,
    name: Annotated[str, typer.Option(help="What it is for.")] = "",
) -> None:
    """Print a new token, once, alone on the last line."""
    with open_installation().database.session() as session:
        raw = accounts_actions.issue_token(
            session,
            user=accounts.user_named(session, email),
            name=name,
            days=days,
            read_only=read_only,
            scope="worker" if worker else "api",
        )
    print("Keep this token; it is not shown again.")
    print(raw)


@token.command("list")
def list_tokens(email: Annotated[str, typer.Option("--user", help="Whose tokens.")]) -> None:
    """Print the tokens of an account that are not revoked; never the tokens themselves."""
    with open_installation().database.read() as session:
        for line in accounts.token_lines(session, email):
            print(line)


@token.command("revoke")
def revoke_token(token_id: Annotated[str, typer.Argument(metavar="ID")]) -> None:
    """End a token by the id that `token list` prints."""
    with open_installation().database.session() as session:
        accounts.revoke_token(session, token_id)
    print("Revoked.")


@audit.command("verify")
def verify_audit(
    against: Annotated[
        list[Path] | None, typer.Option(help="A file of checkpoints kept elsewhere; repeatable.")
    ] = None,
    public_key: Annotated[str | None, typer.Option(help="Noted down from: preceptor audit key")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Is the log what was recorded? Exit 1, and the first bad event in words, when it is not."""
    found = audit_log.verify_log(against or [], public_key)
    audit_log.print_verification(found, as_json=as_json)
    raise typer.Exit(0 if found.intact else 1)


@audit.command("checkpoint")
def sign_checkpoint() -> None:
    """Sign what the log is now."""
    print(audit_log.sign_now())


@audit.command("key")
def print_audit_key() -> None:
    """Print the public key of the checkpoints, to note it down elsewhere."""
    print(audit_log.public_key_text())


@person.command("export")
def export_person(email: str, out: Annotated[Path, typer.Option(help="The ZIP to write.")]) -> None:
    """Write one ZIP of everything that a person gave."""
    print(f"{out}: {people.export(open_installation(), email, out):,} bytes")


@person.command("erase")
def erase_person(
    email: str,
    content: Annotated[str, typer.Option(help="keep: stays under its licence, without the name. withdraw: goes.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Erase a person for good: name, address, sign-in and drafts; content as chosen."""
    if not yes:
        typer.confirm(f"Erase {email} and {content} the content? This cannot be undone.", abort=True)
    report = people.erase(open_installation(), email, content)
    print(f"Erased. {report['revisions']} revisions blanked, {report['files']} files deleted,", end=" ")
    print(f"{len(report['versions'])} versions changed, {len(report['models'])} models marked.")


@app.command("import")
def import_(
    project: str,
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False)],
    names: Annotated[str, typer.Option("--map", help="prompt=question,completion=answer,tags=topic")] = "",
    source: Annotated[str, typer.Option(help="Where rows without a source come from.")] = "",
    licence: Annotated[str, typer.Option("--license", "--licence", help="License of rows without one.")] = "",
    form: Annotated[str, typer.Option("--format", help="auto, or the format's name as on the page.")] = "auto",
    email: Annotated[str | None, typer.Option("--user", help="Who imports; default: an admin.")] = None,
    submit: Annotated[bool, typer.Option("--submit", help="Send the pairs to review.")] = False,
    approve: Annotated[bool, typer.Option("--approve", help="Approve them in bulk; recorded.")] = False,
    skip_bad: Annotated[bool, typer.Option("--skip-bad", help="Import the good rows, leave the bad ones out.")] = False,
    bad_rows: Annotated[Path | None, typer.Option(help="Where to write the bad rows, as JSON Lines.")] = None,
) -> None:
    """Import a file of pairs into a project: all of it or nothing, unless bad rows are skipped."""
    counts = files.import_file(
        open_installation(),
        project,
        file,
        email=email,
        form=form,
        source=source or file.name,
        licence=licence,
        submit=submit,
        approve=approve,
        names=files.parse_map(names),
        skip_bad=skip_bad,
        bad_rows=bad_rows,
    )
    print(", ".join(f"{count} {name}" for name, count in counts.items()))


@app.command("export")
def export_(
    version: Annotated[str, typer.Argument(help="Its id, or PROJECT/NUMBER.")],
    out: Annotated[Path, typer.Option(help="Folder to write to.")],
    form: Annotated[str, typer.Option("--format", help="jsonl, openai, sharegpt, alpaca, trl")] = "jsonl",
) -> None:
    """Write a version's files and manifest.json."""
    print(files.export_version(open_installation(), version, form, out))


@app.command("doctor")
def doctor_(
    database: Annotated[bool, typer.Option("--database", help="Ask only about the database.")] = False,
) -> None:
    """Say in words what is well and what is not; exit 1 when something is not."""
    well = True
    for question, answer, words in doctor.examine(Settings(), only="database" if database else None):
        well = well and answer
        print(f"{'ok  ' if answer else 'FAIL'} {question}: {words}")
    raise typer.Exit(0 if well else 1)


@app.command("backup")
def backup_(
    folder: Annotated[Path, typer.Argument(help="A new folder.")],
    with_key: Annotated[bool, typer.Option("--with-key", help="Put the installation's keys in, too.")] = False,
) -> None:
    """Back up the running installation: tables, artifacts, a manifest with every hash."""
    made = backup.backup(open_installation(), folder, with_key=with_key)
    print(*backup.in_words(made, folder, "Backed up to"), sep="\n")
    raise typer.Exit(1 if made["damaged_artifacts"] else 0)


@app.command("restore")
def restore_(
    folder: Annotated[Path, typer.Argument(exists=True, file_okay=False)],
    verify_only: Annotated[bool, typer.Option("--verify-only", help="Only check every hash; change nothing.")] = False,
    erasures: Annotated[
        Path | None, typer.Option(help="A list of erasures kept elsewhere.", exists=True, dir_okay=False)
    ] = None,
) -> None:
    """Verify a backup, restore it into an empty installation, and erase again whom it brings back."""
    if verify_only:
        print(*backup.in_words(backup.verify(folder), folder, "Verified"), sep="\n")
        return
    restored = backup.restore(open_installation(), folder, erasures=erasures)
    print(*backup.in_words(restored, folder, "Restored from"), sep="\n")


@app.command()
def migrate() -> None:
    """Bring the database's schema up to date."""
    installation = open_installation()
    migrate_schema(installation.database)
    print("The schema is up to date.")


@app.command()
def web(host: HOST = "127.0.0.1", port: PORT = 8080) -> None:
    """Only the web process."""
    require_current(open_installation().database)
    wait_until_free(host, port)
    command = services.web_command(host, port)
    os.execve(command[0], command, services.low_memory_env())


@app.command()
def jobs() -> None:
    """Only the worker of imports and freezes."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr)
    stop = threading.Event()
    Interrupts(stop.set)
    installation = open_installation()
    require_current(installation.database)
    job_worker.work(installation, stop)


@app.command()
def trainer() -> None:
    """Only the trainer; reads PRECEPTOR_URL and PRECEPTOR_WORKER_TOKEN[_FILE]."""
    command = services.trainer_command()
    os.execv(command[0], command)


def _secrets_from_files() -> None:
    """NAME_FILE -> NAME for the secrets that libraries and the trainer read from the environment."""
    for name in ("PGPASSWORD", "PRECEPTOR_WORKER_TOKEN"):
        path = os.environ.get(f"{name}_FILE")
        if path and not os.environ.get(name):
            os.environ[name] = Path(path).read_text().strip()


def main() -> None:
    """Run a command; an error that a person can mend is one line, not a traceback."""
    os.umask(0o077)  # what we write is for this user only
    try:
        _secrets_from_files()
        app()
    except AppError as error:
        print(error.detail, file=sys.stderr)
        sys.exit(getattr(error, "exit_code", 1))
    except json.JSONDecodeError as error:
        print(f"The file is no JSON: {error}.", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
