"""Comments: anchors, visibility, resolution, placement in later revisions, and erasure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session
from starlette.testclient import TestClient

from app.core.db.database import Database
from app.core.errors import AppError, Conflict, Forbidden, Invalid, NotFound
from app.core.storage import Storage
from app.domain.accounts import actions as accounts_actions
from app.domain.accounts.tables import User
from app.domain.audit.tables import AuditEvent
from app.domain.comments import actions as comments_actions, anchors, queries as comments_queries
from app.domain.comments.anchors import CommentAnchor
from app.domain.comments.tables import Comment
from app.domain.notifications.tables import Notification
from app.domain.pairs import actions as pairs_actions, content as pair_content, queries as pairs_queries
from app.domain.pairs.tables import Pair
from app.domain.privacy import actions as privacy_actions
from app.domain.projects import actions as projects_actions
from app.domain.reviews import actions as reviews_actions
from tests.fixtures.people import Cast

PROMPT = "Where do I hand in the form for my travel costs, and until when may I do it?"
Signed = Callable[..., TestClient]


def content(prompt: str = PROMPT, completion: str = "Front desk") -> pair_content.Content:
    return pair_content.pair(prompt, completion, source="Own work", licence="CC0-1.0", tags={"language": "en"})


def written(session: Session, cast: Cast, **text: str) -> Pair:
    pair = pairs_actions.create(session, cast.alice, cast.project, content(**text))
    session.flush()
    return pair


def seen(session: Session, cast: Cast, user: User, pair: Pair) -> list[str]:
    return [comment.text for comment in comments_queries.of_pair(session, user, cast.project, pair)]


def test_quote_must_be_at_the_anchor(database: Database, cast: Cast) -> None:
    with database.session() as session:
        pair = written(session, cast)
        at = PROMPT.index("travel")
        comment = comments_actions.add(
            session, cast.bob, pair, "  Which costs?  ", CommentAnchor("messages.0", None, "travel", at, at + 6)
        )
        assert (comment.text, comment.quote, comment.start, comment.end) == ("Which costs?", "travel", at, at + 6)
        odd = comments_actions.add(session, cast.bob, pair, "Odd", CommentAnchor("messages.0", quote="form for my"))
        assert (odd.start, odd.end) == (PROMPT.index("form"), PROMPT.index("form") + 11)
        whole = comments_actions.add(session, cast.bob, pair, "Good overall", CommentAnchor())
        assert (whole.field, whole.start, whole.revision_id) == ("pair", None, pair.current_revision_id)
        wrong: list[tuple[type[AppError], str, CommentAnchor]] = [
            (Conflict, "x", CommentAnchor("messages.0", None, "travel", 0, 6)),
            (Conflict, "x", CommentAnchor("messages.1", quote="nothing like it at all")),
            (Invalid, "x", CommentAnchor("messages.0", None, "t", 70, 9_000)),
            (Invalid, "x", CommentAnchor("messages.0", None, "travel", at, None)),
            (Invalid, "x", CommentAnchor("messages.7")),
            (Invalid, "x", CommentAnchor("tags", quote="en")),
            (Invalid, "x", CommentAnchor("pair", revision="f" * 64)),
            (Invalid, "   ", CommentAnchor()),
            (Invalid, "x" * 5001, CommentAnchor()),
            (Invalid, "nul \x00", CommentAnchor()),
        ]
        for error, text, anchor in wrong:
            with pytest.raises(error):
                comments_actions.add(session, cast.bob, pair, text, anchor)
        with pytest.raises(NotFound):
            comments_actions.add(session, cast.dave, pair, "Hello", CommentAnchor())


def test_reply_resolve_reopen_permission(database: Database, cast: Cast) -> None:
    with database.session() as session:
        erin = accounts_actions.create_user(session, email="erin@example.org", name="Erin")
        projects_actions.add_member(session, cast.carol, cast.project, email=erin.email, role="expert")
        pair = written(session, cast)
        head = comments_actions.add(session, erin, pair, "Is this right?", CommentAnchor())
        answer = comments_actions.reply(session, cast.alice, head, "It is.")
        deeper = comments_actions.reply(session, erin, answer, "Thanks.")
        assert answer.parent_id == deeper.parent_id == head.id
        with pytest.raises(Forbidden):
            comments_actions.resolve(session, erin, head)
        with pytest.raises(Conflict):
            comments_actions.resolve(session, cast.alice, answer)
        for user in (cast.alice, cast.bob, cast.carol):
            assert comments_actions.resolve(session, user, head).resolved_by == user.id
            with pytest.raises(Conflict):
                comments_actions.resolve(session, user, head)
            assert comments_actions.reopen(session, user, head).resolved_at is None
        with pytest.raises(Conflict):
            comments_actions.reopen(session, cast.alice, head)
        actions = [event.action for event in session.scalars(select(AuditEvent)) if event.action.startswith("comment.")]
        assert actions == ["comment.added"] * 3 + ["comment.resolved", "comment.reopened"] * 3


def test_comment_follows_its_quote(database: Database, cast: Cast) -> None:
    with database.session() as session:
        pair = written(session, cast)
        for quote in ("travel costs", "until when may I do it"):
            comments_actions.add(session, cast.bob, pair, quote, CommentAnchor("messages.0", quote=quote))
        changed = f"Good morning! {PROMPT.replace('until when may I do it', 'until when can I still do it')}"
        revision = pairs_actions.save(
            session, cast.alice, pair, content(changed), expected_revision=pair.current_revision_id
        )
        threads = {
            thread.head.text: thread
            for thread in comments_queries.threads(session, cast.bob, cast.project, pair, revision)
        }
        moved = threads["travel costs"]
        assert moved.span and moved.moved and changed[slice(*moved.span)] == "travel costs"
        similar = threads["until when may I do it"]
        assert similar.span and changed[slice(*similar.span)] == "until when can I still do it"
        revision = pairs_actions.save(
            session, cast.alice, pair, content("A new question?"), expected_revision=pair.current_revision_id
        )
        lost = comments_queries.threads(session, cast.bob, cast.project, pair, revision)
        assert [(thread.span, thread.lost) for thread in lost] == [(None, True)] * 2


@pytest.mark.parametrize(
    ("quote", "text", "nth", "expected"),
    [
        ("the", "the cat and the dog and the hen", 1, (12, 15)),
        ("the", "the cat and the dog", 9, (0, 3)),
        ("one label", "Give **one** label.", None, (7, 18)),
        ("Emergency", "An Emergencies desk", None, (3, 14)),
        ("Emergency", "An urgent desk", None, None),
        ("Emergency", "The answer: Emergenzy.", None, (12, 21)),
        ("", "text", None, None),
        ("word", "", None, None),
    ],
)
def test_find_quote(quote: str, text: str, nth: int | None, expected: tuple[int, int] | None) -> None:
    span = anchors.find(quote, text, nth=nth)
    assert (tuple(span) if span else None) == expected


def test_comments_are_blind_until_review(database: Database, cast: Cast) -> None:
    with database.session() as session:
        fay = accounts_actions.create_user(session, email="fay@example.org", name="Fay")
        projects_actions.add_member(session, cast.carol, cast.project, email=fay.email, role="editor")
        cast_project = session.merge(cast.project)
        cast_project.overlap = 2
        pair = written(session, cast)
        comments_actions.add(session, cast.alice, pair, "by the author", CommentAnchor())
        pairs_actions.submit(session, cast.alice, pair)
        leaning = comments_actions.add(session, fay, pair, "I would reject it", CommentAnchor())
        comments_actions.reply(session, cast.alice, leaning, "Why?")
        assert seen(session, cast, cast.bob, pair) == ["by the author"]
        assert seen(session, cast, fay, pair) == seen(session, cast, cast.alice, pair)
        assert len(seen(session, cast, cast.carol, pair)) == 3
        for act in (comments_actions.resolve, comments_actions.reopen):
            with pytest.raises(NotFound):
                act(session, cast.bob, leaning)
        with pytest.raises(NotFound):
            comments_actions.reply(session, cast.bob, leaning, "Hm")
        kinds = session.scalars(select(Notification.kind).where(Notification.user_id == cast.bob.id))
        assert "comment.added" not in list(kinds)
        lease = reviews_actions.take_next(session, cast.bob, cast_project)
        assert lease is not None and lease.pair_id == pair.id
        reviews_actions.decide(session, cast.bob, pair, lease=lease.id, decision="accept", ratings={})
        assert len(seen(session, cast, cast.bob, pair)) == 3


def test_thread_authors_are_notified(database: Database, cast: Cast) -> None:
    with database.session() as session:
        pair = written(session, cast)
        head = comments_actions.add(session, cast.bob, pair, "Which?", CommentAnchor())
        comments_actions.reply(session, cast.carol, head, "Yes, which?")
        comments_actions.reply(session, cast.alice, head, "The first.")
        comments_actions.resolve(session, cast.alice, head)
        notifications = session.scalars(
            select(Notification).where(Notification.kind.startswith("comment")).order_by(Notification.id)
        )
        got = [(row.user_id, row.kind) for row in notifications]
    alice, bob, carol = cast.alice.id, cast.bob.id, cast.carol.id
    added, resolved = "comment.added", "comment.resolved"
    assert got[0] == (alice, added) and set(got[1:3]) == {(alice, added), (bob, added)}
    assert set(got[3:5]) == {(bob, added), (carol, added)} and got[5:] == [(bob, resolved)]


def test_comments_api(database: Database, cast: Cast, as_user: Signed) -> None:
    with database.session() as session:
        pair = written(session, cast)
        written(session, cast, prompt="Another question altogether about parking?")
    bob, alice, dave = as_user(cast.bob), as_user(cast.alice), as_user(cast.dave)
    head = bob.post(f"/api/v1/pairs/{pair.id}/comments", json={"text": "Hm", "field": "messages.0", "quote": "travel"})
    assert head.status_code == 201 and head.json()["quote"] == "travel"
    answer = alice.post(f"/api/v1/pairs/{pair.id}/comments", json={"text": "Yes", "parent": head.json()["id"]})
    assert answer.status_code == 201
    listed = alice.get(f"/api/v1/pairs/{pair.id}/comments").json()["items"]
    assert [reply["id"] for reply in listed[0]["replies"]] == [answer.json()["id"]]
    assert listed[0]["span"] == [head.json()["start"], head.json()["end"]]
    waiting = "/api/v1/projects/clinic/pairs?unresolved=true"
    assert [item["id"] for item in alice.get(waiting).json()["items"]] == [pair.id]
    assert dave.get(f"/api/v1/pairs/{pair.id}/comments").status_code == 404
    assert dave.post(f"/api/v1/comments/{head.json()['id']}/resolve").status_code == 404
    assert alice.post(f"/api/v1/comments/{head.json()['id']}/resolve").json()["resolved_by"] == cast.alice.id
    assert alice.get(waiting).json()["items"] == []
    assert alice.post(f"/api/v1/comments/{head.json()['id']}/reopen").json()["resolved_at"] is None
    assert alice.post(f"/api/v1/comments/{'f' * 32}/reopen").status_code == 404
    elsewhere: dict[str, Any] = {"text": "No", "parent": "f" * 32}
    assert alice.post(f"/api/v1/pairs/{pair.id}/comments", json=elsewhere).status_code == 404


@pytest.mark.assurance
@pytest.mark.parametrize("choice", ["keep", "withdraw"])
def test_erasure_of_comments(database: Database, cast: Cast, choice: str, tmp_path: Any) -> None:
    """Comments by others on her pairs and drafts, and hers on other pairs; her notifications are always deleted."""
    with database.session() as session:
        hers = written(session, cast)
        pairs_actions.submit(session, cast.alice, hers)
        draft = written(session, cast, prompt="An unfinished thought about badges?")
        his = pairs_actions.create(session, cast.bob, cast.project, content("Bob asks about canteen hours?"))
        on_hers = comments_actions.add(
            session, cast.bob, hers, "bob on hers", CommentAnchor("messages.0", quote="travel")
        )
        on_draft = comments_actions.add(
            session, cast.bob, draft, "bob on draft", CommentAnchor("messages.0", quote="badges")
        )
        on_his = comments_actions.add(
            session, cast.alice, his, "alice on his", CommentAnchor("messages.0", quote="canteen")
        )
        ids = [comment.id for comment in (on_hers, on_draft, on_his)]
        assert session.scalars(select(Notification).where(Notification.user_id == cast.alice.id)).all()
    with database.session() as session:
        actor, subject = (session.get_one(User, user.id) for user in (cast.carol, cast.alice))
        privacy_actions.erase(session, Storage(f"file://{tmp_path}/files"), actor, subject, content=choice)
    with database.read() as session:
        comments = [session.get_one(Comment, comment_id) for comment_id in ids]
        assert comments[1].text == comments[1].quote == ""
        expected = ["bob on hers", "[name] on his"] if choice == "keep" else ["", ""]
        assert [comments[0].text, comments[2].text] == expected
        assert [bool(comments[0].quote), bool(comments[2].quote)] == [choice == "keep"] * 2
        assert not session.scalars(select(Notification).where(Notification.user_id == cast.alice.id)).all()
        assert pairs_queries.by_id(session, draft.id).state == "withdrawn"
