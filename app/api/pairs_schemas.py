"""Pairs, their revisions and the problems that the checks see in them."""

from __future__ import annotations

from typing import Annotated, Any, NotRequired, Self

from pydantic import BeforeValidator, ConfigDict, Field
from typing_extensions import TypedDict

from app.api.schemas import LICENSE, Body, Json, Model, StoredModel, Timestamp
from app.domain.pairs import content as pair_content, declarations
from app.domain.pairs.declarations import Declared
from app.domain.pairs.tables import Pair, Revision
from app.domain.projects import settings as project_settings
from app.domain.projects.tables import Project


class PairBody(Body):
    messages: list[Json]
    context: list[Json] = Field(default_factory=list)
    tags: dict[str, Any] = Field(default_factory=dict)
    source: str = ""
    license: str = Field("", validation_alias=LICENSE)

    def content(self) -> pair_content.Content:
        fields = self.model_dump(include={"messages", "context", "tags", "source"})
        return pair_content.parse({**fields, "licence": self.license})


class WrittenPair(PairBody):
    """`waivers` are reasons for keeping warnings; a field that is left out stays as it is."""

    assistance: str | None = None
    pasted_share: float | None = None
    waivers: list[Json] | None = None

    def declared(self, project: Project) -> Declared:
        checks = project_settings.of(project.settings)["checks"]
        return declarations.parse(checks, **self.model_dump(include={"assistance", "pasted_share", "waivers"}))


class NewPair(WrittenPair):
    round_id: str | None = None


class Message(TypedDict):
    role: str
    content: str
    weight: NotRequired[float]


class ContextDocument(TypedDict):
    __pydantic_config__ = ConfigDict(extra="allow")  # type: ignore[misc]
    text: str
    source: NotRequired[str]
    title: NotRequired[str]


class Problem(TypedDict):
    """`span` is [start, end) in characters of the field's text; null for the whole field."""

    __pydantic_config__ = ConfigDict(extra="allow")  # type: ignore[misc]
    code: str
    severity: str
    message: str
    field: NotRequired[str]
    span: NotRequired[list[int] | None]
    neighbours: NotRequired[list[Json]]
    kind: NotRequired[str]
    fix: NotRequired[Json | None]


class Waiver(TypedDict):
    code: str
    reason: str


class Problems(Model):
    problems: list[Problem]


class Content(Model):
    messages: list[Message]
    context: list[ContextDocument]
    tags: dict[str, str]
    source: str
    license: str = Field(validation_alias=LICENSE)
    problems: list[Problem]
    assistance: str | None
    pasted_share: float | None
    waivers: Annotated[list[Waiver], BeforeValidator(lambda waivers: waivers or [])]


class RevisionOut(Content, StoredModel):
    number: int
    author_id: str


class PairOut(Content, StoredModel):
    """A pair with the content of one of its revisions."""

    revision: str
    state: str
    author: str
    round_id: str | None
    updated_at: Timestamp

    @classmethod
    def showing(cls, pair: Pair, revision: Revision, **more: Any) -> Self:
        """`more` replaces or adds fields, for subclasses too."""
        return cls.of(pair, revision, revision=revision.id, author=pair.author_id, **more)


class PairState(Model):
    pair: str = Field(validation_alias="id")
    state: str
