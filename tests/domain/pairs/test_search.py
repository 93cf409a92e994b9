"""The text search finds what reading every text would find, on both engines; and nothing of it outlives an erasure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from hypothesis import HealthCheck, example, given, settings as hypothesis_settings, strategies as st
from sqlalchemy import event, func, select, text
from sqlalchemy.orm import Session

from app.bootstrap import ROOT, upgrade
from app.cli import dump
from app.core.db.base import new_id, now
from app.core.db.database import Database
from app.domain.imports import actions as imports_actions
from app.domain.imports.prepare_rows import PreparedRows
from app.domain.pairs import actions as pairs_actions, content as pair_content, queries as pairs_queries
from app.domain.pairs.indexes import index_actions, search_queries
from app.domain.pairs.tables import Pair, PairText, Revision
from app.domain.projects import actions as projects_actions
from app.domain.projects.tables import Project
from tests.fixtures.people import Cast
from tests.security.canaries import WORD, World, build, erase

LETTERS = st.sampled_from(list("aAbBéÉeß ſS.%_*\"'\\()-:^🙂👩\u200d東京İıςσ\x1e\x1f\n\u0301\ue000"))
WORDS = st.text(LETTERS, min_size=1, max_size=8)
WILD = [("100%", "a_b"), ("1000", "axb"), ('say "x" AND y', "*"), ("x", "y")]
OTHERS = [("STRASSE", "é"), ("straße", "e\u0301"), ("東京都", "🙂"), ("ab", "c")]


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lists look at the newest two only, and at the index for the rest."""
    monkeypatch.setattr(pairs_queries, "WINDOW", 2)


def opened(session: Session, cast: Cast) -> Project:
    slug = f"s{new_id()}"
    return projects_actions.create_project(
        session, cast.carol, slug=slug, name="x", task="generation", languages=[], domains=[]
    )


def put(session: Session, project: Project, author: str, prompt: str, completion: str = "", **given: Any) -> Pair:
    pair = Pair(id=new_id(), project_id=project.id, author_id=author, **{"state": "draft", **given})
    content = pair_content.pair(prompt, completion, tags=given.pop("tags", {}))
    revision = pairs_actions.new_revision(pair, author, content, number=1, problems=[])
    pair.current_revision_id = revision.id
    session.add(pair)
    session.flush()
    session.add(revision)
    session.flush()
    index_actions.add(session, [(pair, revision)])
    return pair


def tagged(session: Session, cast: Cast, prompt: str, tags: dict[str, str], **given: Any) -> Pair:
    pair = put(session, cast.project, given.pop("author", cast.alice.id), prompt, **given)
    revision = session.get_one(Revision, pair.current_revision_id)
    revision.tags = tags
    index_actions.reindex(session, pair, revision)
    return pair


def found(session: Session, project: Project, limit: int = 2, **filters: Any) -> list[str]:
    """Every page, one behind the other."""
    ids, cursor = [], None
    while True:
        page = pairs_queries.page(session, project, limit=limit, cursor=cursor, **filters)
        ids += [pair.id for pair in page.items]
        cursor = page.next
        if cursor is None:
            return ids


def scanned(session: Session, project: Project, q: str) -> list[str]:
    """By reading every text."""
    rows = session.execute(
        select(Pair.id, Revision.prompt, Revision.completion)
        .join(Revision, Revision.id == Pair.current_revision_id)
        .where(Pair.project_id == project.id, Pair.is_gold.is_(False))
        .order_by(Pair.id.desc())
    )
    fold = search_queries.fold
    return [one for one, prompt, answer in rows if fold(q) in fold(prompt) or fold(q) in fold(answer)]


@hypothesis_settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(
    st.lists(st.tuples(WORDS, WORDS), min_size=3, max_size=8), st.lists(WORDS, min_size=1, max_size=4),
    st.integers(0, 7), st.integers(0, 6), st.integers(1, 8),
)  # fmt: skip
@example(WILD, ["%", "_", '"', "AND", "*"], 0, 0, 2)
@example(OTHERS, ["ß", "É", "東京", "🙂", "bc", "c"], 0, 0, 2)
def test_search_equals_a_full_scan(
    database: Database, cast: Cast, few: None, texts: list[tuple[str, str]], asked: list[str], at: int, start: int,
    length: int,
) -> None:  # fmt: skip
    with database.session() as session:
        project = opened(session, cast)
        for prompt, completion in texts:
            put(session, project, cast.alice.id, prompt, completion)
    part = texts[at % len(texts)][0][start : start + length]
    with database.read() as session:
        for q in [*asked, *([part] if part else []), texts[0][0] * 40]:
            assert found(session, project, q=q) == scanned(session, project, q), q


