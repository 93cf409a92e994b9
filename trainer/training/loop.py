"""The fine-tuning loop: optimizer, schedule, validation, early stopping, checkpoints, resume.

Knows steps; knows nothing of chat templates, generation or metrics. Why a loop of its own and not transformers.Trainer:
docs/decisions/0003-training-loop.md.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn import functional
from torch.nn.attention import SDPBackend, sdpa_kernel

from trainer.data.dataset import Batch, LengthGroupedBatchSampler, TokenizedDataset, in_order
from trainer.errors import NonFiniteLoss, Stopped
from trainer.event_log import EventLog
from trainer.models.autotune import SMALL, ComputeConfig, autotune
from trainer.models.loading import default_learning_rate
from trainer.protocol import Recipe, Task
from trainer.training import checkpoints
from trainer.training.loss import completion_loss, eval_batch
from trainer.training.schedule import Schedule, planned_batch, planned_epochs

CHECKPOINT_SECONDS = 15.0
REPORT_SECONDS = 1.0
VALIDATION_ROWS = 1000  # a pass over more than this would eat the time budget and tell little more
SHORT_ROW = 256  # tokens; beyond this the quadratic matrices cost more than they save
SHORT_ANSWERS = ("classification", "extraction", "regression")


@dataclass(frozen=True)
class Regularization:
    """Regularisation that the recipe does not name, chosen by measurement for small models."""

    dropout: float
    smoothing: float

    @classmethod
    def for_size(cls, parameters: int) -> Regularization:
        return cls(dropout=0.05, smoothing=0.1) if parameters < SMALL else cls(dropout=0.0, smoothing=0.0)


@dataclass
class State:
    """What a checkpoint must know besides tensors."""

    step: int = 0
    epoch: float = 0.0
    seconds: float = 0.0
    tokens: int = 0
    validations: int = 0
    without_gain: int = 0
    best_loss: float = float("inf")
    best_exact: float = -1.0
    best_step: int = 0
    finished: bool = False
    pace: list[Any] = field(default_factory=list)
    history: list[dict[str, float]] = field(default_factory=list)


@dataclass(frozen=True)
class Job:
    """Everything a fine-tuning needs. `stop` is asked before each step."""

    model: Any
    parameters: int
    recipe: Recipe
    task: Task
    train: TokenizedDataset
    validation: TokenizedDataset
    folder: Path
    events: EventLog
    stop: Callable[[], bool] = lambda: False
    tuning: Regularization | None = None


class FineTuning:
    def __init__(self, job: Job) -> None:
        self.job, recipe = job, job.recipe
        self.tuning = job.tuning or Regularization.for_size(job.parameters)
        self.state = State()
        self.peak = recipe.learning_rate or default_learning_rate(recipe.method, job.parameters)
        self.batch_tokens = planned_batch(recipe, job.train.tokens, job.parameters < SMALL)
        self.sampler = LengthGroupedBatchSampler(job.train.lengths, self.batch_tokens, recipe.seed)
        budget = recipe.max_minutes * 60 if recipe.max_minutes else None
        steps = self.sampler.steps(planned_epochs(recipe))
        self.schedule = Schedule(steps, budget, recipe.warmup, recipe.schedule)
        self.optimizer = _optimizer(job.model, self.peak, recipe.weight_decay)
        self.best: checkpoints.Tensors = {}
        self._running, self._counted, self._tokens = torch.zeros(()), 0, 0
        torch.manual_seed(recipe.seed)
        _add_dropout(job.model, self.tuning.dropout)

    def run(self) -> State:
        """Train to the end and leave the best weights in the model. Raises Stopped, with a checkpoint, on request."""
        self._resume()
        if not self.state.finished:
            self._set_pace()
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
            if self._over():
                return
            self._step(self.job.train.batch(rows))
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
                raise Stopped("stopped on request; the checkpoint is kept")
            if now - saved >= CHECKPOINT_SECONDS:
                self._checkpoint()
                # Writing must stay a small share of the time, however large the model.
                saved = max(now, time.monotonic() + 20 * (time.monotonic() - now) - CHECKPOINT_SECONDS)

    def _over(self) -> bool:
        return self._progress() >= 1

    def _progress(self) -> float:
        return self.schedule.progress(self.state.step, self.state.seconds)

    def _step(self, batch: Batch) -> None:
        for group in self.optimizer.param_groups:
            group["lr"] = self.peak * self.schedule.rate(self._progress())
        self.job.model.train()
        loss = self._loss(batch, self._pace())
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(_parameters(self.job.model), 1.0, foreach=True)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self._running, self._counted = self._running + loss.detach().cpu(), self._counted + 1
        self._tokens += batch.tokens
        self.state.tokens += batch.tokens

    def _loss(self, batch: Batch, pace: ComputeConfig) -> torch.Tensor:
        with computing(pace, batch.inputs.shape[1]):
            return completion_loss(self.job.model, batch, self.tuning.smoothing)

    def _pace(self) -> ComputeConfig:
        return ComputeConfig(*self.state.pace)

    def _set_pace(self) -> None:
        """Measured once and kept in the checkpoint: the same arithmetic before and after a resume."""
        if not self.state.pace:
            batch = self.job.train.batch(self.sampler.epoch(0)[0])
            generator = torch.get_rng_state()

            def probe(pace: ComputeConfig) -> None:
                self._loss(batch, pace).backward()  # type: ignore[no-untyped-call]

            self.job.model.train()
            pace = autotune(probe, self.job.parameters)
            self.optimizer.zero_grad(set_to_none=True)
            torch.set_rng_state(generator)
            self.state.pace = [pace.threads, pace.bfloat16]
        torch.set_num_threads(self._pace().threads)
        text = f"learning rate {self.peak:g}, {self.batch_tokens} tokens a step, {self._pace()}"
        self.job.events.log(f"{text}, dropout {self.tuning.dropout:g}, label smoothing {self.tuning.smoothing:g}")

    def _report(self, seconds: float) -> None:
        mean = self._mean_loss()
        self.state.history.append({"step": self.state.step, "loss": mean})
        rate = self.peak * self.schedule.rate(self._progress())
        self.job.events.add(
            "train", loss=mean, learning_rate=rate, tokens_per_second=self._tokens / max(seconds, 1e-9), **self._where()
        )
        self._running, self._counted, self._tokens = torch.zeros(()), 0, 0

    def _mean_loss(self) -> float:
        mean = float(self._running) / max(1, self._counted)
        if not math.isfinite(mean):
            raise NonFiniteLoss(f"the loss became {mean} at step {self.state.step}; try a smaller learning rate")
        return mean

    def _where(self) -> dict[str, Any]:
        done = self._progress()
        left = self.state.seconds * (1 - done) / done if done else None
        total = self.schedule.steps_expected(self.state.step, done)
        state = self.state
        return {
            "step": state.step,
            "total_steps": total,
            "epoch": round(state.epoch, 3),
            "tokens": state.tokens,
            "eta_seconds": left,
        }

    def _validation_due(self) -> bool:
        return int(self._progress() * self.job.recipe.evaluations) > self.state.validations

    def _validate(self) -> None:
        """A pass over the validation split; keeps the weights when they are the best so far."""
        state, rows = self.state, VALIDATION_ROWS
        self._mean_loss()  # a NaN must fail the run here, not be scored
        loss, exact = evaluate_loss(
            self.job.model, self.job.validation, self.job.recipe.batch_tokens, self._pace(), rows
        )
        state.validations = max(state.validations + 1, int(self._progress() * self.job.recipe.evaluations))
        self._keep_if_better(loss, exact)
        state.history.append({"step": state.step, "validation_loss": loss, "validation_exact": exact})
        self.job.events.add("validation", loss=loss, message=f"{exact:.1%} of the answers exact", **self._where())
        self._checkpoint()

    def _keep_if_better(self, loss: float, exact: float) -> None:
        """For short answers the share of exact ones decides and the loss breaks ties: past some point the loss of a
        label model rises from over-confidence while its answers still get better."""
        state, settings = self.state, self.job.recipe.early_stopping
        margin = settings.min_delta if settings else 0.0
        lower = loss < state.best_loss - margin
        short = self.job.task in SHORT_ANSWERS or self.job.validation.longest_completion <= 32
        better = (exact, -loss) > (state.best_exact, -state.best_loss) if short and exact > 0 else lower
        gained = lower or (short and exact > state.best_exact)
        state.without_gain = 0 if gained else state.without_gain + 1
        if better or not self.best:
            state.best_step = state.step
            self.best = {name: value.clone() for name, value in checkpoints.trainable(self.job.model).items()}
        state.best_loss, state.best_exact = min(loss, state.best_loss), max(exact, state.best_exact)

    def _has_stalled(self) -> bool:
        settings = self.job.recipe.early_stopping
        if settings is None or self.state.without_gain < settings.patience:
            return False
        self.job.events.log(f"stopped early: no gain in {settings.patience} validations", step=self.state.step)
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
        found = checkpoints.newest(self.job.folder)
        if found is None:
            return
        groups, state = checkpoints.load(found)
        self.state, self.best = State(**state), groups.get("best", {})
        checkpoints.restore(self.job.model, groups["weights"])
        checkpoints.restore_optimizer(self.optimizer, groups["optimizer"])
        torch.set_rng_state(groups["random"]["cpu"])
        self.job.events.log(f"resumed at step {self.state.step}", step=self.state.step)


def evaluate_loss(
    model: Any, store: TokenizedDataset, budget: int, pace: ComputeConfig, most: int
) -> tuple[float, float]:
    """(nats per label token, share of examples whose every label token is the model's first choice)."""
    model.eval()
    rows = min(len(store), most)
    nats, labels, exact = 0.0, 0, 0
    for batch in in_order(store.lengths[:rows], budget * 4):
        made = store.batch(batch)
        with computing(pace, made.inputs.shape[1]):
            found = eval_batch(model, made)
        nats, labels, exact = nats + found.nats, labels + found.labels, exact + found.exact_rows
    return nats / max(1, labels), exact / max(1, rows)


@contextmanager
def computing(pace: ComputeConfig, width: int) -> Iterator[None]:
    """The number format of the forward pass, and the attention that is fastest in it.

    On a CPU the fused attention's bfloat16 backward takes two to three times as long as plain matrices on short rows.
    """
    cuda = torch.cuda.is_available()
    plain = pace.bfloat16 and not cuda and width <= SHORT_ROW
    number = torch.autocast("cuda" if cuda else "cpu", dtype=torch.bfloat16, enabled=pace.bfloat16)
    with number, sdpa_kernel(SDPBackend.MATH) if plain else nullcontext():
        yield


def _parameters(model: Any) -> list[nn.Parameter]:
    return [p for p in model.parameters() if p.requires_grad]


def _optimizer(model: Any, rate: float, decay: float) -> torch.optim.Optimizer:
    """Decay on matrices only: norms and biases are scales, not maps."""
    matrices = [p for p in _parameters(model) if p.ndim >= 2]
    others = [p for p in _parameters(model) if p.ndim < 2]
    groups = [{"params": matrices, "weight_decay": decay}, {"params": others, "weight_decay": 0.0}]
    groups = [group for group in groups if group["params"]]
    return torch.optim.AdamW(groups, lr=rate, betas=(0.9, 0.98), fused=True)


def _add_dropout(model: Any, share: float) -> None:
    """Dropout on what each attention and MLP block adds; Llama-like models have none of their own there."""
    if not share:
        return

    def drop(module: nn.Module, _: Any, output: torch.Tensor) -> torch.Tensor:
        return functional.dropout(output, share, module.training)

    for name, module in model.named_modules():
        if name.endswith(("o_proj", "down_proj", "embed_tokens")):
            module.register_forward_hook(drop)
