"""`preceptor demo --headless`: the whole loop on the demo data, through the HTTP interface as any script would.

Exit codes: 0 the run is done; 1 it ended otherwise; 2 a step was refused or gave an unexpected answer.
"""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from app.bootstrap import Installation, migrate, open_installation
from app.cli import accounts, demo_project, report_text, services
from app.cli.memory import Peak, in_words
from app.cli.supervisor import Supervisor, free_port, wait_until_healthy
from app.cli.up import start
from app.core.errors import AppError
from app.domain.accounts import actions as accounts_actions
from app.domain.findings.queries import weak_slices
from app.settings import Settings

ENDED = ("done", "failed", "cancelled")
PRIVATE = ("PRECEPTOR_DATABASE_URL", "PRECEPTOR_STORAGE_URL", "PRECEPTOR_URL")


class LoopFailed(AppError):
    """The loop did not come to its end."""

    def __init__(self, detail: str, exit_code: int = 2) -> None:
        super().__init__(detail)
        self.exit_code = exit_code


@dataclass
class Loop:
    """What the steps share: one client, a token a person, the processes to tend, and what was made."""

    client: httpx.Client
    tokens: dict[str, str]
    tend: Callable[[], None]
    slug: str
    minutes: float
    made: dict[str, Any] = field(default_factory=dict)

    def call(self, who: str, method: str, path: str, **arguments: Any) -> Any:
        """The JSON of a 2xx answer, None for 204. Raises LoopFailed with the words of any other."""
        headers = {"Authorization": f"Bearer {self.tokens[who]}"}
        answer = self.client.request(method, f"/api/v1{path}", headers=headers, **arguments)
        if answer.status_code == 204:
            return None
        if not answer.is_success:
            raise LoopFailed(f"{method} {path} as {who} was answered {answer.status_code}: {answer.text[:2000]}")
        return answer.json()

    def wait(self, what: str, path: str, who: str = "admin") -> dict[str, Any]:
        """Poll a job or a run until it ends, with its progress on the terminal."""
        ticker = report_text.Ticker(what)
        while True:
            thing: dict[str, Any] = self.call(who, "GET", path)
            if thing["state"] in ENDED:
                ticker.end()
                return thing
            at = thing["progress"]
            ticker.show(report_text.progress(at["done"], at["total"], at["eta_seconds"]))
            self.tend()
            time.sleep(0.3)


def run(*, out: Path | None, keep: bool, minutes: float) -> None:
    """Raises LoopFailed; otherwise prints the report and writes it to `out`."""
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="preceptor-demo-") as folder:
        installation = open_installation(None if keep else _fresh(Path(folder)))
        loop, result = _with_processes(installation, minutes)
    result["seconds"] = round(time.monotonic() - started, 1)
    if out:
        out.write_text(json.dumps(result, indent=2, ensure_ascii=False) + "\n")
    _print(result, loop.made)


def _fresh(folder: Path) -> Settings:
    for name in PRIVATE:
        os.environ.pop(name, None)
    return Settings(data_dir=folder)


def _with_processes(installation: Installation, minutes: float) -> tuple[Loop, dict[str, Any]]:
    migrate(installation.database)
    _people(installation)
    port, peak = free_port(), Peak(os.getpid())
    url = services.loopback("127.0.0.1", port)
    household = Supervisor(installation.settings.data_dir.resolve() / "logs")

    def tend() -> None:
        household.tend(lambda line: print(line, flush=True))
        peak.sample()

    try:
        web = start(installation, household, "127.0.0.1", port, url, with_trainer=True)
        wait_until_healthy(url, web)
        with httpx.Client(base_url=url, timeout=120.0, trust_env=False) as client:
            loop = Loop(client, _tokens(installation), tend, f"riverbend-{port}", minutes)
            for step in STEPS:
                step(loop)
                tend()
    except LoopFailed as error:
        logs = "\n".join(f"--- end of {child.name}.log\n{child.tail()}" for child in household.children)
        raise LoopFailed(f"{error.detail}\n{logs}", error.exit_code) from error
    finally:
        household.stop()
    names = ("report", "version", "finding", "round", "run")
    return loop, {**{name: loop.made[name] for name in names}, "peak_memory_bytes": peak.bytes}


def _people(installation: Installation) -> None:
    with installation.database.session() as session:
        accounts.make_first(session)


def _tokens(installation: Installation) -> dict[str, str]:
    with installation.database.session() as session:
        return {
            account.role: accounts_actions.issue_token(
                session, user=accounts.user_named(session, account.email), name="demo", days=1
            )
            for account in accounts.FIRST
        }


def _open(loop: Loop) -> None:
    loop.call("admin", "POST", "/projects", json={**demo_project.PROJECT, "slug": loop.slug})
    for role, email in demo_project.MEMBERS.items():
        loop.call("admin", "POST", f"/projects/{loop.slug}/members", json={"email": email, "role": role})
    loop.call("admin", "POST", f"/projects/{loop.slug}/guidelines", json={"text": demo_project.read("guideline.md")})
    print(f"admin   opened project {loop.slug}, with its guideline and members", flush=True)


