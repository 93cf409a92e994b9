"""Compute settings: threads and number format, chosen by a short measurement."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch

SMALL = 10_000_000  # parameters below which one core is nearly as fast as two

# Cores taken while idle turn against the run as soon as a neighbour wakes (measured: 5,100 tokens/s on one thread,
# 1,460 on two beside one busy process), so a second one must pay well.
WORTH_A_CORE = 0.7


@dataclass(frozen=True)
class ComputeConfig:
    """How to compute: CPU threads, and whether to run matrices in bfloat16 (weights stay float32)."""

    threads: int
    bfloat16: bool

    def __str__(self) -> str:
        return f"{self.threads} thread{'s' * (self.threads > 1)}, {'bfloat16' if self.bfloat16 else 'float32'}"


def autotune(probe: Callable[[ComputeConfig], None], parameters: int) -> ComputeConfig:
    """The fastest pace by trying a few steps of each, about two seconds. PRECEPTOR_TRAINER_PACE=1,float32 fixes it
    (for identical losses between runs: sums depend on the number of threads)."""
    fixed = os.environ.get("PRECEPTOR_TRAINER_PACE")
    if fixed:
        count, _, kind = fixed.partition(",")
        return ComputeConfig(int(count), kind == "bfloat16")
    if torch.cuda.is_available():
        return ComputeConfig(torch.get_num_threads(), True)
    # A busy neighbour makes a small model several times slower on all cores: take them only where they clearly pay.
    cores = os.cpu_count() or 1
    counts = [1, min(cores, 2)] if parameters < SMALL else [cores]
    best: tuple[float, ComputeConfig] | None = None
    for threads in dict.fromkeys(counts):
        for bfloat16 in (False, True):
            seconds = _timed(probe, pace := ComputeConfig(threads, bfloat16))
            needed = 0.9 if best is None or threads == best[1].threads else WORTH_A_CORE
            if best is None or seconds < best[0] * needed:
                best = (seconds, pace)
    assert best is not None
    return best[1]


def _timed(probe: Callable[[ComputeConfig], None], pace: ComputeConfig) -> float:
    torch.set_num_threads(pace.threads)
    times = []
    for _ in range(3):
        started = time.perf_counter()
        probe(pace)
        times.append(time.perf_counter() - started)
    return min(times)
