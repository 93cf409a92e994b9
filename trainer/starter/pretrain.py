"""Pretrains the starter model: `python -m trainer.starter.pretrain TEXTS OUT [--minutes 15]`.

TEXTS holds public-domain books as Markdown, named `Author__Title.md`; they become running prose and pseudo-dialogues.
Knows nothing of fine-tuning. The seed sets the rows, their order and the initial weights. The clock sets the number of
steps: pass --steps (recorded in `pretraining.json`) to repeat a run exactly.
"""

from __future__ import annotations

import argparse
import csv
import json
import math
import random
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from torch.nn import functional
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

SPECIALS = ["<|endoftext|>", "<|pad|>", "<|system|>", "<|user|>", "<|assistant|>"]
VOCABULARY = 4096
PROSE_CHARACTERS = 1400
ROW_TOKENS = 256
ROWS_A_STEP = 16
TEMPLATE = (
    "{% for message in messages %}{{ '<|' + message['role'] + '|>' + message['content'] }}"
    "{% if message['role'] == 'assistant' %}{{ eos_token }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)


@dataclass(frozen=True)
class Book:
    """One text: `label` is its title as a snake_case word, `paragraphs` its cleaned prose."""

    label: str
    author: str
    paragraphs: list[str]


@dataclass(frozen=True)
class Row:
    """Prose when `answer` is None; otherwise a question and its answer, which train the role tokens."""

    text: str
    answer: str | None = None


def read_books(folder: Path) -> list[Book]:
    """Read every `*.md` of the folder in name order, so that a seed gives the same rows on every machine."""
    return [_read_book(path) for path in sorted(folder.glob("*.md"))]


def _read_book(path: Path) -> Book:
    author, _, title = path.stem.partition("__")
    blocks = re.split(r"\n\s*\n", path.read_text(encoding="utf-8"))
    paragraphs = [text for text in map(_clean, blocks) if len(text) > 40]
    return Book(_label(title), _label(author), paragraphs)


def _clean(block: str) -> str:
    plain = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", block)
    plain = re.sub(r"[*_#>`\\]+", "", plain)
    for curly, straight in (("“", '"'), ("”", '"'), ("’", "'"), ("‘", "'")):
        plain = plain.replace(curly, straight)
    return re.sub(r"\s+", " ", plain).strip()


def _label(words: str) -> str:
    return "_".join(re.findall(r"[a-z]+", words.lower()))


def sentences(paragraph: str) -> list[str]:
    """Split a paragraph into its sentences of 16 to 239 characters."""
    return [part for part in re.split(r"(?<=[.!?])\s+", paragraph) if 15 < len(part) < 240]


def training_rows(books: list[Book], seed: int) -> list[Row]:
    """Return all prose once and about as many short dialogues, shuffled by the seed."""
    rng = random.Random(seed)
    rows = [row for book in books for row in _prose(book)]
    rows += [row for book in books for paragraph in book.paragraphs for row in _dialogues(book, paragraph, rng)]
    rng.shuffle(rows)
    return rows


def _prose(book: Book) -> list[Row]:
    rows, current = [], ""
    for paragraph in book.paragraphs:
        current = f"{current}\n{paragraph}" if current else paragraph
        if len(current) > PROSE_CHARACTERS:
            rows.append(Row(current))
            current = ""
    return [*rows, Row(current)] if current else rows


def _dialogues(book: Book, paragraph: str, rng: random.Random) -> list[Row]:
    """Make one dialogue of each paragraph of at least two sentences.

    Naming the book makes the last prompt token summarize a short text, which label tasks need later; the other kinds
    teach that the answer depends on the prompt (copying) and that answers end.
    """
    parts = sentences(paragraph)
    if len(parts) < 2:
        return []
    at = rng.randrange(len(parts) - 1)
    kinds = ("book", "book", "author", "reply", "last_words")
    return [_dialogue(rng.choice(kinds), book, parts[at], parts[at + 1])]


def _dialogue(kind: str, book: Book, first: str, second: str) -> Row:
    if kind == "book":
        return Row(first, book.label)
    if kind == "author":
        return Row(f"Author? {first}", book.author)
    if kind == "reply":
        return Row(first, second)
    return Row(f"Last words? {first}", " ".join(first.split()[-3:]))


def train_tokenizer(rows: list[Row]) -> PreTrainedTokenizerFast:
    """Train a byte-level BPE: text of any language encodes, although the rows are English."""
    core = Tokenizer(models.BPE())
    digits, words = pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.pre_tokenizer = pre_tokenizers.Sequence([digits, words])
    core.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY, special_tokens=SPECIALS, initial_alphabet=alphabet, show_progress=False
    )
    core.train_from_iterator((row.text for row in rows), trainer)
    tokenizer = PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=core,
        eos_token=SPECIALS[0],
        pad_token=SPECIALS[1],
        additional_special_tokens=SPECIALS[2:],
        model_max_length=1024,
    )
    tokenizer.chat_template = TEMPLATE
    return tokenizer


def new_model(vocabulary: int, seed: int) -> LlamaForCausalLM:
    """Return a model of 2.6 M parameters: a larger one runs too few epochs on two CPU cores in a demo's minutes."""
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=192,
        intermediate_size=512,
        num_hidden_layers=4,
        num_attention_heads=3,
        num_key_value_heads=3,
        max_position_embeddings=1024,
        tie_word_embeddings=True,
        eos_token_id=0,
        bos_token_id=None,
        pad_token_id=1,
    )
    return LlamaForCausalLM(config)


