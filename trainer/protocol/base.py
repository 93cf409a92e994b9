"""The base class of every message. Knows nothing of what the messages hold."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Message(BaseModel):
    """Refuses unknown fields, so that a typing error never passes for a default.

    A renamed field keeps its public name as an alias: both names are read, the public one is written.
    """

    model_config = ConfigDict(extra="forbid", populate_by_name=True, serialize_by_alias=True)
