"""The permission table: every route is tried as every principal on real objects, each change on its own database.

`python -m tests.security.matrix` writes permissions.csv again; read the changes before you commit them.
"""

from __future__ import annotations

import csv
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import func, select

from app.bootstrap import migrate
from app.core.db.database import Database
from app.core.rate_limits import Limits
from app.core.security import derive, digest
from app.domain.accounts.permissions import GLOBAL, Permission
from app.domain.audit.tables import AuditEvent
from app.http import route_permissions
from app.http.error_responses import API_PREFIXES
from app.main import create_app
from app.settings import Settings
from tests.conftest import postgres_database
from tests.fixtures.principals import PRINCIPALS, Scene, template_of
from tests.security.examples import ELSEWHERE, PLACES, SHA256, bodies

TABLE = Path(__file__).with_name("permissions.csv")
COLUMNS = ["method", "route", "permission", *PRINCIPALS, "events"]
SAFE = ("GET", "HEAD")
IN_A_PROJECT = frozenset(Permission) - GLOBAL - {Permission.USE}
UNTRIED = {"/openapi.json": "a document, the same for all", "/static": "files, the same for all"}
HOOKS = ["hooks.example.org"]
KEY = "the key of the permission table, worth nothing elsewhere"

Row = dict[str, str]
Fresh = Callable[[], Database]
"""A new database as the scene was built."""


class Matrix:
    """The running application with its scene, and what was counted while it was tried."""

    def __init__(self, app: FastAPI, scene: Scene, fresh: Fresh) -> None:
        self.app = app
        self.scene = scene
        self.fresh = fresh
        self.examples = bodies(self.scene.at)
        self.cells = 0
        self.wrong_events: list[str] = []
        files = app.state.settings.data_dir / "artifacts"
        self._files = {path: path.read_bytes() for path in files.rglob("*") if path.is_file()}

    def routes(self) -> list[tuple[str, str, str]]:
        """Return (method, path, permission) of every route that is tried, in the application's order."""
        found = []
        for route in route_permissions.walk(self.app.routes):
            if route.path not in UNTRIED:
                asked = next(iter(route_permissions.permissions(route)), "public")
                found += [(method, route.path, str(asked)) for method in sorted(route.methods)]
        return found

    def row(self, method: str, path: str, permission: str) -> Row:
        row, events = {"method": method, "route": path, "permission": permission}, set()
        for who in PRINCIPALS:
            row[who], made = self.cell(method, path, permission, who)
            if row[who].startswith(("2", "3")) and method not in SAFE:
                events.add(made)
        row["events"] = "/".join(map(str, sorted(events)))
        return row

    def cell(self, method: str, path: str, permission: str, who: str) -> tuple[str, int]:
        """Return the status ("sign-in" for a redirect there) and how many audit events a success wrote."""
        self.cells += 1
        status, made = self._tried(method, path, permission, who)
        if method not in SAFE and (made or status.startswith(("2", "3"))):
            self.renew()
        return status, made

    def renew(self) -> None:
        """Reset the database, and restore the files that a change removed."""
        for path, content in self._files.items():
            if not path.exists():
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
        self.app.state.database.dispose()
        self.app.state.database = self.fresh()
        self.app.state.limits = Limits(self.app.state.database)

    def _tried(self, method: str, path: str, permission: str, who: str) -> tuple[str, int]:
        before = self._events()
        status = self.send(method, path, who)
        after = self._events()
        denied = after.get("access.denied", 0) - before.get("access.denied", 0)
        made = sum(after.values()) - sum(before.values()) - denied
        if status == "sign-in" and made:
            status = "303"  # signed out by one's own wish
        refused = status == "403" or (status == "404" and who == "outsider" and permission in IN_A_PROJECT)
        kept = made and not status.startswith(("2", "3")) and permission != "public"  # a failed sign-in is recorded
        if denied != (1 if refused else 0) or kept:
            self.wrong_events.append(f"{method} {path} as {who}: {status}, {denied} denials, {made} other events")
        return status, made

    def send(self, method: str, path: str, who: str) -> str:
        arguments = dict(self.examples.get((method, path), {}))
        headers = dict(arguments.pop("headers", {}))
        client = TestClient(self.app, follow_redirects=False, raise_server_exceptions=False)
        if path.startswith(API_PREFIXES):
            if who in self.scene.tokens:
                headers["Authorization"] = f"Bearer {self.scene.tokens[who]}"
        else:
            arguments["data"] = {**arguments.get("data", {}), **self._page_credentials(client, headers, who)}
        if method in SAFE:
            arguments.pop("data", None)
        answer = client.request(method, self.address(method, path), headers=headers, **arguments)
        to_door = answer.headers.get("location", "").startswith("/sign-in")
        return "sign-in" if to_door else str(answer.status_code)

    def _page_credentials(self, client: TestClient, headers: dict[str, str], who: str) -> dict[str, str]:
        """Set a session cookie and return the CSRF token; for tokens set the header, which opens no page."""
        if who in ("read_only", "trainer"):
            headers["Authorization"] = f"Bearer {self.scene.tokens[who]}"
            return {}
        raw = self.scene.cookies.get(who, "")
        if raw:
            client.cookies.set("preceptor_session", raw)
        return {"csrf": derive(self.app.state.settings.key, f"csrf:{digest(raw)}")}

    def address(self, method: str, path: str) -> str:
        named = PLACES | ELSEWHERE.get((method, path), {})
        at = {name: self.scene.at.get(one, one) for name, one in named.items()}
        return path.format(**{"sha256": SHA256, **at})

    def _events(self) -> dict[str, int]:
        with self.app.state.database.read() as session:
            rows = session.execute(select(AuditEvent.action, func.count()).group_by(AuditEvent.action))
            return {action: count for action, count in rows}


