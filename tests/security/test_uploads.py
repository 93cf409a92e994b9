"""Uploads are hostile: every bad file ends in words, none in a crash, half an import or a full disk."""

from __future__ import annotations

import io
import json
import random
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings, strategies as st
from sqlalchemy import func, select
from starlette.testclient import TestClient

from app.bootstrap import Installation
from app.core.db.database import Database
from app.core.errors import Invalid, TooLarge
from app.core.storage import Storage
from app.domain.imports import reader_process
from app.domain.imports.reading import limits, reader_events
from app.domain.imports.reading.file_types import FORMATS
from app.domain.pairs.tables import Pair
from app.settings import Settings
from app.worker import loop
from tests.fixtures import uploads
from tests.fixtures.people import Cast

pytestmark = pytest.mark.assurance
ROOT = Path(__file__).resolve().parents[2]
Tally = Callable[[str, int], None]
GOOD = b'{"prompt": "Which desk takes it?", "completion": "billing"}\n'


def read(data: bytes, form: str = "auto", filename: str = "f.jsonl", **rest: Any) -> Any:
    return uploads.read(data, form, filename=filename, **rest)


def parquet(table: pa.Table, **options: Any) -> bytes:
    out = io.BytesIO()
    pq.write_table(table, out, **options)
    return out.getvalue()