def _import(loop: Loop) -> None:
    form = {"format": "jsonl", "source": demo_project.SOURCE, "license": demo_project.LICENCE, "approve": "true"}
    file = {"file": ("pairs.jsonl", demo_project.read("pairs.jsonl").encode(), "application/jsonl")}
    job = loop.call("editor", "POST", f"/projects/{loop.slug}/imports", data=form, files=file)
    job = loop.wait("importing", f"/jobs/{job['id']}")
    if job["state"] != "done":
        raise LoopFailed(f"The import {job['state']}: {job['error']}")
    print(f"editor  imported {job['result']['imported']} pairs, {job['result']['approved']} approved", flush=True)


def _write(loop: Loop) -> None:
    """The first pair of the queue that no check blocks."""
    for row in demo_project.queue_rows():
        body = demo_project.content_of(row).as_dict()
        problems = loop.call("expert", "POST", f"/projects/{loop.slug}/pairs/check", json=body)["problems"]
        if any(problem["severity"] == "block" for problem in problems):
            continue
        pair = loop.call("expert", "POST", f"/projects/{loop.slug}/pairs", json=body)
        loop.call("expert", "POST", f"/pairs/{pair['id']}/submit")
        loop.made["pair"] = pair["id"]
        print(f"expert  wrote and submitted a pair ({len(problems)} remarks by the checks)", flush=True)
        return
    raise LoopFailed("The checks block every pair of queue.jsonl.")


def _review(loop: Loop) -> None:
    served = loop.call("editor", "POST", f"/projects/{loop.slug}/reviews/next")
    if served is None or served["pair"]["id"] != loop.made["pair"]:
        raise LoopFailed("The review queue did not serve the pair that the expert submitted.")
    verdict = {"lease": served["lease"], "decision": "accept", "ratings": {"accuracy": 5, "relevance": 5}}
    review = loop.call("editor", "POST", f"/pairs/{served['pair']['id']}/reviews", json=verdict)
    if review["state"] != "approved":
        raise LoopFailed(f"The accepted pair is {review['state']}, not approved.")
    print("editor  accepted it", flush=True)


def _freeze(loop: Loop) -> None:
    job = loop.call("admin", "POST", f"/projects/{loop.slug}/versions", json=demo_project.VERSION)
    job = loop.wait("freezing", f"/jobs/{job['id']}")
    if job["state"] != "done":
        raise LoopFailed(f"The freeze {job['state']}: {job['error']}")
    version = loop.made["version"] = loop.call("admin", "GET", f"/versions/{job['result']['version']}")
    print(f"admin   froze version {version['number']}: {version['counts']}", flush=True)


def _train(loop: Loop) -> None:
    recipe = {**demo_project.RECIPE, "max_minutes": loop.minutes}
    run = loop.call(
        "admin", "POST", f"/projects/{loop.slug}/runs", json={"version": loop.made["version"]["id"], "recipe": recipe}
    )
    run = loop.made["run"] = loop.wait("training", f"/runs/{run['id']}")
    if run["state"] != "done":
        raise LoopFailed(f"The run {run['state']}: {run['error']}", exit_code=1)
    loop.made["report"] = loop.call("admin", "GET", f"/runs/{run['id']}/report")
    print("trainer fine-tuned and evaluated", flush=True)


def _find(loop: Loop) -> None:
    """The weakest slice becomes a finding, and the finding the next round."""
    report, run = loop.made["report"], loop.made["run"]
    loop.made["answers"] = loop.call("admin", "GET", f"/runs/{run['id']}/answers", params={"only": "wrong"})["items"]
    if not report["slices"]:
        raise LoopFailed("The report has no slices, so that no weakness can be named.")
    weakest = (weak_slices(report) or sorted(report["slices"], key=lambda part: part["tuned"]["value"]))[0]
    finding = loop.made["finding"] = loop.call(
        "admin",
        "POST",
        f"/projects/{loop.slug}/findings",
        json={"run_id": run["id"], "tag": weakest["tag"], "value": weakest["value"], "note": weakest.get("reason", "")},
    )
    loop.made["round"] = loop.call("admin", "POST", f"/findings/{finding['id']}/round")
    print(
        f"admin   named a weakness ({weakest['tag']} = {weakest['value']}) and opened the next round from it\n",
        flush=True,
    )


STEPS = (_open, _import, _write, _review, _freeze, _train, _find)


def _print(result: dict[str, Any], made: dict[str, Any]) -> None:
    report = result["report"]
    print(report_text.headline(report))
    print("\n".join(report_text.table(report)))
    print(f"leak report: {report_text.leaks(result['version']['leak_report'])}")
    for note in report.get("notes", []):
        print(f"note: {note}")
    for answer in made["answers"][:3]:
        shown = f"{answer['prompt'][:90]!r} -> {answer['tuned']['text'][:40]!r}"
        print(f"still wrong: {shown}, right: {answer['reference'][:40]!r}")
    print(
        f"weakest slice: {result['finding']['tag']} = {result['finding']['value']} {result['finding']['note']}".rstrip()
    )
    print(f"next round: {result['round']['title']}, targets {result['round']['targets']}")
    print(f"whole loop: {report_text.seconds(result['seconds'])}, peak memory {in_words(result['peak_memory_bytes'])}")
