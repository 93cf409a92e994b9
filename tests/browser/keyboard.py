"""A person without a mouse: letters, Tab and shortcuts only; what has the focus must be seen to have it."""

from __future__ import annotations

from playwright.sync_api import Page

FAR = 30
"""No thing may be further than so many presses of Tab from where one is."""
FOCUS = """() => {
  const one = document.activeElement;
  if (!one || one === document.body) return "nothing has the focus";
  const drawn = one.closest(".scale label") ?? one;
  const style = getComputedStyle(drawn);
  const ring = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
  if (!ring) return `no outline on ${drawn.outerHTML.slice(0, 120)}`;
  const box = drawn.getBoundingClientRect();
  const x = box.left + Math.min(box.width, innerWidth) / 2, y = box.top + Math.min(box.height / 2, 12);
  if (x < 0 || y < 0 || x > innerWidth || y > innerHeight) return `out of sight: ${drawn.outerHTML.slice(0, 120)}`;
  const top = document.elementFromPoint(x, y);
  const seen = drawn.contains(top) || top?.contains(drawn);
  return seen ? "" : `${drawn.outerHTML.slice(0, 120)} hidden behind ${top?.outerHTML.slice(0, 120)}`;
}"""


class Keyboard:
    """A page that is worked by its keys alone. Every page error is noted."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.errors: list[str] = []
        page.on("pageerror", lambda error: self.errors.append(str(error)))

    def open(self, path: str) -> None:
        """Type an address; once the page has loaded its keys are there."""
        self.page.goto(path, wait_until="load")

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def type(self, text: str) -> None:
        self.page.keyboard.type(text)

    def turn(self, *keys: str) -> None:
        """Press what leads to another page, and wait until that has loaded."""
        with self.page.expect_navigation(wait_until="load"):
            self.press(*keys)

    def focused(self, selector: str) -> bool:
        return bool(self.page.evaluate("wanted => document.activeElement?.matches(wanted) ?? false", selector))

    def tab_to(self, selector: str, key: str = "Tab") -> None:
        """On the way every stop must show that it has the focus."""
        for _ in range(FAR):
            self.press(key)
            assert (wrong := self.page.evaluate(FOCUS)) == "", wrong
            if self.focused(selector):
                return
        raise AssertionError(f"{selector} is further than {FAR} presses of {key}")

    def skip(self) -> None:
        """Over the head of the page."""
        self.press("Tab")
        assert self.focused(".skip")
        self.press("Enter")
        assert self.focused("main")