def encode(rows: list[Row], tokenizer: PreTrainedTokenizerFast) -> torch.Tensor:
    texts = [row.text if row.answer is None else f"<|user|>{row.text}<|assistant|>{row.answer}" for row in rows]
    flat: list[int] = []
    for start in range(0, len(texts), 2000):
        for ids in tokenizer(texts[start : start + 2000], add_special_tokens=False)["input_ids"]:
            flat += [*ids, 0]
    length = len(flat) // ROW_TOKENS * ROW_TOKENS
    return torch.tensor(flat[:length]).view(-1, ROW_TOKENS)


def optimizers(model: LlamaForCausalLM) -> list[torch.optim.Optimizer]:
    """Return Muon for the matrices of the layers and AdamW for embeddings and norms (Jordan et al. 2024)."""
    named = [(name, p) for name, p in model.named_parameters() if p.requires_grad]
    matrices = [p for name, p in named if p.ndim == 2 and "embed" not in name and "lm_head" not in name]
    matrix_ids = {id(p) for p in matrices}
    others = [p for _, p in named if id(p) not in matrix_ids]
    return [
        torch.optim.Muon(matrices, lr=0.02, weight_decay=0.01, momentum=0.95, adjust_lr_fn="original"),
        torch.optim.AdamW(others, lr=4e-3, weight_decay=0.0, betas=(0.9, 0.95), fused=True),
    ]


def rate(progress: float) -> float:
    """Return the share of the peak rate: warm up over 2%, hold, then decay linearly over the last 40%."""
    return min(1.0, progress / 0.02 + 0.01, max(0.0, (1 - progress) / 0.4))


def loss_of(model: LlamaForCausalLM, batch: torch.Tensor) -> torch.Tensor:
    with torch.autocast("cpu", dtype=torch.bfloat16):
        logits = model(input_ids=batch, use_cache=False).logits[:, :-1]
    return functional.cross_entropy(logits.flatten(0, 1).float(), batch[:, 1:].flatten())


@torch.no_grad()
def held_out_loss(model: LlamaForCausalLM, rows: torch.Tensor) -> float:
    model.train(False)
    losses = [loss_of(model, rows[at : at + ROWS_A_STEP]).item() for at in range(0, len(rows), ROWS_A_STEP)]
    model.train()
    return sum(losses) / len(losses)


def batches(rows: torch.Tensor, seed: int) -> Iterator[torch.Tensor]:
    """Yield batches without end, in a new order in each pass over the rows."""
    rng = random.Random(seed)
    while True:
        order = list(range(len(rows)))
        rng.shuffle(order)
        for at in range(0, len(order) - ROWS_A_STEP + 1, ROWS_A_STEP):
            yield rows[order[at : at + ROWS_A_STEP]]


def save(model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, out: Path, facts: dict[str, object]) -> None:
    copy = LlamaForCausalLM(model.config).to(torch.bfloat16)  # type: ignore[arg-type]
    copy.load_state_dict(model.state_dict())
    copy.save_pretrained(out, safe_serialization=True)
    tokenizer.save_pretrained(out)
    (out / "pretraining.json").write_text(json.dumps(facts, indent=2) + "\n")


def pretrain(texts: Path, out: Path, minutes: float, steps: int | None, seed: int) -> None:
    rows = training_rows(read_books(texts), seed)
    tokenizer = train_tokenizer([row for row in rows if row.answer is None])
    encoded = encode(rows, tokenizer)
    held_out, data = encoded[:64], encoded[64:]
    model = new_model(len(tokenizer), seed)
    opts = optimizers(model)
    base_rates = [opt.param_groups[0]["lr"] for opt in opts]
    print(f"{len(data)} rows, {model.num_parameters()} parameters", flush=True)
    curve = [(0, 0.0, math.nan, held_out_loss(model, held_out))]
    started, step, mean = time.monotonic(), 0, 9.0
    for batch in batches(data, seed):
        elapsed = time.monotonic() - started
        progress = step / steps if steps else elapsed / (minutes * 60)
        if progress >= 1:
            break
        for opt, base in zip(opts, base_rates, strict=True):
            opt.param_groups[0]["lr"] = base * rate(progress)
        loss = loss_of(model, batch)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for opt in opts:
            opt.step()
            opt.zero_grad()
        mean, step = 0.95 * mean + 0.05 * loss.item(), step + 1
        if step % 200 == 0:
            curve.append((step, round(elapsed, 1), round(mean, 4), round(held_out_loss(model, held_out), 4)))
            print(*curve[-1], f"{step * batch.numel() / elapsed:.0f} tokens/s", flush=True)
            save(model, tokenizer, out, {"steps": step, "seed": seed, "complete": False})
    curve.append((step, round(time.monotonic() - started, 1), round(mean, 4), round(held_out_loss(model, held_out), 4)))
    tokens = step * ROW_TOKENS * ROWS_A_STEP
    save(model, tokenizer, out, {"steps": step, "seed": seed, "tokens": tokens, "held_out_loss": curve[-1][3]})
    with (out.parent / "loss.csv").open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["step", "seconds", "training_loss", "held_out_loss"])
        writer.writerows(curve)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("texts", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--minutes", type=float, default=15.0)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    pretrain(args.texts, args.out, args.minutes, args.steps, args.seed)


if __name__ == "__main__":
    main()