def test_filters_combine_within_the_project(database: Database, cast: Cast, few: None) -> None:
    with database.session() as session:
        other = opened(session, cast)
        hers = [tagged(session, cast, f"Who mends it {n}?", {"Desk": "Billing" if n % 2 else "Post"}) for n in range(6)]
        his = tagged(session, cast, "Who mends his?", {"desk": "billing"}, author=cast.bob.id)
        tagged(session, cast, "Who mends gold?", {"desk": "billing"}, is_gold=True)
        for _ in range(4):
            put(session, other, cast.alice.id, "Who mends theirs?")
        for pair in hers[:2]:
            pair.state = "submitted"
    billing = [pair.id for pair in hers if pair in hers[1::2]][::-1]
    with database.read() as session:
        ask = lambda **filters: found(session, cast.project, **filters)  # noqa: E731
        assert ask(q="MENDS") == [his.id, *[pair.id for pair in hers[::-1]]]
        assert ask(tags={"DESK": "billing"}) == [his.id, *billing]
        assert ask(tags={"desk": "billing"}, author=cast.alice.id, q="mends") == billing
        assert ask(tags={"desk": "billing"}, state="submitted") == [hers[1].id]
        assert ask(q="it 0", state="submitted") == [hers[0].id]
        assert ask(q="it 5", state="submitted") == ask(tags={"desk": "nobody's"}) == ask(tags={"none": "x"}) == []
        assert ask(author=cast.bob.id) == [his.id] and ask(author="nobody") == []
        assert ask(q="\x00") == ask(q="mends\x00") == ask(q="\ud800") == []


def test_index_follows_an_edit(database: Database, cast: Cast, few: None) -> None:
    with database.session() as session:
        kept = [put(session, cast.project, cast.alice.id, f"Where is platform {n}?") for n in range(4)]
        pair = kept[0]
        content = pair_content.pair("When does it leave?", "at nine", source="desk", licence="CC0-1.0")
        pairs_actions.save(session, cast.alice, pair, content, expected_revision=pair.current_revision_id)
    with database.read() as session:
        assert found(session, cast.project, q="platform") == [one.id for one in kept[:0:-1]]
        assert found(session, cast.project, q="does it leave") == found(session, cast.project, q="nin") == [pair.id]
        assert session.scalar(select(func.count()).select_from(PairText)) == 4
    assert_whole(database)


def assert_whole(database: Database) -> None:
    """FTS5 compares its index with the texts, and raises when they differ."""
    if database.is_sqlite:
        with database.session() as session:
            session.execute(text("INSERT INTO pair_grams (pair_grams, rank) VALUES ('integrity-check', 1)"))


def test_imported_rows_are_found(database: Database, cast: Cast, few: None) -> None:
    prepared = PreparedRows()
    for n in range(5):
        pair_id, content = new_id(), pair_content.pair(f"Row {n} of the file", "yes", tags={"part": f"p{n % 2}"})
        made = {"id": pair_content.digest(content, pair=pair_id), "pair_id": pair_id, "number": 1, "problems": []}
        prepared.revisions.append(
            {**made, **content.as_dict(), "author_id": cast.bob.id, "prompt": content.prompt, "completion": "yes"}
        )
        prepared.pairs.append({
            "id": pair_id, "project_id": cast.project.id, "author_id": cast.bob.id, "state": "draft",
            "current_revision_id": made["id"], "created_at": now(), "updated_at": now(),
        })  # fmt: skip
        prepared.tags.append({"pair_id": pair_id, "project_id": cast.project.id, "tag": "part", "value": f"p{n % 2}"})
    payload = {"project": cast.project.id, "user": cast.bob.id, "file": "0" * 64, "approve": False}
    with database.session() as session:
        imports_actions.save_rows(session, payload, prepared)
    ids = [pair["id"] for pair in prepared.pairs]
    with database.read() as session:
        assert found(session, cast.project, q="of the file") == sorted(ids, reverse=True)
        assert found(session, cast.project, q="row 1", tags={"part": "p1"}) == [ids[1]]
    assert_whole(database)


# --- erasure ---


@pytest.fixture
def world(app: Any, cast: Cast) -> World:
    return build(app, cast)


def test_erased_text_leaves_the_index(world: World, few: None) -> None:
    with world.database.read() as session:
        before = found(session, world.cast.project, q=WORD)
        assert before and WORD in "".join(session.scalars(select(PairText.text)))
        assert holding(session, WORD[-3:])
    erase(world, "withdraw")
    with world.database.read() as session:
        assert found(session, world.cast.project, q=WORD) == []
        assert WORD not in "".join(session.scalars(select(PairText.text)))
        assert not holding(session, WORD[-3:])
        every = set(session.scalars(select(Pair.id)))
        assert set(session.scalars(select(PairText.pair_id))) == every
        gone = set(found(session, world.cast.project, state="withdrawn"))
        assert gone and set(found(session, world.cast.project, state="withdrawn", author=world.person.id)) <= gone
        assert set(before) & set(found(session, world.cast.project, author=world.person.id)) <= gone
    assert_whole(world.database)


def holding(session: Session, gram: str) -> int:
    """How many entries of the index, dead ones too, hold a trigram; of PostgreSQL, how many live rows."""
    if session.get_bind().dialect.name != "sqlite":
        return session.scalar(select(func.count()).where(PairText.text.contains(gram))) or 0
    return session.scalar(text("SELECT count(*) FROM pair_grams_terms WHERE term = :gram"), {"gram": gram}) or 0


