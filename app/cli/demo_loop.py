"""`preceptor demo --headless`: the whole loop on the demo data, through the HTTP API.

Exit codes: 0 the run is done; 1 the run failed; 2 a step was rejected or returned an unexpected result.
"""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import httpx
import typer

from app.bootstrap import Installation, migrate, open_installation
from app.cli import accounts, demo_project, report_text, services
from app.cli.supervisor import Peak, Supervisor, free_port, wait_until_healthy
from app.cli.up import start
from app.core.errors import AppError
from app.domain.accounts import actions as accounts_actions
from app.domain.findings.queries import weak_slices
from app.settings import Settings

ENDED = ("done", "failed", "cancelled")
PRIVATE = ("PRECEPTOR_DATABASE_URL", "PRECEPTOR_STORAGE_URL", "PRECEPTOR_URL")


class LoopFailed(AppError):
    """The loop stopped early."""

    def __init__(self, detail: str, exit_code: int = 2) -> None:
        super().__init__(detail)
        self.exit_code = exit_code


@dataclass
class Loop:
    """State of the steps: the client, a token for each user, the process check, and the objects created."""

    client: httpx.Client
    tokens: dict[str, str]
    check_processes: Callable[[], None]
    slug: str
    minutes: float
    created: dict[str, Any] = field(default_factory=dict)

    def call(self, user: str, method: str, path: str, **options: Any) -> Any:
        """Return the JSON of a 2xx response, or None for 204. Raises LoopFailed for any other status."""
        headers = {"Authorization": f"Bearer {self.tokens[user]}"}
        response = self.client.request(method, f"/api/v1{path}", headers=headers, **options)
        if response.status_code == 204:
            return None
        if not response.is_success:
            raise LoopFailed(f"{method} {path} as {user} returned {response.status_code}: {response.text[:2000]}")
        return response.json()

    def wait(self, what: str, path: str, label: str, exit_code: int = 2) -> dict[str, Any]:
        """Poll a job or run until it is done, and show its progress. Raises LoopFailed if it ends otherwise."""
        ticker = report_text.Ticker(label)
        while True:
            job: dict[str, Any] = self.call("admin", "GET", path)
            if job["state"] in ENDED:
                ticker.end()
                if job["state"] != "done":
                    raise LoopFailed(f"The {what} {job['state']}: {job['error']}", exit_code)
                return job
            progress = job["progress"]
            ticker.show(report_text.progress(progress["done"], progress["total"], progress["eta_seconds"]))
            self.check_processes()
            time.sleep(0.3)


def demo(
    headless: Annotated[bool, typer.Option("--headless", help="Run the loop without a browser, then exit.")] = False,
    out: Annotated[Path | None, typer.Option("--json", help="Write the report to this JSON file.")] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Use PRECEPTOR_DATA_DIR and keep the data.")] = False,
    minutes: Annotated[float, typer.Option(help="Maximum training time in minutes.", min=0.05, max=60)] = 2.0,
) -> None:
    """Run the whole loop on the demo data through the HTTP API."""
    if not headless:
        raise AppError("Add --headless to run the demo without a browser. To use the pages, run: preceptor up")
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="preceptor-demo-") as folder:
        installation = open_installation(None if keep else _temporary_settings(Path(folder)))
        loop, result = _with_processes(installation, minutes)
    result["seconds"] = round(time.monotonic() - started, 1)
    if out:
        out.write_text(json.dumps(result, indent=2, ensure_ascii=False) + "\n")
    _print(result, loop.created)


def _temporary_settings(folder: Path) -> Settings:
    for name in PRIVATE:
        os.environ.pop(name, None)
    return Settings(data_dir=folder)


def _with_processes(installation: Installation, minutes: float) -> tuple[Loop, dict[str, Any]]:
    migrate(installation.database)
    with installation.database.session() as session:
        accounts.create_first(session)
        tokens = {
            role: accounts_actions.issue_token(session, user=accounts.user_named(session, email), name="demo", days=1)
            for role, email, _ in accounts.FIRST
        }
    port, peak = free_port(), Peak()
    url = services.loopback("127.0.0.1", port)
    supervisor = Supervisor(installation.settings.data_dir.resolve() / "logs")

    def check_processes() -> None:
        supervisor.restart_dead(lambda line: print(line, flush=True))
        peak.sample()

    try:
        web = start(installation, supervisor, "127.0.0.1", port, url, with_trainer=True)
        wait_until_healthy(url, web)
        with httpx.Client(base_url=url, timeout=120.0, trust_env=False) as client:
            loop = Loop(client, tokens, check_processes, f"riverbend-{port}", minutes)
            for step in STEPS:
                step(loop)
                check_processes()
    except LoopFailed as error:
        logs = "\n".join(f"--- end of {child.name}.log\n{child.tail()}" for child in supervisor.children)
        raise LoopFailed(f"{error.detail}\n{logs}", error.exit_code) from error
    finally:
        supervisor.stop()
    names = ("report", "version", "finding", "round", "run")
    return loop, {**{name: loop.created[name] for name in names}, "peak_memory_bytes": peak.bytes}


