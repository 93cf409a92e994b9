"""The fine-tuning loop: steps, validation, early stopping, checkpoints, resume.

Knows nothing of chat templates, generation or metrics. Why this is not transformers.Trainer:
docs/decisions/0003-training-loop.md.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn

from trainer.data.dataset import Batch, LengthGroupedBatchSampler, TokenizedDataset
from trainer.errors import NonFiniteLoss, Stopped
from trainer.event_log import EventLog
from trainer.models.autotune import ComputeConfig, autotune
from trainer.protocol import ResolvedRecipe, Task
from trainer.training import checkpoints
from trainer.training.loss import completion_loss, evaluate_loss
from trainer.training.optimizer import Regularization, Schedule, adamw, add_dropout, trainable_parameters

CHECKPOINT_SECONDS = 15.0
REPORT_SECONDS = 1.0
RENAMED = {"pace": "compute", "without_gain": "without_improvement"}  # in checkpoints of version 0.1.0
SHORT_ANSWERS = ("classification", "extraction", "regression")  # tasks


@dataclass
class TrainingState:
    """What a checkpoint holds besides tensors. `compute` is a ComputeConfig as a list."""

    step: int = 0
    epoch: float = 0.0
    seconds: float = 0.0
    tokens: int = 0
    validations: int = 0
    without_improvement: int = 0
    best_loss: float = float("inf")
    best_exact: float = -1.0
    best_step: int = 0
    finished: bool = False
    compute: list[Any] = field(default_factory=list)
    history: list[dict[str, float]] = field(default_factory=list)


@dataclass(frozen=True)
class TrainingJob:
    """The inputs of a fine-tuning. `stop` is called after each step; `validation_tokens` is the size of a batch."""

    model: Any
    parameters: int
    recipe: ResolvedRecipe
    task: Task
    train: TokenizedDataset
    validation: TokenizedDataset
    validation_tokens: int
    folder: Path
    events: EventLog
    stop: Callable[[], bool]


class FineTuning:
    """Trains the job's model in place. The sums below are over the steps since the last report."""

    _loss_sum: torch.Tensor
    _loss_count: int
    _token_count: int

    def __init__(self, job: TrainingJob) -> None:
        self.job, recipe = job, job.recipe
        self.regularization = Regularization.for_size(job.parameters)
        self.state = TrainingState()
        self.sampler = LengthGroupedBatchSampler(job.train.lengths, recipe.max_tokens_per_batch, recipe.seed)
        budget = recipe.max_minutes * 60 if recipe.max_minutes else None
        steps = self.sampler.steps(recipe.epochs)
        self.schedule = Schedule(steps, budget, recipe.warmup_ratio, recipe.schedule)
        self.optimizer = adamw(job.model, recipe.learning_rate, recipe.weight_decay)
        self.best: checkpoints.Tensors = {}
        self._reset_report()
        torch.manual_seed(recipe.seed)
        add_dropout(job.model, self.regularization.dropout)

    def run(self) -> TrainingState:
        """Train to the end and leave the best weights in the model. Raises Stopped, NonFiniteLoss."""
        self._resume()
        if not self.state.finished:
            self._choose_compute()
            self._loop()
            if self.state.validations == 0 or self.state.history[-1]["step"] != self.state.step:
                self._validate()
            self.state.finished = True
            self._checkpoint()
        checkpoints.restore(self.job.model, self.best)
        self.job.events.log(f"kept the weights of step {self.state.best_step}", step=self.state.step)
        self.job.model.eval()
        return self.state

    def _loop(self) -> None:
        state, before = self.state, self.state.seconds
        started = saved = reported = time.monotonic()
        for epoch, rows in self.sampler.from_step(state.step):
            if self._progress() >= 1:
                return
            self._step(self.job.train.collate(rows))
            now = time.monotonic()
            state.step, state.epoch, state.seconds = state.step + 1, epoch, before + now - started
            if now - reported >= REPORT_SECONDS or state.step == 1:
                self._report(now - reported)
                reported = now
            if self._validation_due():
                self._validate()
                if self._has_stalled():
                    return
            if self.job.stop():
                self._checkpoint()
                raise Stopped("stopped on request; run again to resume from the checkpoint")
            if now - saved >= CHECKPOINT_SECONDS:
                self._checkpoint()
                # Writing must stay a small share of the time for large models too.
                saved = max(now, time.monotonic() + 20 * (time.monotonic() - now) - CHECKPOINT_SECONDS)

    def _progress(self) -> float:
        return self.schedule.progress(self.state.step, self.state.seconds)

    def _step(self, batch: Batch) -> None:
        for group in self.optimizer.param_groups:
            group["lr"] = self._learning_rate()
        self.job.model.train()
        loss = self._loss(batch, self._compute())
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(trainable_parameters(self.job.model), 1.0, foreach=True)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self._loss_sum, self._loss_count = self._loss_sum + loss.detach().cpu(), self._loss_count + 1
        self._token_count += batch.tokens
        self.state.tokens += batch.tokens

    def _learning_rate(self) -> float:
        return self.job.recipe.learning_rate * self.schedule.rate(self._progress())

    def _loss(self, batch: Batch, compute: ComputeConfig) -> torch.Tensor:
        with compute.context(batch.inputs.shape[1]):
            return completion_loss(self.job.model, batch, self.regularization.smoothing)

    def _compute(self) -> ComputeConfig:
        return ComputeConfig(*self.state.compute)

    def _choose_compute(self) -> None:
        """Measure once and keep the choice in the checkpoint: the same arithmetic before and after a resume."""
        if not self.state.compute:
            batch = self.job.train.collate(self.sampler.epoch(0)[0])
            generator = torch.get_rng_state()

            def probe(compute: ComputeConfig) -> None:
                self._loss(batch, compute).backward()  # type: ignore[no-untyped-call]

            self.job.model.train()
            compute = autotune(probe, self.job.parameters)
            self.optimizer.zero_grad(set_to_none=True)
            torch.set_rng_state(generator)
            self.state.compute = [compute.threads, compute.bfloat16]
        torch.set_num_threads(self._compute().threads)
        rate, size, extra = self.job.recipe.learning_rate, self.job.recipe.max_tokens_per_batch, self.regularization
        self.job.events.log(
            f"learning rate {rate:g}, {size:,} tokens per step, {self._compute()}, "
            f"dropout {extra.dropout:g}, label smoothing {extra.smoothing:g}"
        )

    def _report(self, seconds: float) -> None:
        mean = self._mean_loss()
        self.state.history.append({"step": self.state.step, "loss": mean})
        speed = self._token_count / max(seconds, 1e-9)
        self.job.events.add(
            "train", loss=mean, learning_rate=self._learning_rate(), tokens_per_second=speed, **self._position()
        )
        self._reset_report()

    def _reset_report(self) -> None:
        self._loss_sum, self._loss_count, self._token_count = torch.zeros(()), 0, 0

    def _mean_loss(self) -> float:
        mean = float(self._loss_sum) / max(1, self._loss_count)
        if not math.isfinite(mean):
            raise NonFiniteLoss(f"the loss became {mean} at step {self.state.step}; try a smaller learning rate")
        return mean

    def _position(self) -> dict[str, Any]:
        done = self._progress()
        left = self.state.seconds * (1 - done) / done if done else None
        total = self.schedule.expected_steps(self.state.step, done)
        state = self.state
        return {
            "step": state.step,
            "total_steps": total,
            "epoch": round(state.epoch, 3),
            "tokens": state.tokens,
            "eta_seconds": left,
        }

    def _validation_due(self) -> bool:
        return int(self._progress() * self.job.recipe.num_evals) > self.state.validations

    def _validate(self) -> None:
        """Pass over the validation split and keep the weights if they are the best so far."""
        state, job = self.state, self.job
        self._mean_loss()  # a NaN must fail the run here, not be scored
        loss, exact = evaluate_loss(job.model, job.validation, job.validation_tokens, self._compute())
        state.validations = max(state.validations + 1, int(self._progress() * self.job.recipe.num_evals))
        self._keep_if_better(loss, exact)
        state.history.append({"step": state.step, "validation_loss": loss, "validation_exact": exact})
        self.job.events.add("validation", loss=loss, message=f"{exact:.1%} of the answers exact", **self._position())
        self._checkpoint()

    def _keep_if_better(self, loss: float, exact: float) -> None:
        """Short answers are ranked by exact matches, ties by loss: late in training the loss of a label model rises
        from overconfidence while its answers still improve."""
        state, stopping = self.state, self.job.recipe.early_stopping
        margin = stopping.min_delta if stopping else 0.0
        lower = loss < state.best_loss - margin
        short = self.job.task in SHORT_ANSWERS or self.job.validation.longest_completion <= 32
        better = (exact, -loss) > (state.best_exact, -state.best_loss) if short and exact > 0 else lower
        improved = lower or (short and exact > state.best_exact)
        state.without_improvement = 0 if improved else state.without_improvement + 1
        if better or not self.best:
            state.best_step = state.step
            self.best = {name: value.clone() for name, value in checkpoints.trainable(self.job.model).items()}
        state.best_loss, state.best_exact = min(loss, state.best_loss), max(exact, state.best_exact)

    def _has_stalled(self) -> bool:
        stopping = self.job.recipe.early_stopping
        if stopping is None or self.state.without_improvement < stopping.patience:
            return False
        self.job.events.log(f"stopped early: no improvement in {stopping.patience} validations", step=self.state.step)
        return True

    def _checkpoint(self) -> None:
        self._mean_loss()
        model = self.job.model
        groups = {
            "weights": checkpoints.trainable(model),
            "optimizer": checkpoints.optimizer_tensors(self.optimizer),
            "random": {"cpu": torch.get_rng_state()},
        }
        if self.best:
            groups["best"] = self.best
        checkpoints.save(self.job.folder, self.state.step, groups, asdict(self.state))

    def _resume(self) -> None:
        path = checkpoints.newest(self.job.folder)
        if path is None:
            return
        groups, state = checkpoints.load(path)
        for old, new in RENAMED.items():
            if old in state:
                state[new] = state.pop(old)
        self.state, self.best = TrainingState(**state), groups.get("best", {})
        checkpoints.restore(self.job.model, groups["weights"])
        checkpoints.restore_optimizer(self.optimizer, groups["optimizer"])
        torch.set_rng_state(groups["random"]["cpu"])
        self.job.events.log(f"resumed at step {self.state.step}", step=self.state.step)
