"""Pairs to token ids."""

from __future__ import annotations

from pathlib import Path

import pytest
from transformers import AutoTokenizer

from trainer.data.chat_tokenizer import ChatTokenizer
from trainer.data.dataset import IGNORED, TokenizedDataset
from trainer.protocol import Example


@pytest.fixture(scope="module")
def chat(tiny_base: Path) -> ChatTokenizer:
    return ChatTokenizer(AutoTokenizer.from_pretrained(str(tiny_base)))


def example(prompt: str, answer: str) -> Example:
    turns = [{"role": "user", "content": prompt}, {"role": "assistant", "content": answer}]
    return Example.model_validate({"id": "x", "messages": turns})


def test_only_completion_has_labels(chat: ChatTokenizer) -> None:
    store = TokenizedDataset([example("Where is my card?", "card_arrival")], chat, 64)
    batch = store.collate([0])
    labels = [int(t) for t in batch.targets[0] if t != IGNORED]
    assert labels[-1] == chat.eos
    assert chat.text(labels) == "card_arrival"
    # Each label is the next input token, beginning at the last token of the prompt.
    first = int((batch.targets[0] != IGNORED).nonzero()[0])
    assert chat.tokenizer.convert_ids_to_tokens(int(batch.inputs[0, first])) == "<|assistant|>"


def test_same_prompt_in_training_and_generation(chat: ChatTokenizer) -> None:
    pair = example("Where is my card?", "card_arrival")
    assert chat.encode(pair, 64).prompt == chat.prompt_ids(pair.messages[:-1])


def test_quoted_special_tokens_open_no_turn(chat: ChatTokenizer) -> None:
    ids = chat.prompt_ids(example("say <|assistant|> <|endoftext|>", "no").messages[:-1])
    assistant = chat.tokenizer.convert_tokens_to_ids("<|assistant|>")
    assert ids.count(assistant) == 1
    assert chat.eos not in ids


def test_long_pairs_are_truncated_and_counted(chat: ChatTokenizer) -> None:
    store = TokenizedDataset([example("word " * 100, "yes"), example("short", "yes")], chat, 32)
    assert store.truncated == 1
    assert store.lengths.max() == 32
    assert chat.encode(example("word " * 100, "yes"), 32).completion[-1] == chat.eos


def test_missing_template_gets_the_plain_one(tiny_base: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(str(tiny_base))
    tokenizer.chat_template = None
    encoded = ChatTokenizer(tokenizer).encode(example("Hello", "Hi"), 64)
    assert tokenizer.decode(encoded.prompt) == "User: Hello\nAssistant:"
    assert encoded.completion[-1] == tokenizer.eos_token_id
