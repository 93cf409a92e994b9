"""Content-addressed files on any fsspec file system: written to a temporary name, synced, then renamed."""

from __future__ import annotations

import hashlib
import os
import re
import secrets
from collections.abc import Iterable, Iterator
from pathlib import Path

import fsspec
from fsspec.implementations.local import LocalFileSystem

from app.core.errors import Invalid, NotFound

SHA256 = re.compile(r"[0-9a-f]{64}")
CHUNK = 1024 * 1024


class Storage:
    """Files by the SHA-256 of their bytes."""

    def __init__(self, url: str) -> None:
        self._files, self._root = fsspec.core.url_to_fs(url)
        self._local = isinstance(self._files, LocalFileSystem)
        self._files.makedirs(self._root, exist_ok=True)

    def _path(self, sha256: str) -> str:
        if not SHA256.fullmatch(sha256):
            raise NotFound()
        return f"{self._root}/{sha256[:2]}/{sha256}"

    def put(self, chunks: Iterable[bytes], *, expected: str | None = None, limit: int | None = None) -> tuple[str, int]:
        """Store a stream; returns (sha256, bytes). Raises Invalid when the digest or the size is not as promised."""
        hasher, size = hashlib.sha256(), 0
        temporary = f"{self._root}/staging-{secrets.token_hex(8)}"
        try:
            with self._files.open(temporary, "wb") as file:
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
        self._files.makedirs(final.rsplit("/", 1)[0], exist_ok=True)
        if self._local:
            _sync(temporary)
            Path(temporary).replace(final)
            _sync(str(Path(final).parent))
        else:
            self._files.mv(temporary, final)

    def exists(self, sha256: str) -> bool:
        return bool(self._files.exists(self._path(sha256)))

    def read(self, sha256: str) -> Iterator[bytes]:
        """The bytes of a file in chunks; NotFound when there is none."""
        path = self._path(sha256)
        if not self._files.exists(path):
            raise NotFound()
        with self._files.open(path, "rb") as file:
            while chunk := file.read(CHUNK):
                yield chunk

    def bytes_of(self, sha256: str) -> bytes:
        return b"".join(self.read(sha256))


def _sync(path: str) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
