"""How fast are the desks? Reviewing, lists, checks while typing, and import, on one machine.

    python -m benchmarks.desks [--pairs 100000] [--seconds 20] [--clients 16] [--database-url URL]
                              [--only PART] [--peer] [--json OUT]

Real web and worker processes on loopback; SQLite unless a URL is given; every write is on disk before its answer.
Reviewers take the next pair and decide it as fast as they are served, by two requests a pair and then by one. Lists
are asked with every kind of filter; checks with texts that are new and with near copies. The clients are processes of
their own, so that none waits for another.
--peer installs Label Studio and measures its labelling first, with as many clients for as long; times_the_peer is our
reviews a second over those of its fastest server.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from app.core.db.database import Database
from app.domain.accounts import actions as accounts_actions
from benchmarks.clients import Client, Reviews, review_together, spread
from benchmarks.peers import label_studio
from benchmarks.soak import CATEGORIES, fill, sentence, with_children
from tests.fixtures.processes import Stack

FILTERS = (
    "",
    "state=approved",
    "state=submitted",
    "state=rejected",
    "unresolved=true",
    "author={bob}",
    "author={bob}&state=submitted",
    "tag=category:billing",
    "tag=category:nobody's",
    "tag=category:billing&tag=difficulty:hard",
    "tag=category:billing&author={bob}",
    "state=approved&tag=difficulty:hard",
    "state=draft&tag=category:records",
    "q=please",
    "q=zzzznothing",
    "q={rare}",
    "q={half}",
    "q=re",
    "q=qx",
    "q=%E6%9D%B1%E4%BA%AC",
    "q=please&state=approved",
    "q={rare}&state=submitted",
    "q=please&author={bob}",
    "q={rare}&author={bob}",
    "q=please&tag=category:billing",
    "q=records,&tag=category:billing",
    "q=please&unresolved=true",
    "q={rare}&state=approved&author={bob}&tag=category:billing&tag=difficulty:hard",
)
"""{bob} wrote the approved pairs, all older than the others; {rare} is a word of one of them, {half} four letters of
it."""


def review(url: str, token: str, seconds: float) -> Reviews:
    """Next and decide until the time is over or no pair waits."""
    client, decided, took, statuses = Client(f"{url}/api/v1", token), [], [], Counter[int]()
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        status, lease, first = client.ask("POST", "/projects/soak/reviews/next")
        statuses[status] += 1
        if status != 200:
            break
        verdict = {"lease": lease["lease"], "decision": "accept", "ratings": {"accuracy": 5}}
        status, _, second = client.ask("POST", f"/pairs/{lease['pair']['id']}/reviews", verdict)
        statuses[status] += 1
        if status == 201:
            decided.append(lease["pair"]["id"])
            took.append(first + second)
    return decided, took, statuses


def review_on(url: str, token: str, seconds: float) -> Reviews:
    """The same with one request a pair: each verdict brings the next item."""
    client, decided, took, statuses = Client(f"{url}/api/v1", token), [], [], Counter[int]()
    end = time.monotonic() + seconds
    status, item, _ = client.ask("POST", "/projects/soak/reviews/next")
    statuses[status] += 1
    while item and time.monotonic() < end:
        pair, verdict = item["pair"]["id"], {"lease": item["lease"], "decision": "accept", "ratings": {"accuracy": 5}}
        status, answer, milliseconds = client.ask("POST", f"/pairs/{pair}/reviews?next=true", verdict)
        statuses[status] += 1
        if status != 201:
            break
        decided.append(pair)
        took.append(milliseconds)
        item = answer["next"]
    return decided, took, statuses


def cpu_seconds(pid: int) -> float:
    """Processor time that a process and its children have used."""
    stats = [Path(f"/proc/{one}/stat").read_text().rsplit(")", 1)[1].split() for one in with_children(pid)]
    return sum(int(fields[11]) + int(fields[12]) for fields in stats) / os.sysconf("SC_CLK_TCK")


def hire(stack: Stack, count: int) -> list[str]:
    """Tokens of new editors."""
    database, tokens = Database(stack.settings.resolved_database_url), []
    for number in range(count):
        email = f"editor{number}@example.org"
        with database.session() as session:
            user = accounts_actions.create_user(session, email=email, name=f"Editor {number}")
            tokens.append(accounts_actions.issue_token(session, user=user))
        stack.call("carol", "POST", "/projects/soak/members", 201, json={"email": email, "role": "editor"})
    database.dispose()
    return tokens


def reviewing(stack: Stack, clients: int, seconds: float) -> dict[str, Any]:
    """Two requests a pair, as most clients do it, then one."""
    tokens = hire(stack, clients)
    return _timed(stack, review, tokens, seconds) | {"next_with_verdict": _timed(stack, review_on, tokens, seconds)}


def _timed(stack: Stack, work: Callable[..., Reviews], tokens: list[str], seconds: float) -> dict[str, Any]:
    web = stack.processes["web"].pid
    busy = cpu_seconds(web)
    found = review_together(work, [(stack.url, token, seconds) for token in tokens])
    busy = cpu_seconds(web) - busy
    return {**found, "server_cpu_milliseconds_per_review": round(1000 * busy / found["reviews"], 2)}


def listing(stack: Stack, rounds: int = 40) -> dict[str, Any]:
    """A list of 50 with each filter, the first page and the one behind its cursor."""
    client, found = Client(f"{stack.url}/api/v1", stack.tokens["carol"]), {}
    known = client.ask("GET", "/projects/soak/pairs?state=approved&limit=1")[1]["items"][0]
    rare = max(known["messages"][0]["content"].rstrip("?").split(), key=len)
    for query in (one.format(bob=known["author"], rare=rare, half=rare[:4]) for one in FILTERS):
        times = []
        for _ in range(rounds):
            status, page, took = client.ask("GET", f"/projects/soak/pairs?limit=50&{query}")
            assert status == 200, (query, status, page)
            times.append(took)
            if page["next"]:
                times.append(client.ask("GET", f"/projects/soak/pairs?limit=50&cursor={page['next']}&{query}")[2])
        found[query or "no filter"] = spread(times)
    return found


def checking(stack: Stack, rounds: int = 300) -> dict[str, Any]:
    """The checks of a text that is new, and of near copies of one that is there."""
    client, rng = Client(f"{stack.url}/api/v1", stack.tokens["alice"]), random.Random(3)
    known = client.ask("GET", "/projects/soak/pairs?state=approved&limit=200")[1]["items"]
    times: dict[str, list[float]] = {"new": [], "near copy": []}
    for number in range(rounds):
        prompt = f"Please help: {sentence(rng, 18)}?"
        if number % 2:
            prompt = known[number % len(known)]["messages"][0]["content"].replace("?", " now?")
        messages = [{"role": "user", "content": prompt}, {"role": "assistant", "content": rng.choice(CATEGORIES)}]
        body = {"messages": messages, "source": "made", "license": "CC0-1.0"}
        status, answer, took = client.ask("POST", "/projects/soak/pairs/check", body)
        assert status == 200, answer
        times["near copy" if number % 2 else "new"].append(took)
    return {name: spread(values) for name, values in times.items()}


PARTS = ("checks", "lists", "reviewing")


def measure(part: str, stack: Stack, options: argparse.Namespace) -> dict[str, Any]:
    """The figures of one part, on pairs that are already there."""
    if part == "checks":
        return checking(stack)
    return listing(stack) if part == "lists" else reviewing(stack, options.clients, options.seconds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=100_000)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--database-url", default="")
    parser.add_argument("--only", choices=PARTS, help="measure one part; the import always runs")
    parser.add_argument("--peer", action="store_true")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    peer = label_studio.measure(2_000, options.clients, options.seconds) if options.peer else None
    with tempfile.TemporaryDirectory(prefix="preceptor-desks-") as folder:
        stack = Stack(Path(folder) / "data", options.database_url)
        stack.start("web", "worker")
        try:
            result = {"import": fill(stack, options.pairs)}
            for part in (options.only,) if options.only else PARTS:
                result[part] = measure(part, stack, options)
        finally:
            stack.stop()
    if peer:
        best = peer["servers"][peer["fastest"]]["reviews_per_second"] or float("nan")
        result |= {"peer": peer, "times_the_peer": round(result["reviewing"]["reviews_per_second"] / best, 1)}
    print(json.dumps(result, indent=1))
    if options.json:
        options.json.write_text(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
