"""Compute settings: threads and number format, chosen by a short measurement."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

SMALL = 10_000_000  # parameters; below this one core is nearly as fast as two
SHORT_ROW = 256  # tokens; beyond this the quadratic attention matrices cost more than they save

# A second core taken while it is idle slows the run as soon as another process needs it (measured: 5,100 tokens/s on
# one thread, 1,460 on two beside one busy process), so it must pay well.
SECOND_CORE_RATIO = 0.7


@dataclass(frozen=True)
class ComputeConfig:
    """CPU threads, and whether matrices are multiplied in bfloat16 (weights stay float32)."""

    threads: int
    bfloat16: bool

    def __str__(self) -> str:
        return f"{self.threads} thread{'s' * (self.threads > 1)}, {'bfloat16' if self.bfloat16 else 'float32'}"

    @contextmanager
    def context(self, width: int) -> Iterator[None]:
        """Run a forward pass over rows of `width` tokens in this number format, with its fastest attention.

        On a CPU the bfloat16 backward of fused attention takes two to three times as long as plain matrices on short
        rows.
        """
        cuda = torch.cuda.is_available()
        plain = self.bfloat16 and not cuda and width <= SHORT_ROW
        autocast = torch.autocast("cuda" if cuda else "cpu", dtype=torch.bfloat16, enabled=self.bfloat16)
        with autocast, sdpa_kernel(SDPBackend.MATH) if plain else nullcontext():
            yield


def autotune(probe: Callable[[ComputeConfig], None], parameters: int) -> ComputeConfig:
    """Return the fastest setting after a few timed steps of each, about two seconds.

    PRECEPTOR_TRAINER_PACE=1,float32 fixes it, for identical losses between runs: sums depend on the number of threads.
    """
    fixed = os.environ.get("PRECEPTOR_TRAINER_PACE")
    if fixed:
        count, _, kind = fixed.partition(",")
        return ComputeConfig(int(count), kind == "bfloat16")
    if torch.cuda.is_available():
        return ComputeConfig(torch.get_num_threads(), True)
    cores = os.cpu_count() or 1
    counts = [1, min(cores, 2)] if parameters < SMALL else [cores]
    best: tuple[float, ComputeConfig] | None = None
    for threads in dict.fromkeys(counts):
        for bfloat16 in (False, True):
            seconds = _timed(probe, config := ComputeConfig(threads, bfloat16))
            needed = 0.9 if best is None or threads == best[1].threads else SECOND_CORE_RATIO
            if best is None or seconds < best[0] * needed:
                best = (seconds, config)
    assert best is not None
    return best[1]


def _timed(probe: Callable[[ComputeConfig], None], config: ComputeConfig) -> float:
    torch.set_num_threads(config.threads)
    times = []
    for _ in range(3):
        started = time.perf_counter()
        probe(config)
        times.append(time.perf_counter() - started)
    return min(times)
