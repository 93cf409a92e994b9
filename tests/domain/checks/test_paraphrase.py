"""What tells a paraphrase from another question, and the embedding file where there is one."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest

from app.domain.checks.problem import Neighbor
from app.domain.checks.similarity.duplicates import check_duplicates
from app.domain.checks.similarity.embedding import Embedding, cosines
from app.domain.checks.similarity.paraphrase import LEAST_COSINE, THRESHOLD, likelihood, text_features

FOLDER = Path(os.environ.get("PRECEPTOR_TEST_EMBEDDING", "data/embedding"))
SHARED = Path(__file__).resolve().parents[4] / "shared" / "data"


def alike(one: str, other: str, cosine: float = 0.93) -> bool:
    return likelihood(cosine, text_features(one), text_features(other)) >= THRESHOLD


def test_the_same_in_other_words_is_the_same() -> None:
    assert alike("How do I freeze my debit card?", "In what way can I freeze the debit card?")
    assert alike("Which teacher is doing ULCS classes next Winter?", "What professor teaches ULCS classes next Winter?")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Can undergraduates take course 550?", "Can undergraduates take course 583?"),
        ("Who teaches the class of Dr. Smith?", "Who teaches the class of Dr. Jones?"),
        ("How long do I boil two eggs?", "How long do I boil six eggs?"),
    ],
)
def test_another_number_or_name_is_another_question(one: str, other: str) -> None:
    assert not alike(one, other, 0.97)


def test_a_denial_and_another_kind_of_question_count_against() -> None:
    one = text_features("Which courses meet on Mondays in the lab?")
    for other in (
        "Which courses do not meet on Mondays in the lab?",
        "Who meets on Mondays in the courses' lab, and when?",
    ):
        assert likelihood(0.85, one, text_features(other)) < likelihood(0.85, one, one)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("What are the symptoms of celiac disease?", "What are the treatments for celiac disease?"),
        ("What causes a frozen boiler pipe?", "How do I prevent a frozen boiler pipe?"),
        ("What are the benefits of a reverse mortgage?", "What are the risks of a reverse mortgage?"),
    ],
)
def test_another_facet_of_the_same_subject_is_another_question(one: str, other: str) -> None:
    assert not alike(one, other)
    assert alike(one, "Please tell me: " + one[0].lower() + one[1:])


def test_a_statement_asks_for_no_facet() -> None:
    assert text_features("The flood caused damage that no dam prevents.").facets == frozenset()
    assert len(text_features("What caused the flood?").facets) == 1
    assert text_features("Why did it flood?").facets == text_features("What is the reason that it flooded?").facets


def test_what_is_far_apart_is_never_shown() -> None:
    text = text_features("The very same words")
    assert likelihood(LEAST_COSINE - 0.01, text, text) == 0.0
    assert 0.0 <= likelihood(0.7, text_features(""), text_features("")) <= 1.0
    assert text_features("7" * 100_000).words == 2


def neighbour(by: str, completion: str, similarity: float = 0.9) -> Neighbor:
    return Neighbor("p", "r", similarity, "A prompt", completion, "approved", by)  # type: ignore[arg-type]


def test_the_problem_says_whether_wording_or_meaning_matched() -> None:
    found = list(check_duplicates("Yes", [neighbour("wording", "yes"), neighbour("meaning", "Yes")]))
    assert [(one.code, one.severity, one.neighbours[0].by) for one in found] == [
        ("near_duplicate", "warn", "wording"),
        ("same_meaning", "warn", "meaning"),
    ]
    assert "wording" in found[0].message
    assert "other words" in found[1].message


def test_the_same_question_in_other_words_with_another_answer_contradicts() -> None:
    (problem,) = check_duplicates("Yes", [neighbour("meaning", "No")])
    assert (problem.code, problem.neighbours[0].similarity) == ("contradiction", 0.9)
    assert "meaning" in problem.message


def test_a_likely_paraphrase_never_blocks() -> None:
    (problem,) = check_duplicates("Yes", [neighbour("meaning", "Yes", 1.0)])
    assert problem.severity == "warn"


@pytest.fixture(scope="module")
def embedding() -> Embedding:
    if not (FOLDER / "embedding.json").exists():
        pytest.skip(f"no embedding in {FOLDER}; make one: python -m trainer embedding --out {FOLDER}")
    return Embedding(FOLDER)


def test_a_damaged_embedding_is_refused(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(b"not a model")
    (tmp_path / "tokenizer.json").write_text("{}")
    (tmp_path / "embedding.json").write_text(json.dumps({"digest": "0" * 64, "dimensions": 384}))
    with pytest.raises(ValueError, match="damaged"):
        Embedding(tmp_path)


def test_the_embedding_tells_paraphrases_from_strangers(embedding: Embedding) -> None:
    asked, same, other = (
        embedding.codes(text)
        for text in ("How do I freeze my card?", "What must I do to block my card?", "When is the harvest of rye?")
    )
    near, far = cosines(asked, np.stack([same, other]))
    assert near > LEAST_COSINE > far
    assert (embedding.codes("How do I freeze my card?") == asked).all()
    assert embedding.codes("word " * 20_000).shape == (embedding.dimensions,)
    assert embedding.codes("").shape == (embedding.dimensions,)


def test_recall_on_sentences_rewritten_by_teachers(embedding: Embedding) -> None:
    path = SHARED / "onestop_pairs.jsonl"
    if not path.exists():
        if os.environ.get("REQUIRE_SHARED"):
            pytest.fail(f"{path} is missing")
        pytest.skip(f"{path} is not here")
    rows = [json.loads(line) for line in path.read_text().splitlines()][::40]
    codes = [(embedding.codes(row["prompt"]), embedding.codes(row["completion"])) for row in rows]
    texts = [(text_features(row["prompt"]), text_features(row["completion"])) for row in rows]

    def shown(i: int, j: int) -> bool:
        return likelihood(float(cosines(codes[i][0], codes[j][1][None])[0]), texts[i][0], texts[j][1]) >= THRESHOLD

    assert sum(shown(i, i) for i in range(len(rows))) / len(rows) >= 0.9
    strangers = [(i, (i + step) % len(rows)) for i in range(len(rows)) for step in (7, 31, 59)]
    assert sum(shown(i, j) for i, j in strangers) / len(strangers) <= 0.01
