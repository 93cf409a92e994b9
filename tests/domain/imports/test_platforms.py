"""Exports of Argilla and Label Studio are read in every shape that they have."""

from __future__ import annotations

import json
from typing import Any

import pytest

from app.core.errors import Invalid
from tests.fixtures import uploads

ARGILLA = {
    "id": "r1",
    "status": "completed",
    "_server_id": "x",
    "fields": {"instruction": "Which desk takes it?", "context": "A format."},
    "metadata": {"batch": "may", "score": 0.5},
    "suggestions": {"answer": {"value": "reception", "score": None, "agent": "m"}},
    "responses": {
        "answer": [{"value": "billing", "user_id": "u", "status": "submitted"}],
        "quality": [{"value": 4, "user_id": "u"}],
    },
    "vectors": {},
}
FEEDBACK = {
    "external_id": None,
    "fields": {"prompt": "Which desk takes it?"},
    "metadata": {"batch": "may"},
    "suggestions": [{"question_name": "response", "value": "reception", "type": None}],
    "responses": [
        {"user_id": "a", "status": "discarded", "values": {"response": {"value": "nobody"}}},
        {"user_id": "b", "status": "submitted", "values": {"response": {"value": "billing"}, "quality": {"value": 4}}},
    ],
}
SUGGESTED = {**ARGILLA, "responses": {}}
CHAT = {
    **ARGILLA,
    "fields": {"chat": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Which desk?"}]},
}
TASK = {
    "id": 7,
    "data": {"prompt": "Which desk takes it?", "row": 3},
    "annotations": [
        {"was_cancelled": True, "result": [{"from_name": "answer", "type": "textarea", "value": {"text": ["nobody"]}}]},
        {
            "id": 1,
            "completed_by": 2,
            "result": [
                {"from_name": "answer", "to_name": "prompt", "type": "textarea", "value": {"text": ["billing"]}},
                {"from_name": "difficulty", "to_name": "prompt", "type": "choices", "value": {"choices": ["easy"]}},
            ],
        },
    ],
    "predictions": [],
}
CHOICE = {
    "data": {"text": "Which desk takes it?"},
    "annotations": [{"result": [{"from_name": "desk", "type": "choices", "value": {"choices": ["billing"]}}]}],
}


def read(record: dict[str, Any], format: str = "auto") -> Any:
    [content] = uploads.read(json.dumps([record]).encode(), format, filename="x.json")
    return content


@pytest.mark.parametrize("format", ["auto", "argilla"])
def test_argilla_records(format: str) -> None:
    content = read(ARGILLA, format)
    assert (content.prompt, content.completion) == ("Which desk takes it?", "billing")
    assert content.tags == {"batch": "may", "score": "0.5", "quality": "4"}


def test_older_argilla_records_and_suggestions() -> None:
    assert (read(FEEDBACK).prompt, read(FEEDBACK).completion) == ("Which desk takes it?", "billing")
    assert read(SUGGESTED).completion == "reception"
    assert [role for role, _ in read(CHAT).messages] == ["system", "user", "assistant"]


@pytest.mark.parametrize("format", ["auto", "labelstudio"])
def test_label_studio_tasks(format: str) -> None:
    content = read(TASK, format)
    assert (content.prompt, content.completion, content.tags) == (
        "Which desk takes it?",
        "billing",
        {"difficulty": "easy"},
    )
    assert read(CHOICE, format).completion == "billing"


@pytest.mark.parametrize(
    "record",
    [
        {"fields": {}},
        {"fields": []},
        {"fields": {"prompt": "q"}, "responses": 3},
        {"fields": {"prompt": "q"}, "responses": {"a": 1}},
        {"data": {"text": "q"}},
        {"data": {"text": "q"}, "annotations": [3]},
        {"data": 3},
        {"data": {"text": 1}, "annotations": [{"result": [{"value": 1}]}]},
        {"fields": {"prompt": ["q"]}, "responses": {"a": [{"value": ["x"]}]}},
        {"data": {"text": "q"}, "annotations": [{"result": {"a": 1}}]},
    ],
)
def test_row_without_answer_is_rejected(record: dict[str, Any]) -> None:
    with pytest.raises(Invalid, match="Row 1"):
        read(record)


def test_wrong_format_is_rejected() -> None:
    with pytest.raises(Invalid, match="'data'"):
        read({"prompt": "q", "completion": "a"}, "labelstudio")
