"""Code that does not parse: the line within the field is named and marked."""

from __future__ import annotations

import pytest
from hypothesis import given, settings, strategies as st

from app.domain.checks.code.check import check_code
from app.domain.checks.code.code_blocks import blocks, prose
from app.domain.checks.run_checks import check_pair

BROKEN = [
    ("Here:\n\n```python\nx = 1\ndef f(:\n    pass\n```", "line 5", "def f(:"),
    ("```python\nif x:\nreturn 1\n```", "line 3", "return 1"),
    ('```json\n{\n  "a": 1\n  "b": 2\n}\n```', "line 4: column 3", '  "b": 2'),
    ("```postgres\nSELECT a\nFROM t\nWHERE\n```", "line 4", "WHERE"),
    ("```sql\nSELECT a,\n  FROM WHERE x\n```", "line", None),
    ("```js\nconst a = 1;\nfunction g( {\n```", "line 3", "function g( {"),
    ("~~~sqlite\nselect 'open\n~~~", "line 2", "select 'open"),
]
SOUND = [
    "```python\n    x = 1\n    y = 2\n```",
    "```python\n>>> x = 1\n1\n```",
    "```postgres\nSELECT a::int, b ->> 'c' FROM t WHERE d = ANY($1) AND e IS NULL\n```",
    "```sqlite\nINSERT OR REPLACE INTO t VALUES (1, 'a')\n```",
    "```mysql\nSELECT `a` FROM t LIMIT 5, 10\n```",
    "```tsql\nSELECT TOP 5 [name] FROM dbo.t\n```",
    "```js\nconst f = async (x) => { await g`a${x}`; };\n```",
    '```json\n[1, {"a": null}]\n```',
    "```bash\nfor f in *; do echo $f; done\n```",
    "```\nnot a language (\n```",
]


@pytest.mark.parametrize(("text", "words", "marked"), BROKEN)
def test_a_broken_block_is_found_on_its_line(text: str, words: str, marked: str | None) -> None:
    [problem] = check_code("completion", text)
    assert problem.code == "code" and words in problem.message and problem.span
    assert marked is None or text[slice(*problem.span)] == marked


@pytest.mark.parametrize("text", SOUND)
def test_a_sound_block_is_left(text: str) -> None:
    assert list(check_code("completion", text)) == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("```sql\nSELECT a FROM t WHERE b = NULL\n```", "IS NULL"),
        ("```sql\nDELETE FROM t\n```", "no WHERE"),
        ("```sql\nUPDATE t SET a = 1\n```", "no WHERE"),
    ],
)
def test_sql_that_hardly_does_what_is_meant(text: str, words: str) -> None:
    [problem] = check_code("completion", text)
    assert problem.code == "sql_risk" and words in problem.message


def test_setting_a_column_to_null_is_no_comparison() -> None:
    assert list(check_code("completion", "```sql\nUPDATE t SET a = NULL WHERE b = 1\n```")) == []


@pytest.mark.parametrize(
    ("task", "completion", "language", "found"),
    [
        ("code", "SELECT a FROM t WHERE (b = 1", "", True),
        ("code", "SELECT a FROM t WHERE b = 1", "", False),
        ("code", "def f(:\n    pass", "", True),
        ("code", "x = = 1", "python", True),
        ("code", "tar -xzf file.tar.gz", "", False),
        ("code", "tar -xzf file.tar.gz", "bash", False),
        ("extraction", '{"a": 1,, "b": 2}', "", True),
        ("generation", "SELECT a FROM t WHERE (b = 1", "", False),
    ],
)
def test_a_completion_that_is_code_needs_no_fence(task: str, completion: str, language: str, found: bool) -> None:
    problems = check_pair("Write what is asked for", completion, languages=[], task=task, code_language=language)
    assert ("code" in {problem.code for problem in problems}) is found


def test_prose_keeps_every_place() -> None:
    text = "Say `x` then\n```python\nx = 1\n```\nand stop."
    clean = prose(text)
    assert len(clean) == len(text) and "x = 1" not in clean and clean.endswith("and stop.")


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            ["```", "python\n", "sql\n", "js\n", "json\n", "~~~", "\n", "(", "'", "a", " = ", "{", "é", "\r", "\x00"]
        )
    ).map("".join)
)
def test_no_text_breaks_the_check_and_spans_lie_inside(text: str) -> None:
    for block in blocks(text):
        assert 0 <= block.opened <= block.start <= block.end <= len(text)
    for problem in check_code("prompt", text):
        assert problem.span and 0 <= problem.span[0] <= problem.span[1] <= len(text)
