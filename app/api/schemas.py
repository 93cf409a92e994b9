"""What the requests and responses of all rooms share; the OpenAPI document is made of them."""

from __future__ import annotations

from datetime import datetime
from types import SimpleNamespace
from typing import Annotated, Any, Generic, Self, TypeVar

from fastapi import Response
from pydantic import AliasChoices, BaseModel, ConfigDict, Field, PlainSerializer, WithJsonSchema

T = TypeVar("T")
Timestamp = Annotated[
    datetime,
    PlainSerializer(lambda moment: moment.isoformat(), return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
"""ISO 8601 with the offset: 2026-11-28T09:30:00+00:00."""
LICENSE: Any = AliasChoices("license", "licence")
"""The field is `license`; `licence` is accepted on input, and is the name of the stored column."""
Json = dict[str, Any]


class Body(BaseModel):
    """A request's JSON: an unknown field is refused."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Model(BaseModel):
    """A response, made from a dict or from rows. A field with a default is left out of some responses."""

    model_config = ConfigDict(from_attributes=True, extra="forbid")

    @classmethod
    def of(cls, *rows: Any, **more: Any) -> Self:
        """Take each field from `more` or else from the first row that has it."""
        return cls.model_validate(_Joined(SimpleNamespace(**more), *rows))


class _Joined:
    """The attributes of several objects; the first object that has one gives it."""

    def __init__(self, *objects: Any) -> None:
        self._objects = objects

    def __getattr__(self, name: str) -> Any:
        for item in self._objects:
            if hasattr(item, name):
                return getattr(item, name)
        raise AttributeError(name)


class StoredModel(Model):
    """A response that shows one stored object."""

    id: str
    created_at: Timestamp


class Items(Model, Generic[T]):
    """A list; `next` is the cursor of the next page, null on the last one."""

    items: list[T]
    next: str | None = None


class Error(BaseModel):
    error: str = Field(description="What kind of error it is; the codes do not change.")
    detail: str = Field(description="What is wrong and how to fix it.")
    field: str | None = Field(None, description="The field that is wrong.")


ERRORS: dict[int | str, dict[str, Any]] = {
    status: {"model": Error, "description": description}
    for status, description in {
        400: "The request cannot be understood.",
        401: "The credentials are missing or not valid.",
        403: "The user or the token lacks the permission.",
        404: "There is no such object, or it is in a project that the user cannot see.",
        409: "The state of the object does not allow this.",
        412: "The object was changed since it was read.",
        413: "The request is too large.",
        415: "The content type is not accepted.",
        422: "The request is not valid.",
        429: "There were too many requests; see Retry-After.",
        503: "The database is busy; see Retry-After.",
    }.items()
}


def other_response(description: str, schema: Json, *media_types: str) -> dict[str, Any]:
    """Options of a route whose response is not JSON, for the OpenAPI document."""
    documented = {"description": description, "content": {name: {"schema": schema} for name in media_types}}
    return {"response_class": Response, "responses": {200: documented}}


def file_response(*media_types: str) -> dict[str, Any]:
    return other_response("The file", {"type": "string", "format": "binary"}, *media_types)
