"""Near-duplicates and relevance, measured; latency and memory.

    python -m benchmarks.duplicates ../shared/data [--embedding DIR] [--rows N ...]
        [--only wording|meaning|relevance|latency]

By wording and by meaning: recall, precision and false positives. The baseline is Jaccard >= 0.8 of character 5-grams.
The weights of the logistic model were fitted on the half of the groups whose hash is even (that of facets on the same
half of medquad); what is printed is the other half. Relevance: how much that is foreign to a project is found, and how
much of its own is taken for foreign. Processor seconds are printed beside wall-clock time.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import resource
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import insert

from app.bootstrap import migrate
from app.core.db.base import new_id
from app.core.db.database import Database
from app.domain.checks import relevance
from app.domain.checks.similarity import paraphrase
from app.domain.checks.similarity.embedding import Embedding
from app.domain.checks.similarity.minhash import THRESHOLD, band_keys, jaccard, shingles
from app.domain.checks.similarity.set_similarity_join import near_pairs
from app.domain.pairs import queries as pairs_queries
from app.domain.pairs.content import pair
from app.domain.pairs.indexes import embedding_queries, index_actions, near_duplicate_queries
from app.domain.pairs.indexes.embedding_index import KEY, EmbeddingIndex
from app.domain.pairs.tables import Pair, PairVector, Revision
from app.domain.projects.tables import Project
from tests.fixtures.people import make_cast

BASELINE = 0.8
PROJECTS = ("banking77_train", "medquad_open", "text2sql_advising")
SUBJECTS = (*PROJECTS, "gsm8k_train_3000", "tldr_en", "bitext_support_80", "xstest")
LETTERS = "abcdefghijklmnopqrstuvwxyz"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--embedding", type=Path, default=Path("data/embedding"))
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 100_000], help="pairs of the latency part")
    parser.add_argument("--only", choices=["wording", "meaning", "relevance", "latency"])
    parser.add_argument("--url", help="database of the latency part, empty; by default a new SQLite file")
    options = parser.parse_args()
    if options.only in (None, "wording"):
        wording(options.folder)
    if options.only in (None, "meaning"):
        by_meaning(options.folder, Embedding(options.embedding))
    if options.only in (None, "relevance"):
        relevance_of(options.folder, Embedding(options.embedding))
    if options.only in (None, "latency"):
        for rows in options.rows:
            latency(options.folder, options.embedding, rows, options.url)


def rows_of(folder: Path, name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / f"{name}.jsonl").read_text().split("\n") if line]


# --- wording ---


def edited(text: str, rng: random.Random) -> str:
    """A typo, a word dropped, swapped or added, or another case: one of them, or two."""
    words = text.split()
    for _ in range(rng.randint(1, 2)):
        place, kind = rng.randrange(len(words)), rng.randrange(5)
        if kind == 0:
            at = rng.randrange(len(words[place]))
            words[place] = words[place][:at] + rng.choice(LETTERS) + words[place][at + 1 :]
        elif kind == 1 and len(words) > 2:
            del words[place]
        elif kind == 2 and place + 1 < len(words):
            words[place], words[place + 1] = words[place + 1], words[place]
        elif kind == 3:
            words.insert(place, rng.choice(["please", "really", "just", "also", "then"]))
        else:
            words = [word.upper() for word in words]
    return " ".join(words)


def wording(folder: Path) -> None:
    """Edited copies of banking77, tldr and gsm8k: what the bands find, and what the exact join finds."""
    rng = random.Random(1)
    texts = [row["prompt"] for name in ("banking77_train", "tldr_en") for row in rows_of(folder, name)]
    texts = sorted({text for text in texts if len(text) >= 20})
    originals = rng.sample(range(len(texts)), 3_000)
    copies = [edited(texts[i], rng) for i in originals]
    begin = time.process_time()
    grams = [shingles(text) for text in [*texts, *copies]]
    keys = [set(band_keys(one)) for one in grams]
    print(f"wording: {len(grams)} texts signed at {len(grams) / (time.process_time() - begin):,.0f}/processor-second")
    true = [
        (i, len(texts) + n) for n, i in enumerate(originals) if jaccard(grams[i], grams[len(texts) + n]) >= THRESHOLD
    ]
    found = sum(bool(keys[i] & keys[j]) for i, j in true)
    baseline = sum(jaccard(grams[i], grams[j]) >= BASELINE for i, j in true)
    print(f"  bands: recall {found / len(true):.4f} of {len(true)} copies at Jaccard >= 0.7; precision 1.0 (verified)")
    print(f"  baseline (Jaccard >= 0.8): recall {baseline / len(true):.4f}")
    begin = time.process_time()
    joined = {(i, j) for i, j, _ in near_pairs(grams)}
    spent = time.process_time() - begin
    print(f"  exact join: {len(joined)} pairs, {len(grams) / spent:,.0f} rows/processor-second, misses "
          f"{len(set(true) - joined)}; peak {peak()} MB")  # fmt: skip


# --- meaning ---


def by_meaning(folder: Path, embedding: Embedding) -> None:
    advising = {row["prompt"]: row["completion"] for row in rows_of(folder, "text2sql_advising")}
    report("text2sql_advising, same completion", advising, embedding)
    parent: dict[str, str] = {}

    def root(text: str) -> str:
        while parent.setdefault(text, text) != text:
            text = parent[text]
        return text

    for row in rows_of(folder, "onestop_pairs"):
        one, other = sorted((root(row["prompt"]), root(row["completion"])))
        parent[other] = one
    report("onestop_pairs, versions of one sentence", {text: root(text) for text in parent}, embedding)
    strangers = {row["prompt"]: row["id"] for row in rows_of(folder, "gsm8k_train_3000")}
    report("gsm8k, no two alike", strangers, embedding)
    forms = {row["prompt"]: row["prompt"].casefold() for row in rows_of(folder, "medquad_open")}
    report("medquad, questions made from forms, no two alike", dict(list(forms.items())[:3_000]), embedding)


def report(name: str, group_of: dict[str, str], embedding: Embedding) -> None:
    """Recall, false positives and precision over all pairs of the held-out half."""
    texts = sorted(text for text, group in group_of.items() if hashlib.sha256(group.encode()).digest()[0] & 1)
    begin = time.process_time()
    codes = np.stack(list(map(embedding.codes, texts))).astype(np.float32)
    speed = len(texts) / (time.process_time() - begin)
    codes /= np.linalg.norm(codes, axis=1, keepdims=True)
    similar = codes @ codes.T
    readings, groups = [paraphrase.text_features(text) for text in texts], [group_of[text] for text in texts]
    members: dict[str, list[int]] = defaultdict(list)
    for number, group in enumerate(groups):
        members[group].append(number)
    true = {(i, j) for some in members.values() for n, j in enumerate(some) for i in some[:n]}
    close = {(int(i), int(j)) for i, j in np.argwhere(np.triu(similar >= paraphrase.LEAST_COSINE, 1))}
    scores = {(i, j): paraphrase.likelihood(float(similar[i, j]), readings[i], readings[j]) for i, j in close}
    print(f"{name}: {len(texts)} texts, {len(true)} true pairs; {speed:,.0f} texts embedded a processor-second")
    lexical = {(i, j) for i, j, _ in near_pairs([shingles(text) for text in texts], BASELINE)}
    line("baseline, Jaccard >= 0.8", lexical, true, len(texts), dict.fromkeys(lexical, 1.0))
    for least in (0.5, paraphrase.THRESHOLD, 0.9):
        shown = {one for one, score in scores.items() if score >= least}
        line(f"meaning >= {least}", shown, true, len(texts), scores)


def line(name: str, shown: set[Any], true: set[Any], texts: int, scores: dict[Any, float]) -> None:
    best: dict[int, tuple[float, bool]] = {}
    for one in shown:
        for side in one:
            best[side] = max(best.get(side, (0.0, False)), (scores[one], one in true))
    others = texts * (texts - 1) // 2 - len(true)
    recall = len(shown & true) / len(true) if true else float("nan")
    first = sum(right for _, right in best.values()) / max(1, len(best))
    print(f"  {name:26} recall {recall:.3f}  false positives {len(shown - true) / others:.2e} of pairs  "
          f"precision {len(shown & true) / max(1, len(shown)):.3f}, of the nearest {first:.3f}")  # fmt: skip


# --- relevance ---


def relevance_of(folder: Path, embedding: Embedding, held: int = 500) -> None:
    """Projects of 50, 200 and 1,000 approved prompts: the share of other sets, and of their own unseen, that is far."""
    sets = {name: drawn(folder, name, embedding) for name in SUBJECTS}
    for own in PROJECTS:
        for pairs in (50, 200, 1_000):
            shares = defaultdict(list)
            for turn in range(10 if pairs < 1_000 else 1):
                mixed = np.random.default_rng(turn).permutation(sets[own])
                approved, limit = mixed[:pairs], relevance.limit_of(mixed[:pairs])
                for name, vectors_ in sets.items():
                    asked = mixed[-held:] if name == own else vectors_[:held]
                    nearest = np.sort(asked @ approved.T, axis=1)[:, -relevance.K]
                    shares[name].append((nearest < limit).mean())
            rest = "  ".join(f"{name} {np.mean(shares[name]):.3f}" for name in SUBJECTS if name != own)
            print(f"{own}, {pairs} approved: false alarms {np.mean(shares[own]):.4f}; found of {rest}")


def drawn(folder: Path, name: str, embedding: Embedding) -> relevance.Vectors:
    """Unit vectors of at most 1,500 prompts."""
    texts = sorted({row["prompt"] for row in rows_of(folder, name)})
    return relevance.unit(np.stack(list(map(embedding.codes, random.Random(5).sample(texts, min(1_500, len(texts)))))))


# --- latency ---


def latency(folder: Path, embedding: Path, rows: int, url: str | None) -> None:
    with tempfile.TemporaryDirectory(prefix="preceptor-benchmark-") as scratch:
        url = url or f"sqlite:///{scratch}/benchmark.sqlite3"
        index = EmbeddingIndex(embedding)
        database = Database(url, {KEY: index})
        migrate(database)
        with database.session() as session:
            cast = make_cast(session)
            project, author = cast.project, cast.alice.id
        prompts = [row["prompt"] for name in ("banking77_train", "tldr_en") for row in rows_of(folder, name)]
        begin, cpu = time.perf_counter(), time.process_time()
        populate(database, project, author, prompts, rows, index.embedding)
        print(f"{rows:,} pairs written and indexed in {time.perf_counter() - begin:.0f} s "
              f"({rows / (time.process_time() - cpu):,.0f} a processor-second)")  # fmt: skip
        begin = time.perf_counter()
        with database.read() as session:
            embedding_queries.matches(session, project, "Warm up")
        assert index.of(project.id).count == rows
        print(f"  first check after a start, which reads all vectors: {time.perf_counter() - begin:.1f} s")
        measure(database, project, random.Random(2).sample(prompts, 200))
        database.dispose()


def measure(database: Database, project: Project, prompts: list[str]) -> None:
    rng = random.Random(3)
    contents = [pair(edited(text, rng), "In the app, under Cards.") for text in prompts if text.split()]

    def wall(ask: Callable[[Any, Any], Any]) -> str:
        walls, cpus = [], []
        for content in contents:
            begin, cpu = time.perf_counter(), time.process_time()
            with database.read() as session:
                ask(session, content)
            walls.append(1e3 * (time.perf_counter() - begin))
            cpus.append(1e3 * (time.process_time() - cpu))
        return (f"p50 {np.percentile(walls, 50):.1f} p95 {np.percentile(walls, 95):.1f} ms; "
                f"processor p50 {np.percentile(cpus, 50):.1f} p95 {np.percentile(cpus, 95):.1f} ms")  # fmt: skip

    print("  whole check:", wall(lambda session, content: pairs_queries.problems_for(session, project, content)))
    print(
        "  by wording: ",
        wall(lambda session, content: near_duplicate_queries.neighbors(session, project, content.prompt)),
    )
    print("  by meaning: ", wall(lambda session, content: embedding_queries.matches(session, project, content.prompt)))
    print(f"  peak memory {peak()} MB")


def populate(
    database: Database, project: Project, author: str, prompts: list[str], rows: int, embedding: Embedding | None
) -> None:
    """Variants of the prompts; vectors of a thousand of them, shaken, stand for all."""
    rng, noise = random.Random(4), np.random.default_rng(4)
    texts = [text for text in prompts if len(text.split()) > 2]
    real = np.stack(list(map(embedding.codes, texts[:1000]))) if embedding else None
    for begin in range(0, rows, 5_000):
        some = [(new_id(), rng.choice(texts)) for _ in range(min(5_000, rows - begin))]
        some = [(one, edited(edited(text, rng), rng) + f" {rng.choice(texts).split()[0]}") for one, text in some]
        with database.session() as session:
            session.execute(insert(Pair), [pair_row(one, project.id, author) for one, _ in some])
            session.execute(insert(Revision), [revision_row(one, author, text) for one, text in some])
            index_actions.add_bands(session, [(one, project.id, text, "As said.") for one, text in some])
            if real is not None and embedding:
                picked = real[noise.integers(0, len(real), len(some))] + noise.normal(scale=25, size=(len(some), 384))
                codes = np.clip(np.rint(picked), -127, 127).astype(np.int8)
                values = [
                    vector_row(one, project.id, embedding.digest, begin + n + 1, codes[n].tobytes())
                    for n, (one, _) in enumerate(some)
                ]
                session.execute(insert(PairVector), values)


def pair_row(one: str, project: str, author: str) -> dict[str, Any]:
    return {"id": one, "project_id": project, "author_id": author, "state": "approved", "current_revision_id": one}


def revision_row(one: str, author: str, prompt: str) -> dict[str, Any]:
    blank: dict[str, Any] = {"messages": [], "context": [], "tags": {}, "problems": []}
    return {
        "id": one,
        "pair_id": one,
        "number": 1,
        "author_id": author,
        "prompt": prompt,
        "completion": "As said.",
    } | blank


def vector_row(one: str, project: str, model: str, position: int, codes: bytes) -> dict[str, Any]:
    row = {"pair_id": one, "project_id": project, "revision_id": one, "model": model}
    return row | {"position": position, "codes": codes}


def peak() -> int:
    return int(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


if __name__ == "__main__":
    main()
