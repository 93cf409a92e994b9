"""A person with canary words in every input, and the search for them in every table, file and page."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session
from starlette.testclient import TestClient

from app.core import jobs
from app.core.db.base import Base, now
from app.core.db.database import Database
from app.core.idempotency import IdempotentAnswer
from app.core.storage import Storage
from app.domain.accounts import actions as accounts_actions
from app.domain.accounts.tables import User
from app.domain.auth.tables import WebSession
from app.domain.consent import actions as consent_actions
from app.domain.evaluations import actions as evaluations_actions
from app.domain.findings import actions as findings_actions, queries as findings_queries
from app.domain.imports import actions as imports_actions, queries as imports_queries
from app.domain.models.tables import ModelVersion
from app.domain.pairs import actions as pairs_actions, content as pair_content
from app.domain.pairs.declarations import Declared
from app.domain.pairs.tables import Pair
from app.domain.privacy import actions as privacy_actions, queries as privacy_queries
from app.domain.projects import actions as projects_actions
from app.domain.reviews import actions as reviews_actions
from app.domain.runs import actions as runs_actions
from app.domain.runs.tables import TrainingRun
from app.domain.versions import actions as versions_actions, queries as versions_queries
from app.domain.versions.tables import DatasetVersion
from tests.fixtures.people import Cast
from trainer import protocol

NAME, EMAIL, WORD = "Zebulon Quagmire", "zebulon@quagmire.example", "xylocanary"
COMMON = "Where do I hand in the form for the reimbursement of travel expenses to the clinic, and until when?"
"""WORD begins every canary text; NAME and EMAIL are the person's own."""


class World:
    """The objects of the scenario, by name."""

    def __init__(self, app: Any, cast: Cast) -> None:
        self.app, self.cast = app, cast
        self.database: Database = app.state.database
        self.storage: Storage = app.state.storage
        self.person: User
        self.ids: dict[str, str] = {}


def content(number: int, word: str, answer: str = "Front desk") -> pair_content.Content:
    """Return a content unlike any other; prompt, answer and source contain the word."""
    noise = " ".join(f"{word}{number}{letter}{number * 7 + at}" for at, letter in enumerate("abcdefgh"))
    return pair_content.pair(
        f"{noise}?",
        f"{answer} {word}",
        source=f"{word} notebook",
        licence="CC BY 4.0",
        tags={"language": "en", "category": f"{word}-kind", "ward": "north"},
    )


def build(app: Any, cast: Cast) -> World:
    """Create, with the actions, everything that a person can leave behind, and commit it."""
    world = World(app, cast)
    with world.database.session() as session:
        world.person = _person(session, cast)
    with world.database.session() as session:
        _write(session, world)
    with world.database.session() as session:
        _import(session, world)
    with world.database.session() as session:
        _freeze_and_train(session, world)
    return world


def _person(session: Session, cast: Cast) -> User:
    person = accounts_actions.create_user(session, email=EMAIL, name=NAME)
    projects_actions.add_member(session, cast.carol, cast.project, email=EMAIL, role="editor")
    terms = consent_actions.publish(session, cast.carol, "Submit only your own work.")
    for user in (person, cast.alice, cast.bob):
        consent_actions.accept(session, user, terms.number, how="page")
    accounts_actions.issue_token(session, user=person, name=f"{NAME}'s laptop")

    session.add(
        WebSession(
            digest="d" * 64,
            user_id=person.id,
            expires_at=now() + timedelta(days=1),
            user_agent=f"{WORD} browser of {NAME}",
        )
    )
    session.add(IdempotentAnswer(user_id=person.id, key="k", fingerprint="f" * 64, status=201, body={"text": WORD}))
    return person


