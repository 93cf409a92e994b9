"""Fixtures of every test: a migrated database on both engines, the application, the cast, a browser."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import settings as hypothesis_settings
from sqlalchemy import create_engine, text
from starlette.testclient import TestClient

from app.bootstrap import migrate
from app.cli.accounts import create_first
from app.core.db.base import new_id
from app.core.db.database import Database
from app.domain.accounts import actions as accounts_actions
from app.domain.accounts.tables import User
from app.domain.auth import actions as auth_actions
from app.domain.pairs.indexes import embedding_index
from app.main import create_app
from app.settings import Settings
from tests.fixtures import postgres
from tests.fixtures.people import Cast, make_cast

# How long an example takes says more about what else the machine does than about the code.
hypothesis_settings.register_profile("preceptor", deadline=None)
hypothesis_settings.load_profile("preceptor")

ROOT = Path(__file__).resolve().parent.parent
TALLY = ROOT / ".audit-report"
ENGINES = ("sqlite", "postgresql")
KEY = "a test's key that signs nothing outside the test" * 2
HOSTS = ["testserver"]
CHROMIUM = "/usr/bin/chromium"
CHROMIUM_FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
]  # fmt: skip


for name in [one for one in os.environ if one.startswith("PRECEPTOR_") and not one.startswith("PRECEPTOR_TEST")]:
    del os.environ[name]  # a developer's own installation is none of the tests' business


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The slow ones first: no process of tests is left with one of them when the others have nothing to do any more."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


# --- databases ---


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file to copy."""
    path = tmp_path_factory.mktemp("template") / "template.sqlite3"
    database = Database(f"sqlite:///{path}")
    migrate(database)
    with database.engine.connect() as connection:
        connection.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # type: ignore[attr-defined]
    database.dispose()
    return path


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A URL with {database} in it: PRECEPTOR_TEST_DATABASE_URL's server, or a fresh one."""
    if given := os.environ.get("PRECEPTOR_TEST_DATABASE_URL"):
        head, _, tail = given.partition("?")
        yield head.rsplit("/", 1)[0] + "/{database}" + (f"?{tail}" if tail else "")
        return
    with postgres.server() as server:
        yield server.url


@contextmanager
def postgres_database(url: str, template: str = "template0") -> Iterator[str]:
    """A new database; its URL. Dropped at the end."""
    name = f"preceptor_{new_id()}"
    admin = create_engine(url.format(database="postgres"), isolation_level="AUTOCOMMIT")
    try:
        with admin.connect() as connection:
            connection.execute(text(f'CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY file_copy'))
        yield url.format(database=name)
        with admin.connect() as connection:
            connection.execute(text(f'DROP DATABASE "{name}" WITH (FORCE)'))
    finally:
        admin.dispose()


@pytest.fixture(scope="session")
def postgres_template(postgres_url: str) -> Iterator[str]:
    """The name of a migrated database to clone."""
    with postgres_database(postgres_url) as url:
        database = Database(url)
        migrate(database)
        database.dispose()
        yield url.partition("?")[0].rsplit("/", 1)[1]


@pytest.fixture(params=ENGINES)
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A migrated, empty database of the test's own, on each engine."""
    if request.param == "sqlite":
        path = tmp_path / "test.sqlite3"
        shutil.copy(request.getfixturevalue("sqlite_template"), path)
        yield f"sqlite:///{path}"
        return
    url = request.getfixturevalue("postgres_url")
    with postgres_database(url, request.getfixturevalue("postgres_template")) as clone:
        yield clone


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    database = Database(database_url)
    yield database
    database.dispose()


# --- the application ---


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path / "data", database_url=database_url, secret_key=KEY, trusted_hosts=HOSTS)


@pytest.fixture
def app(settings: Settings) -> Iterator[Any]:
    app = create_app(settings)
    yield app
    app.state.database.dispose()


@pytest.fixture
def client(app: Any) -> Iterator[TestClient]:
    """Nobody is signed in."""
    with TestClient(app, follow_redirects=False) as client:
        yield client


@pytest.fixture
def cast(database: Database) -> Cast:
    """The people and the project "clinic", committed."""
    with database.session() as session:
        return make_cast(session)


@pytest.fixture
def as_user(app: Any, database: Database) -> Callable[..., TestClient]:
    """as_user(cast.alice): a client that sends her token; read_only and scope as of issue_token."""

    def make(user: User, **token: Any) -> TestClient:
        with database.session() as session:
            raw = accounts_actions.issue_token(session, user=user, **token)
        return TestClient(app, headers={"Authorization": f"Bearer {raw}"}, follow_redirects=False)

    return make


