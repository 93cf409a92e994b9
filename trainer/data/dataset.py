"""Split files, tokenized datasets and batches. Knows JSON Lines and ids; knows nothing of models.

Batches are right-padded rows of similar length without an attention mask: in a causal model padding on the right never
reaches a labelled position, and without a mask the fast attention path stays open.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from pydantic import ValidationError

from trainer.data.chat_tokenizer import ChatTokenizer
from trainer.errors import UserError
from trainer.protocol import Example

POOL_BATCHES = 24  # rows are sorted by length within this many batches: little padding, and batches stay random
IGNORED = -100


def read_examples(path: Path) -> list[Example]:
    """Read a split file (JSON Lines). Raises UserError that names the line, FileNotFoundError."""
    lines = path.read_text(encoding="utf-8").splitlines()
    examples = [_parse(line, number, path.name) for number, line in enumerate(lines, 1) if line.strip()]
    for example in examples:
        if example.messages[-1].role != "assistant":
            raise UserError(f"{path.name}: example {example.id} does not end with the assistant's answer")
    return examples


def _parse(line: str, number: int, name: str) -> Example:
    try:
        return Example.model_validate_json(line)
    except ValidationError as error:
        raise UserError(f"{name}, line {number}: {error.errors()[0]['msg']}") from error


@dataclass(frozen=True)
class Batch:
    """`inputs` and `targets` are (rows, length); `targets` is IGNORED outside the completion, already shifted."""

    inputs: torch.Tensor
    targets: torch.Tensor
    tokens: int  # real tokens, padding not counted


class TokenizedDataset:
    """All examples of a split as one flat int32 array: 4 bytes per token, no Python list per example."""

    def __init__(self, examples: Sequence[Example], chat: ChatTokenizer, max_length: int) -> None:
        encoded = [chat.encode(example, max_length) for example in examples]
        self.truncated = sum(item.truncated for item in encoded)
        self.lengths = np.array([len(item.prompt) + len(item.completion) for item in encoded], dtype=np.int64)
        self.prompts = np.array([len(item.prompt) for item in encoded], dtype=np.int64)
        self._starts = np.concatenate([[0], np.cumsum(self.lengths)])
        self._flat = np.fromiter((t for item in encoded for t in (*item.prompt, *item.completion)), dtype=np.int32)
        self._pad = chat.pad

    def __len__(self) -> int:
        return len(self.lengths)

    @property
    def tokens(self) -> int:
        return int(self.lengths.sum())

    @property
    def longest_completion(self) -> int:
        return int((self.lengths - self.prompts).max(initial=1))

    def collate(self, rows: Sequence[int]) -> Batch:
        """Return these rows as one right-padded batch."""
        width = int(self.lengths[list(rows)].max())
        ids = np.full((len(rows), width), self._pad, dtype=np.int64)
        targets = np.full((len(rows), width), IGNORED, dtype=np.int64)
        for at, row in enumerate(rows):
            tokens, prompt = self._flat[self._starts[row] : self._starts[row + 1]], int(self.prompts[row])
            ids[at, : len(tokens)] = tokens
            targets[at, prompt - 1 : len(tokens) - 1] = tokens[prompt:]
        real = int(self.lengths[list(rows)].sum())
        return Batch(torch.from_numpy(ids), torch.from_numpy(targets), real)


class LengthGroupedBatchSampler:
    """The rows of each step: a pure function of lengths, batch_tokens and seed, so a step number resumes it."""

    def __init__(self, lengths: np.ndarray, batch_tokens: int, seed: int) -> None:
        self._lengths, self._budget, self._seed = lengths, batch_tokens, seed

    def epoch(self, number: int) -> list[list[int]]:
        """Return the batches of an epoch as row numbers; every row appears once."""
        rng = np.random.default_rng([self._seed, number])
        order = rng.permutation(len(self._lengths))
        typical = max(1, self._budget // max(1, int(self._lengths.mean())))
        pool = POOL_BATCHES * typical
        batches = [batch for at in range(0, len(order), pool) for batch in self._cut(order[at : at + pool])]
        return [batches[at] for at in rng.permutation(len(batches))]

    def _cut(self, rows: np.ndarray) -> list[list[int]]:
        """Sort rows by length and cut where rows x longest would exceed the budget; a single long row may exceed it."""
        batches: list[list[int]] = []
        current: list[int] = []
        for row in rows[np.argsort(self._lengths[rows], kind="stable")].tolist():
            if current and (len(current) + 1) * int(self._lengths[row]) > self._budget:
                batches.append(current)
                current = []
            current.append(row)
        return [*batches, current]

    def steps(self, epochs: float) -> int:
        """Count the steps of this many epochs, at least 1."""
        whole = int(epochs)
        count = sum(len(self.epoch(number)) for number in range(whole))
        rest = epochs - whole
        return max(1, count + (round(rest * len(self.epoch(whole))) if rest else 0))

    def from_step(self, step: int) -> Iterator[tuple[float, list[int]]]:
        """Yield (epochs done after this batch, rows) without end, starting at step `step` (0 is the first)."""
        number = 0
        while True:
            batches = self.epoch(number)
            for at in range(min(step, len(batches)), len(batches)):
                yield number + (at + 1) / len(batches), batches[at]
            step, number = max(0, step - len(batches)), number + 1


def in_order(lengths: np.ndarray, batch_tokens: int) -> list[list[int]]:
    """Return every row once, shortest first, for passes that do not train."""
    return LengthGroupedBatchSampler(lengths, batch_tokens, 0)._cut(np.arange(len(lengths)))
