"""The public shape of a run's report and answers."""

from __future__ import annotations

from typing import Any

from app.domain.evaluations.actions import blank
from app.domain.evaluations.run_report import answer_view, is_right, missing_scores, report_view
from trainer.protocol import Answer, AnswerText, Comparison, Cost, Difference, Interval, Report, Slice

SCORES = {"base": Interval(value=0.2, low=0.1, high=0.3), "tuned": Interval(value=0.6, low=0.5, high=0.7)}
DELTA = Difference(value=0.4, low=0.3, high=0.5, p=0.01)
COMPARISONS = [Comparison(a="tuned", b="base", metric="exact_match", delta=DELTA)]
REPORT = Report(
    n=10,
    primary="exact_match",
    systems=["base", "tuned"],
    metrics={"exact_match": SCORES},
    comparisons=COMPARISONS,
    baselines={"majority": {"exact_match": SCORES["base"]}},
    slices=[Slice(tag="t", value="v", n=5, metric="exact_match", scores=SCORES, comparisons=COMPARISONS)],
    cost=Cost(seconds=1, tokens=2, peak_memory_bytes=3),
    notes=["note"],
).model_dump()


def answer(base: float, tuned: float) -> dict[str, Any]:
    return Answer(
        id="x",
        prompt="p",
        reference="r",
        outputs={"base": AnswerText(text="b"), "tuned": AnswerText(text="t")},
        scores={"exact_match": {"base": base, "tuned": tuned}},
        tags={"t": "v"},
    ).model_dump()


def test_report_has_base_tuned_and_delta() -> None:
    view = report_view(REPORT)
    result = {"base": SCORES["base"].model_dump(), "tuned": SCORES["tuned"].model_dump(), "delta": DELTA.model_dump()}
    assert view["metrics"] == {"exact_match": result}
    assert view["slices"] == [{"tag": "t", "value": "v", "n": 5, "metric": "exact_match", **result}]
    assert view["references"] == {"majority": {"exact_match": result["base"]}}
    assert set(view) == {"n", "primary", "metrics", "references", "slices", "contamination", "cost", "notes"}


def test_missing_scores_are_named() -> None:
    report = Report.model_validate(REPORT)
    assert missing_scores(report) == []
    assert missing_scores(report.model_copy(update={"comparisons": []})) == ["exact_match"]
    half = report.slices[0].model_copy(update={"scores": {"base": SCORES["base"]}})
    assert missing_scores(report.model_copy(update={"slices": [half]})) == ["t=v"]


def test_answer_has_base_and_tuned() -> None:
    view = answer_view(answer(0, 1))
    assert (view["base"]["text"], view["tuned"]["text"]) == ("b", "t")
    assert set(view) == {"id", "prompt", "reference", "base", "tuned", "scores", "tags"}


def test_right_means_a_full_score() -> None:
    assert is_right(answer(0, 1), "tuned", "exact_match")
    assert not is_right(answer(0.99, 1), "base", "exact_match")
    assert not is_right(answer(1, 1), "base", "no_such_metric")


def test_blank_answer_keeps_only_scores() -> None:
    view = answer_view(blank(answer(0, 1)))
    texts = [view["prompt"], view["reference"], view["base"]["text"], view["tuned"]["text"]]
    assert texts == [""] * 4 and view["tags"] == {}
    assert view["scores"] == {"exact_match": {"base": 0, "tuned": 1}}
