"""Clients that ask as fast as they are served, each in a process of its own, so that none waits for another."""

from __future__ import annotations

import http.client
import json
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from statistics import quantiles
from typing import Any
from urllib.parse import urlsplit

Reviews = tuple[list[Any], list[float], Counter[int]]
"""Of one client: what it decided, milliseconds of each round, HTTP statuses of all answers."""


class Client:
    """One kept-alive connection with a token to the interface at `base`."""

    def __init__(self, base: str, token: str, scheme: str = "Bearer") -> None:
        place = urlsplit(base)
        self.connection, self.prefix = http.client.HTTPConnection(place.netloc, timeout=120), place.path
        self.headers = {"Authorization": f"{scheme} {token}", "Content-Type": "application/json"}

    def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any, float]:
        """Status, decoded JSON and milliseconds."""
        start = time.perf_counter()
        content = json.dumps(body) if body is not None else None
        self.connection.request(method, f"{self.prefix}{path}", content, self.headers)
        answer = self.connection.getresponse()
        raw = answer.read()
        return answer.status, json.loads(raw) if raw else None, (time.perf_counter() - start) * 1000


def review_together(work: Callable[..., Reviews], jobs: Sequence[tuple[Any, ...]]) -> dict[str, Any]:
    """`work` with the arguments of each job, all at once."""
    start = time.monotonic()
    with ProcessPoolExecutor(len(jobs)) as pool:
        results = list(pool.map(work, *zip(*jobs, strict=True)))
    elapsed = time.monotonic() - start
    decided = [one for done, _, _ in results for one in done]
    return {
        "clients": len(jobs),
        "reviews": len(decided),
        "served_twice": len(decided) - len(set(decided)),
        "reviews_per_second": round(len(decided) / elapsed, 1),
        "milliseconds": spread([took for _, times, _ in results for took in times]),
        "statuses": dict(sum((statuses for _, _, statuses in results), Counter[int]())),
    }


def spread(times: list[float]) -> dict[str, float]:
    """Percentiles and the largest; only the number when there are fewer than two."""
    if len(times) < 2:
        return {"n": len(times)}
    cuts = quantiles(times, n=20)
    return {"n": len(times), "p50": round(cuts[9], 1), "p95": round(cuts[18], 1), "max": round(max(times), 1)}
