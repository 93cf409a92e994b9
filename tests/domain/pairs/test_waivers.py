"""Reasons for warnings that stay, declared help, and the project's own severities."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from app.core.db.base import now
from app.core.db.database import Database
from app.core.errors import Conflict, Invalid
from app.domain.accounts.tables import User
from app.domain.audit.tables import AuditEvent
from app.domain.pairs import (
    actions as pairs_actions,
    content as pair_content,
    declarations,
    history,
    queries as pairs_queries,
    token_limits,
)
from app.domain.pairs.declarations import Declared
from app.domain.pairs.tables import Pair, Revision
from app.domain.projects import actions as projects_actions
from app.domain.projects.tables import Project
from tests.fixtures.people import Cast

REASON = "The name is that of a street in the exercise."
WAIVERS = [{"code": "pii", "reason": REASON}]


def content(prompt: str = "Write to ann.lee@example.org about the lost form.", **rest: Any) -> pair_content.Content:
    return pair_content.pair(prompt, "administration", source="Alice", licence="CC0-1.0", **rest)


def codes(session: Any, project: Project, given: pair_content.Content) -> dict[str, str]:
    return {one["code"]: one["severity"] for one in pairs_queries.problems_for(session, project, given)}


def here(session: Any, cast: Cast) -> tuple[User, Project]:
    return session.get_one(User, cast.alice.id), session.get_one(Project, cast.project.id)


def test_reasons_survive_the_next_save(database: Database, cast: Cast) -> None:
    with database.session() as session:
        alice, clinic = here(session, cast)
        declared = declarations.parse({}, assistance="spelling", pasted_share=0.4, waivers=WAIVERS)
        pair = pairs_actions.create(session, alice, clinic, content(), declared=declared)
        saved = pairs_actions.save(
            session, alice, pair, content("Write to bob.ray@example.org."), expected_revision=pair.current_revision_id
        )
        assert (saved.assistance, saved.pasted_share, saved.waivers) == ("spelling", 0.4, WAIVERS)
        assert declarations.unexplained(saved.problems, saved.waivers) == 0
        taken_back = pairs_actions.save(
            session, alice, pair, content("Write to bob.ray@example.org."),
            expected_revision=saved.id, declared=Declared(waivers=[]),
        )  # fmt: skip
        assert taken_back.id != saved.id and taken_back.waivers == []
        assert declarations.unexplained(taken_back.problems, taken_back.waivers) == 1


def test_waiver_does_not_unblock(database: Database, cast: Cast) -> None:
    with database.session() as session:
        alice, clinic = here(session, cast)
        pair = pairs_actions.create(session, alice, clinic, content(), declared=Declared(waivers=WAIVERS))
        projects_actions.change_settings(
            session, session.get_one(User, cast.carol.id), clinic, {"checks": {"pii.email": "block"}}
        )
        with pytest.raises(Conflict, match="pii"):
            pairs_actions.submit(session, alice, pair)


def test_unexplained_warning_can_be_submitted(database: Database, cast: Cast) -> None:
    with database.session() as session:
        alice, clinic = here(session, cast)
        pair = pairs_actions.create(session, alice, clinic, content())
        assert pairs_actions.submit(session, alice, pair).state == "submitted"


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"waivers": [{"code": "nonsense", "reason": REASON}]}, "waivers"),
        ({"waivers": [{"code": "secret", "reason": REASON}]}, "waivers"),
        ({"waivers": [{"code": "pii", "reason": " a "}]}, "waivers"),
        ({"waivers": [{"code": "pii", "reason": "x" * 501}]}, "waivers"),
        ({"waivers": [{"code": "pii", "reason": "nul \x00 here"}]}, "waivers"),
        ({"waivers": [{"code": "pii"}]}, "waivers"),
        ({"waivers": [{"code": "filler", "reason": REASON}]}, "waivers"),
        ({"waivers": "pii"}, "waivers"),
        ({"assistance": "ghost"}, "assistance"),
        ({"pasted_share": 1.5}, "pasted_share"),
        ({"pasted_share": True}, "pasted_share"),
        ({"pasted_share": float("nan")}, "pasted_share"),
    ],
)
def test_invalid_declaration_names_its_field(given: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as refused:
        declarations.parse({"filler": "block"}, **given)
    assert refused.value.field == field


def test_project_settings_apply_to_checks(database: Database, cast: Cast) -> None:
    rules = [
        {"kind": "must_contain", "value": ["desk"], "severity": "block"},
        {"kind": "must_cite_source", "severity": "warn"},
    ]
    with database.session() as session:
        _, clinic = here(session, cast)
        given = content(context=[{"text": "The desk opens at nine.", "title": "Opening hours", "source": "intranet"}])
        assert codes(session, clinic, given) == {"pii": "warn"}
        carol = session.get_one(User, cast.carol.id)
        projects_actions.change_settings(session, carol, clinic, {"checks": {"pii": "off"}, "rules": rules})
        found = pairs_queries.problems_for(session, clinic, given)
        assert [one["severity"] for one in found] == ["block", "warn"]
        assert "Opening hours" in found[1]["message"]


def test_only_the_starter_model_counts_tokens(database: Database, cast: Cast) -> None:
    with database.session() as session:
        _, clinic = here(session, cast)
        assert token_limits.counts(clinic, ["Which desk renews my letter?", ""]) is not None
        long = content("Which desk renews the letter of a patient with many forms? " * 80)
        assert "too_many_tokens" in codes(session, clinic, long)
        clinic.base_model = "somebody/model"
        assert token_limits.counts(clinic, ["a"]) is None and "too_many_tokens" not in codes(session, clinic, long)


def test_settings_event_names_only_the_keys(database: Database, cast: Cast) -> None:
    with database.session() as session:
        carol, clinic = session.get_one(User, cast.carol.id), session.get_one(Project, cast.project.id)
        projects_actions.change_settings(session, carol, clinic, {"checks": {"pii": "off"}, "gold": 0.1})
        projects_actions.change_settings(session, carol, clinic, {"gold": 0.1})
    with database.read() as session:
        events = session.query(AuditEvent).filter(AuditEvent.action == "project.settings_changed").all()
        assert [event.details["keys"] for event in events] == [["checks", "gold"]]


def test_place_maps_span_to_its_message() -> None:
    texts = ["first", "zweite 😀 hier", "answer"]
    assert pair_content.place(texts, "prompt", (0, 5)) == (0, 0, 5)
    assert pair_content.place(texts, "prompt", (7, 13)) == (1, 0, 6)
    assert pair_content.place(texts, "prompt", (3, 9)) is None
    assert pair_content.place(texts, "completion", (0, 6)) == (2, 0, 6)
    assert pair_content.place([], "completion", (0, 6)) is None


def test_autosaves_fold_but_submissions_do_not(database: Database, cast: Cast) -> None:
    with database.session() as session:
        alice, clinic = here(session, cast)
        pair = pairs_actions.create(session, alice, clinic, content("The first words of it"))
        for words in ("second words", "third words", "fourth words"):
            pairs_actions.save(session, alice, pair, content(words), expected_revision=pair.current_revision_id)
        made: list[Revision] = pairs_queries.revisions(session, session.get_one(Pair, pair.id))
        first, second, third, fourth = made
        assert [(s.last, s.earlier) for s in history.edit_sessions(made)] == [(fourth, [third, second, first])]
        kept = history.edit_sessions(made, {second.id})
        assert [(s.last, s.earlier) for s in kept] == [(fourth, [third]), (second, [first])]
        first.created_at = now() - timedelta(minutes=11)
        assert [s.last for s in history.edit_sessions(made)] == [fourth, first]
