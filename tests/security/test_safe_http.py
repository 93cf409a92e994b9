"""Outgoing messages: a canary listens on loopback, and nothing that may not be reached ever connects to it."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import httpcore
import pytest
from starlette.testclient import TestClient

from app.domain.webhooks import safe_http
from app.domain.webhooks.safe_http import AddressNotAllowed, CheckedBackend, NotDelivered
from app.settings import Settings
from tests.fixtures.webhook_receiver import Receiver, listening
from tests.security.forbidden import forbidden

pytestmark = pytest.mark.assurance
Signed = Callable[..., TestClient]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with listening() as server:
        yield server


class Recorder(httpcore.NetworkBackend):
    """Stands where the network begins: notes where it would connect to, and lets loopback through to the canary."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        self.asked.append(host)
        if host.startswith("127.") or host == "::1":
            return httpcore.SyncBackend().connect_tcp(host, port, timeout=timeout)
        raise httpcore.ConnectError("there is no internet in this test")


def test_forbidden_addresses_are_refused_everywhere(receiver: Receiver, tally: Callable[[str, int], None]) -> None:
    """Under the widest list there is: any public host."""
    urls = forbidden(receiver.port)
    assert len(set(urls)) > 200
    network = Recorder()
    for url in urls:
        with pytest.raises(AddressNotAllowed):
            safe_http.permit(url, ["*"])
        with pytest.raises(AddressNotAllowed):
            safe_http.post(url, b"{}", {}, CheckedBackend(["*"], connect=network))
    assert network.asked == [] and receiver.connections == 0
    tally("forbidden addresses refused", len(set(urls)))


def test_nothing_goes_out_unless_the_owner_named_the_host() -> None:
    assert Settings().webhook_hosts == []
    for allowed in ([], ["other.example.org"], ["example.org"], ["hooks.example.org:8443"]):
        with pytest.raises(AddressNotAllowed):
            safe_http.permit("https://hooks.example.org/x", allowed)
    for url, allowed in (
        ("https://hooks.example.org/x", ["hooks.example.org"]),
        ("https://hooks.example.org:443/x", ["Hooks.Example.org"]),
        ("https://hooks.example.org:8443/x", ["hooks.example.org:8443"]),
        ("http://10.0.0.5:8080/x?y=1", ["10.0.0.5:8080"]),
        ("https://93.184.215.14/", ["*"]),
    ):
        assert safe_http.permit(url, allowed).hostname


@pytest.mark.parametrize(
    "answers",
    [["127.0.0.1"], ["10.0.0.7"], ["93.184.215.14", "127.0.0.1"], ["::1"], ["::ffff:127.0.0.1"], ["169.254.169.254"]],
)
def test_a_name_that_leads_inside_is_not_connected_to(receiver: Receiver, answers: list[str]) -> None:
    network = Recorder()
    backend = CheckedBackend(["*"], resolve=lambda host, port: answers, connect=network)
    with pytest.raises(AddressNotAllowed):
        safe_http.post("https://hooks.example.org/", b"{}", {}, backend)
    assert network.asked == [] and receiver.connections == 0


def test_a_name_that_changes_its_mind_is_asked_once_and_the_checked_address_is_used(receiver: Receiver) -> None:
    """Rebinding: public when it is checked, loopback when somebody would ask again."""
    said = iter([["93.184.215.14"], ["127.0.0.1"], ["127.0.0.1"]])
    network = Recorder()
    with pytest.raises(NotDelivered):
        safe_http.post(
            "https://hooks.example.org/",
            b"{}",
            {},
            CheckedBackend(["*"], resolve=lambda *_: next(said), connect=network),
        )
    assert network.asked == ["93.184.215.14"] and receiver.connections == 0
    with pytest.raises(AddressNotAllowed):
        safe_http.post(
            "https://hooks.example.org/",
            b"{}",
            {},
            CheckedBackend(["*"], resolve=lambda *_: next(said), connect=network),
        )
    assert network.asked == ["93.184.215.14"]


def test_proxies_of_the_environment_are_not_asked(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{receiver.port}")
    network = Recorder()
    with pytest.raises(NotDelivered):
        safe_http.post("https://93.184.215.14/", b"{}", {}, CheckedBackend(["*"], connect=network))
    assert network.asked == ["93.184.215.14"] and receiver.connections == 0


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_not_followed(receiver: Receiver, status: int) -> None:
    with listening() as other:
        receiver.answer = (status, {"Location": f"http://127.0.0.1:{other.port}/"})
        with pytest.raises(NotDelivered, match=f"responded with {status}"):
            safe_http.post(
                f"http://127.0.0.1:{receiver.port}/", b"{}", {}, CheckedBackend([f"127.0.0.1:{receiver.port}"])
            )
        assert receiver.connections == 1 and other.connections == 0


def test_a_receiver_that_drips_or_hangs_is_left_when_the_time_is_up() -> None:
    """A byte now and then keeps no connection open beyond the time of the whole delivery; twenty hang beside it."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port, over = listening.getsockname()[1], threading.Event()

        def drip(connection: socket.socket, quiet: bool) -> None:
            try:
                while not over.wait(0.05):
                    if not quiet:
                        connection.send(b"H")
            except OSError:
                pass

        def accept() -> None:
            for number in range(21):
                connection, _ = listening.accept()
                threading.Thread(target=drip, args=(connection, number > 0), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        failures: list[str] = []

        def send() -> None:
            try:
                backend = CheckedBackend([f"127.0.0.1:{port}"], seconds=0.6)
                safe_http.post(f"http://127.0.0.1:{port}/", b"{}", {}, backend)
            except NotDelivered as error:
                failures.append(str(error))

        threads = [threading.Thread(target=send) for _ in range(21)]
        for one in threads:
            one.start()
        for one in threads:
            one.join(safe_http.SECONDS)
        over.set()
    assert len(failures) == 21


def test_a_name_server_that_does_not_answer_is_left_too() -> None:
    over = threading.Event()
    backend = CheckedBackend(["*"], resolve=lambda *_: list(str(over.wait(30))[:0]), seconds=0.3)
    with pytest.raises(NotDelivered):
        safe_http.post("https://hooks.example.org/", b"{}", {}, backend)
    over.set()
