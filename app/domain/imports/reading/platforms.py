"""The exports of two annotation platforms: Argilla's records and Label Studio's tasks. Pure.

Both let a project name its fields freely, so the usual names are tried first and then the first text there is.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from app.core.errors import Invalid

PROMPTS = ("prompt", "instruction", "question", "input", "text", "request")
ANSWERS = ("completion", "response", "answer", "output", "corrected_response", "correct_response", "label")


def argilla(record: dict[str, Any]) -> list[dict[str, Any]]:
    """`fields` hold the prompt; the answer is a person's response, else a field, else a suggestion."""
    fields = _object(record["fields"], "fields")
    answers = _texts(_responses(record))
    suggested = _texts(_suggestions(record))
    answer = _pick(answers, ANSWERS) or _named(fields, ANSWERS) or _pick(suggested, ANSWERS)
    return _messages(fields, answer)


def labelstudio(task: dict[str, Any]) -> list[dict[str, Any]]:
    """`data` holds the prompt; the answer is what was typed, else what was chosen, else a field of data."""
    data = _object(task["data"], "data")
    typed = [(name, text) for name, kind, text in _results(task) if kind == "textarea"]
    chosen = [(name, text) for name, kind, text in _results(task) if kind == "choices"]
    return _messages(data, _pick(typed, ANSWERS) or _pick(chosen, ANSWERS) or _named(data, ANSWERS))


def marks(record: dict[str, Any], shape: str) -> dict[str, Any]:
    """What people chose beside the answer: ratings and labels, as tags."""
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
        raise Invalid(f"{name} is an object.", field="messages")
    return value


def _messages(fields: dict[str, Any], answer: str | None) -> list[dict[str, Any]]:
    if answer is None:
        raise Invalid("the row has no answer: no response, no annotation and no completion.", field="messages")
    for turns in fields.values():
        if isinstance(turns, list) and turns and all(isinstance(turn, dict) and "role" in turn for turn in turns):
            spoken = [{"role": turn["role"], "content": turn.get("content")} for turn in turns]
            return [*spoken, {"role": "assistant", "content": answer}]
    prompt = _named(fields, PROMPTS)
    if prompt is None:
        prompt = next((text for text in fields.values() if isinstance(text, str) and text != answer), None)
    return [{"role": "user", "content": prompt}, {"role": "assistant", "content": answer}]


def _named(fields: dict[str, Any], names: tuple[str, ...]) -> str | None:
    return next((fields[name] for name in names if isinstance(fields.get(name), str)), None)


def _pick(answers: list[tuple[str, str]], names: tuple[str, ...]) -> str | None:
    """The answer to a question of a usual name, else the first."""
    ordered = sorted(answers, key=lambda answer: names.index(answer[0]) if answer[0] in names else len(names))
    return ordered[0][1] if ordered else None


def _texts(values: list[tuple[str, Any]]) -> list[tuple[str, str]]:
    return [(name, value) for name, value in values if isinstance(value, str) and value]


def _responses(record: dict[str, Any]) -> list[tuple[str, Any]]:
    """(question, value) of submitted responses: by question, or by person as older exports write them."""
    given = record.get("responses")
    if isinstance(given, dict):
        listed = ((name, one) for name, many in given.items() if isinstance(many, list) for one in many)
        return [(name, _value(one)) for name, one in listed if _submitted(one)]
    people = [one for one in given if isinstance(one, dict)] if isinstance(given, list) else []
    return [
        (str(name), _value(one))
        for person in people
        if _submitted(person) and isinstance(person.get("values"), dict)
        for name, one in person["values"].items()
    ]


def _submitted(response: Any) -> bool:
    return not isinstance(response, dict) or response.get("status", "submitted") == "submitted"


def _suggestions(record: dict[str, Any]) -> list[tuple[str, Any]]:
    given = record.get("suggestions")
    if isinstance(given, dict):
        return [(name, _value(one)) for name, one in given.items()]
    listed = [one for one in given if isinstance(one, dict)] if isinstance(given, list) else []
    return [(str(one.get("question_name")), _value(one)) for one in listed]


def _value(one: Any) -> Any:
    return one.get("value") if isinstance(one, dict) else one


def _results(task: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    """(name, kind, text) of the first annotation that was not cancelled."""
    annotations = task.get("annotations")
    for annotation in annotations if isinstance(annotations, list) else []:
        if not isinstance(annotation, dict) or annotation.get("was_cancelled"):
            continue
        results = annotation.get("result")
        for one in results if isinstance(results, list) else []:
            value = one.get("value") if isinstance(one, dict) else None
            for kind, key in (("textarea", "text"), ("choices", "choices")):
                found = value.get(key) if isinstance(value, dict) and one.get("type") == kind else None
                listed = [text for text in (found if isinstance(found, list) else [found]) if isinstance(text, str)]
                if listed:
                    yield str(one.get("from_name", kind)), kind, (", " if kind == "choices" else "\n").join(listed)
        return
