"""The commands about people and their tokens."""

from __future__ import annotations

import re

import pytest

from app.cli import accounts
from app.core.errors import Conflict, NotFound
from app.domain.accounts import actions as accounts_actions, queries as accounts_queries
from tests.fixtures.web_client import events


def test_tokens_are_listed_without_themselves_and_revoked(database, cast) -> None:
    with database.session() as session:
        raw = accounts_actions.issue_token(session, user=cast.alice, name="nightly", read_only=True)
    with database.session() as session:
        (line,) = accounts.token_lines(session, "alice@example.org")
        assert "nightly" in line and "read" in line and raw not in line
        accounts.revoke_token(session, re.match(r"[0-9a-f]{32}", line)[0])
    with database.session() as session:
        assert accounts.token_lines(session, "alice@example.org") == []
        assert accounts_queries.user_by_token(session, raw) is None
        with pytest.raises(NotFound, match="token list"):
            accounts.revoke_token(session, "0" * 32)
    assert [event.action for event in events(database)][-2:] == ["token.issued", "token.revoked"]


def test_a_person_is_deactivated_by_name_and_never_the_last_admin(database, cast) -> None:
    with database.session() as session:
        assert not accounts.deactivate(session, "alice@example.org", None).active
        with pytest.raises(Conflict):
            accounts.deactivate(session, "carol@example.org", None)
        with pytest.raises(NotFound):
            accounts.deactivate(session, "nobody@example.org", None)


def test_each_start_revokes_the_trainers_token_of_the_start_before(database, cast) -> None:
    raws = []
    for _ in range(3):
        with database.session() as session:
            raws.append(accounts.trainer_token(session))
    with database.read() as session:
        assert [accounts_queries.user_by_token(session, raw) is not None for raw in raws] == [False, False, True]
