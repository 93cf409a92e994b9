"""Files as responses: browsers save them and never show them, whatever their content and name (RFC 6266, RFC 8187)."""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import quote

from fastapi.responses import Response

UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")


def attachment(body: bytes, name: str, media_type: str, *, etag: str) -> Response:
    """Return a file to download. `name` may hold any characters; a browser that shows the file runs nothing in it."""
    return Response(
        body,
        media_type=media_type,
        headers={
            "Content-Disposition": disposition(name),
            "Content-Security-Policy": "sandbox; default-src 'none'",
            "X-Content-Type-Options": "nosniff",
            "ETag": f'"{etag}"',
        },
    )


def disposition(name: str) -> str:
    """Return Content-Disposition: an ASCII name for old clients and a UTF-8 name, both without paths and controls."""
    shown = "".join(char for char in name if unicodedata.category(char)[0] != "C").replace("/", "-").replace("\\", "-")
    plain = UNSAFE.sub("-", unicodedata.normalize("NFKD", shown)).strip(".-") or "file"
    return f"attachment; filename=\"{plain[-120:]}\"; filename*=UTF-8''{quote(shown[-120:], safe='')}"
