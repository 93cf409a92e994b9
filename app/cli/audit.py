"""`preceptor audit …`: verify the log, sign a checkpoint, print the public key."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy.exc import SQLAlchemyError

from app.bootstrap import open_installation
from app.core.errors import AppError
from app.domain.audit import actions as audit_actions, checkpoints, verify_queries
from app.settings import Settings

audit = typer.Typer(no_args_is_help=True, help="Verify and sign the audit log.")


@audit.command("verify")
def verify_log(
    against: Annotated[list[Path] | None, typer.Option(help="A copy of the checkpoints file. Repeatable.")] = None,
    public_key: Annotated[str | None, typer.Option(help="The public key printed by: preceptor audit key")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Verify the audit log. Exits with 1 and names the first invalid event if it was tampered with."""
    installation = open_installation()
    key = checkpoints.parse_public_key(public_key) if public_key else None
    with installation.database.read() as session:
        result = verify_queries.verify_log(session, installation.settings, against=against or [], key=key)
    if as_json:
        print(json.dumps(result.as_dict(), indent=2))
    else:
        print(result.summary())
        for note in result.notes:
            print(f"note: {note}")
        if result.intact:
            print(f"{result.agreeing} checkpoints match. Hash of event {result.count:,}: {result.head}")
    raise typer.Exit(0 if result.intact else 1)


@audit.command("checkpoint")
def sign_checkpoint() -> None:
    """Sign a checkpoint of the audit log."""
    installation = open_installation()
    with installation.database.read() as session:
        checkpoint = audit_actions.make_checkpoint(session, installation.settings)
    if checkpoint is None:
        print("No new events since the last checkpoint.")
    else:
        print(f"Signed {checkpoint.count:,} events; appended to {installation.settings.audit_checkpoints_path}.")


@audit.command("key")
def print_public_key() -> None:
    """Print the public key of the checkpoints. Keep a copy outside this server."""
    print(checkpoints.public_key_text(checkpoints.private_key(open_installation().settings).public_key()))


def examine_log(settings: Settings) -> tuple[bool, str]:
    """Check for `preceptor doctor` that the log continues from its last checkpoint."""
    try:
        with open_installation(settings).database.read() as session:
            result = verify_queries.verify_recent(session, settings)
    except (AppError, SQLAlchemyError) as error:
        return False, f"cannot be read ({getattr(error, 'detail', None) or error.__cause__ or error})"
    return result.intact, result.summary()