# --- the schema ---


def test_migration_writes_what_code_writes(database: Database, cast: Cast) -> None:
    """0006 is frozen; here it is held against the code of today."""
    texts = [("Straße É", "東京 🙂"), ("x\x1ey\x1fz", ""), ("Plain", "Answer"), ("e\u0301", "İ")]
    with database.session() as session:
        for number, (prompt, completion) in enumerate(texts):
            tags = {"Desk": f"Bill  {number}"}
            pair = put(session, cast.project, cast.alice.id, prompt, completion)
            revision = session.get_one(Revision, pair.current_revision_id)
            revision.tags = tags
            index_actions.reindex(session, pair, revision)
        written = [tuple(row) for row in session.execute(select(PairText.__table__))]
    with database.engine.begin() as connection:
        for name in ("pair_grams_terms", "pair_grams", "pair_texts") if database.is_sqlite else ("pair_texts",):
            connection.exec_driver_sql(f"DROP TABLE {name}")
        if not database.is_sqlite:
            connection.exec_driver_sql("DROP FUNCTION pair_grams")
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0005'")
    upgrade(database, "0006")
    with database.read() as session:
        assert [tuple(row) for row in session.execute(select(PairText.__table__))] == written
        assert len(found(session, cast.project, q="straSSe é")) == 1
    assert_whole(database)


def test_metadata_matches_the_schema(database: Database) -> None:
    config = Config(attributes={"database": database})
    config.set_main_option("script_location", str(ROOT / "migrations"))
    command.check(config)


def test_dump_omits_the_index(database: Database) -> None:
    with database.engine.connect() as connection:
        names = {table.name for table in dump.tables(connection)}
    assert "pair_texts" in names and not any(map(search_queries.is_derived, names))


def test_sqlite_plan_starts_at_the_index(database: Database, cast: Cast, few: None) -> None:
    """However the pairs are filtered: begun at the pairs, the search would ask the index once for each."""
    if not database.is_sqlite:
        pytest.skip("PostgreSQL weighs its statistics")
    asked: list[tuple[str, Any]] = []
    with database.session() as session:
        for n in range(5):
            tagged(session, cast, f"Who mends it {n}?", {"desk": "billing"})

    @event.listens_for(database.engine, "before_cursor_execute")
    def note(_c: Any, _k: Any, statement: str, parameters: Any, *_: Any) -> None:
        asked.append((statement, parameters))

    with database.session() as session:
        for filters in (
            {"q": "it 0"},
            {"q": "it 0", "state": "draft"},
            {"tags": {"desk": "billing"}, "author": cast.alice.id},
        ):
            found(session, cast.project, **filters)  # type: ignore[arg-type]
        through = [one for one in asked if "MATCH" in one[0]]
        assert len(through) >= 3
        for statement, parameters in through:
            plan = session.connection().exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters).all()
            assert plan[0][3].startswith("SCAN pair_grams") and not any("TEMP B-TREE" in row[3] for row in plan)


# --- the parts ---


def test_numbers_rise_and_stay_unique(database: Database, cast: Cast) -> None:
    ids = sorted(new_id() for _ in range(300))
    assert sorted(ids, key=search_queries.number_of) == ids or len({one[:16] for one in ids}) < 300
    with database.session() as session:
        same = [put(session, cast.project, cast.alice.id, "x").id for _ in range(3)]
        twins = [f"{same[0][:16]}{n:016x}" for n in range(3)]
        pairs = [
            Pair(id=one, project_id=cast.project.id, author_id=cast.alice.id, current_revision_id="") for one in twins
        ]
        session.add_all(pairs)
        session.flush()
        index_actions.add_texts(session, [(one, cast.project.id, cast.alice.id, {}, "twin", "") for one in twins])
        numbers = {one: number for one, number in session.execute(select(PairText.pair_id, PairText.number))}
        assert len(set(numbers.values())) == 6
        assert sorted(twins, key=lambda one: numbers[one]) == twins
    assert search_queries.number_of("no id") == 0


def test_marks_differ_and_are_text() -> None:
    marks = {search_queries.mark("tag", f"name{n}", "value") for n in range(20_000)}
    assert len(marks) == 20_000 and all(len(one) == 3 and pair_content.is_text(one) for one in marks)
    of = search_queries.marks_of
    assert of("p", "a", {"Desk": "BILLING"}) == of("p", "a", {"desk": "billing"})


def test_distinct_tags_use_the_index(database: Database, cast: Cast) -> None:
    with database.session() as session:
        for tags in ({"Lang": "DE"}, {"lang": "de", "x": "1"}, {"lang": "en"}, {}):
            tagged(session, cast, "x", tags)
        ask: Callable[..., Any] = pairs_queries.spellings
        assert sorted(ask(session, cast.project, "LANG", ["De"])) == [("Lang", "DE"), ("lang", "de")]
        assert ask(session, cast.project, "lang", ["fr"]) == ask(session, cast.project, "none", ["de"]) == []