def zipped(name: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(name, GOOD)
    return out.getvalue()


BAD = {
    "gzip": (b"\x1f\x8b\x08\x00" + b"x" * 50, "gzip"),
    "zip": (zipped("rows.jsonl"), "zip archive"),
    "zip with a path out": (zipped("../../rows.jsonl"), "zip archive"),
    "spreadsheet": (zipped("[Content_Types].xml"), "spreadsheet"),
    "tar": (b"x" * 257 + b"ustar\x00" + b"0" * 300, "tar archive"),
    "7-zip": (b"7z\xbc\xaf\x27\x1c", "7-Zip"),
    "pdf": (b"%PDF-1.7\n", "PDF"),
    "UTF-16": (GOOD.decode().encode("utf-16"), "UTF-16"),
    "UTF-16 without its mark": (GOOD.decode().encode("utf-16-le"), "UTF-16"),
    "Latin-1": ('{"prompt":"é","completion":"a"}'.encode("latin-1"), "UTF-8"),
    "page": (b"<!doctype html><script>1</script>", "HTML"),
    "picture": (b"\x89PNG\r\n\x1a\n", "image"),
    "database": (b"SQLite format 3\x00", "database"),
    "nothing": (b"", "no rows"),
    "a mark and nothing": (b"\xef\xbb\xbf", "no rows"),
    "two marks": (b"\xef\xbb\xbf\xef\xbb\xbf" + GOOD, "Row 1"),
    "binary": (bytes(range(256)) * 8, "NUL"),
    "three bad rows": (GOOD + b"{}\n" + GOOD + b"[]\n{", "(?s)Row 2.*Row 4.*Row 5"),
    "array without its end": (b'[{"prompt": "q", "completion": "a"}', "after row 1"),
    "array with a bad row": (b'[{"prompt": "q", "completion": "a"}, {"prompt": NaN}]', "Row 2"),
    "a row of 17 MiB": (b'{"prompt": "' + b"a" * (17 * 1024**2) + b'"}', "longer"),
    "a long prompt": (json.dumps({"prompt": "a" * 32_001, "completion": "b"}).encode(), "32000"),
    "200,001 rows": (b"{}\n" * 200_001, "20 rows or more"),
    "csv: too many columns": (b"prompt,completion," + b"x," * 100_000 + b"\nq,a\n", "columns"),
    "csv: a cell of 2 MiB": (b"prompt,completion\nq," + b"a" * 2 * 1024**2 + b"\n", "field larger"),
    "csv: open quote": (b'prompt,completion\nq,"a\n', "Row 2"),
    "csv: more cells than names": (b"prompt,completion\nq,a,b\n", "Row 2"),
    "csv: fewer cells": (b"prompt,completion\nq\n", "Row 2"),
    "csv: one name twice": (b"prompt,completion,prompt\nq,a,b\n", "same name"),
    "csv: NUL": (b"prompt,completion\nq," + b" " * 5000 + b"\x00\n", "Row 2"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_is_refused_with_words(name: str, tally: Tally) -> None:
    data, words = BAD[name]
    with pytest.raises((Invalid, TooLarge), match=words):
        read(data, filename="rows.csv" if name.startswith("csv") else "rows.jsonl")
    tally("bad files refused", 1)


def test_odd_but_good_files_are_read(tally: Tally) -> None:
    separators = '{"prompt": "a\u2028b\u0085c", "completion": "x"}\r\n'.encode()
    assert read(separators)[0].prompt == "a\u2028b\u0085c"
    assert len(read(b"\xef\xbb\xbf" + GOOD * 2)) == 2
    assert read('prompt;completion\r\n"é\r\nf";a\r\n'.encode(), filename="x.csv")[0].prompt == "é\r\nf"
    table = pa.table({"prompt": ["q"], "completion": ["a"], "n": [3], "at": [None], "s": [{"x": [1]}]})
    assert read(parquet(table), filename="x.bin")[0].tags == {"n": "3"}


# --- Parquet ---


def extension_table(name: bytes) -> pa.Table:
    field = pa.field(
        "prompt", pa.string(), metadata={b"ARROW:extension:name": name, b"ARROW:extension:metadata": b"\x80\x04."}
    )
    return pa.table([pa.array(["q"]), pa.array(["a"])], schema=pa.schema([field, pa.field("completion", pa.string())]))


@pytest.mark.parametrize(
    "name", [b"ray.data.arrow_tensor", b"ray.data.arrow_tensor_v2", b"arrow.py_extension_type", b"anything"]
)
def test_an_extension_type_is_refused_by_its_name(name: bytes, tally: Tally) -> None:
    with pytest.raises(Invalid, match="extension type"):
        read(parquet(extension_table(name)))
    tally("bad files refused", 1)


@pytest.mark.parametrize(
    "column",
    [
        pa.array([b"q"]),
        pa.array([1], pa.duration("s")),
        pa.array([[("k", 1)]], pa.map_(pa.string(), pa.int64())),
        pa.array([1], pa.decimal128(5)),
    ],
)
def test_a_column_type_that_is_not_plain_is_refused(column: pa.Array, tally: Tally) -> None:
    with pytest.raises(Invalid, match="is of type"):
        read(parquet(pa.table({"prompt": ["q"], "completion": ["a"], "more": column})))
    tally("bad files refused", 1)


MEASURE = """
import resource, sys, time
from app.core.errors import AppError
from tests.fixtures import uploads
began = time.monotonic()
with open(sys.argv[1], "rb") as file:
    try:
        said = len(uploads.read(file.read(), filename="x", head=int(sys.argv[2]) or None))
    except AppError as error:
        said = error.status
most = [resource.getrusage(who).ru_maxrss // 1024 for who in (resource.RUSAGE_CHILDREN, resource.RUSAGE_SELF)]
print(said, *most, time.monotonic() - began)
"""


def measured(path: Path, head: int = 0) -> tuple[int, int, int, float]:
    """(status or rows, the reader's peak in MiB, that of whoever asked, seconds)"""
    command = [sys.executable, "-c", MEASURE, str(path), str(head)]
    said, child, parent, took = subprocess.run(
        command, cwd=ROOT, capture_output=True, check=True, timeout=120
    ).stdout.split()
    return int(said), int(child), int(parent), float(took)


def bomb(path: Path, rows: int, characters: int) -> None:
    """A small file of one text many times."""
    text = pa.DictionaryArray.from_arrays(pa.array([0] * 100_000, pa.int32()), ["A" * characters])
    table = pa.table({"prompt": text, "completion": text})
    with pq.ParquetWriter(path, table.schema, compression="zstd") as writer:
        for _ in range(rows // 100_000):
            writer.write_table(table)


@pytest.mark.parametrize(("rows", "characters", "status"), [(20_000_000, 1000, 413), (200_000, 30_000, 1000)])
def test_a_bomb_is_refused_early_and_never_fills_the_web_process(
    rows: int, characters: int, status: int, tmp_path: Path, tally: Tally
) -> None:
    """20 GB are refused by the file's own figures; 12 GB within the row limit by the job, and the head costs little."""
    (tmp_path / "good").write_bytes(parquet(pa.table({"prompt": ["q"], "completion": ["a"]})))
    bomb(tmp_path / "bomb", rows, characters)
    assert (tmp_path / "bomb").stat().st_size < 6 * 1024**2 < rows * characters / 500
    plain, head = measured(tmp_path / "good"), measured(tmp_path / "bomb", reader_process.HEAD_ROWS)
    assert (plain[0], head[0]) == (1, status)
    assert head[1] - plain[1] < 200 and head[2] - plain[2] < 200, (plain, head)
    assert head[3] < 30
    whole = measured(tmp_path / "bomb")
    assert whole[0] == 413 and whole[1] - plain[1] < 200, (plain, whole)
    tally("bad files refused", 1)


def damaged(seed: int, data: bytes) -> bytes:
    """Cut short, bits turned, or a stretch overwritten; the magic at both ends is mostly kept, so that it is read."""
    rng, body = random.Random(seed), bytearray(data)
    if seed % 3 == 0:
        return bytes(body[: rng.randrange(len(body))]) + (b"PAR1" if seed % 2 else b"")
    for _ in range(rng.choice([1, 3, 30])):
        body[rng.randrange(4, len(body) - 4)] ^= 1 << rng.randrange(8)
    if seed % 5 == 0:
        at = rng.randrange(4, len(body) - 40)
        body[at : at + 32] = rng.randbytes(32)
    return bytes(body)


FORKED = """
import os, sys, pyarrow.parquet
from pathlib import Path
from app.domain.imports.reading import limits, parquet, reader_events
options = {"format": "auto", "filename": "x", "source": "s", "licence": "l", "head": 0}
for path in sorted(Path(sys.argv[1]).iterdir()):
    child = os.fork()
    if not child:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        limits.confine()
        ended = [event for event in reader_events.read_events(path.open("rb"), options)][-1]
        os._exit(0 if "end" in ended or "refused" in ended else 3)
    print(path.name, os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def test_damaged_parquet_never_reaches_the_web_process(tmp_path: Path, tally: Tally) -> None:
    """120 variants each in a process of its own; those that kill it, and some others, through the door itself."""
    whole = parquet(
        pa.table(
            {"prompt": [f"question {n}" for n in range(300)], "completion": ["a", "b", "c"] * 100, "n": range(300)}
        )
    )
    for seed in range(120):
        (tmp_path / f"{seed:03}").write_bytes(damaged(seed, whole))
    command = [sys.executable, "-c", FORKED, str(tmp_path)]
    out = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, timeout=300, text=True).stdout
    codes = {name: int(code) for name, code in (line.split() for line in out.splitlines())}
    assert len(codes) == 120
    assert {code for code in codes.values() if code > 0} == set(), {n: c for n, c in codes.items() if c > 0}
    killed = [name for name, code in codes.items() if code < 0]
    for name in [*killed[:5], *list(codes)[:12]]:
        try:
            assert read((tmp_path / name).read_bytes())
        except (Invalid, TooLarge) as refusal:
            assert refusal.detail
    tally("bad files refused", 120)


# --- the process ---


CONFINED = """
import resource
from app.domain.imports.reading import limits
limits.confine()
print(resource.getrlimit(resource.RLIMIT_AS), resource.getrlimit(resource.RLIMIT_FSIZE))
"""


def test_the_reader_knows_no_secret_and_is_bounded() -> None:
    assert not [name for name in reader_process.ENVIRONMENT if "PRECEPTOR" in name or "KEY" in name or "TOKEN" in name]
    out = subprocess.run([sys.executable, "-c", CONFINED], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert out.split("\n")[0] == f"({limits.MEMORY}, {limits.MEMORY}) (0, 0)"


def test_a_reader_that_is_killed_is_a_refused_file(monkeypatch: pytest.MonkeyPatch, tally: Tally) -> None:
    monkeypatch.setattr(limits, "WALL_SECONDS", 0.01)
    with pytest.raises(Invalid, match="stopped the reader"):
        read(GOOD * 1000)
    tally("bad files refused", 1)


def in_process(data: bytes, form: str, filename: str) -> list[dict[str, Any]]:
    options = {"format": form, "filename": filename, "source": "s", "licence": "l", "head": 0}
    return list(reader_events.read_events(io.BytesIO(data), options))


ROWISH = st.lists(
    st.dictionaries(
        st.sampled_from(
            [
                "prompt",
                "completion",
                "messages",
                "fields",
                "data",
                "annotations",
                "responses",
                "tags",
                "instruction",
                "conversations",
            ]
        ),
        st.recursive(
            st.none() | st.integers() | st.floats() | st.text(max_size=9),
            lambda some: (
                st.lists(some, max_size=3)
                | st.dictionaries(
                    st.sampled_from(["role", "content", "value", "from", "text", "result", "a"]), some, max_size=3
                )
            ),
            max_leaves=8,
        ),
    ),
    max_size=4,
).map(lambda rows: json.dumps(rows).encode())


@settings(max_examples=400, deadline=None)
@given(
    st.binary(max_size=300)
    | ROWISH
    | st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass"))
    | st.binary(max_size=80).map(lambda tail: b"prompt,completion\n" + tail)
    | st.binary(max_size=80).map(lambda tail: b"PAR1" + tail + b"PAR1"),
    st.sampled_from(FORMATS),
    st.sampled_from(["x", "x.csv", "x.parquet"]),
)
def test_any_bytes_are_rows_or_words(data: bytes, form: str, filename: str) -> None:
    said = in_process(data, form, filename)
    assert {"end", "refused"} & set(said[-1])
    json.dumps(said, allow_nan=False).encode()
    assert all(one["error"] for one in said if "error" in one)


# --- through both doors, on both engines ---


def upload(client: TestClient, data: bytes, name: str = "rows.jsonl", **form: str) -> Any:
    return client.post(
        "/api/v1/projects/clinic/imports", files={"file": (name, data)}, data={"source": "s", "licence": "l", **form}
    )


def pairs_of(database: Database) -> int:
    with database.read() as session:
        return session.scalar(select(func.count()).select_from(Pair)) or 0


def test_a_bad_head_is_refused_at_once_and_a_bad_tail_by_the_job(
    cast: Cast, database: Database, as_user: Callable[..., TestClient], settings: Settings, tally: Tally
) -> None:
    client = as_user(cast.bob)
    refused = upload(client, GOOD + b"{}\n")
    assert (refused.status_code, "Row 2" in refused.json()["detail"]) == (422, True)
    rows = b"".join(
        json.dumps({"prompt": f"May I have form {n} today?", "completion": "yes"}).encode() + b"\n" for n in range(1200)
    )
    job = upload(client, rows + b'{"prompt": "q"}\n')
    assert job.status_code == 202, job.text
    installation = Installation(settings, database, Storage(settings.resolved_storage_url))
    assert loop.work_once(installation)
    ended = client.get(f"/api/v1/jobs/{job.json()['id']}").json()
    assert (ended["state"], "Row 1201" in ended["error"]) == ("failed", True)
    assert pairs_of(database) == 0
    tally("bad files refused", 2)


@pytest.mark.parametrize(
    "name",
    [
        "../../etc/passwd",
        "/etc/passwd",
        "C:\\x.jsonl",
        "<svg onload=alert(1)>.jsonl",
        "a\u202e.jsonl",
        "%2e%2e%2f",
        "x" * 300,
    ],
)
def test_the_name_of_a_file_is_words_and_no_path(
    name: str, cast: Cast, signed_in: Callable[..., TestClient], settings: Settings, tally: Tally
) -> None:
    client = signed_in(cast.bob)
    page = client.get("/projects/clinic/imports")
    token = page.text.split('name="csrf" value="')[1].split('"')[0]
    answer = client.post(
        "/projects/clinic/imports",
        files={"file": (name, b"{}\n")},
        headers={"Sec-Fetch-Site": "same-origin"},
        data={"csrf": token, "source": "s", "license": "l"},
    )
    assert answer.status_code == 303
    answer = client.get(answer.headers["location"])
    assert answer.status_code == 200
    assert "Row 1" in answer.text and "<svg onload" not in answer.text and "\u202e" not in answer.text
    assert not list(settings.data_dir.rglob("*passwd*"))
    tally("bad files refused", 1)


def test_an_upload_that_is_too_large_is_refused(
    cast: Cast, as_user: Callable[..., TestClient], app: Any, tally: Tally
) -> None:
    app.state.settings.max_upload_bytes = 1000
    assert upload(as_user(cast.bob), GOOD * 100).status_code == 413
    tally("bad files refused", 1)
