"""An import reports the same problems of each row as the page where pairs are written."""

from __future__ import annotations

import pickle
from functools import partial

import pytest

from app.domain.checks.guideline_rules import Rule
from app.domain.checks.problem import Neighbor
from app.domain.checks.run_checks import check_pair
from app.domain.checks.similarity.minhash import band_keys, copy_key, shingles
from app.domain.imports import batch_checks
from app.domain.pairs.token_limits import STARTER

ASK = "Which form do I need to bring to the laboratory on the second floor tomorrow morning?"
KEY = "AKIA" + "IOSFODNN7EXAMPLE"  # split, so that no scanner takes it for a real key
NEAR = Neighbor("0" * 32, "r1", 0.9, ASK + " Please.", "The blue one.", "approved")
SAME = Neighbor("1" * 32, "r2", 1.0, ASK, "The green form, signed by your doctor.", "approved")
OTHER = Neighbor("2" * 32, "r3", 1.0, ASK, "No form at all, only the letter of the ward.", "submitted")
ROWS = (
    (ASK, "The green form, signed by your doctor."),
    (ASK, "As an AI language model I cannot tell. Write to ann.miller@example.org, or call +49 30 901820."),
    (ASK, f"The key is {KEY} and (it never closes, since it is"),
    ("", ""),
    ("Tell me " * 400, "No. " * 300),
)


def check(options: batch_checks.Options, texts: list[batch_checks.Text]) -> list[batch_checks.CheckedText]:
    """As another process would."""
    work = pickle.loads(pickle.dumps(partial(batch_checks.check_batch, options)))  # noqa: S301
    checked: list[batch_checks.CheckedText] = pickle.loads(pickle.dumps(work(texts)))  # noqa: S301
    return checked


def options_with(rules: tuple[Rule, ...] = (), severities: dict[str, str] | None = None) -> batch_checks.Options:
    return {
        "languages": ["en"], "task": "generation", "rules": rules, "settings": severities or {}, "tokenizer": STARTER,
        "context_length": 512,
    }  # fmt: skip


@pytest.mark.parametrize("neighbours", [(), (NEAR,), (SAME,), (OTHER, NEAR)])
@pytest.mark.parametrize("severities", [{}, {"duplicate": "block", "near_duplicate": "block", "pii": "off"}])
@pytest.mark.parametrize("row", ROWS)
def test_same_problems_as_on_the_page(
    row: tuple[str, str], severities: dict[str, str], neighbours: tuple[Neighbor, ...]
) -> None:
    rules = (Rule("must_not_contain", "completion", ("signed", "letter")), Rule("max_words", "prompt", number=9))
    options = options_with(rules, severities)
    [checked] = check(options, [batch_checks.Text(*row, (), "")])
    expected = check_pair(*row, neighbours=neighbours, **options)
    problems = batch_checks.add_neighbor_problems(options, row[1], checked.problems, neighbours)
    assert problems == [problem.as_dict() for problem in expected]


def test_batch_returns_index_keys() -> None:
    texts = [batch_checks.Text(prompt, completion, (), "") for prompt, completion in ROWS]
    for (prompt, completion), (grams, keys, _) in zip(ROWS, check(options_with(), texts), strict=True):
        assert (grams == shingles(prompt)).all()
        assert set(keys) == {copy_key(prompt), copy_key(prompt, completion), *band_keys(grams)}
