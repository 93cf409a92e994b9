"""`preceptor up`: migrate, create the first accounts and the demo, then run web, worker and trainer until stopped."""

from __future__ import annotations

import os
import time
from importlib.util import find_spec

from app.bootstrap import Installation, migrate, open_installation
from app.cli import accounts, demo_project, report_text, services
from app.cli.supervisor import Child, Interrupts, Peak, Supervisor, require_free, wait_until_healthy
from app.core import jobs
from app.domain.evaluations import queries as evaluations_queries
from app.domain.runs import queries as runs_queries

ENDED = ("done", "failed", "cancelled")
POLL_SECONDS = 0.5


def say(line: str) -> None:
    print(line, flush=True)


def up(*, host: str, port: int, with_trainer: bool, with_demo: bool) -> None:
    """Run until SIGINT or SIGTERM. Raises StartFailed if the port is in use or the web process does not start."""
    started = time.monotonic()
    interrupts = Interrupts()
    require_free(host, port)
    installation = open_installation()
    prepare(installation, with_demo=with_demo)
    supervisor = Supervisor(installation.settings.data_dir.resolve() / "logs")
    try:
        local = services.loopback(host, port)
        url = os.environ.get("PRECEPTOR_URL") or local
        web = start(installation, supervisor, host, port, url, with_trainer=with_trainer)
        wait_until_healthy(local, web)
        greet(installation, url, time.monotonic() - started)
        watch(installation, supervisor, interrupts, url)
    finally:
        say("\nStopping …")
        supervisor.stop()


def prepare(installation: Installation, *, with_demo: bool) -> None:
    """Create the schema, the first accounts and the demo project where they are missing."""
    installation.settings.data_dir.mkdir(parents=True, exist_ok=True)
    migrate(installation.database)
    services.create_embedding(installation.settings, say)
    with installation.database.session() as session:
        accounts.create_first(session)
        load_demo = with_demo and demo_project.should_load(session)
    if load_demo:
        demo_project.load(installation, say)


def start(
    installation: Installation, supervisor: Supervisor, host: str, port: int, url: str, *, with_trainer: bool
) -> Child:
    """Start the child processes and return the web process."""
    settings = installation.settings
    environment = services.app_environment(settings, url)
    web = supervisor.start("web", services.web_command(host, port), environment)
    supervisor.start("worker", services.WORKER, environment)
    if with_trainer and find_spec("torch") is None:
        say("No trainer started: torch is not installed. Install it with: pip install -e '.[trainer]'")
    elif with_trainer:
        with installation.database.session() as session:
            token = accounts.trainer_token(session)
        local = services.loopback(host, port)
        supervisor.start("trainer", services.TRAINER, services.trainer_environment(settings, local, token))
    return web


def greet(installation: Installation, url: str, seconds: float) -> None:
    with installation.database.session() as session:
        links = accounts.sign_in_links(session, url)
    say(f"\nPreceptor is running at {url} (started in {report_text.seconds(seconds)}).")
    say(f"Data: {installation.settings.data_dir.resolve()}")
    if links:
        say("One-time sign-in links (valid for 24 hours; each start prints new ones):")
    for role, name, address in links:
        say(f"  {role:<7} {name:<13} {address}")
    if not links:
        say("Create a sign-in link with: preceptor user link EMAIL")
    say("Press Ctrl+C to stop.\n")


def watch(installation: Installation, supervisor: Supervisor, interrupts: Interrupts, url: str) -> None:
    """Restart children that exit, and show the progress of the demo's run."""
    with installation.database.read() as session:
        run = demo_project.first_run(session)
        queued = run.id if run else None
    has_trainer = any(child.name == "trainer" for child in supervisor.children)
    run_id = queued if has_trainer else None
    peak, ticker = Peak(), report_text.Ticker("First fine-tuning run:")
    if queued and not has_trainer:
        say("A run is queued. It starts when a trainer is running.")
    while not interrupts.stopped:
        supervisor.restart_dead(say)
        if run_id:
            peak.sample()
            run_id = _follow(installation, run_id, ticker, peak, url)
        time.sleep(POLL_SECONDS)


def _follow(installation: Installation, run_id: str, ticker: report_text.Ticker, peak: Peak, url: str) -> str | None:
    """Show the progress of the run. Return None when it has ended and its result was printed."""
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
            ticker.end(f"First fine-tuning run {run.state}: {run.error or 'see trainer.log'}")
        ended = run.state in ENDED
    if ended:
        say(f"Report: {url}/runs/{run_id}    Peak memory of all processes: {report_text.gibibytes(peak.bytes)}")
    return None if ended else run_id
