"""The permission table: what each principal gets from each route, tried on it and computed from the roles."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from app.domain.accounts.permissions import GLOBAL, ROLE_PERMISSIONS, Permission, Role
from app.http import route_permissions
from app.http.error_responses import API_PREFIXES
from tests.security.examples import API
from tests.security.matrix import PRINCIPALS, SAFE, Matrix, Row, postgres_matrix, read_table, sqlite_matrix

pytestmark = pytest.mark.assurance
Tally = Callable[[str, int], None]
Route = tuple[str, str]
ROLES = {"author": Role.EXPERT, "expert": Role.EXPERT, "editor": Role.EDITOR, "admin": Role.ADMIN}

AUTHORS = {"author", "admin"}
WRITERS = {"author", "editor", "admin"}
PERSONAL: dict[Route, set[str]] = {
    **{("POST", f"{API}/pairs/{{pair_id}}/{step}"): AUTHORS for step in ("submit", "discard", "bring-back")},
    **{("POST", f"/pairs/{{pair_id}}/{step}"): AUTHORS for step in ("submit", "withdraw", "discard", "undiscard")},
    **{("POST", f"/pairs/{{pair_id}}/{step}"): WRITERS for step in ("save", "autosave", "restore")},
    ("PUT", f"{API}/pairs/{{pair_id}}"): WRITERS,
    ("POST", "/jobs/{job_id}/cancel"): AUTHORS,  # the author's import
    ("POST", f"{API}/reviews/{{review_id}}/undo"): {"editor"},  # the editor's decision
    ("POST", "/projects/{slug}/reviews/undo"): {"editor"},
    ("DELETE", f"{API}/tokens/{{token_id}}"): {"author"},
    ("DELETE", f"{API}/sessions/{{session_id}}"): {"author"},
    ("POST", "/account/tokens/{token_id}/revoke"): {"author"},
    ("POST", "/account/sessions/{session_id}/end"): {"author"},
    **{("POST", f"{at}/comments/{{comment_id}}/{step}"): WRITERS for at in ("", API) for step in ("resolve", "reopen")},
    ("GET", f"{API}/jobs/{{job_id}}/errors"): AUTHORS,  # the author's import
    ("GET", "/jobs/{job_id}/errors"): AUTHORS,
    ("GET", "/projects/{slug}/imports/{upload_id}"): {"author"},
    ("POST", "/projects/{slug}/imports/{upload_id}"): {"author"},
    ("GET", f"{API}/people/{{user_id}}/contributions"): AUTHORS,
    ("GET", f"{API}/people/{{user_id}}/data"): AUTHORS,
}
"""Objects of one user: who, of the users with the permission, may touch this one."""

OTHER_EVENTS: dict[Route, tuple[str, str]] = {
    ("POST", f"{API}/projects/{{slug}}/pairs/check"): ("0", "nothing is saved"),
    ("POST", "/projects/{slug}/pairs/check"): ("0", "nothing is saved"),
    ("POST", "/projects/{slug}/pairs/preview"): ("0", "nothing is saved"),
    ("POST", "/projects/{slug}/pairs/compare"): ("0", "nothing is saved"),
    ("POST", f"{API}/leases/{{lease_id}}/renew"): ("0", "a heartbeat"),
    ("POST", "/leases/{lease_id}/renew"): ("0", "a heartbeat"),
    ("POST", f"{API}/notifications/read"): ("0", "what a person has seen; says nothing of the work"),
    ("POST", "/notifications/read"): ("0", "what a person has seen; says nothing of the work"),
    ("POST", "/worker/v1/claim"): ("0", "nothing waits; the run's events are its own log"),
    ("POST", "/worker/v1/heartbeat"): ("0", "a heartbeat"),
    ("POST", "/worker/v1/events"): ("0", "the run's events are its own log"),
    ("PUT", "/worker/v1/artifacts/{sha256}"): ("0", "bytes; the finish that names them is the event"),
    ("POST", f"{API}/findings/{{finding_id}}/round"): ("2", "the round and the finding's change"),
    ("POST", "/findings/{finding_id}/round"): ("2", "the round and the finding's change"),
    ("POST", "/pairs/{pair_id}/review"): ("2", "the decision and the next item's lease"),
    ("POST", "/accounts"): ("2", "the account and its one-time link"),
    ("POST", f"{API}/terms/accept"): ("0/1", "accepting twice changes nothing"),
    ("POST", "/terms/accept"): ("0/1", "accepting twice changes nothing"),
}
NO_SUCCESS: dict[Route, str] = {
    ("POST", "/sign-in"): "a right password: tests/web/test_sign_in.py",
    ("POST", "/sign-in/second-factor"): "a right code: tests/web/test_sign_in.py",
    ("POST", "/account/second-factor/confirm"): "a right code: tests/web/test_account.py",
    ("POST", "/account/second-factor/codes"): "a right code: tests/web/test_account.py",
    ("POST", "/account/second-factor/off"): "a right code: tests/web/test_account.py",
    ("POST", "/accounts/{user_id}/reset-factor"): "a person with a factor: tests/web/test_account.py",
}


# --- what happens ---


def part_of(method: str, path: str) -> str:
    if path.startswith(API_PREFIXES):
        return "json"
    return "pages read" if method in SAFE else "pages changed"


def compare(matrix: Matrix, wanted: Callable[[str, str], bool]) -> list[str]:
    """Return the differences between the running application and the table, in words."""
    table = {(row["method"], row["route"]): row for row in read_table() if wanted(row["method"], row["route"])}
    wrong = []
    for method, path, permission in matrix.routes():
        if not wanted(method, path):
            continue
        expected = table.pop((method, path), None)
        if expected is None:
            wrong.append(f"{method} {path} is not in the table; run python -m tests.security.matrix and read it")
            continue
        found = matrix.row(method, path, permission)
        wrong += [
            f"{method} {path}, {name}: {found[name]}, in the table {expected[name]}"
            for name in expected
            if found[name] != expected[name]
        ]
    return wrong + [f"{method} {path} is in the table and not in the application" for method, path in table]


@pytest.mark.slow
@pytest.mark.parametrize("part", ["json", "pages read", "pages changed"])
def test_application_matches_table(tmp_path: Path, tally: Tally, part: str) -> None:
    with sqlite_matrix(tmp_path) as matrix:
        assert compare(matrix, lambda method, path: part_of(method, path) == part) == []
        assert matrix.wrong_events == []
        tally("cells tried", matrix.cells)
        tally("routes walked", matrix.cells // len(PRINCIPALS))


@pytest.mark.slow
@pytest.mark.parametrize("part", ["json", "pages changed"])
def test_postgresql_matches_table(
    tmp_path: Path, tally: Tally, part: str, postgres_url: str, postgres_template: str
) -> None:
    made: AbstractContextManager[Matrix] = postgres_matrix(tmp_path, postgres_url, postgres_template)
    with made as matrix:
        assert compare(matrix, lambda method, path: method not in SAFE and part_of(method, path) == part) == []
        assert matrix.wrong_events == []
        tally("cells tried", matrix.cells)


def test_no_handler_without_permission(tmp_path: Path, tally: Tally, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each route with its handler replaced: users without the permission are refused before it would run.

    Applications of one process share the routes, so each handler is restored afterwards.
    """
    reached, wrong, tried = [], [], 0
    with sqlite_matrix(tmp_path) as matrix:
        for route in route_permissions.walk(matrix.app.routes):
            if permissions := route_permissions.permissions(route) - {route_permissions.WORKER, Permission.USE}:
                monkeypatch.setattr(route.dependant, "call", lambda path=route.path, **_: reached.append(path))
                for method, who in product(sorted(route.methods), ("expert", "editor", "outsider")):
                    right = _of_role(Permission(*permissions), ("", ""), who)
                    if "allowed" not in right:
                        tried += 1
                        status = matrix.send(method, route.path, who)
                        wrong += [(method, route.path, who, status)] * (kind(status) not in right)
    assert (reached, wrong) == ([], [])
    tally("handlers guarded", tried)
    assert tried > 150


