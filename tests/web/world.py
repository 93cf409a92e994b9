"""A small project with one of everything, made through the actions, for the tests of the pages."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from fastapi import FastAPI
from sqlalchemy.orm import Session

from app.domain.accounts import actions as accounts
from app.domain.accounts.tables import User
from app.domain.datasets import actions as datasets
from app.domain.evaluation import actions as evaluation
from app.domain.findings import actions as findings
from app.domain.guidelines import actions as guidelines
from app.domain.pairs import actions as pairs
from app.domain.pairs import messages
from app.domain.projects import actions as projects
from app.domain.projects.tables import Project
from app.domain.reviews import actions as reviews
from app.domain.rounds import actions as rounds
from app.domain.signin import actions as signin
from app.domain.training import actions as training
from trainer import protocol

CATEGORIES = {
    "chest pain": ("crushing pain in the chest that goes to the left arm", "Emergency"),
    "sore throat": ("a sore throat and a runny nose", "Self-care"),
    "rash": ("an itching rash on both forearms", "General practice"),
    "medication": ("a question about the dose of ramipril", "Pharmacist"),
}
OPENINGS = [
    "Patient of {age} reports {what} since {days} days.",
    "{age} years old; {what}, day {days}.",
    "Caller, {age}: for {days} days there has been {what}.",
    "My father ({age}) has had {what} for {days} days now.",
    "Since about {days} days {what}. Age {age}, otherwise healthy.",
]
GUIDELINE = """# Triage of written requests

Assign **one** label. When two apply, choose the more urgent.

| Label | When |
|---|---|
| Emergency | a danger to life cannot be ruled out |
| General practice | a visit within days |
| Pharmacist | questions about medicines |
| Self-care | nothing else needed |

