"""Messages -> token ids, with the completion apart. The only module that knows the chat template.

Knows tokenizers; knows nothing of batches, losses or files.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from trainer.errors import UserError
from trainer.protocol import ChatMessage, Example

# For a base model that brings no template of its own; it is saved with the tuned model.
PLAIN_TEMPLATE = (
    "{% for message in messages %}{{ message['role'] | capitalize + ': ' + message['content'] }}"
    "{% if message['role'] == 'assistant' %}{{ eos_token }}{% endif %}{{ '\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ 'Assistant:' }}{% endif %}"
)


@dataclass(frozen=True)
class Encoded:
    """One example as ids. Only `completion` is learned; it ends with the end-of-text token unless cut."""

    id: str
    prompt: list[int]
    completion: list[int]
    truncated: bool


class ChatTokenizer:
    def __init__(self, tokenizer: Any) -> None:
        if tokenizer.eos_token_id is None:
            raise UserError("the base model's tokenizer has no end-of-text token, so answers could never end")
        self.tokenizer = tokenizer
        self.eos: int = tokenizer.eos_token_id
        self.pad: int = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else self.eos
        if not tokenizer.chat_template:
            tokenizer.chat_template = PLAIN_TEMPLATE
        self._specials = [text for text in tokenizer.all_special_tokens if len(text) > 1]

    def prompt_ids(self, messages: Sequence[ChatMessage]) -> list[int]:
        """The messages before the answer, with the template's opening of the assistant's turn."""
        return self._ids(self._render(messages, opening=True))

    def encode(self, example: Example, max_length: int) -> Encoded:
        """Prompt and completion are tokenised apart: no merge crosses the border, as none can at generation."""
        prompt = self.prompt_ids(example.messages[:-1])
        completion = self._ids(self._completion_text(example))
        kept_prompt, kept_completion = _fit(prompt, completion, max_length)
        cut = len(kept_prompt) + len(kept_completion) < len(prompt) + len(completion)
        return Encoded(example.id, kept_prompt, kept_completion, cut)

    def text(self, ids: Sequence[int]) -> str:
        return str(self.tokenizer.decode(ids, skip_special_tokens=True))

    def _completion_text(self, example: Example) -> str:
        """What the template writes for the answer, up to the end-of-text token that generation stops at."""
        before = self._render(example.messages[:-1], opening=True)
        whole = self._render(example.messages, opening=False)
        content = self._defused(example.messages[-1].content)
        eos = str(self.tokenizer.eos_token)
        answer = whole[len(before) :] if whole.startswith(before) else content
        return answer.partition(eos)[0] + eos if eos in answer else content + eos

    def _render(self, messages: Sequence[ChatMessage], opening: bool) -> str:
        plain = [{"role": message.role, "content": self._defused(message.content)} for message in messages]
        return str(self.tokenizer.apply_chat_template(plain, tokenize=False, add_generation_prompt=opening))

    def _defused(self, content: str) -> str:
        # A pair that quotes "<|assistant|>" must not open a turn: break the token, keep the words readable.
        for special in self._specials:
            if special in content:
                content = content.replace(special, special[0] + " " + special[1:])
        return content

    def _ids(self, text: str) -> list[int]:
        return list(self.tokenizer(text, add_special_tokens=False)["input_ids"])


def _fit(prompt: list[int], completion: list[int], max_length: int) -> tuple[list[int], list[int]]:
    """Cut to `max_length`: the start of the prompt goes first (down to half), then the end of the completion."""
    if len(prompt) + len(completion) <= max_length:
        return prompt, completion
    prompt = prompt[-max(max_length - len(completion), max_length // 2) :]
    return prompt, completion[: max_length - len(prompt)]