# --- what the roles say ---


def kind(cell: str) -> str:
    return {"401": "stranger", "sign-in": "stranger", "403": "refused", "404": "hidden"}.get(cell, "allowed")


def expected(row: Row, who: str) -> set[str]:
    """Return the kinds of response that are right for the permission and the role."""
    asked, path, method = row["permission"], row["route"], row["method"]
    scripts = path.startswith(API_PREFIXES)
    if who in ("nobody", "expired"):
        return {"stranger"}
    if asked == "worker":
        return {"allowed"} if who == "trainer" else {"refused"}
    if who == "trainer":
        return {"refused"} if scripts else {"stranger"}
    if who == "read_only" and (not scripts or method not in SAFE):
        return {"refused"} if scripts else {"stranger"}
    if who == "read_only":
        who = "admin"
    return _of_role(Permission(asked), (method, path), who)


def _of_role(asked: Permission, route: Route, who: str) -> set[str]:
    if asked not in GLOBAL | {Permission.USE} and who == "outsider":
        return {"hidden"}
    if asked is not Permission.USE and asked not in ROLE_PERMISSIONS.get(ROLES.get(who), frozenset()):
        return {"refused"}
    if route in PERSONAL and who not in PERSONAL[route]:
        return {"refused", "hidden"}
    return {"allowed"}


def rows() -> Iterator[Row]:
    return (row for row in read_table() if row["permission"] != "public")


def test_table_matches_roles() -> None:
    wrong = [
        f"{row['method']} {row['route']} as {who}: {row[who]}, which is not {expected(row, who)}"
        for row in rows()
        for who in PRINCIPALS
        if kind(row[who]) not in expected(row, who)
    ]
    assert wrong == []


def test_no_response_is_a_crash() -> None:
    assert [row for row in read_table() for who in PRINCIPALS if row[who] in ("500", "501", "503")] == []


def test_every_change_wrote_one_event() -> None:
    wrong = []
    for row in read_table():
        route = row["method"], row["route"]
        if row["method"] in SAFE or route in NO_SUCCESS:
            continue
        right = OTHER_EVENTS.get(route, ("1", ""))[0]
        if row["events"] != right:
            wrong.append(f"{route}: {row['events'] or 'never succeeded'}, and not {right}")
    assert wrong == []


def test_exceptions_are_all_needed() -> None:
    known = {(row["method"], row["route"]) for row in read_table()}
    assert {*PERSONAL, *OTHER_EVENTS, *NO_SUCCESS} - known == set()


# --- mass assignment ---

FORGED: dict[str, Any] = {
    "role": "admin",
    "author_id": "somebody",
    "approved_by": "me",
    "is_admin": True,
    "state": "approved",
}


def test_forged_fields_are_refused(tmp_path: Path, tally: Tally) -> None:
    """Each field added to each valid body of the API, as an admin: 422, and no event."""
    tried = 0
    with sqlite_matrix(tmp_path) as matrix:
        before = matrix._events()
        for (method, path), example in matrix.examples.items():
            if "json" not in example or path.startswith("/worker/"):
                continue
            for name, value in FORGED.items():
                if name in example["json"]:
                    continue
                changed = {**example, "json": {**example["json"], name: value}}
                matrix.examples[method, path] = changed
                assert matrix.send(method, path, "admin") == "422", (method, path, name)
                tried += 1
        assert matrix._events() == before
    tally("forged fields refused", tried)
    assert tried > 40