def _create_project(loop: Loop) -> None:
    loop.call("admin", "POST", "/projects", json={**demo_project.PROJECT, "slug": loop.slug})
    for role, email in demo_project.MEMBERS.items():
        loop.call("admin", "POST", f"/projects/{loop.slug}/members", json={"email": email, "role": role})
    loop.call("admin", "POST", f"/projects/{loop.slug}/guidelines", json={"text": demo_project.read("guideline.md")})
    print(f"admin   created project {loop.slug} with its guideline and members", flush=True)


def _import(loop: Loop) -> None:
    form = {"format": "jsonl", "source": demo_project.SOURCE, "license": demo_project.LICENSE, "approve": "true"}
    file = {"file": ("pairs.jsonl", demo_project.read("pairs.jsonl").encode(), "application/jsonl")}
    job = loop.call("editor", "POST", f"/projects/{loop.slug}/imports", data=form, files=file)
    job = loop.wait("import", f"/jobs/{job['id']}", "importing")
    print(f"editor  imported {job['result']['imported']:,} pairs, approved {job['result']['approved']:,}", flush=True)


def _write(loop: Loop) -> None:
    """Submit the first pair of queue.jsonl that no check blocks."""
    for row in demo_project.queue_rows():
        body = demo_project.content_of(row).as_dict()
        problems = loop.call("expert", "POST", f"/projects/{loop.slug}/pairs/check", json=body)["problems"]
        if any(problem["severity"] == "block" for problem in problems):
            continue
        pair = loop.call("expert", "POST", f"/projects/{loop.slug}/pairs", json=body)
        loop.call("expert", "POST", f"/pairs/{pair['id']}/submit")
        loop.created["pair"] = pair["id"]
        print(f"expert  wrote and submitted a pair ({len(problems)} warnings)", flush=True)
        return
    raise LoopFailed("The checks block every pair of queue.jsonl.")


def _review(loop: Loop) -> None:
    served = loop.call("editor", "POST", f"/projects/{loop.slug}/reviews/next")
    if served is None or served["pair"]["id"] != loop.created["pair"]:
        raise LoopFailed("The review queue did not serve the pair that the expert submitted.")
    decision = {"lease": served["lease"], "decision": "accept", "ratings": {"accuracy": 5, "relevance": 5}}
    review = loop.call("editor", "POST", f"/pairs/{served['pair']['id']}/reviews", json=decision)
    if review["state"] != "approved":
        raise LoopFailed(f"The accepted pair is in state {review['state']}, not approved.")
    print("editor  accepted the pair", flush=True)


def _freeze(loop: Loop) -> None:
    job = loop.call("admin", "POST", f"/projects/{loop.slug}/versions", json=demo_project.VERSION)
    job = loop.wait("freeze", f"/jobs/{job['id']}", "freezing")
    version = loop.created["version"] = loop.call("admin", "GET", f"/versions/{job['result']['version']}")
    print(f"admin   froze version {version['number']}: {version['counts']}", flush=True)


def _train(loop: Loop) -> None:
    recipe = {**demo_project.RECIPE, "max_minutes": loop.minutes}
    wanted = {"version": loop.created["version"]["id"], "recipe": recipe}
    run = loop.call("admin", "POST", f"/projects/{loop.slug}/runs", json=wanted)
    run = loop.created["run"] = loop.wait("run", f"/runs/{run['id']}", "training", exit_code=1)
    loop.created["report"] = loop.call("admin", "GET", f"/runs/{run['id']}/report")
    print("trainer fine-tuned and evaluated", flush=True)


def _find(loop: Loop) -> None:
    """Create a finding from the weakest slice, and a round from the finding."""
    report, run = loop.created["report"], loop.created["run"]
    loop.created["answers"] = loop.call("admin", "GET", f"/runs/{run['id']}/answers", params={"only": "wrong"})["items"]
    if not report["slices"]:
        raise LoopFailed("The report has no slices to create a finding from.")
    weakest = (weak_slices(report) or sorted(report["slices"], key=lambda part: part["tuned"]["value"]))[0]
    tag, value, note = weakest["tag"], weakest["value"], weakest.get("reason", "")
    wanted = {"run_id": run["id"], "tag": tag, "value": value, "note": note}
    finding = loop.created["finding"] = loop.call("admin", "POST", f"/projects/{loop.slug}/findings", json=wanted)
    loop.created["round"] = loop.call("admin", "POST", f"/findings/{finding['id']}/round")
    print(f"admin   created a finding ({tag} = {value}) and opened the next round from it\n", flush=True)


STEPS = (_create_project, _import, _write, _review, _freeze, _train, _find)


def _print(result: dict[str, Any], created: dict[str, Any]) -> None:
    report = result["report"]
    print(report_text.headline(report))
    print("\n".join(report_text.table(report)))
    print(f"leakage: {report_text.leaks(result['version']['leak_report'])}")
    for note in report.get("notes", []):
        print(f"note: {note}")
    for answer in created["answers"][:3]:
        shown = f"{answer['prompt'][:90]!r} -> {answer['tuned']['text'][:40]!r}"
        print(f"incorrect: {shown}, expected: {answer['reference'][:40]!r}")
    print(
        f"weakest slice: {result['finding']['tag']} = {result['finding']['value']} {result['finding']['note']}".rstrip()
    )
    print(f"next round: {result['round']['title']}, targets {result['round']['targets']}")
    memory = report_text.gibibytes(result["peak_memory_bytes"])
    print(f"whole loop: {report_text.seconds(result['seconds'])}, peak memory {memory}")
