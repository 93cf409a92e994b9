"""Twenty people at work on 100,000 pairs: do answers stay right, quick and does memory stay flat?

    python -m benchmarks.soak [--pairs 100000] [--minutes 5] [--people 20] [--database-url URL] [--json OUT]

Real web and worker processes on loopback; SQLite unless a URL is given. The pairs come in through the import interface
with every check. Then experts write, check, save, submit and list, editors take the next pair and decide it, admins
read pages and the audit log, each with a pause to think of half a second to two. Exits 1 on any answer of 500 or above,
or when the log of the web process says that the database was locked.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import fmean, quantiles
from typing import Any

import httpx
from scipy.stats import linregress

from app.core.db.database import Database
from app.domain.accounts import actions as accounts_actions
from app.domain.auth import actions as auth_actions
from tests.fixtures.processes import Stack

SYLLABLES = [a + b for a in "bdfgklmnprstvz" for b in ("a", "e", "i", "o", "u", "an", "el", "or")]
PART_WAITING, WARM_UP = 0.4, 60.0
CATEGORIES = ("billing", "pharmacy", "laboratory", "appointments", "records")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=100_000)
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--people", type=int, default=20)
    parser.add_argument("--database-url", default="")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="preceptor-soak-") as folder:
        stack = Stack(Path(folder) / "data", options.database_url)
        stack.start("web", "worker")
        try:
            result = {"import": fill(stack, options.pairs), **soak(stack, options.people, options.minutes * 60)}
        finally:
            stack.stop()
        result["database_locked"] = (Path(folder) / "data" / "web.log").read_text().count("database is locked")
    print(json.dumps(result, indent=1))
    if options.json:
        options.json.write_text(json.dumps(result, indent=1))
    sys.exit(1 if result["server_errors"] or result["database_locked"] else 0)


# --- the pairs ---


def sentence(rng: random.Random, words: int) -> str:
    return " ".join("".join(rng.choices(SYLLABLES, k=rng.randint(1, 4))) for _ in range(words))


def rows(count: int, seed: int) -> Iterator[bytes]:
    rng = random.Random(seed)
    for _ in range(count):
        category = rng.choice(CATEGORIES)
        row = {"prompt": f"Please help: {sentence(rng, 18)}?", "completion": f"{category}, {sentence(rng, 6)}."}
        yield json.dumps({**row, "category": category, "difficulty": rng.choice(("easy", "hard"))}).encode() + b"\n"


def fill(stack: Stack, count: int) -> dict[str, float]:
    """A project with `count` pairs, some of them waiting for review; seconds and rows a second of the imports."""
    stack.call("carol", "POST", "/projects", 201, json={"slug": "soak", "name": "Soak", "languages": []})
    for email, role in (("alice", "expert"), ("bob", "editor")):
        stack.call("carol", "POST", "/projects/soak/members", 201, json={"email": f"{email}@example.org", "role": role})
    start, waiting = time.monotonic(), int(count * PART_WAITING)
    for who, size, flag in (("bob", count - waiting, "approve"), ("alice", waiting, "submit")):
        job = stack.call(
            who,
            "POST",
            "/projects/soak/imports",
            202,
            files={"file": ("soak.jsonl", b"".join(rows(size, seed=size)))},
            data={"source": "made by this benchmark", "license": "CC0-1.0", flag: "true"},
        )
        stack.finished(f"/jobs/{job['id']}", 3600)
    seconds = time.monotonic() - start
    return {"rows": count, "seconds": round(seconds, 1), "rows_per_second": round(count / seconds)}


# --- the people ---


class Person:
    """One browser: a token for the interface, a session for the pages, and what was answered how fast."""

    def __init__(self, stack: Stack, number: int, token: str, cookie: str) -> None:
        self.rng = random.Random(number)
        self.api = httpx.Client(
            base_url=f"{stack.url}/api/v1", headers={"Authorization": f"Bearer {token}"}, timeout=60
        )
        self.browser = httpx.Client(base_url=stack.url, cookies={"preceptor_session": cookie}, timeout=60)
        self.seen: list[tuple[str, int, float]] = []

    def ask(self, name: str, client: httpx.Client, method: str, path: str, **kwargs: Any) -> httpx.Response:
        start = time.perf_counter()
        answer = client.request(method, path, **kwargs)
        self.seen.append((name, answer.status_code, time.perf_counter() - start))
        return answer

    def content(self) -> dict[str, Any]:
        prompt, answer = f"Please help: {sentence(self.rng, 18)}?", f"{sentence(self.rng, 8)}."
        messages = [{"role": "user", "content": prompt}, {"role": "assistant", "content": answer}]
        return {"messages": messages, "source": "soak", "license": "CC0-1.0", "tags": {"category": "billing"}}

    def think(self) -> None:
        time.sleep(self.rng.uniform(0.5, 2.0))


def write_one(person: Person) -> None:
    body = person.content()
    person.ask("check", person.api, "POST", "/projects/soak/pairs/check", json=body)
    person.think()
    pair = person.ask("create", person.api, "POST", "/projects/soak/pairs", json=body).json()
    person.think()
    body["messages"][1]["content"] += f" {sentence(person.rng, 4)}."
    headers = {"If-Match": pair["revision"]}
    person.ask("save", person.api, "PUT", f"/pairs/{pair['id']}", json=body, headers=headers)
    person.ask("submit", person.api, "POST", f"/pairs/{pair['id']}/submit")
    person.think()
    person.ask("page: pairs", person.browser, "GET", "/projects/soak/pairs?state=submitted")


def review_one(person: Person) -> None:
    taken = person.ask("next", person.api, "POST", "/projects/soak/reviews/next")
    person.think()
    if taken.status_code == 200:
        lease = taken.json()
        decision = person.rng.choice(("accept", "accept", "return", "reject"))
        verdict = {"lease": lease["lease"], "decision": decision, "ratings": {}, "comment": "Seen in the soak."}
        person.ask("decide", person.api, "POST", f"/pairs/{lease['pair']['id']}/reviews", json=verdict)
    person.think()
    person.ask("page: queue", person.browser, "GET", "/projects/soak/reviews")


def look_around(person: Person) -> None:
    category = person.rng.choice(CATEGORIES)
    person.ask("list", person.api, "GET", f"/projects/soak/pairs?state=approved&tag=category:{category}&limit=50")
    person.think()
    for name, path in (("home", "/"), ("project", "/projects/soak"), ("audit", "/audit")):
        person.ask(f"page: {name}", person.browser, "GET", path)
        person.think()


def work(person: Person, habit: Callable[[Person], None], end: float) -> None:
    while time.monotonic() < end:
        try:
            habit(person)
        except httpx.TransportError as error:
            person.seen.append((f"transport: {type(error).__name__}", 599, 0.0))
        person.think()


def hire(stack: Stack, count: int) -> list[tuple[Person, Callable[[Person], None]]]:
    """Twelve of twenty write, six review, two look after the project."""
    database, hired = Database(stack.settings.resolved_database_url), []
    for number in range(count):
        habit = (write_one, write_one, review_one, write_one, review_one, write_one, write_one, review_one, write_one,
                 look_around)[number % 10]  # fmt: skip
        email = f"person{number}@example.org"
        with database.session() as session:
            user = accounts_actions.create_user(
                session, email=email, name=f"Person {number}", is_admin=habit is look_around
            )
            token, cookie = accounts_actions.issue_token(session, user=user), auth_actions.start_session(session, user)
        if habit is not look_around:
            role = "editor" if habit is review_one else "expert"
            stack.call("carol", "POST", "/projects/soak/members", 201, json={"email": email, "role": role})
        hired.append((Person(stack, number, token, cookie), habit))
    database.dispose()
    return hired


# --- the measurement ---


def with_children(pid: int) -> list[int]:
    """A process and those that it has started: the web command serves from several."""
    return [pid, *map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())]


def resident(pid: int) -> int:
    """Resident bytes of a process and its children; what they share counts for each."""
    return sum(int(Path(f"/proc/{one}/statm").read_text().split()[1]) * 4096 for one in with_children(pid))


def soak(stack: Stack, people: int, seconds: float) -> dict[str, Any]:
    hired = hire(stack, people)
    begin = time.monotonic()
    threads = [threading.Thread(target=work, args=(*one, begin + seconds), daemon=True) for one in hired]
    for thread in threads:
        thread.start()
    memory: list[tuple[float, int]] = []
    while any(thread.is_alive() for thread in threads):
        memory.append((time.monotonic() - begin, resident(stack.processes["web"].pid)))
        time.sleep(2)
    return summary([seen for person, _ in hired for seen in person.seen], memory, min(WARM_UP, seconds / 3))


def summary(seen: list[tuple[str, int, float]], memory: list[tuple[float, int]], warm_up: float) -> dict[str, Any]:
    by_name: dict[str, list[float]] = defaultdict(list)
    for name, _, took in seen:
        by_name[name].append(took * 1000)
    steady = [(at, size / 2**20) for at, size in memory if at >= warm_up]
    late = [(at, size) for at, size in steady if at >= steady[-1][0] / 2]
    return {
        "requests": len(seen),
        "server_errors": sum(status >= 500 for _, status, _ in seen),
        "statuses": dict(sorted(Counter(status for _, status, _ in seen).items())),
        "milliseconds": {
            name: {"n": len(times), "p50": round(q[9], 1), "p95": round(q[18], 1), "max": round(max(times), 1)}
            for name, times in sorted(by_name.items())
            if len(times) > 1 and (q := quantiles(times, n=20))
        },
        "memory": {
            "start_mib": round(steady[0][1], 1),
            "end_mib": round(steady[-1][1], 1),
            "mib_per_minute": rise(steady),
            "mib_per_minute_second_half": rise(late),
            "mib_each_minute": [round(fmean(sizes), 1) for _, sizes in sorted(by_minute(memory).items())],
        },
    }


def by_minute(memory: list[tuple[float, int]]) -> dict[int, list[float]]:
    """minute -> MiB, as often as they were looked at."""
    found: dict[int, list[float]] = defaultdict(list)
    for at, size in memory:
        found[int(at // 60)].append(size / 2**20)
    return found


def rise(memory: list[tuple[float, float]]) -> float:
    """MiB a minute, by least squares. Caches fill in the first minutes: see the memory of each."""
    return round(float(linregress([at / 60 for at, _ in memory], [size for _, size in memory]).slope), 2)


if __name__ == "__main__":
    main()
