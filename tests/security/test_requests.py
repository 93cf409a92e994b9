"""Requests that are too large, too many, mislabelled or too clever: refused early, cheaply, and in words."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from app.core.security import derive, digest
from app.http import middleware
from app.settings import Settings
from tests.conftest import HOSTS, KEY
from tests.fixtures.people import Cast

pytestmark = pytest.mark.assurance
As = Callable[..., TestClient]
Tally = Callable[[str, int], None]
MIB = middleware.MIB
UPLOAD = 2 * MIB
PAIRS = "/api/v1/projects/clinic/pairs"
IMPORTS = "/api/v1/projects/clinic/imports"


@pytest.fixture
def settings(sqlite_template: Path, tmp_path: Path) -> Settings:
    """One engine: nothing of this reaches the database."""
    path = tmp_path / "test.sqlite3"
    path.write_bytes(sqlite_template.read_bytes())
    return Settings(
        data_dir=tmp_path,
        database_url=f"sqlite:///{path}",
        secret_key=KEY,
        trusted_hosts=HOSTS,
        max_upload_bytes=UPLOAD,
    )


@pytest.fixture
def database_url(settings: Settings) -> str:
    return settings.database_url


def shape(answer: Any) -> tuple[int, bool]:
    """(status, whether it is in the shape of its face: our JSON, or a page)."""
    if answer.headers["content-type"].startswith("application/json"):
        return answer.status_code, {"error", "detail"} <= set(answer.json())
    return answer.status_code, "<html" in answer.text


# --- size ---


@pytest.mark.parametrize(
    ("path", "kind", "limit"),
    [
        ("/api/v1/projects", "application/json", middleware.DEFAULT_LIMIT),
        (PAIRS, "application/json", middleware.TEXT_LIMIT),
        ("/projects", "application/x-www-form-urlencoded", middleware.DEFAULT_LIMIT),
        ("/projects/clinic/pairs", "application/x-www-form-urlencoded", middleware.TEXT_LIMIT),
        (IMPORTS, "multipart/form-data; boundary=x", UPLOAD + middleware.SLACK),
        ("/projects/clinic/imports", "multipart/form-data; boundary=x", UPLOAD + middleware.SLACK),
    ],
)
def test_a_body_that_is_too_large_is_refused_however_it_comes(
    app: Any, cast: Cast, as_user: As, signed_in: As, path: str, kind: str, limit: int
) -> None:
    """With its length announced, without, and with a length that lies."""
    client = as_user(cast.carol) if path.startswith("/api/") else signed_in(cast.carol)
    answer = client.post(path, content=b"a" * (limit + 1), headers={"Content-Type": kind})
    assert shape(answer) == (413, True)
    assert answer.headers["connection"] == "close"
    with ThreadPoolExecutor(
        1
    ) as apart:  # a browser test of the same process may have left a loop running in this thread
        answers = apart.submit(asyncio.run, _raw(app, client, path, kind, limit)).result()
    for status, body in answers:
        assert status in (400, 413), body[:300]  # 400: one field is too large before the whole is


async def _raw(app: Any, client: TestClient, path: str, kind: str, limit: int) -> list[tuple[int, bytes]]:
    return [await _sent(app, client, path, kind, limit, length) for length in (None, b"10")]


async def _sent(
    app: Any, client: TestClient, path: str, kind: str, limit: int, length: bytes | None
) -> tuple[int, bytes]:
    """The answer to a body in small pieces; asserts that not much more than the limit was taken."""
    token = client.headers.get("authorization", "")
    cookies = "; ".join(f"{name}={value}" for name, value in client.cookies.items())
    headers = [(b"host", b"localhost"), (b"content-type", kind.encode())]
    headers += [(b"authorization", token.encode())] if token else [(b"cookie", cookies.encode())]
    headers += [(b"content-length", length)] if length else [(b"transfer-encoding", b"chunked")]
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "scheme": "http",
        "path": path, "raw_path": path.encode(), "query_string": b"", "headers": headers,
        "client": ("127.0.0.1", 5), "server": ("127.0.0.1", 8080),
    }  # fmt: skip
    taken, said = 0, [0, b""]
    first = b'--x\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\n' if "multipart" in kind else b""

    async def receive() -> dict[str, Any]:
        nonlocal taken
        taken += 65536
        return {"type": "http.request", "body": (first if taken == 65536 else b"") + b"a" * 65536, "more_body": True}

    async def send(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            said[0] = message["status"]
        else:
            said[1] += message.get("body", b"")

    await asyncio.wait_for(app(scope, receive, send), 30)
    assert taken <= limit + 3 * 65536
    return said[0], said[1]


def test_the_largest_pair_is_let_in(cast: Cast, as_user: As) -> None:
    """200,000 characters and a context of five million: judged by its own rules (here: no source), not by the edge."""
    turns = [{"role": ("user", "assistant")[at % 2], "content": f"{at} " + "a" * 990} for at in range(200)]
    context = [{"text": "b" * 99_000}] * 50
    body = {"messages": turns, "context": context, "source": "", "licence": "CC0-1.0"}
    answer = as_user(cast.alice).post(PAIRS, json=body)
    assert (answer.status_code, answer.json()["field"]) == (422, "source")
    assert len(json.dumps(body)) < middleware.TEXT_LIMIT


def test_a_strangers_upload_is_refused_by_its_length(client: TestClient) -> None:
    answer = client.post(
        IMPORTS, content=b"a" * (UPLOAD * 2), headers={"Content-Type": "multipart/form-data; boundary=x"}
    )
    assert answer.status_code == 413


# --- forms ---


def part(name: str, body: str = "x", headers: str = "") -> str:
    return f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n{headers}\r\n{body}\r\n'


FILE = '--b\r\nContent-Disposition: form-data; name="file"; filename="f.jsonl"\r\n\r\n{}\r\n'
BAD_FORMS = {
    "too many fields": "".join(part(f"f{at}") for at in range(5000)),
    "too many files": FILE * 200,
    "a field of one and a half megabytes": part("source", "a" * (3 * MIB // 2)),
    "no end of a part's headers": part("a", headers="".join(f"X-{at}: y\r\n" for at in range(20_000))),
    "one long header": part("a", headers="X-Long: " + "y" * (MIB // 2) + "\r\n"),
    "a preamble of one megabyte": "p" * MIB + "\r\n" + part("a"),
    "a part without a name": "--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n",
    "no end": part("a").removesuffix("\r\n"),
    "nothing": "",
}


@pytest.mark.parametrize("body", BAD_FORMS.values(), ids=BAD_FORMS)
def test_a_bad_multipart_is_refused(cast: Cast, as_user: As, signed_in: As, tally: Tally, body: str) -> None:
    kind = {"Content-Type": "multipart/form-data; boundary=b"}
    sent = (body + "--b--\r\n").encode()
    answer = as_user(cast.carol).post(IMPORTS, content=sent, headers=kind)
    assert shape(answer) in [(400, True), (413, True), (422, True)]
    answer = signed_in(cast.carol).post("/projects/clinic/imports", content=sent, headers=kind)
    assert shape(answer) in [(400, True), (403, True), (413, True), (422, True)]
    tally("bad forms refused", 2)


@pytest.mark.parametrize("boundary", ["", "b" * 10_000, "b; boundary=c", '"', "é", "\x00"])
def test_an_odd_boundary_is_no_crash(cast: Cast, as_user: As, boundary: str) -> None:
    kind = b"multipart/form-data; boundary=" + boundary.encode("latin-1")
    answer = as_user(cast.carol).post(IMPORTS, content=b"--b--\r\n", headers={b"Content-Type": kind})
    assert answer.status_code in (400, 415, 422)


def test_a_form_of_very_many_fields_is_refused(cast: Cast, signed_in: As) -> None:
    form = "&".join(f"f{at}=x" for at in range(100_000))
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    assert signed_in(cast.carol).post("/projects/clinic/guidelines", content=form, headers=kind).status_code == 400


# --- labels ---


NOT_JSON = [
    "text/plain", "text/plain;application/json", "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=b", "application/xml", "<script>alert(1)</script>", "",
]  # fmt: skip


@pytest.mark.parametrize("kind", NOT_JSON)
def test_json_has_to_say_that_it_is_json(cast: Cast, as_user: As, kind: str) -> None:
    answer = as_user(cast.carol).post(
        "/api/v1/projects", content=b'{"slug":"x","name":"X"}', headers={"Content-Type": kind}
    )
    assert shape(answer) == (415, True)
    assert "script" not in answer.text


@pytest.mark.parametrize("encoding", ["gzip", "br", "identity, gzip", "deflate", "x"])
def test_an_encoded_body_is_not_unpacked(cast: Cast, as_user: As, signed_in: As, encoding: str) -> None:
    headers = {"Content-Encoding": encoding}
    assert as_user(cast.carol).post("/api/v1/projects", json={}, headers=headers).status_code == 415
    assert signed_in(cast.carol).post("/projects", data={"a": "b"}, headers=headers).status_code == 415


ECHOES = [
    "/MARK", "/projects/MARK", "/pairs/MARK", "/projects?MARK=MARK", "/jobs/MARK/progress", "/sign-in/MARK",
    "/projects/clinic/pairs?q=MARK&state=MARK&tag=MARK&author=MARK&cursor=MARK", "/sign-in?next=MARK",
    "/projects/clinic/guidelines?version=MARK", "/static/MARK",
]  # fmt: skip


def test_nothing_of_a_request_is_echoed_as_html(cast: Cast, as_user: As, signed_in: As, tally: Tally) -> None:
    """Paths, query names, header values and form values that hold markup."""
    mark = "<script>alert(7)</script>"
    alice, page, tried = as_user(cast.alice), signed_in(cast.alice), 0
    for template in ECHOES:
        path = template.replace("MARK", mark)
        for client, prefix in ((alice, "/api/v1"), (page, "")):
            answer = client.get(prefix + path, headers={"Referer": mark, "User-Agent": mark, "Accept": mark})
            assert mark not in answer.text or answer.headers["content-type"] == "application/json", path
            assert answer.status_code < 500, path
            tried += 1
    tally("payloads tried", tried)


# --- ranges ---


RANGES = [
    "0-" + ",0-" * 10_000, ",".join(f"{at}-{at}" for at in range(0, 20_000, 2)), "-" * 10_000, "0-1" * 5_000,
    "9" * 5_000 + "-", "0-18446744073709551616", "a-b",
]  # fmt: skip


@pytest.mark.parametrize("ranges", RANGES)
def test_very_many_ranges_of_a_file_cost_nothing(client: TestClient, ranges: str) -> None:
    whole = len(client.get("/static/css/tokens.css").content)
    answer = client.get("/static/css/tokens.css", headers={"Range": f"bytes={ranges}"})
    assert answer.status_code in (200, 206, 400, 416)
    assert len(answer.content) <= 2 * whole + 4096


# --- names, limits, filters ---


def test_very_long_values_are_refused_in_words(cast: Cast, as_user: As) -> None:
    carol, long = as_user(cast.carol), "a" * 900_000
    for path, body in (
        ("/projects", {"slug": "long", "name": long}),
        ("/projects", {"slug": long, "name": "Long"}),
        ("/projects/clinic/members", {"email": f"{long}@example.org", "role": "expert"}),
        ("/projects/clinic/members", {"email": "a@example.org", "role": long}),
        ("/projects/clinic/rounds", {"title": long}),
        ("/projects/clinic/versions", {"name": long}),
        ("/projects/clinic/guidelines", {"text": long}),
        ("/tokens", {"name": "x", "days": 10**9}),
    ):
        answer = carol.post(f"/api/v1{path}", json=body)
        assert shape(answer) == (422, True), (path, answer.text[:200])


@pytest.mark.parametrize("limit", ["1000000000", "-1", "0", "501", "1e3", "NaN", "", "9" * 400])
def test_a_limit_has_its_bounds(cast: Cast, as_user: As, limit: str) -> None:
    for path in ("/projects/clinic/pairs", "/audit"):
        assert as_user(cast.carol).get(f"/api/v1{path}", params={"limit": limit}).status_code == 422, path


PRYING = [
    "filter[author.password_hash][startswith]=$a", "author__person__email=a", "author.person.email=a",
    "sort=author.email", "order_by=password", "fields=author.token", "include=author.person", "expand=author",
    "select=*", "where=1%3D1", "digest=a", "author_id__startswith=0", "state__ne=draft", "populate=*",
]  # fmt: skip


@pytest.mark.parametrize("query", PRYING)
def test_a_filter_that_is_not_offered_tells_nothing(cast: Cast, as_user: As, query: str) -> None:
    """The same answer whether the column exists or not: the parameter is not known at all."""
    alice = as_user(cast.alice)
    for path in ("/projects/clinic/pairs", "/projects", "/projects/clinic/rounds", "/terms"):
        plain, asked = alice.get(f"/api/v1{path}"), alice.get(f"/api/v1{path}?{query}")
        invented = alice.get(f"/api/v1{path}?{query.replace('author', 'zebra')}")
        assert asked.status_code == invented.status_code and asked.content == invented.content
        assert asked.status_code == 422 or asked.content == plain.content, path


FILTERS = {"state", "tag", "author", "q", "limit", "cursor", "subject", "actor", "action", "project", "since", "until",
           "only", "value", "format", "split", "unread", "unresolved",
           "next"}  # fmt: skip


def test_the_interface_offers_these_filters_and_no_others(client: TestClient) -> None:
    described = client.get("/openapi.json").json()["paths"]
    offered = {
        parameter["name"]
        for operations in described.values()
        for operation in operations.values()
        for parameter in operation.get("parameters", [])
        if parameter["in"] == "query"
    }
    assert offered <= FILTERS, offered - FILTERS


def test_no_answer_holds_a_secret_or_an_address(cast: Cast, as_user: As, client: TestClient) -> None:
    """What an expert reads of others: pseudonymous ids, never addresses, digests or hashes of secrets."""
    alice = as_user(cast.alice)
    for path in (
        "/projects",
        "/projects/clinic",
        "/projects/clinic/pairs",
        "/projects/clinic/rounds",
        "/tokens",
        "/sessions",
    ):
        text = alice.get(f"/api/v1{path}").text
        assert "@example.org" not in text and "digest" not in text and "password" not in text, path


SLUGS = [
    "Clinic", "CLINIC", "clinic ", " clinic", "cli%6eic", "clinic%20", "clinic%00", "clinic\u200b",
    "ｃlinic", "clinic/", "clinic.", "-clinic", "clinic-", "a b", "a%20b", "é", "e\u0301", "", ".",
]  # fmt: skip


@pytest.mark.parametrize("slug", SLUGS)
def test_one_project_has_one_name(cast: Cast, as_user: As, slug: str) -> None:
    """A slug is plain ASCII, so that no two look or compare alike."""
    answer = as_user(cast.carol).post("/api/v1/projects", json={"slug": slug, "name": "Second"})
    assert answer.status_code == 422, slug
    assert as_user(cast.carol).post("/api/v1/projects", json={"slug": "clinic", "name": "x"}).status_code == 409


def test_a_parameter_given_twice_is_one_parameter(cast: Cast, as_user: As, signed_in: As) -> None:
    """The door and the handler read the same value; which one is no secret, that it is one matters."""
    alice = as_user(cast.alice)
    answer = alice.get("/api/v1/projects/clinic/pairs?state=draft&state=approved&limit=1&limit=2")
    assert answer.status_code == 200
    twice = {b"Authorization": b"Bearer prc_guess"}
    headers = [*twice.items(), (b"Authorization", alice.headers["authorization"].encode())]
    assert TestClient(alice.app).get("/api/v1/projects", headers=headers).status_code == 401  # type: ignore[arg-type]


def test_two_tokens_of_a_form_are_not_one_right_one(app: Any, cast: Cast, signed_in: As) -> None:
    carol = signed_in(cast.carol)
    right = derive(KEY, f"csrf:{digest(carol.cookies['preceptor_session'])}")
    body = {"csrf": ["wrong", "wrong"], "name": "x"}
    assert carol.post("/projects", data=body, headers={"X-CSRF-Token": right}).status_code == 403


BROKEN = [
    '{"slug":"a","slug":"b","name":"x"}', '{"slug":NaN,"name":"x"}', "[]", "null", "1", '"x"', "{",
    '{"slug":"a\\u0000","name":"x"}', '{"slug":"a","name":"\\ud800"}', "[" * 100_000, '{"a":' * 50_000,
    "\ufeff{}", "{'slug': 'a'}",
]  # fmt: skip


@pytest.mark.parametrize("body", BROKEN)
def test_json_that_is_none_or_two_things_at_once(cast: Cast, as_user: As, body: str) -> None:
    kind = {"Content-Type": "application/json"}
    answer = as_user(cast.carol).post("/api/v1/projects", content=body.encode(), headers=kind)
    assert answer.status_code in (400, 422), answer.text[:300]
