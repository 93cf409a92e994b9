"""Messages to token ids, prompt and completion separately. The only module that knows the chat template.

Knows tokenizers; knows nothing of batches, losses or files.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from trainer.errors import UserError
from trainer.protocol import ChatMessage, Example

# For a base model without a chat template; it is saved with the tuned model.
PLAIN_TEMPLATE = (
    "{% for message in messages %}{{ message['role'] | capitalize + ': ' + message['content'] }}"
    "{% if message['role'] == 'assistant' %}{{ eos_token }}{% endif %}{{ '\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ 'Assistant:' }}{% endif %}"
)


@dataclass(frozen=True)
class Encoded:
    """One example as ids. Only `completion` is learned; it ends with the end-of-text token unless truncated."""

    id: str
    prompt: list[int]
    completion: list[int]
    truncated: bool


class ChatTokenizer:
    """A tokenizer with a chat template. Raises UserError for a tokenizer without an end-of-text token."""

    def __init__(self, tokenizer: Any) -> None:
        if tokenizer.eos_token_id is None:
            raise UserError(
                "the base model's tokenizer has no end-of-text token, so answers would never end; use another model"
            )
        self.tokenizer = tokenizer
        self.eos: int = tokenizer.eos_token_id
        self.pad: int = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else self.eos
        if not tokenizer.chat_template:
            tokenizer.chat_template = PLAIN_TEMPLATE
        self._specials = [text for text in tokenizer.all_special_tokens if len(text) > 1]

    def prompt_ids(self, messages: Sequence[ChatMessage]) -> list[int]:
        """Return the ids of the messages before the answer, with the template's opening of the assistant turn."""
        return self._ids(self._render(messages, opening=True))

    def encode(self, example: Example, max_length: int) -> Encoded:
        """Tokenize prompt and completion separately: no merge crosses the border, as in generation."""
        prompt = self.prompt_ids(example.messages[:-1])
        completion = self._ids(self._completion_text(example))
        short_prompt, short_completion = _truncate(prompt, completion, max_length)
        truncated = len(short_prompt) + len(short_completion) < len(prompt) + len(completion)
        return Encoded(example.id, short_prompt, short_completion, truncated)

    def text(self, ids: Sequence[int]) -> str:
        """Decode ids without special tokens."""
        return str(self.tokenizer.decode(ids, skip_special_tokens=True))

    def _completion_text(self, example: Example) -> str:
        """Return what the template writes for the answer, up to the end-of-text token where generation stops."""
        before = self._render(example.messages[:-1], opening=True)
        whole = self._render(example.messages, opening=False)
        content = self._escape_specials(example.messages[-1].content)
        eos = str(self.tokenizer.eos_token)
        answer = whole[len(before) :] if whole.startswith(before) else content
        return answer.partition(eos)[0] + eos if eos in answer else content + eos

    def _render(self, messages: Sequence[ChatMessage], opening: bool) -> str:
        plain = [{"role": message.role, "content": self._escape_specials(message.content)} for message in messages]
        return str(self.tokenizer.apply_chat_template(plain, tokenize=False, add_generation_prompt=opening))

    def _escape_specials(self, content: str) -> str:
        # A pair that quotes "<|assistant|>" must not open a turn: break the token but keep the text readable.
        for special in self._specials:
            if special in content:
                content = content.replace(special, special[0] + " " + special[1:])
        return content

    def _ids(self, text: str) -> list[int]:
        return list(self.tokenizer(text, add_special_tokens=False)["input_ids"])


def _truncate(prompt: list[int], completion: list[int], max_length: int) -> tuple[list[int], list[int]]:
    """Truncate to `max_length` ids: first the start of the prompt (down to half), then the end of the completion."""
    if len(prompt) + len(completion) <= max_length:
        return prompt, completion
    prompt = prompt[-max(max_length - len(completion), max_length // 2) :]
    return prompt, completion[: max_length - len(prompt)]
