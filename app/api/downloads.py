"""A file as an answer: saved and never shown, whatever is in it and whatever it is called (RFC 6266, RFC 8187)."""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import quote

from fastapi.responses import Response

UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")


def attachment(body: bytes, name: str, media_type: str, *, etag: str) -> Response:
    """`name` may hold anything; the type is the one that we wrote, and a browser that shows the file runs nothing."""
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
    """An ASCII name for old programs, the real one in UTF-8 for the others; neither holds a path or a control."""
    shown = "".join(one for one in name if unicodedata.category(one)[0] != "C").replace("/", "-").replace("\\", "-")
    plain = UNSAFE.sub("-", unicodedata.normalize("NFKD", shown)).strip(".-") or "file"
    return f"attachment; filename=\"{plain[-120:]}\"; filename*=UTF-8''{quote(shown[-120:], safe='')}"
