"""What axe-core and the layout say of a page that is open: violations as lines that name rule and element."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Page

from tests.conftest import ROOT

AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
TAGS = {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22a", "wcag22aa", "best-practice"]}
COLOURS = {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}
"""All that a theme can change: it sets colours and nothing else."""
RUN = """(rules) => axe.run(document, {
  runOnly: rules, resultTypes: ["violations"], preload: false, iframes: false,
}).then((result) => result.violations.flatMap((rule) => rule.nodes.map((node) => [
  rule.id, node.target.join(" "), node.any.concat(node.all, node.none).map((one) => one.message).join("; "),
])))"""
HEIGHT = "document.documentElement.scrollHeight"
OPEN = 'document.querySelectorAll("details").forEach((one) => { one.open = true; })'
WIDER = """() => {
  const width = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth <= width) return [];
  const right = (one) => Math.round(one.getBoundingClientRect().right);
  const found = [...document.querySelectorAll("body *")].filter((one) => right(one) > width);
  return found.slice(0, 3).map((one) => `${one.localName}.${one.className} ends at ${right(one)} of ${width} px`);
}"""
DESKTOP, PHONE = 1280, 390
"""Widths in pixels."""


def remarks(page: Page) -> list[str]:
    """All rules of WCAG 2.2 A and AA and best practice at both widths, in light and in dark, with all details open."""
    if not page.evaluate("Boolean(window.axe)"):
        page.evaluate(AXE.read_text())
    page.evaluate(OPEN)
    found = []
    for width, theme, rules in (
        (DESKTOP, "light", TAGS),
        (DESKTOP, "dark", COLOURS),
        (PHONE, "dark", TAGS),
        (PHONE, "light", COLOURS),
    ):
        _fit(page, width)
        page.emulate_media(color_scheme=theme)
        found += [f"{width} px, {theme}: {one}" for one in _violations(page, rules)]
    return found + _too_wide(page)


def _fit(page: Page, width: int) -> None:
    """A window taller than its page: a bar that sticks to the lower edge lies where it belongs and covers nothing."""
    page.set_viewport_size({"width": width, "height": 800})
    page.set_viewport_size({"width": width, "height": page.evaluate(HEIGHT) + 1000})


def of_dialog(page: Page) -> list[str]:
    """The same of the help with the keys, where the page has one."""
    if not page.locator("#keys").count():
        return []
    page.evaluate('document.querySelector("#keys").showModal()')
    found = [f"keys: {one}" for one in _violations(page, TAGS)]
    page.evaluate('document.querySelector("#keys").close()')
    return found


def _violations(page: Page, rules: dict[str, Any]) -> list[str]:
    return [f"{rule} at {target} ({why})" for rule, target, why in page.evaluate(RUN, rules)]


def _too_wide(page: Page) -> list[str]:
    """What makes the page scroll sideways."""
    return [f"{PHONE} px: {one}" for one in page.evaluate(WIDER)]