def _write(session: Session, world: World) -> None:
    """Create eight pairs by the person and eight by Alice, each approved by another editor; comments, drafts, a fix."""
    cast, person = world.cast, world.person
    for number in range(8):
        theirs = pairs_actions.create(session, person, cast.project, content(number, WORD))
        pairs_actions.submit(session, person, theirs)
        _judge(session, cast, cast.bob, theirs, comment=f"About {WORD}{number}: good.")
        hers = pairs_actions.create(session, cast.alice, cast.project, content(number, "plainword"))
        pairs_actions.submit(session, cast.alice, hers)
        _judge(session, cast, person, hers, comment=f"{WORD} comment by {NAME}")
        world.ids[f"theirs{number}"], world.ids[f"hers{number}"] = theirs.id, hers.id
    quoted = pair_content.pair(f"{COMMON} {WORD}", "One", source=WORD, licence="CC0", tags={"category": f"{WORD}-kind"})
    pair = pairs_actions.create(session, person, cast.project, quoted)
    pairs_actions.submit(session, person, pair)
    _judge(session, cast, cast.bob, pair, comment="")
    twin = pair_content.pair(COMMON, "Other", source="plain", licence="CC0", tags={"language": "en"})
    world.ids["quoting"] = pairs_actions.create(session, cast.alice, cast.project, twin).id
    fixed = pairs_actions.create(session, cast.alice, cast.project, content(90, "plainword"))
    pairs_actions.submit(session, cast.alice, fixed)
    lease = reviews_actions.take_next(session, person, cast.project)
    assert lease is not None and lease.pair_id == fixed.id
    turns = [{"role": "user", "content": f"{WORD} fixed the question"}, {"role": "assistant", "content": "Front desk"}]
    reviews_actions.decide(
        session, person, fixed, lease=lease.id, decision="fix_and_accept", ratings={}, messages=turns
    )
    world.ids["fixed"] = fixed.id
    reason = Declared(waivers=[{"code": "pii", "reason": f"{WORD} is intended"}])
    world.ids["draft"] = pairs_actions.create(session, person, cast.project, content(91, WORD), declared=reason).id
    stored = IdempotentAnswer(user_id=cast.bob.id, key="b", fingerprint="f" * 64, status=200)
    stored.body = {"pair": {"id": world.ids["theirs0"], "prompt": f"{WORD} in a stored answer"}}
    session.add(stored)


def _judge(session: Session, cast: Cast, reviewer: User, pair: Pair, *, comment: str) -> None:
    lease = reviews_actions.take_next(session, reviewer, cast.project)
    assert lease is not None and lease.pair_id == pair.id
    reviews_actions.decide(session, reviewer, pair, lease=lease.id, decision="accept", ratings={}, comment=comment)


def _import(session: Session, world: World) -> None:
    rows = [{"prompt": content(at, WORD + "import").prompt, "completion": f"Front desk {WORD}"} for at in range(3)]
    job = imports_actions.request_import(
        session,
        world.person,
        world.cast.project,
        storage=world.storage,
        data=b"".join(json.dumps(row).encode() + b"\n" for row in rows),
        filename=f"{WORD} of {NAME}.jsonl",
        source=f"{WORD} shelf",
        license="CC BY 4.0",
        approve=True,
    )
    imports_actions.save_rows(
        session, job.payload, imports_queries.check_rows(session, world.storage, job.payload, lambda *_: None)
    )
    job.state = "done"
    world.ids["upload"] = job.payload["file"]


def _freeze_and_train(session: Session, world: World) -> None:
    cast = world.cast
    job = versions_actions.request_version(
        session, cast.carol, cast.project, name="Frozen", splits={"train": 0.5, "validation": 0.2, "test": 0.3}
    )
    version = versions_actions.freeze(session, versions_queries.prepare_version(session, world.storage, job.payload))
    job.state = "done"
    run = runs_actions.request_run(session, cast.carol, cast.project, version_id=version.id, recipe={})
    _train(session, world, run, version)
    waiting = runs_actions.request_run(session, cast.carol, cast.project, version_id=version.id, recipe={})
    world.ids |= {"version": version.id, "run": run.id, "waiting": waiting.id, "hash": version.hash}


def _train(session: Session, world: World, run: TrainingRun, version: DatasetVersion) -> None:
    """Finish the run as a trainer does: with answers that cite each test example, and with files."""
    job = jobs.by_id(session, run.job_id)
    job.state, job.token, run.started_at = "running", 1, run.created_at
    lines = [json.loads(line) for line in world.storage.bytes_of(version.files["test"]["sha256"]).splitlines()]
    answers = [
        protocol.Answer(
            id=line["id"],
            prompt=line["messages"][0]["content"],
            reference=line["messages"][1]["content"],
            tags=line["tags"],
            outputs={
                "base": protocol.AnswerText(text="?"),
                "tuned": protocol.AnswerText(text=line["messages"][1]["content"] + "?"),
            },
            scores={"exact_match": {"base": 0.0, "tuned": 0.0}},
        )
        for line in lines
    ]
    report = report_of([f"{WORD}-kind", "plainword-kind"])
    artifacts = [
        _artifact(world, "answers.jsonl", b"".join(answer.model_dump_json().encode() + b"\n" for answer in answers)),
        _artifact(world, "report.json", report.model_dump_json().encode()),
        _artifact(world, "model/model.safetensors", b"weights"),
    ]
    evaluations_actions.accept_completion(
        session,
        protocol.Finish(job=job.id, token=1, outcome="done", report=report, answers=answers, artifacts=artifacts),
    )
    finding = findings_actions.create(
        session, world.cast.carol, world.cast.project, run_id=run.id, tag="category", value=f"{WORD}-kind"
    )
    cited = finding.failing[0]["prompt"]  # an admin can quote an answer
    brief = f"{findings_queries.draft_brief(session, finding)}\n\n- {cited}"
    findings_actions.open_round(session, world.cast.carol, finding, brief=brief)
    assert WORD in cited and f"{WORD}-kind" in brief
    world.ids["finding"] = finding.id


