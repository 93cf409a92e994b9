"""Targets of a round in both shapes."""

from __future__ import annotations

from typing import Any

import pytest

from app.core.errors import Invalid
from app.domain.rounds import targets as round_targets

OLD = {"tag": "category", "value": "rash", "count": 5}
NEW = {"tags": {"domain": "clinical", "language": "de"}, "count": 3}


def test_both_shapes_are_parsed() -> None:
    assert round_targets.parse([OLD, NEW]) == [{"tags": {"category": "rash"}, "count": 5}, NEW]


def test_old_shape_is_readable() -> None:
    assert round_targets.tags_of(OLD) == {"category": "rash"}
    assert round_targets.label(OLD) == "category rash"
    assert round_targets.total([OLD, NEW]) == 8


def test_single_tag_in_both_shapes() -> None:
    shown = round_targets.shown({"tags": {"category": "rash"}, "count": 5})
    assert shown == {**OLD, "tags": {"category": "rash"}}
    assert round_targets.parse([shown]) == [{"tags": {"category": "rash"}, "count": 5}]
    assert round_targets.shown(NEW) == NEW


def test_count_only_is_any_pair() -> None:
    [any_pair] = round_targets.parse([{"count": 2000}])
    assert round_targets.label(any_pair) == "any pair" and round_targets.shown(any_pair) == {"count": 2000}


def test_invisible_characters_removed() -> None:
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
def test_invalid_target_is_rejected(wrong: dict[str, Any]) -> None:
    with pytest.raises(Invalid) as refused:
        round_targets.parse([wrong])
    assert refused.value.field == "targets"


def test_duplicate_target_is_rejected() -> None:
    with pytest.raises(Invalid, match="add their counts"):
        round_targets.parse([OLD, {"tags": {"Category": "RASH"}, "count": 2}])


def test_replace_value_in_all_targets() -> None:
    replaced = round_targets.replace_value(
        [OLD, {"tags": {"category": "rash", "language": "de"}, "count": 2}], "rash", "(withdrawn)"
    )
    assert [round_targets.tags_of(target).get("category") for target in replaced] == ["(withdrawn)", "(withdrawn)"]
    assert round_targets.tags_of(replaced[1])["language"] == "de" and replaced[0]["count"] == 5
