"""JavaScript that does not parse, by tree-sitter. Pure."""

from __future__ import annotations

from functools import cache
from typing import Any


def script_fault(code: str) -> tuple[int, str] | None:
    """Return the line of the first syntax error and the text there."""
    root = _parser().parse(code.encode("utf-8", "replace")).root_node
    if not root.has_error:
        return None
    node = _first(root)
    if node.is_missing:
        return node.start_point.row + 1, f"{node.type!r} is missing"
    text = " ".join((node.text or b"").decode("utf-8", "replace").split())[:40]
    return node.start_point.row + 1, f"near {text!r}" if text else "unexpected end"


def _first(node: Any) -> Any:
    """The innermost first node that is an error; walks only where errors are."""
    while not node.is_error and not node.is_missing:
        inner = next((child for child in node.children if child.has_error or child.is_missing), None)
        if inner is None:
            return node
        node = inner
    return node


@cache
def _language() -> Any:
    import tree_sitter
    import tree_sitter_javascript

    return tree_sitter.Language(tree_sitter_javascript.language())


def _parser() -> Any:
    """A new one each time: a parser keeps state and is not shared between threads."""
    import tree_sitter

    return tree_sitter.Parser(_language())
