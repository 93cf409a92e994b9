"""The web process is killed with -9 while people write: every answer that said 2xx is true after the restart (G1)."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.fixtures.processes import Stack

KILLS, WRITERS, ENOUGH = 3, 4, 200
PROJECT = {"slug": "clinic", "name": "Clinic", "task": "classification", "languages": ["en"], "domains": ["clinical"]}


class Writer(threading.Thread):
    """Writes a pair, then sometimes saves it again; notes what was acknowledged, and forgets what was not."""

    def __init__(self, stack: Stack, number: int, over: threading.Event) -> None:
        super().__init__(daemon=True)
        self.number, self.over = number, over
        headers = {"Authorization": f"Bearer {stack.tokens['alice']}"}
        self.http = httpx.Client(base_url=f"{stack.url}/api/v1", headers=headers, timeout=20, trust_env=False)
        self.acknowledged: dict[str, str] = {}
        self.unsure: set[str] = set()
        self.writes = 0
        self.refused: list[str] = []

    def run(self) -> None:
        turn = 0
        while not self.over.is_set():
            turn += 1
            try:
                self._write(turn)
            except httpx.TransportError:
                time.sleep(0.1)  # it was killed under our hands

    def _write(self, turn: int) -> None:
        pair = self._send("POST", "/projects/clinic/pairs", f"Writer {self.number}, line {turn}", {})
        if pair is None:
            return
        self.acknowledged[pair["id"]] = pair["revision"]
        if turn % 2:
            self.unsure.add(pair["id"])  # until the second answer is here, either revision may be the current one
            saved = self._send(
                "PUT", f"/pairs/{pair['id']}", f"Again {self.number}, {turn}", {"If-Match": pair["revision"]}
            )
            if saved is not None:
                self.acknowledged[pair["id"]] = saved["revision"]
                self.unsure.discard(pair["id"])

    def _send(self, method: str, path: str, words: str, headers: dict[str, str]) -> dict[str, Any] | None:
        messages = [{"role": "user", "content": f"{words}: where do I sign?"}, {"role": "assistant", "content": "desk"}]
        body = {"messages": messages, "source": "the desk", "license": "CC0-1.0"}
        reply = self.http.request(method, path, json=body, headers=headers)
        if reply.is_success:
            self.writes += 1
            answer: dict[str, Any] = reply.json()
            return answer
        if reply.status_code not in (503, 507):
            self.refused.append(f"{reply.status_code} {reply.text[:200]}")
        return None


@pytest.fixture
def stack(database_url: str, tmp_path: Path) -> Iterator[Stack]:
    stack = Stack(tmp_path / "installation", database_url)
    stack.start("web")
    try:
        yield stack
    finally:
        stack.stop()


@pytest.mark.assurance
@pytest.mark.slow
def test_what_was_acknowledged_is_there_after_every_kill(stack: Stack, tally: Any) -> None:
    stack.call("carol", "POST", "/projects", 201, json=PROJECT)
    stack.call("carol", "POST", "/projects/clinic/members", 201, json={"email": "alice@example.org", "role": "expert"})
    seed = random.SystemRandom().getrandbits(30)
    rng, over = random.Random(seed), threading.Event()
    print(f"seed {seed}")
    writers = [Writer(stack, number, over) for number in range(WRITERS)]
    for writer in writers:
        writer.start()
    try:
        for _ in range(KILLS):
            time.sleep(rng.uniform(0.5, 2.0))
            stack.kill("web")
            stack.start("web")
        deadline = time.monotonic() + 60
        while sum(writer.writes for writer in writers) < ENOUGH and time.monotonic() < deadline:
            time.sleep(0.2)
        stack.kill("web")
    finally:
        over.set()
        for writer in writers:
            writer.join(30)
    stack.start("web")
    assert [refused for writer in writers for refused in writer.refused] == []
    writes = sum(writer.writes for writer in writers)
    assert writes >= ENOUGH
    present = all_pairs(stack)
    for writer in writers:
        for pair, revision in writer.acknowledged.items():
            assert pair in present, "an acknowledged pair is gone"
            assert pair in writer.unsure or present[pair] == revision, "an acknowledged revision is gone"
    tally("kills survived", KILLS + 1)
    tally("acknowledged writes found again", writes)


def all_pairs(stack: Stack) -> dict[str, str]:
    found: dict[str, str] = {}
    cursor = ""
    while cursor is not None:
        page = stack.call(
            "alice", "GET", "/projects/clinic/pairs", params={"limit": 500, **({"cursor": cursor} if cursor else {})}
        )
        found |= {pair["id"]: pair["revision"] for pair in page["items"]}
        cursor = page["next"]
    return found
