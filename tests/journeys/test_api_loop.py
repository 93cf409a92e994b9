"""The whole loop by the JSON API, with real processes: from an empty installation to the next round."""

from __future__ import annotations

import pytest

from tests.fixtures.processes import Stack
from tests.journeys import steps

PAIR = {
    "messages": [
        {"role": "user", "content": "Where do I send the form for my insurance?"},
        {"role": "assistant", "content": "billing"},
    ],
    "tags": {"category": "billing"},
    "source": "written by Alice",
    "license": "CC0-1.0",
}


def write_and_review(stack: Stack) -> None:
    """Alice writes, Bob returns it with a reason, Alice mends it, Bob accepts."""
    pair = stack.call("alice", "POST", "/projects/clinic/pairs", 201, json=PAIR)
    stack.call("alice", "POST", f"/pairs/{pair['id']}/submit")
    taken = stack.call("bob", "POST", "/projects/clinic/reviews/next")
    assert taken["pair"]["id"] == pair["id"]
    returned = stack.call(
        "bob",
        "POST",
        f"/pairs/{pair['id']}/reviews",
        201,
        json={
            "lease": taken["lease"],
            "decision": "return",
            "ratings": {"accuracy": 5, "relevance": 3},
            "comment": "Too vague.",
        },
    )
    assert returned["state"] == "changes_requested"
    assert stack.call("alice", "GET", f"/pairs/{pair['id']}")["reviews"][0]["comment"] == "Too vague."
    better = {
        **PAIR,
        "messages": [
            {"role": "user", "content": "Which desk takes the insurance form for my invoice?"},
            PAIR["messages"][1],
        ],
    }
    stack.call("alice", "PUT", f"/pairs/{pair['id']}", json=better, headers={"If-Match": pair["revision"]})
    stack.call("alice", "PUT", f"/pairs/{pair['id']}", 412, json=better, headers={"If-Match": pair["revision"]})
    stack.call("alice", "POST", f"/pairs/{pair['id']}/submit")
    taken = stack.call("bob", "POST", "/projects/clinic/reviews/next")
    accepted = stack.call(
        "bob",
        "POST",
        f"/pairs/{pair['id']}/reviews",
        201,
        json={
            "lease": taken["lease"],
            "decision": "accept",
            "ratings": {"accuracy": 5, "relevance": 4, "guideline": 5},
        },
    )
    assert accepted["state"] == "approved"


@pytest.mark.slow
def test_loop_by_api(database_url: str, stack: Stack) -> None:
    """On each engine, from the first project to the next round."""
    steps.open_project(stack)
    write_and_review(stack)
    imported = steps.import_approved(stack)
    assert imported["approved"] == imported["imported"] == 128
    version = steps.freeze(stack)
    assert version["leak_report"]["near_duplicates_across_splits"] == 0
    assert version["counts"]["total"] == 129
    run = steps.start_run(stack, version, max_minutes=0.5)
    done = stack.finished(f"/runs/{run['id']}", 240)
    assert done["attempt"] == 1
    report = stack.call("carol", "GET", f"/runs/{run['id']}/report")
    match = report["metrics"]["exact_match"]
    assert match["tuned"]["value"] > match["base"]["value"]
    assert match["delta"]["low"] <= match["delta"]["value"] <= match["delta"]["high"]
    assert set(report["references"]) >= {"majority", "bag_of_words"}
    answers = stack.call("carol", "GET", f"/runs/{run['id']}/answers?limit=500")["items"]
    right = sum(answer["scores"]["exact_match"]["tuned"] for answer in answers)
    assert len(answers) == report["n"] == version["counts"]["test"]
    assert abs(right / len(answers) - match["tuned"]["value"]) < 1e-9
    finding = stack.call(
        "carol",
        "POST",
        "/projects/clinic/findings",
        201,
        json={"run_id": run["id"], "tag": "category", "value": report["slices"][0]["value"]},
    )
    opened = stack.call("carol", "POST", f"/findings/{finding['id']}/round", 201)
    assert opened["targets"][0]["value"] == finding["value"]
    rounds = stack.call("alice", "GET", "/projects/clinic/rounds")["items"]
    assert [round_["id"] for round_ in rounds] == [opened["id"]]
    actions = {event["action"] for event in stack.call("carol", "GET", "/audit?limit=100")["items"]}
    assert {"pairs.approved_in_bulk", "version.frozen", "run.done", "finding.opened_round"} <= actions