def _artifact(world: World, name: str, body: bytes) -> protocol.Artifact:
    sha256, size = world.storage.put([body])
    return protocol.Artifact(name=name, sha256=sha256, size=size)


def report_of(kinds: list[str]) -> protocol.Report:
    value = protocol.Interval(value=0.5, low=0.4, high=0.6)
    delta = protocol.Difference(value=0, low=-0.1, high=0.1, p=1)
    scores = {"base": value, "tuned": value}
    comparisons = [protocol.Comparison(a="tuned", b="base", metric="exact_match", delta=delta)]
    slices = [
        protocol.Slice(tag="category", value=kind, n=5, metric="exact_match", scores=scores, comparisons=comparisons)
        for kind in kinds
    ]
    return protocol.Report(
        n=9,
        primary="exact_match",
        systems=["base", "tuned"],
        metrics={"exact_match": scores},
        comparisons=comparisons,
        slices=slices,
        cost=protocol.Cost(seconds=1, tokens=1, peak_memory_bytes=1),
    )


# --- searching ---


def traces(world: World, words: tuple[str, ...], viewer: TestClient, tmp_path: Path) -> list[str]:
    """Return where one of the words still occurs: rows, database files, stored files, pages."""
    needles = [word.lower().encode() for word in words]
    found = []
    with world.database.read() as session:
        for table in Base.metadata.sorted_tables:
            for row in session.execute(select(table)):
                values = repr(tuple(row)).lower()
                found += [f"row of {table.name}: {values}" for needle in needles if needle.decode() in values]
    folders = [Path(world.app.state.settings.data_dir)]
    files = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    files += sorted(tmp_path.glob("test.sqlite3*"))
    found += [f"file {path.name}" for path in files if any(n in path.read_bytes().lower() for n in needles)]
    for address in _pages(world):
        answer = viewer.get(address)
        assert answer.status_code == 200, (address, answer.text[:300])
        found += [f"page {address}"] if any(n in answer.content.lower() for n in needles) else []
    return found


def _pages(world: World) -> list[str]:
    person, ids = world.person.id, world.ids
    pair_pages = [f"/pairs/{ids[name]}" for name in ("theirs0", "hers0", "fixed", "draft", "quoting")]
    return [
        "/",
        "/audit",
        "/projects/clinic",
        "/projects/clinic/pairs",
        "/projects/clinic/pairs?state=withdrawn",
        "/projects/clinic/members",
        "/projects/clinic/versions",
        "/projects/clinic/findings",
        "/projects/clinic/rounds",
        f"/versions/{ids['version']}",
        f"/versions/{ids['version']}/lineage",
        f"/runs/{ids['run']}",
        f"/findings/{ids['finding']}",
        f"/models/{model_of(world)}/lineage",
        f"/accounts/{person}/contributions",
        *pair_pages,
    ]


def model_of(world: World) -> str:
    with world.database.read() as session:
        return session.scalars(select(ModelVersion.id)).one()


def erase(world: World, content: str) -> dict[str, Any]:
    with world.database.session() as session:
        person = session.get_one(User, world.person.id)
        carol = session.get_one(User, world.cast.carol.id)
        privacy_actions.erase(session, world.storage, carol, person, content=content)
    privacy_actions.sweep(world.database, world.storage, world.app.state.settings.erasures_path)
    with world.database.read() as session:
        erasure = privacy_queries.erasure_of(session, session.get_one(User, world.person.id))
        assert erasure is not None
        return dict(erasure.report)
