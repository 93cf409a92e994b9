"""Steps that several journeys share."""

from __future__ import annotations

from typing import Any

from tests.fixtures import clinic_data
from tests.fixtures.processes import Stack


def open_project(stack: Stack) -> None:
    stack.call("carol", "POST", "/projects", 201, json={"slug": "clinic", "name": "Clinic", "task": "classification"})
    for email, role in (("alice", "expert"), ("bob", "editor")):
        stack.call(
            "carol", "POST", "/projects/clinic/members", 201, json={"email": f"{email}@example.org", "role": role}
        )
    stack.call(
        "carol", "POST", "/projects/clinic/guidelines", 201, json={"text": "# One desk\n\nAnswer with its name."}
    )


def import_approved(stack: Stack) -> dict[str, Any]:
    job = stack.call(
        "bob",
        "POST",
        "/projects/clinic/imports",
        202,
        files={"file": ("clinic.jsonl", clinic_data.lines())},
        data={"source": "written for the journeys", "license": "CC0-1.0", "approve": "true"},
    )
    result: dict[str, Any] = stack.finished(f"/jobs/{job['id']}", 60)["result"]
    return result


def freeze(stack: Stack) -> dict[str, Any]:
    job = stack.call(
        "carol",
        "POST",
        "/projects/clinic/versions",
        202,
        json={"name": "first", "splits": {"train": 0.6, "validation": 0.15, "test": 0.25}},
    )
    done = stack.finished(f"/jobs/{job['id']}", 60)
    version: dict[str, Any] = stack.call("carol", "GET", f"/versions/{done['result']['version']}")
    return version


def start_run(stack: Stack, version: dict[str, Any], **recipe: Any) -> dict[str, Any]:
    run: dict[str, Any] = stack.call(
        "carol",
        "POST",
        "/projects/clinic/runs",
        202,
        json={"version": version["id"], "recipe": {"base_model": "starter", **recipe}},
    )
    return run
