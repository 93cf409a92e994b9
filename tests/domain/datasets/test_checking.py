"""The checks of an import say of each row what the writing desk says of it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from app.domain.checks.catalogue import check_pair
from app.domain.checks.duplicates.lexical import band_keys, copy_key, shingles
from app.domain.checks.lint import Rule
from app.domain.checks.problem import Neighbour
from app.domain.datasets import checking
from app.domain.pairs.lengths import STARTER

ASK = "Which form do I need to bring to the laboratory on the second floor tomorrow morning?"
KEY = "AKIA" + "IOSFODNN7EXAMPLE"  # as it looks, and in two parts: nothing here may look like a key
NEAR = Neighbour("0" * 32, "r1", 0.9, ASK + " Please.", "The blue one.", "approved")
SAME = Neighbour("1" * 32, "r2", 1.0, ASK, "The green form, signed by your doctor.", "approved")
OTHER = Neighbour("2" * 32, "r3", 1.0, ASK, "No form at all, only the letter of the ward.", "submitted")
ROWS = (
    (ASK, "The green form, signed by your doctor."),
    (ASK, "As an AI language model I cannot tell. Write to ann.miller@example.org, or call +49 30 901820."),
    (ASK, f"The key is {KEY} and (it never closes, since it is"),
    ("", ""),
    ("Tell me " * 400, "No. " * 300),
)


def looked_at(asked: checking.Given, texts: list[checking.Text]) -> checking.Checked:
    """As another process would."""
    checked = checking.Checked()
    checked.add(json.loads(json.dumps(checking.of_piece(json.loads(json.dumps(checking.piece(asked, texts)))))))
    return checked


@pytest.mark.parametrize("neighbours", [(), (NEAR,), (SAME,), (OTHER, NEAR)])
@pytest.mark.parametrize("severities", [{}, {"duplicate": "block", "near_duplicate": "block", "pii": "off"}])
@pytest.mark.parametrize("row", ROWS)
def test_piecewise_is_as_at_the_desk(
    row: tuple[str, str], severities: dict[str, str], neighbours: tuple[Neighbour, ...]
) -> None:
    rules = (Rule("must_not_contain", "completion", ("signed", "letter")), Rule("max_words", "prompt", number=9))
    asked = checking.Given(("en",), "generation", rules, severities, STARTER, 512)
    checked = looked_at(asked, [checking.Text(*row, (), "")])
    desk: Any = check_pair(
        *row,
        languages=("en",),
        neighbours=neighbours,
        rules=rules,
        settings=severities,
        tokenizer=STARTER,
        context_length=512,
    )
    found = checking.beside(asked, row[1], checked.problems[0], neighbours)
    assert found == [problem.as_dict() for problem in desk]


def test_a_piece_tells_how_each_text_is_found() -> None:
    asked = checking.Given((), "generation", (), {}, None, 0)
    texts = [checking.Text(prompt, completion, (), "") for prompt, completion in ROWS]
    checked = looked_at(asked, texts)
    for (prompt, completion), grams, keys in zip(ROWS, checked.grams, checked.keys, strict=True):
        assert (grams == shingles(prompt)).all()
        assert set(keys) == {copy_key(prompt), copy_key(prompt, completion), *band_keys(grams)}
