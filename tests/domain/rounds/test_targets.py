"""Targets in both shapes."""

from __future__ import annotations

from typing import Any

import pytest

from app.core.errors import Invalid
from app.domain.rounds import targets as round_targets

OLD = {"tag": "category", "value": "rash", "count": 5}
NEW = {"tags": {"domain": "clinical", "language": "de"}, "count": 3}


def test_both_shapes_become_one() -> None:
    assert round_targets.parse([OLD, NEW]) == [{"tags": {"category": "rash"}, "count": 5}, NEW]


def test_an_old_row_is_read_as_it_is() -> None:
    assert round_targets.tags_of(OLD) == {"category": "rash"}
    assert round_targets.label(OLD) == "category rash"
    assert round_targets.total([OLD, NEW]) == 8


def test_one_tag_alone_is_shown_in_both_shapes_and_taken_back() -> None:
    shown = round_targets.shown({"tags": {"category": "rash"}, "count": 5})
    assert shown == {**OLD, "tags": {"category": "rash"}}
    assert round_targets.parse([shown]) == [{"tags": {"category": "rash"}, "count": 5}]
    assert round_targets.shown(NEW) == NEW


def test_a_count_alone_asks_for_any_pair() -> None:
    [any_pair] = round_targets.parse([{"count": 2000}])
    assert round_targets.label(any_pair) == "any pair" and round_targets.shown(any_pair) == {"count": 2000}


def test_names_are_kept_without_what_nobody_sees() -> None:
    assert round_targets.parse([{"tags": {" category ": "ra\u200bsh"}, "count": 1}])[0]["tags"] == {"category": "rash"}


@pytest.mark.parametrize(
    "wrong",
    [
        {"tags": {"category": "rash"}},
        {"tags": {"category": "rash"}, "count": 0},
        {"tags": {"category": "rash"}, "count": True},
        {"tags": {"category": "rash"}, "count": "5"},
        {"tags": {"category": "rash"}, "count": 1_000_001},
        {"tags": {}, "count": 5},
        {"tags": [], "count": 5},
        {"tags": {"category": ""}, "count": 5},
        {"tags": {"category": 7}, "count": 5},
        {"tags": {"category": "x" * 121}, "count": 5},
        {"tags": {"Category": "rash", "category": "rash"}, "count": 5},
        {"tags": {str(at): "x" for at in range(5)}, "count": 5},
        {"tag": "category", "count": 5},
        {"tags": {"category": "rash"}, "count": 5, "more": 1},
    ],
)
def test_what_is_no_target_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(Invalid) as refused:
        round_targets.parse([wrong])
    assert refused.value.field == "targets"


def test_the_same_slice_twice_is_refused_however_it_is_spelt() -> None:
    with pytest.raises(Invalid, match="add their counts"):
        round_targets.parse([OLD, {"tags": {"Category": "RASH"}, "count": 2}])


def test_a_withdrawn_value_leaves_every_target() -> None:
    left = round_targets.replace_value(
        [OLD, {"tags": {"category": "rash", "language": "de"}, "count": 2}], "rash", "(withdrawn)"
    )
    assert [round_targets.tags_of(one).get("category") for one in left] == ["(withdrawn)", "(withdrawn)"]
    assert round_targets.tags_of(left[1])["language"] == "de" and left[0]["count"] == 5
