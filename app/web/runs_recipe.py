"""The recipe's form, built from the fields of `trainer.protocol.Recipe`: label, hint, choices and bounds.

Pure. A field with a title is in the form; validation is the recipe's own.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import NoneType
from typing import Any, Literal, NamedTuple, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from app.web.forms import Form
from trainer.protocol import Recipe

BASIC = ("method", "epochs", "max_minutes", "seed")
"""The other fields are under "More settings"."""


class FormField(NamedTuple):
    """`path` leads to the value in the recipe. An empty field with `is_auto` means "auto"."""

    path: tuple[str, ...]
    label: str
    hint: str
    default: Any
    is_auto: bool
    choices: list[tuple[str, str]]
    attrs: dict[str, Any]

    @property
    def name(self) -> str:
        return "_".join(self.path)


def fields(basic: bool) -> list[FormField]:
    """Return the fields that everyone sees, or the others."""
    return [field for field in _fields(Recipe, ()) if (field.name in BASIC) == basic]


def read(form: Form) -> dict[str, Any]:
    """Return the recipe that was filled in, not yet validated. Empty fields are left to their defaults."""
    recipe: dict[str, Any] = {"base_model": form.text("hub_model") or form.text("base_model") or "starter"}
    for field in _fields(Recipe, ()):
        *parents, name = field.path
        if value := form.text(field.name).replace(",", "."):
            (recipe.setdefault(parents[0], {}) if parents else recipe)[name] = value
    if "early_stopping_patience" in form and "early_stopping" not in recipe:
        recipe["early_stopping"] = None
    return recipe


def _fields(model: type[BaseModel], path: tuple[str, ...]) -> Iterator[FormField]:
    for name, info in model.model_fields.items():
        location = (*path, info.alias or name)
        nested = [part for part in (info.annotation, *get_args(info.annotation)) if _is_model(part)]
        if nested:
            yield from _fields(nested[0], location)
        elif info.title:
            yield _field(location, info)


def _is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _field(path: tuple[str, ...], info: FieldInfo) -> FormField:
    is_literal = get_origin(info.annotation) is Literal
    members = [info.annotation] if is_literal else [*get_args(info.annotation), info.annotation]
    number = next((part for part in members if get_origin(part) is not Literal and part is not NoneType), None)
    extra = info.json_schema_extra if isinstance(info.json_schema_extra, dict) else {}
    labels: Any = extra.get("labels", {})
    return FormField(
        path=path,
        label=info.title or "",
        hint=info.description or "",
        default="" if info.default == "auto" else info.default,
        is_auto=info.default == "auto",
        choices=[(value, labels.get(value, value.capitalize())) for value in get_args(info.annotation)]
        if is_literal
        else [],
        attrs=_bounds(number, info.metadata),
    )


def _bounds(number: Any, metadata: list[Any]) -> dict[str, Any]:
    """Return min, max and step of an input; `number` is int, float, or one of them with its own metadata."""
    kind, *inner = get_args(number) or (number,)
    constraints = [*metadata, *(item for info in inner for item in getattr(info, "metadata", []))]
    low = next((item.ge for item in constraints if hasattr(item, "ge")), None)
    high = next((item.le for item in constraints if hasattr(item, "le")), None)
    attrs = {"min": low, "max": high, "step": 1 if kind is int else "any"}
    return {name: value for name, value in attrs.items() if value is not None}
