"""`preceptor up`: migrate, first accounts, demo, then web, jobs and trainer as children until someone says stop."""

from __future__ import annotations

import os
import time
from importlib.util import find_spec

from app.bootstrap import Installation, migrate, open_installation
from app.cli import accounts, demo_project, report_text, services
from app.cli.memory import Peak, in_words
from app.cli.supervisor import Child, Interrupts, Supervisor, require_free, wait_until_healthy
from app.core import jobs
from app.domain.evaluations import queries as evaluations_queries
from app.domain.runs import queries as runs_queries

ENDED = ("done", "failed", "cancelled")
POLL_SECONDS = 0.5


def say(line: str) -> None:
    print(line, flush=True)


def up(*, host: str, port: int, with_trainer: bool, with_demo: bool) -> None:
    """Runs until SIGINT or SIGTERM. Raises StartFailed when the port is taken or the web does not come up."""
    started = time.monotonic()
    interrupts = Interrupts()
    require_free(host, port)
    installation = open_installation()
    prepare(installation, with_demo=with_demo)
    household = Supervisor(installation.settings.data_dir.resolve() / "logs")
    try:
        local = services.loopback(host, port)
        shown = os.environ.get("PRECEPTOR_URL") or local
        web = start(installation, household, host, port, shown, with_trainer=with_trainer)
        wait_until_healthy(local, web)
        greet(installation, shown, time.monotonic() - started)
        watch(installation, household, interrupts, shown)
    finally:
        say("\nStopping …")
        household.stop()


def prepare(installation: Installation, *, with_demo: bool) -> None:
    """Schema, first accounts, demo project: all of it only where it is missing."""
    installation.settings.data_dir.mkdir(parents=True, exist_ok=True)
    migrate(installation.database)
    services.make_embedding(installation.settings, say)
    with installation.database.session() as session:
        accounts.make_first(session)
        load_demo = with_demo and demo_project.wanted(session)
    if load_demo:
        demo_project.load(installation, say)


def start(
    installation: Installation, household: Supervisor, host: str, port: int, url: str, *, with_trainer: bool
) -> Child:
    """Start the children; returns the web's."""
    settings = installation.settings
    environment = services.app_environment(settings, url)
    web = household.start("web", services.web_command(host, port), environment)
    household.start("jobs", services.jobs_command(), environment)
    if with_trainer and find_spec("torch") is None:
        say("No trainer here: torch is not installed. Install it with: pip install -e '.[trainer]'")
    elif with_trainer:
        with installation.database.session() as session:
            token = accounts.trainer_token(session)
        local = services.loopback(host, port)
        household.start("trainer", services.trainer_command(), services.trainer_environment(settings, local, token))
    return web


def greet(installation: Installation, url: str, seconds: float) -> None:
    with installation.database.session() as session:
        links = accounts.sign_in_links(session, url)
    say(f"\nPreceptor is up at {url} (after {report_text.seconds(seconds)}).")
    say(f"Data: {installation.settings.data_dir.resolve()}")
    if links:
        say("Sign in with a one-time link (valid for a day; every start prints new ones):")
    for role, name, address in links:
        say(f"  {role:<7} {name:<13} {address}")
    if not links:
        say("Make a sign-in link with: preceptor user link EMAIL")
    say("Stop with Ctrl+C.\n")


def watch(installation: Installation, household: Supervisor, interrupts: Interrupts, url: str) -> None:
    """Tend the children; show the demo's run until it has ended."""
    with installation.database.read() as session:
        run = demo_project.first_run(session)
        queued = run.id if run else None
    has_trainer = any(child.name == "trainer" for child in household.children)
    run_id = queued if has_trainer else None
    peak, ticker = Peak(os.getpid()), report_text.Ticker("First fine-tuning run:")
    if queued and not has_trainer:
        say("A run is queued; it starts when a trainer does.")
    while not interrupts.stopped:
        household.tend(say)
        if run_id:
            peak.sample()
            run_id = _follow(installation, run_id, ticker, peak, url)
        time.sleep(POLL_SECONDS)


def _follow(installation: Installation, run_id: str, ticker: report_text.Ticker, peak: Peak, url: str) -> str | None:
    """Show where the run is; None once it has ended and was reported."""
    with installation.database.read() as session:
        run = runs_queries.by_id(session, run_id)
        job = jobs.by_id(session, run.job_id)
        if run.state == "queued":
            ticker.show("waiting for the trainer")
        elif run.state == "running":
            ticker.show(report_text.progress(job.progress_done, job.progress_total, job.eta_seconds))
        elif (report := evaluations_queries.report_of(session, run)) is not None:
            ticker.end(f"First fine-tuning run: {report_text.headline(report)}")
        else:
            ticker.end(f"First fine-tuning run {run.state}: {run.error or 'see the log of the trainer'}")
        ended = run.state in ENDED
    if ended:
        say(f"Its page: {url}/runs/{run_id}    Peak memory of all processes: {in_words(peak.bytes)}")
    return None if ended else run_id
