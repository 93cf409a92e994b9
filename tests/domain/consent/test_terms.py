"""Terms: admins publish them, users accept them, contributions require them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from starlette.testclient import TestClient

from app.core.db.database import Database
from app.core.errors import Conflict, Invalid
from app.core.storage import Storage
from app.domain.consent import actions as consent_actions, queries as consent_queries
from app.domain.imports import actions as imports_actions, queries as imports_queries
from app.domain.pairs import actions as pairs_actions, content as pair_content
from app.domain.pairs.tables import Revision
from app.domain.versions import actions as versions_actions, queries as versions_queries
from tests.fixtures.people import Cast

BODY = {
    "messages": [{"role": "user", "content": "Where is the front desk?"}, {"role": "assistant", "content": "Left."}],
    "source": "own",
    "licence": "CC0",
}


def test_no_terms_no_acceptance(cast: Cast, as_user: Callable[..., TestClient]) -> None:
    alice = as_user(cast.alice)
    pair = alice.post("/api/v1/projects/clinic/pairs", json=BODY).json()
    assert alice.post(f"/api/v1/pairs/{pair['id']}/submit").status_code == 200
    assert alice.get("/api/v1/terms").json() == {"current": None, "accepted": False, "items": [], "next": None}


def test_submitting_requires_terms(cast: Cast, database: Database, as_user: Callable[..., TestClient]) -> None:
    alice, carol = as_user(cast.alice), as_user(cast.carol)
    assert alice.post("/api/v1/terms", json={"text": "Mine"}).status_code == 403
    assert carol.post("/api/v1/terms", json={"text": "Submit only **your own** work."}).status_code == 201
    pair = alice.post("/api/v1/projects/clinic/pairs", json=BODY).json()
    rejected = alice.post(f"/api/v1/pairs/{pair['id']}/submit")
    assert (rejected.status_code, rejected.json()["error"]) == (409, "terms")
    assert alice.post("/api/v1/terms/accept", json={"number": 1}).status_code == 200
    assert alice.post(f"/api/v1/pairs/{pair['id']}/submit").status_code == 200
    with database.read() as session:
        terms = consent_queries.current(session)
        assert terms is not None and session.get_one(Revision, pair["revision"]).terms_id == terms.id


def test_new_terms_and_withdrawal(cast: Cast, as_user: Callable[..., TestClient]) -> None:
    alice, carol = as_user(cast.alice), as_user(cast.carol)
    for number in (1, 2):
        carol.post("/api/v1/terms", json={"text": f"Version {number}"})
    assert alice.post("/api/v1/terms/accept", json={"number": 1}).status_code == 409
    assert alice.post("/api/v1/terms/accept", json={"number": 2}).json()["how"] == "api"
    assert alice.get("/api/v1/terms").json()["accepted"] is True
    assert alice.post("/api/v1/terms/withdraw").json() == {"accepted": False}
    assert alice.post("/api/v1/terms/withdraw").status_code == 409
    assert alice.get("/api/v1/terms").json()["accepted"] is False


def test_import_requires_and_stores_terms(cast: Cast, app: Any) -> None:
    database, storage = app.state.database, app.state.storage
    line = b'{"prompt": "Where do I park?", "completion": "Behind the house."}\n'

    def request(session: Any) -> Any:
        return imports_actions.request_import(
            session, cast.bob, cast.project, storage=storage, data=line, filename="x.jsonl", source="own", license="CC0"
        )

    with database.session() as session:
        terms_id = consent_actions.publish(session, cast.carol, "Terms").id
    with pytest.raises(Conflict, match="/terms"), database.session() as session:
        request(session)
    with database.session() as session:
        consent_actions.accept(session, cast.bob, 1, how="page")
        job = request(session)
        imports_actions.save_rows(
            session, job.payload, imports_queries.check_rows(session, storage, job.payload, lambda *_: None)
        )
        assert [revision.terms_id for revision in session.query(Revision)] == [terms_id]


def test_version_filters_license_and_terms(cast: Cast, app: Any) -> None:
    database: Database = app.state.database
    storage: Storage = app.state.storage
    rows = "".join(f'{{"prompt": "Case {at} of {at * 91}?", "completion": "Yes"}}\n' for at in range(12)).encode()
    with database.session() as session:
        for license in ("CC0", "MIT"):
            if license == "MIT":
                consent_actions.accept(
                    session, cast.bob, consent_actions.publish(session, cast.carol, "Terms").number, how="page"
                )
            job = imports_actions.request_import(
                session, cast.bob, cast.project, storage=storage, data=rows.replace(b"Case", license.encode()),
                filename="x.jsonl", source=f"{license} shelf", license=license, approve=True,
            )  # fmt: skip
            imports_actions.save_rows(
                session, job.payload, imports_queries.check_rows(session, storage, job.payload, lambda *_: None)
            )
    with database.session() as session:
        counts = {
            name: len(versions_queries.approved_pairs(session, cast.project, filters))
            for name, filters in {
                "all": {}, "one": {"licence": "CC0"},
                "both": {"licence": ["CC0", "MIT"]}, "terms": {"accepted_terms": True},
                "terms not required": {"accepted_terms": False}, "none": {"licence": "GPL"},
            }.items()
        }  # fmt: skip
        assert counts == {"all": 24, "one": 12, "both": 24, "terms": 12, "terms not required": 24, "none": 0}
        job = versions_actions.request_version(
            session, cast.carol, cast.project, name="v", filters={"licence": ["MIT"]}
        )
        version = versions_actions.freeze(session, versions_queries.prepare_version(session, storage, job.payload))
        assert {value: sum(splits.values()) for value, splits in version.distribution["licence"].items()} == {"MIT": 12}
        assert list(version.distribution["source"]) == ["MIT shelf"]
        with pytest.raises(Invalid, match="accepted_terms"):
            versions_actions.request_version(
                session, cast.carol, cast.project, name="v", filters={"accepted_terms": "yes"}
            )


def test_admin_submits_under_author_terms(cast: Cast, database: Database) -> None:
    content = pair_content.parse(BODY)
    with database.session() as session:
        consent_actions.publish(session, cast.carol, "Terms")
        consent_actions.accept(session, cast.carol, 1, how="page")
        pair = pairs_actions.create(session, cast.alice, cast.project, content)
        pairs_actions.submit(session, cast.carol, pair)
        assert session.get_one(Revision, pair.current_revision_id).terms_id is None
