"""Settings from the environment. Fails loudly at start; knows nothing of the rest of the application."""

from __future__ import annotations

import os
import secrets
from functools import cached_property
from pathlib import Path

from pydantic import Field, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

WEAK_KEYS = ("changeme", "change-me", "secret", "password", "preceptor", "example", "default", "insecure", "django")
"""A key that is made of one of these, however often repeated, is known to everybody."""
MIN_KEY = 32


class Settings(BaseSettings):
    """Every `PRECEPTOR_*` variable the application reads."""

    model_config = SettingsConfigDict(env_prefix="PRECEPTOR_", extra="ignore")

    data_dir: Path = Path("data")
    database_url: str = ""
    secret_key: str = ""
    secret_key_file: Path | None = None
    storage_url: str = ""
    audit_key_file: Path | None = None
    audit_checkpoints: Path | None = None
    erasures: Path | None = None
    oidc_issuer: str = ""
    oidc_client_id: str = ""
    oidc_client_secret: str = ""
    oidc_client_secret_file: Path | None = None
    oidc_name: str = "single sign-on"
    oidc_new_people: bool = False
    url: str = "http://127.0.0.1:8080"
    trusted_hosts: list[str] = Field(default_factory=list)
    webhook_hosts: list[str] = Field(default_factory=list)
    max_upload_bytes: int = Field(default=256 * 1024 * 1024, gt=0)
    lease_seconds: float = Field(default=60.0, gt=0)

    @field_validator("trusted_hosts")
    @classmethod
    def _named(cls, hosts: list[str]) -> list[str]:
        if any(not host.removeprefix("*.").strip("*") for host in hosts):
            raise ValueError(
                'PRECEPTOR_TRUSTED_HOSTS: name each host, as in ["preceptor.example.org"]; "*" would let any web page '
                "whose name points at this machine speak for the people who use it."
            )
        return hosts

    @field_validator("oidc_issuer")
    @classmethod
    def _https(cls, issuer: str) -> str:
        if issuer and not issuer.startswith(("https://", "http://127.0.0.1:", "http://localhost:")):
            raise ValueError("PRECEPTOR_OIDC_ISSUER: an https address, exactly as the provider calls itself.")
        return issuer

    @model_validator(mode="after")
    def _known_to_the_provider(self) -> Settings:
        if self.oidc_issuer and not self.oidc_client_id:
            raise ValueError("PRECEPTOR_OIDC_CLIENT_ID: give the id under which the provider knows this installation.")
        return self

    @field_validator("secret_key")
    @classmethod
    def _strong(cls, key: str) -> str:
        return strong(key) if key else key

    @cached_property
    def resolved_database_url(self) -> str:
        """The database URL; by default SQLite under the data folder."""
        return self.database_url or f"sqlite:///{(self.data_dir / 'preceptor.sqlite3').resolve()}"

    @cached_property
    def resolved_storage_url(self) -> str:
        """Where artifacts live: an fsspec URL; by default a folder under the data folder."""
        return self.storage_url or f"file://{(self.data_dir / 'artifacts').resolve()}"

    @cached_property
    def audit_key_path(self) -> Path:
        """The key that signs checkpoints of the audit log; made there when no file is named."""
        return self.audit_key_file or self.data_dir / "audit_key"

    @cached_property
    def audit_checkpoints_path(self) -> Path:
        """Where checkpoints are appended; put it on another volume, out of reach of who owns the database."""
        return self.audit_checkpoints or self.data_dir / "audit-checkpoints.jsonl"

    @cached_property
    def erasures_path(self) -> Path:
        """The list of erasures, which a restore goes by; put it where the backups are kept."""
        return self.erasures or self.data_dir / "erasures.jsonl"

    @cached_property
    def oidc_secret(self) -> str:
        """What this installation proves itself with to the OpenID provider; empty for a public client."""
        return (
            self.oidc_client_secret_file.read_text().strip()
            if self.oidc_client_secret_file
            else self.oidc_client_secret
        )

    @cached_property
    def key(self) -> str:
        """The secret that signs; made once and kept beside the data (mode 600) where none is given."""
        if self.secret_key:
            return self.secret_key
        path = self.secret_key_file or self.data_dir / "secret_key"
        if not path.exists() and self.secret_key_file is None:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w") as file:
                file.write(secrets.token_urlsafe(48))
        return strong(path.read_text().strip())


def strong(key: str) -> str:
    """The key, unless it can be guessed. Raises ValueError."""
    plain = key.lower()
    if (
        len(key) < MIN_KEY
        or len(set(key)) < 8
        or any(not plain.replace(word, "").strip("-_ 0123") for word in WEAK_KEYS)
    ):
        raise ValueError(
            "PRECEPTOR_SECRET_KEY is short or well known; it signs what protects every form. Give it at least "
            f"{MIN_KEY} random characters (openssl rand -hex 32), or leave it out: then one is made beside the data."
        )
    return key
