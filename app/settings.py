"""Settings from the environment. Fails loudly at start; knows nothing of the rest of the application."""

from __future__ import annotations

import os
import secrets
from functools import cached_property
from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Every `PRECEPTOR_*` variable the application reads."""

    model_config = SettingsConfigDict(env_prefix="PRECEPTOR_", extra="ignore")

    data_dir: Path = Path("data")
    database_url: str = ""
    secret_key: str = ""
    secret_key_file: Path | None = None
    storage_url: str = ""
    url: str = "http://127.0.0.1:8080"
    trusted_hosts: list[str] = Field(default_factory=lambda: ["*"])
    max_upload_bytes: int = Field(default=256 * 1024 * 1024, gt=0)
    lease_seconds: float = Field(default=60.0, gt=0)

    @cached_property
    def resolved_database_url(self) -> str:
        """The database URL; by default SQLite under the data folder."""
        return self.database_url or f"sqlite:///{(self.data_dir / 'preceptor.sqlite3').resolve()}"

    @cached_property
    def resolved_storage_url(self) -> str:
        """Where artifacts live: an fsspec URL; by default a folder under the data folder."""
        return self.storage_url or f"file://{(self.data_dir / 'artifacts').resolve()}"

    @cached_property
    def key(self) -> str:
        """The secret that signs; made once and kept beside the data (mode 600) where none is given."""
        if self.secret_key:
            return self.secret_key
        path = self.secret_key_file or self.data_dir / "secret_key"
        if not path.exists() and self.secret_key_file is None:
            path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w") as file:
                file.write(secrets.token_urlsafe(48))
        return path.read_text().strip()
