"""Imports: the form fields beside the file."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from app.api.schemas.base import LICENSE
from app.core.errors import Invalid


class ImportForm(BaseModel):
    """The fields beside the file; `map` is JSON: {"prompt": "question", "completion": "answer", "tags": ["topic"]}."""

    model_config = ConfigDict(extra="forbid")
    source: str = ""
    license: str = Field("", validation_alias=LICENSE)
    format: str = "auto"
    submit: bool = False
    approve: bool = False
    skip_bad: bool = False
    map: str = ""

    @classmethod
    def parse(cls, fields: dict[str, Any]) -> ImportForm:
        """Raises Invalid that names the field."""
        try:
            return cls.model_validate(fields)
        except ValidationError as error:
            first = error.errors()[0]
            name = ".".join(str(part) for part in first["loc"])
            raise Invalid(f"{name}: {first['msg']}.", field=name) from error


IMPORT_REQUEST = {
    "required": True,
    "content": {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": ["file"],
                "properties": {
                    "file": {"type": "string", "format": "binary"},
                    **ImportForm.model_json_schema()["properties"],
                },
            }
        }
    },
}