@contextmanager
def sqlite_matrix(folder: Path) -> Iterator[Matrix]:
    """Build the matrix on SQLite, where a fresh database is a copy of a file."""
    app = create_app(Settings(data_dir=folder, secret_key=KEY, trusted_hosts=["testserver"], webhook_hosts=HOOKS))
    built: Database = app.state.database
    migrate(built)
    scene = Scene(app)
    template = template_of(app, folder)
    built.dispose()

    def fresh() -> Database:
        for leftover in folder.glob("cell.sqlite3*"):
            leftover.unlink()
        shutil.copy(template, folder / "cell.sqlite3")
        return Database(f"sqlite:///{folder / 'cell.sqlite3'}")

    yield from _trying(app, scene, fresh)


@contextmanager
def postgres_matrix(folder: Path, server: str, template: str) -> Iterator[Matrix]:
    """Build the matrix on PostgreSQL, where a fresh database is a clone.

    `server` is a URL with {database} in it; `template` is a migrated database.
    """
    with ExitStack() as clones, postgres_database(server, template) as url:
        app = create_app(
            Settings(
                data_dir=folder, database_url=url, secret_key=KEY, trusted_hosts=["testserver"], webhook_hosts=HOOKS
            )
        )
        scene = Scene(app)
        app.state.database.dispose()
        name = url.partition("?")[0].rsplit("/", 1)[1]

        def fresh() -> Database:
            clones.close()
            return Database(clones.enter_context(postgres_database(server, name)))

        yield from _trying(app, scene, fresh)


def _trying(app: FastAPI, scene: Scene, fresh: Fresh) -> Iterator[Matrix]:
    matrix = Matrix(app, scene, fresh)
    matrix.renew()
    try:
        yield matrix
    finally:
        app.state.database.dispose()


def read_table() -> list[Row]:
    with TABLE.open(newline="") as file:
        return list(csv.DictReader(file))


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, sqlite_matrix(Path(folder)) as matrix:
        rows = []
        for at, route in enumerate(matrix.routes(), start=1):
            rows.append(matrix.row(*route))
            if sys.stderr.isatty():
                print(f"\r{at} routes, {matrix.cells} cells", end="", file=sys.stderr)
        print(*matrix.wrong_events, sep="\n", file=sys.stderr)
    with TABLE.open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    print(f"\nwrote {TABLE}", file=sys.stderr)


if __name__ == "__main__":
    main()
