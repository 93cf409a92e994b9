"""Convert the exports of two annotation platforms: Argilla's records and Label Studio's tasks. Pure.

Both let a project name its fields freely, so common names are tried first, then the first text field.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from app.core.errors import Invalid

PROMPTS = ("prompt", "instruction", "question", "input", "text", "request")
ANSWERS = ("completion", "response", "answer", "output", "corrected_response", "correct_response", "label")


def argilla_messages(record: dict[str, Any]) -> list[dict[str, Any]]:
    """Return messages: the prompt from `fields`; the answer from a response, else a field, else a suggestion."""
    fields = _object(record["fields"], "fields")
    answers = _texts(_responses(record))
    suggested = _texts(_suggestions(record))
    answer = _pick(answers, ANSWERS) or _named(fields, ANSWERS) or _pick(suggested, ANSWERS)
    return _messages(fields, answer)


def labelstudio_messages(task: dict[str, Any]) -> list[dict[str, Any]]:
    """Return messages: the prompt from `data`; the answer from typed text, else a choice, else a field of `data`."""
    data = _object(task["data"], "data")
    typed = [(name, text) for name, kind, text in _results(task) if kind == "textarea"]
    chosen = [(name, text) for name, kind, text in _results(task) if kind == "choices"]
    return _messages(data, _pick(typed, ANSWERS) or _pick(chosen, ANSWERS) or _named(data, ANSWERS))


def annotation_tags(record: dict[str, Any], shape: str) -> dict[str, Any]:
    """Return ratings and labels other than the answer, as tags."""
    if shape == "argilla":
        answer = _pick(_texts(_responses(record)), ANSWERS)
        return {
            name: value for name, value in _responses(record) if not isinstance(value, list | dict) and value != answer
        }
    results = list(_results(record))
    if not any(kind == "textarea" for _, kind, _ in results):
        return {}
    return {name: text for name, kind, text in results if kind == "choices"}


def _object(value: Any, name: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise Invalid(f"{name} must be an object.", field="messages")
    return value


def _messages(fields: dict[str, Any], answer: str | None) -> list[dict[str, Any]]:
    if answer is None:
        raise Invalid("the row has no answer: no response, no annotation and no completion.", field="messages")
    for turns in fields.values():
        if isinstance(turns, list) and turns and all(isinstance(turn, dict) and "role" in turn for turn in turns):
            messages = [{"role": turn["role"], "content": turn.get("content")} for turn in turns]
            return [*messages, {"role": "assistant", "content": answer}]
    prompt = _named(fields, PROMPTS)
    if prompt is None:
        prompt = next((text for text in fields.values() if isinstance(text, str) and text != answer), None)
    return [{"role": "user", "content": prompt}, {"role": "assistant", "content": answer}]


def _named(fields: dict[str, Any], names: tuple[str, ...]) -> str | None:
    return next((fields[name] for name in names if isinstance(fields.get(name), str)), None)


def _pick(answers: list[tuple[str, str]], names: tuple[str, ...]) -> str | None:
    """Return the answer to a question with a common name, else the first answer."""
    ordered = sorted(answers, key=lambda answer: names.index(answer[0]) if answer[0] in names else len(names))
    return ordered[0][1] if ordered else None


def _texts(values: list[tuple[str, Any]]) -> list[tuple[str, str]]:
    return [(name, value) for name, value in values if isinstance(value, str) and value]


def _responses(record: dict[str, Any]) -> list[tuple[str, Any]]:
    """Return (question, value) of submitted responses, grouped by question or, in older exports, by person."""
    responses = record.get("responses")
    if isinstance(responses, dict):
        by_question = ((name, answer) for name, many in responses.items() if isinstance(many, list) for answer in many)
        return [(name, _value(answer)) for name, answer in by_question if _is_submitted(answer)]
    people = [person for person in responses if isinstance(person, dict)] if isinstance(responses, list) else []
    return [
        (str(name), _value(answer))
        for person in people
        if _is_submitted(person) and isinstance(person.get("values"), dict)
        for name, answer in person["values"].items()
    ]


def _is_submitted(response: Any) -> bool:
    return not isinstance(response, dict) or response.get("status", "submitted") == "submitted"


def _suggestions(record: dict[str, Any]) -> list[tuple[str, Any]]:
    suggestions = record.get("suggestions")
    if isinstance(suggestions, dict):
        return [(name, _value(answer)) for name, answer in suggestions.items()]
    answers = [answer for answer in suggestions if isinstance(answer, dict)] if isinstance(suggestions, list) else []
    return [(str(answer.get("question_name")), _value(answer)) for answer in answers]


def _value(answer: Any) -> Any:
    return answer.get("value") if isinstance(answer, dict) else answer


def _results(task: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Yield (name, kind, text) of the first annotation that was not cancelled."""
    annotations = task.get("annotations")
    for annotation in annotations if isinstance(annotations, list) else []:
        if not isinstance(annotation, dict) or annotation.get("was_cancelled"):
            continue
        results = annotation.get("result")
        for result in results if isinstance(results, list) else []:
            value = result.get("value") if isinstance(result, dict) else None
            for kind, key in (("textarea", "text"), ("choices", "choices")):
                content = value.get(key) if isinstance(value, dict) and result.get("type") == kind else None
                items = content if isinstance(content, list) else [content]
                texts = [text for text in items if isinstance(text, str)]
                if texts:
                    yield str(result.get("from_name", kind)), kind, (", " if kind == "choices" else "\n").join(texts)
        return
