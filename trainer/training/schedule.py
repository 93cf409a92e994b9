"""Progress of a run and the learning rate at that progress. Knows steps and seconds; knows nothing of models."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Schedule:
    """Progress follows the limit that is reached first, steps or seconds, so the rate always ends at zero.

    With a time limit the number of steps depends on the machine: such a run is not repeatable bit for bit.
    """

    total_steps: int
    budget_seconds: float | None
    warmup_ratio: float
    shape: str

    def progress(self, step: int, seconds: float) -> float:
        """Return the share of the run that is done, 0 to 1."""
        by_time = seconds / self.budget_seconds if self.budget_seconds else 0.0
        return min(1.0, max(step / self.total_steps, by_time))

    def rate(self, progress: float) -> float:
        """Return the share of the peak learning rate: linear warmup, then the shape down to zero (constant stays)."""
        if progress < self.warmup_ratio:
            return max(0.02, progress / self.warmup_ratio)
        left = (1 - progress) / (1 - self.warmup_ratio)
        if self.shape == "constant":
            return 1.0
        return left if self.shape == "linear" else 0.5 * (1 - math.cos(math.pi * left))

    def expected_steps(self, step: int, progress: float) -> int:
        """Estimate the total steps from the progress so far."""
        if not self.budget_seconds or progress < 0.01:
            return self.total_steps
        return max(step, min(self.total_steps, round(step / progress)))