- Write as patients write; never use a real name.
- The completion is the label alone.
"""


@dataclass
class World:
    """Ids and raw session cookies to ask for pages with."""

    app: FastAPI
    slug: str = "triage"
    ids: dict[str, str] = field(default_factory=dict)
    cookies: dict[str, str] = field(default_factory=dict)


def build(app: FastAPI) -> World:
    world = World(app)
    with app.state.database.session() as session:
        people = _people(session, world)
        project = _project(session, people)
        _pairs(session, people, project, world)
    with app.state.database.session() as session:
        _runs(session, people, project, world)
    return world


def _people(session: Session, world: World) -> dict[str, User]:
    people = {
        name.split()[0].lower(): accounts.create_user(
            session, email=f"{name.split()[0].lower()}@example.org", name=name, is_admin=name.startswith("Ada")
        )
        for name in ("Ada Admin", "Edith Editor", "Emil Expert", "Otto Outsider")
    }
    session.flush()
    world.ids["emil"] = people["emil"].id
    world.cookies = {name: signin.start_session(session, user) for name, user in people.items()}
    return people


def _project(session: Session, people: dict[str, User]) -> Project:
    project = projects.open_project(
        session,
        people["ada"],
        slug="triage",
        name="Triage of patient requests",
        task="classification",
        languages=["en"],
        domains=["general medicine"],
    )
    projects.add_member(session, people["ada"], project, email="edith@example.org", role="editor")
    projects.add_member(session, people["ada"], project, email="emil@example.org", role="expert")
    guidelines.publish(session, people["ada"], project, text=GUIDELINE)
    guidelines.publish(session, people["ada"], project, text=GUIDELINE + "- Days and ages in figures.\n")
    return project


def _content(at: int, rng: random.Random) -> messages.Content:
    name = list(CATEGORIES)[at % 4]
    what, label = CATEGORIES[name]
    prompt = OPENINGS[at % 5].format(age=rng.randint(18, 90), days=rng.randint(1, 20), what=what)
    extra = rng.choice(["No fever.", "Slept badly.", "Nobody else is ill.", "Walks three miles daily.", "Smoker."])
    return messages.pair(
        f"{prompt} {extra} Case {at}.",
        label,
        source="Written for this project",
        licence="CC BY 4.0",
        tags={"category": name, "language": "en", "domain": "general medicine"},
    )


def _pairs(session: Session, people: dict[str, User], project: Project, world: World) -> None:
    rng, emil, edith = random.Random(7), people["emil"], people["edith"]
    round_ = rounds.open_round(
        session,
        people["ada"],
        project,
        title="Chest pain in plain words",
        brief="Requests about **chest pain** as patients really write them.",
        targets=[{"tag": "category", "value": "chest pain", "count": 30}],
    )
    for at in range(60):
        pair = pairs.create(session, emil, project, _content(at, rng), round_id=round_.id if at < 40 else None)
        if at < 57:
            pairs.submit(session, emil, pair)
        if at < 50:
            lease = reviews.take_next(session, edith, project)
            assert lease is not None
            judged = session.get_one(pairs.Pair, lease.pair_id)
            returned = at == 20
            reviews.decide(
                session,
                edith,
                judged,
                lease=lease.id,
                decision="return" if returned else "accept",
                ratings={"accuracy": 5, "relevance": 4},
                comment="The label rests on a number of days that no patient would give." if returned else "",
            )
            world.ids["returned" if returned else "approved"] = judged.id
        if at == 55:
            world.ids["submitted"] = pair.id
        world.ids["draft"] = pair.id
    world.ids["round"] = round_.id


def _runs(session: Session, people: dict[str, User], project: Project, world: World) -> None:
    ada = people["ada"]
    job = datasets.request_version(
        session, ada, project, name="First freeze", splits={"train": 0.6, "validation": 0.2, "test": 0.2}
    )
    version = datasets.freeze(session, datasets.prepare(session, world.app.state.storage, job.payload))
    session.flush()
    run = training.request_run(session, ada, project, version_id=version.id, recipe={"max_minutes": 2})
    claim = training.claim(session, "trainer", world.app.state.watch)
    assert claim is not None
    training.record_events(session, protocol.Events(job=claim.job, token=claim.token, events=_events()))
    evaluation.accept_completion(
        session, protocol.Finish(job=claim.job, token=claim.token, outcome="done", report=_report(), answers=_answers())
    )
    finding = findings.create(
        session, ada, project, run_id=run.id, tag="category", value="rash", title="Weak on rashes"
    )
    live = training.request_run(session, ada, project, version_id=version.id, recipe={"epochs": 9})
    claim = training.claim(session, "trainer", world.app.state.watch)
    assert claim is not None
    training.record_events(session, protocol.Events(job=claim.job, token=claim.token, events=_events()[:60]))
    world.ids |= {"job": job.id, "version": version.id, "run": run.id, "finding": finding.id, "live": live.id}


def _events() -> list[protocol.Event]:
    rng = random.Random(3)
    events = [protocol.Event(seq=1, kind="phase", message="Training")]
    for step in range(1, 101):
        common = {
            "step": step,
            "total_steps": 100,
            "tokens": step * 1024,
            "tokens_per_second": 8200.0,
            "eta_seconds": (100 - step) * 0.6,
            "epoch": step / 20,
        }
        loss = 0.4 + 2.2 * 0.96**step
        events.append(protocol.Event(seq=len(events) + 1, kind="train", loss=loss + rng.gauss(0, 0.06), **common))
        if step % 12 == 0:
            events.append(protocol.Event(seq=len(events) + 1, kind="validation", loss=loss + 0.12, **common))
    return events


def _interval(value: float, half: float) -> protocol.Interval:
    return protocol.Interval(value=value, low=max(0.0, value - half), high=min(1.0, value + half))


def _metric(base: float, tuned: float, half: float = 0.08) -> dict[str, protocol.Interval]:
    delta = tuned - base
    sure = protocol.Difference(
        value=delta, low=delta - half * 1.2, high=delta + half * 1.2, p=0.0004 if abs(delta) > half * 1.2 else 0.31
    )
    return {"base": _interval(base, half), "tuned": _interval(tuned, half), "delta": sure}


def _report() -> protocol.Report:
    scores = {"rash": (0.2, 0.46), "medication": (0.3, 0.81), "sore throat": (0.35, 0.9), "chest pain": (0.4, 0.96)}
    return protocol.Report(
        n=120,
        primary="exact_match",
        metrics={
            "exact_match": protocol.MetricResult(**_metric(0.31, 0.88)),
            "macro_f1": protocol.MetricResult(**_metric(0.27, 0.84)),
            "nats_per_token": protocol.MetricResult(
                base=protocol.Interval(value=2.61, low=2.44, high=2.8),
                tuned=protocol.Interval(value=0.52, low=0.43, high=0.63),
                delta=protocol.Difference(value=-2.09, low=-2.3, high=-1.9, p=0.0001),
            ),
        },
        references={
            "majority": {"exact_match": _interval(0.28, 0.08)},
            "bag_of_words": {"exact_match": _interval(0.79, 0.07)},
        },
        slices=[
            protocol.Slice(tag="category", value=name, n=30, metric="exact_match", **_metric(*pair, half=0.15))
            for name, pair in scores.items()
        ],
        contamination={"near_duplicates_across_splits": 0},
        cost=protocol.Cost(seconds=93, tokens=102_400, peak_memory_bytes=412_000_000),
        notes=["Intervals: percentile bootstrap over examples; differences are paired."],
    )


def _answers() -> list[protocol.Answer]:
    rng, answers = random.Random(5), []
    for at in range(30):
        content = _content(at, rng)
        right = at % 4 != 2 or at % 8 == 2
        answers.append(
            protocol.Answer(
                id=f"example-{at}",
                prompt=content.prompt,
                reference=content.completion,
                tags=content.tags,
                base=protocol.AnswerText(text="Emergency" if at % 3 else "The patient is"),
                tuned=protocol.AnswerText(text=content.completion if right else "Self-care"),
                scores={"exact_match": {"base": float(at % 4 == 0 and at % 3 != 0), "tuned": float(right)}},
            )
        )
    return answers
