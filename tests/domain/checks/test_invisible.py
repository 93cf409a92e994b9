"""Characters that nobody sees: which block, which warn, which do their proper work."""

from __future__ import annotations

import sys
import unicodedata

import pytest
from hypothesis import given, strategies as st

from app.domain.checks.text.invisible import HIDDEN, canonical, check_invisible, find, folded
from app.web.render import markdown, shown

SHOWN_FORMATS = {*range(0x600, 0x606), 0x6DD, 0x70F, 0x890, 0x891, 0x8E2, 0x110BD, 0x110CD, *range(0x13430, 0x13440)}
ENGLAND = "\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f"


@pytest.mark.parametrize(
    ("text", "severity"),
    [
        ("pay\u202eecived", "block"),
        ("pay\u2066hidden\u2069", "block"),
        ("hello\U000e0041\U000e0042", "block"),
        ("\U0001f3f4\U000e0041\U000e007f", "block"),
        ("a\ufe0f\ufe0e\ufe0f", "block"),
        ("zero\u200bwidth", "warn"),
        ("no\u200djoin", "warn"),
        ("soft\u00adhyphen", "warn"),
        ("mark\ufeffed", "warn"),
        ("own \ue000 sign", "warn"),
        ("left\u200eright", "warn"),
    ],
)
def test_hidden_text_is_named_with_its_place(text: str, severity: str) -> None:
    problems = list(check_invisible("prompt", text))
    assert {problem.severity for problem in problems} == {severity}
    assert all(problem.code == "hidden_character" and problem.span for problem in problems)
    assert "hidden-character" in shown(text)


@pytest.mark.parametrize(
    "text",
    [
        "family \U0001f468\u200d\U0001f469\u200d\U0001f467",
        "heart \u2764\ufe0f\u200d\U0001f525",
        "\u0915\u094d\u200d\u0937",
        "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
        f"flag {ENGLAND}",
        "\u05d0\u05d1\u200f 12",
        "\u845b\U000e0100",
        "caf\u00e9",
    ],
)
def test_joiners_that_shape_a_script_or_an_emoji_are_left_alone(text: str) -> None:
    assert list(check_invisible("prompt", text)) == []
    assert "hidden-character" not in shown(text)


def test_every_format_and_private_character_is_known() -> None:
    hidden = {code for code in range(sys.maxunicode) if unicodedata.category(chr(code)) in ("Cf", "Co")}
    assert {code for code in hidden - SHOWN_FORMATS if not HIDDEN.match(chr(code))} == set()


def test_a_page_shows_a_chip_and_never_inside_a_tag() -> None:
    html = markdown('a \u202eb [x](https://e.org "ti\u202etle") `c\U000e0041`')
    assert html.count("hidden-character") == 2
    assert 'title="title"' in html


@given(st.text(max_size=60))
def test_canonical_names_stay_as_they_are(name: str) -> None:
    once = canonical(name)
    assert canonical(once) == once
    assert folded(once) == folded(name)
    assert all(unicodedata.category(one) not in ("Cf", "Cc", "Cs") for one in once)


@given(st.text(max_size=60))
def test_spans_lie_in_the_text_and_in_order(text: str) -> None:
    ends = [0]
    for hidden in find(text):
        assert ends[-1] <= hidden.start < hidden.end <= len(text)
        ends.append(hidden.end)