@pytest.fixture
def signed_in(app: Any, database: Database) -> Callable[[User], TestClient]:
    """signed_in(cast.alice): a client with her session's cookie, as a browser has it."""

    def make(user: User) -> TestClient:
        with database.session() as session:
            raw = auth_actions.start_session(session, user)
        return TestClient(app, cookies={"preceptor_session": raw}, follow_redirects=False)

    return make


# --- what the report of `make audit-report` counts ---


@pytest.fixture
def tally() -> Callable[[str, int], None]:
    """tally("routes walked", 97): add to a number of the report; each process of the run keeps a file of its own."""

    def add(name: str, count: int) -> None:
        TALLY.mkdir(exist_ok=True)
        with (TALLY / f"{os.getpid()}.jsonl").open("a") as file:
            file.write(json.dumps({"name": name, "count": count}) + "\n")

    return add


# --- data that is not in this repository ---


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data sets beside the checkout (or in it, as shared/data)."""
    for folder in (ROOT.parent / "shared" / "data", ROOT / "shared" / "data"):
        if folder.is_dir():
            return folder
    if os.environ.get("REQUIRE_SHARED") == "1":
        pytest.fail("REQUIRE_SHARED=1, but there is no ../shared/data")
    pytest.skip("no ../shared/data on this machine (real data sets; see shared/data/ATTRIBUTION.md)")


# --- a first start's half minute, once for all tests ---


@pytest.fixture(scope="session")
def embedding(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the first start of an installation makes; the processes of one run of the tests share it."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / embedding_index.FOLDER
    if not folder.exists():
        made = tmp_path_factory.mktemp("made") / embedding_index.FOLDER
        command = [sys.executable, "-m", "trainer", "embedding", "--out", str(made)]
        subprocess.run(command, cwd=ROOT, capture_output=True, check=True)
        with suppress(OSError):  # another process was faster
            made.rename(folder)
    return folder


@pytest.fixture
def started_before(embedding: Path, tmp_path: Path) -> Path:
    """The folder of a `preceptor up` that is not the first."""
    shutil.copytree(embedding, tmp_path / "data" / embedding_index.FOLDER)
    return tmp_path


# --- the browser ---


@pytest.fixture(scope="session")
def chromium() -> str:
    path = shutil.which("chromium") or CHROMIUM
    if Path(path).exists():
        return path
    if os.environ.get("REQUIRE_BROWSER") == "1":
        pytest.fail("REQUIRE_BROWSER=1, but there is no /usr/bin/chromium")
    pytest.skip("no Chromium on this machine; on Debian: apt-get install chromium")


@pytest.fixture(scope="session")
def browser_type_launch_args(chromium: str) -> dict[str, Any]:
    return {"executable_path": chromium, "args": CHROMIUM_FLAGS}


@dataclass
class LiveServer:
    """A real web process on a port of its own, with the accounts of `preceptor up`."""

    url: str
    settings: Settings
    database: Database

    def link(self, email: str) -> str:
        """A one-time sign-in address."""
        from app.cli.accounts import link, user_named

        with self.database.session() as session:
            return link(session, user_named(session, email), self.url)


@pytest.fixture(scope="session")
def live_server(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    folder = tmp_path_factory.mktemp("live")
    shutil.copy(sqlite_template, folder / "preceptor.sqlite3")
    settings = Settings(data_dir=folder, secret_key=KEY)
    database = Database(settings.resolved_database_url)
    with database.session() as session:
        create_first(session)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "uvicorn", "app.asgi:serve", "--factory", "--port", str(port)]
    environment = {**os.environ, "PRECEPTOR_DATA_DIR": str(folder), "PRECEPTOR_SECRET_KEY": KEY}
    with (folder / "web.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
    try:
        _await_health(f"http://127.0.0.1:{port}", process, folder / "web.log")
        yield LiveServer(f"http://127.0.0.1:{port}", settings, database)
    finally:
        process.terminate()
        process.wait(10)
        database.dispose()


def _await_health(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(300):
        if process.poll() is not None:
            break
        try:
            if httpx.get(f"{url}/healthz", trust_env=False).status_code == 200:
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.1)
    pytest.fail(f"the web process did not come up:\n{log.read_text()[-3000:]}")
