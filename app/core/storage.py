"""Content-addressed files on any fsspec file system: written to a temporary name, synced, then renamed.

No half file is ever visible under its name, and none is served whose bytes are not what the name says.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import fsspec
from fsspec.implementations.local import LocalFileSystem

from app.core.errors import AppError, Invalid, NotFound
from app.core.files import sync

SHA256 = re.compile(r"[0-9a-f]{64}")
CHUNK = 1024 * 1024
STAGING = "staging-"
STAGING_AGE = timedelta(hours=24)


class Damaged(AppError):
    """The bytes of a file are not those that were stored."""

    status, code = 410, "damaged"

    def __init__(self, sha256: str) -> None:
        super().__init__(f"The stored file {sha256} is damaged; bring it back from a backup. It is not served.")


class Storage:
    """Files by the SHA-256 of their bytes."""

    def __init__(self, url: str) -> None:
        self._files, self._root = fsspec.core.url_to_fs(url)
        self._local = isinstance(self._files, LocalFileSystem)
        self._folder(self._root)

    def _folder(self, path: str) -> None:
        if self._local:
            Path(path).mkdir(mode=0o700, parents=True, exist_ok=True)
        else:
            self._files.makedirs(path, exist_ok=True)

    def _writing(self, path: str) -> Any:
        """For this user only, whatever the umask."""
        if self._local:
            return open(path, "xb", opener=lambda name, flags: os.open(name, flags, 0o600))
        return self._files.open(path, "wb")

    def _path(self, sha256: str) -> str:
        if not SHA256.fullmatch(sha256):
            raise NotFound()
        return f"{self._root}/{sha256[:2]}/{sha256}"

    def put(self, chunks: Iterable[bytes], *, expected: str | None = None, limit: int | None = None) -> tuple[str, int]:
        """Store a stream; returns (sha256, bytes). Raises Invalid when the digest or the size is not as promised."""
        hasher, size = hashlib.sha256(), 0
        temporary = f"{self._root}/{STAGING}{secrets.token_hex(8)}"
        try:
            with self._writing(temporary) as file:
                for chunk in chunks:
                    size += len(chunk)
                    if limit is not None and size > limit:
                        raise Invalid(f"The file is larger than {limit} bytes; send a smaller one.")
                    hasher.update(chunk)
                    file.write(chunk)
            sha256 = hasher.hexdigest()
            if expected and expected != sha256:
                raise Invalid("The bytes that arrived do not have the announced SHA-256; send them again.")
            self._publish(temporary, self._path(sha256))
        except BaseException:
            if self._files.exists(temporary):
                self._files.rm(temporary)
            raise
        return sha256, size

    def _publish(self, temporary: str, final: str) -> None:
        """The file's bytes, then its name, then the folder that holds the name: each on disk before the next."""
        self._folder(final.rsplit("/", 1)[0])
        if self._local:
            sync(temporary)
            Path(temporary).replace(final)
            sync(Path(final).parent)
            sync(self._root)
        else:
            self._files.mv(temporary, final)

    def exists(self, sha256: str) -> bool:
        return bool(self._files.exists(self._path(sha256)))

    def delete(self, sha256: str) -> bool:
        """Remove a file; False when there is none. That nothing points at it any more is the caller's to know."""
        path = self._path(sha256)
        try:
            self._files.rm(path)
        except FileNotFoundError:  # another was quicker, or it never was there
            return False
        return True

    def read(self, sha256: str) -> Iterator[bytes]:
        """The bytes of a file in chunks. Raises NotFound; Damaged before the last chunk when they do not hash to it."""
        path = self._path(sha256)
        if not self._files.exists(path):
            raise NotFound()
        hasher, held = hashlib.sha256(), b""
        with self._files.open(path, "rb") as file:
            while chunk := file.read(CHUNK):
                if held:
                    yield held
                hasher.update(chunk)
                held = chunk
        if hasher.hexdigest() != sha256:
            raise Damaged(sha256)
        if held:
            yield held

    def bytes_of(self, sha256: str) -> bytes:
        return b"".join(self.read(sha256))

    def verify(self, sha256: str) -> int:
        """Its size. Raises NotFound, Damaged."""
        return sum(len(chunk) for chunk in self.read(sha256))

    def every(self) -> Iterator[str]:
        """The names of all files."""
        paths = self._files.find(self._root)
        yield from sorted(name for path in paths if SHA256.fullmatch(name := path.rsplit("/", 1)[-1]))

    def sweep(self, age: timedelta = STAGING_AGE) -> int:
        """Remove what transfers that died left behind; returns how many. No file with its final name is touched."""
        before, removed = datetime.now(UTC) - age, 0
        for path in self._files.ls(self._root, detail=False):
            if path.rsplit("/", 1)[-1].startswith(STAGING) and self._files.modified(path) < before:
                self._files.rm(path)
                removed += 1
        return removed
