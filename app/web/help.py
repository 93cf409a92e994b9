"""Help: the guides of docs/ as pages of the application. `make docs` builds the same files into a site of their own."""

from __future__ import annotations

import re
from pathlib import Path

import nh3
from fastapi import APIRouter, Request, Response
from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup

from app.core.errors import NotFound
from app.domain.accounts.permissions import Permission
from app.web.deps import requires
from app.web.render import ATTRIBUTES, ROOT, TAGS, render

router = APIRouter()

DOCS = ROOT / "docs"
GUIDES = {
    "experts": ("guide/for-experts.md", "For experts"),
    "editors": ("guide/for-editors.md", "For editors"),
    "admins": ("guide/for-admins.md", "For admins"),
    "engineers": ("guide/for-engineers.md", "For engineers"),
    "checks": ("guide/checks.md", "What each check means"),
    "privacy": ("privacy.md", "Personal data"),
    "webhooks": ("webhooks.md", "Webhooks"),
    "compliance": ("compliance.md", "Compliance"),
}
"""Last part of the URL -> (file below docs/, title in the menu)."""
NAMES = {Path(file).name: name for name, (file, _) in GUIDES.items()}
_parser = MarkdownIt("commonmark", {"html": False}).enable("table").disable("image")


def slug(heading: str) -> str:
    """The anchor of a heading, as GitHub and MkDocs make it."""
    return re.sub(r"\s+", "-", re.sub(r"[^\w\s-]", "", heading).strip().lower())


def in_app(href: str) -> str:
    """A relative link between documents as a link between help pages; other links stay."""
    path, _, anchor = href.partition("#")
    name = NAMES.get(path.rsplit("/", 1)[-1])
    return f"/help/{name}{'#' + anchor if anchor else ''}" if name and "://" not in path else href


def _adapt(tokens: list[Token]) -> None:
    for token, following in zip(tokens, [*tokens[1:], None], strict=True):
        if token.type == "heading_open" and following:
            token.attrSet("id", slug(following.content))
        for child in token.children or ():
            if child.type == "link_open":
                child.attrSet("href", in_app(str(child.attrGet("href") or "")))


def page_html(file: str) -> Markup:
    """One document as HTML with heading anchors."""
    tokens = _parser.parse((DOCS / file).read_text(encoding="utf-8"))
    _adapt(tokens)
    headings = {f"h{level}": {"id"} for level in range(1, 7)}
    html = _parser.renderer.render(tokens, _parser.options, {})
    return Markup(nh3.clean(html, tags=TAGS, attributes={**ATTRIBUTES, **headings}))


@router.get("/help", dependencies=[requires(Permission.USE)])
def index(request: Request) -> Response:
    return render(request, "help/index.html", guides=GUIDES)


@router.get("/help/{name}", dependencies=[requires(Permission.USE)])
def show(request: Request, name: str) -> Response:
    if name not in GUIDES:
        raise NotFound()
    file, title = GUIDES[name]
    return render(request, "help/show.html", guides=GUIDES, name=name, title=title, html=page_html(file))
