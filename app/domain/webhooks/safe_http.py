"""The only way out: one POST to an address that an admin named and the installation's owner allowed.

Off unless the host is on the owner's list. The name is resolved once, every address that it resolves to is checked,
and the connection goes to a checked address and nowhere else. Redirects are not followed, no proxy is asked, the answer
is read no further than its status, and all of it takes at most ten seconds.
"""

from __future__ import annotations

import ipaddress
import re
import socket
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import SplitResult, urlsplit

import httpcore
import httpx

from app.core.errors import Invalid

SECONDS = 10.0
LONGEST = 500
ANY = "*"
SCHEMES = {"https": 443, "http": 80}
PRINTABLE = re.compile(r"[!-\[\]-~]+")  # ASCII less the backslash, which browsers and libraries read differently
LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
LOCAL_NAMES = ("localhost", "local", "internal", "localdomain", "lan", "intranet", "corp")
PUBLIC_V6 = ipaddress.ip_network("2000::/3")
NOT_FOR_US = [
    ipaddress.ip_network(one)
    for one in (
        "192.0.0.0/24",  # the protocols of the internet itself; older Pythons think parts of it public
        "192.88.99.0/24",  # relays to 6to4
        "168.63.129.16/32",  # a cloud's own services, at an address that looks public
        "2001::/23",  # Teredo and other tunnels
        "2002::/16",  # 6to4: an IPv4 address inside
    )
]
Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolve = Callable[[str, int], Sequence[str]]


class Refused(Invalid):
    """This address may not be sent to. The words say what to change."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail, field="url")


class NotDelivered(Exception):
    """What went wrong, in our own words: nothing of what the other side said is repeated."""


def permit(url: str, allowed: Iterable[str]) -> SplitResult:
    """The parts of an address that may be sent to. Raises Refused. Asks no name server.

    On the list stand "hooks.example.org" (https at port 443), "hooks.example.org:8443" (that port, plain http and
    private addresses, too: the owner of the installation vouches for it) or "*" (any public host by https).
    """
    parts, host, port = _parts(url)
    hosts = {one.strip().lower() for one in allowed}
    if f"{_bracketed(host)}:{port}" in hosts:
        return parts
    if parts.scheme != "https":
        raise Refused("Use https; plain http is only for an address that PRECEPTOR_WEBHOOK_HOSTS names with its port.")
    if port != SCHEMES["https"] or not {host, ANY} & hosts:
        raise Refused(
            f"Messages to {host} are off. The owner of the installation can allow them: put "
            f'"{_bracketed(host)}{"" if port == 443 else f":{port}"}" on the list PRECEPTOR_WEBHOOK_HOSTS.'
        )
    if not _may_be_public(host):
        raise Refused("This is an address inside a network; it must stand on PRECEPTOR_WEBHOOK_HOSTS with its port.")
    return parts


def _may_be_public(host: str) -> bool:
    """As far as the address alone tells; what a name leads to is looked at when something is sent."""
    if (address := _literal(host)) is not None:
        return is_public(address)
    return "." in host and host.rpartition(".")[2] not in LOCAL_NAMES and not host.endswith(".home.arpa")


def is_public(address: Address) -> bool:
    """Whether the address belongs to somebody on the internet: no loopback, private, link-local, shared or reserved
    one, no multicast, and none that hides another address inside."""
    if any(address in network for network in NOT_FOR_US if network.version == address.version):
        return False
    if isinstance(address, ipaddress.IPv6Address) and (address not in PUBLIC_V6 or address.scope_id):
        return False
    return address.is_global and not (address.is_multicast or address.is_reserved or address.is_unspecified)


def resolve(host: str, port: int) -> list[str]:
    """What the name server says now. Raises OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(one[4][0]) for one in found))


@dataclass
class Checked(httpcore.NetworkBackend):
    """Connects to addresses that were checked just now, and gives everything together `SECONDS`."""

    allowed: Sequence[str]
    resolve: Resolve = resolve
    connect: httpcore.NetworkBackend = field(default_factory=httpcore.SyncBackend)
    seconds: float = SECONDS
    ends: float = 0.0

    def __post_init__(self) -> None:
        self.ends = time.monotonic() + self.seconds

    def left(self) -> float:
        """Raises httpcore.ReadTimeout when the time is up."""
        if (left := self.ends - time.monotonic()) <= 0:
            raise httpcore.ReadTimeout("the time is up")
        return left

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        failed: Exception = httpcore.ConnectError("no address")
        for address in self.addresses(host, port)[:3]:
            try:
                return Timed(self.connect.connect_tcp(address, port, timeout=self.left()), self)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failed = error
        raise failed

    def addresses(self, host: str, port: int) -> list[str]:
        """Raises Refused when one of them is not public, unless the owner named host and port."""
        literal = _literal(host)
        found = [str(literal)] if literal else self._ask(host, port)
        vouched = f"{_bracketed(host)}:{port}" in {one.strip().lower() for one in self.allowed}
        if not vouched and not all(is_public(ipaddress.ip_address(one)) for one in found):
            raise Refused("The name leads to an address inside a network; nothing was sent.")
        return found

    def _ask(self, host: str, port: int) -> list[str]:
        """A name server that does not answer costs no more than the time that is left."""
        answers: list[str] = []
        thread = threading.Thread(target=lambda: answers.extend(_quietly(self.resolve, host, port)), daemon=True)
        thread.start()
        thread.join(self.left())
        if not answers:
            raise httpcore.ConnectError("the name was not found")
        return list(answers)


@dataclass
class Timed(httpcore.NetworkStream):
    """A connection of which every read and write ends when the time of the whole delivery does."""

    inner: httpcore.NetworkStream
    clock: Checked

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self.inner.read(max_bytes, timeout=self.clock.left())

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self.inner.write(buffer, timeout=self.clock.left())

    def close(self) -> None:
        self.inner.close()

    def start_tls(
        self, ssl_context: Any, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        return Timed(self.inner.start_tls(ssl_context, server_hostname, timeout=self.clock.left()), self.clock)

    def get_extra_info(self, info: str) -> Any:
        return self.inner.get_extra_info(info)


def post(url: str, body: bytes, headers: dict[str, str], backend: Checked) -> int:
    """Send it; the status of the answer when that is 2xx. Raises Refused, NotDelivered."""
    permit(url, backend.allowed)
    tls = httpx.create_ssl_context() if url.lower().startswith("https") else None
    with httpcore.ConnectionPool(ssl_context=tls, network_backend=backend, retries=0) as pool:
        try:
            with pool.stream("POST", url, headers=list(headers.items()), content=body) as answer:
                status = answer.status
        except httpcore.TimeoutException:
            raise NotDelivered(f"no answer within {backend.seconds:.0f} seconds") from None
        except httpcore.ConnectError:
            raise NotDelivered("no connection: the name, the port or the certificate is wrong, or it is down") from None
        except (httpcore.NetworkError, httpcore.ProtocolError):
            raise NotDelivered("the connection broke, or the answer was no HTTP") from None
    if 300 <= status < 400:
        raise NotDelivered(f"answered {status}: redirects are not followed")
    if not 200 <= status < 300:
        raise NotDelivered(f"answered {status}")
    return status


def _parts(url: str) -> tuple[SplitResult, str, int]:
    """The address taken apart, and its host and port, when there is only one way to read it."""
    if len(url) > LONGEST or not PRINTABLE.fullmatch(url):
        raise Refused(f"Give an address of at most {LONGEST} plain characters, without spaces and backslashes.")
    try:
        parts = urlsplit(url)
        port = parts.port if parts.port is not None else SCHEMES.get(parts.scheme, 0)
    except ValueError:
        raise Refused("This is no address that can be read in one way only.") from None
    if parts.scheme not in SCHEMES or not url.lower().startswith(f"{parts.scheme}://"):
        raise Refused("An address begins with https://.")
    if "@" in parts.netloc or "#" in url or "%" in parts.netloc:
        raise Refused("Leave user names, passwords, fragments and percent signs out of the host.")
    host = (parts.hostname or "").lower()
    if not port or not _is_host(host) or parts.netloc.lower() not in _spellings(host, port):
        raise Refused("Write the host as a full name, or as an IP address in its usual form.")
    return parts, host, port


def _spellings(host: str, port: int) -> tuple[str, str]:
    return _bracketed(host), f"{_bracketed(host)}:{port}"


def _is_host(host: str) -> bool:
    """A name whose last part is no number, or an address as it is usually written (not 127.1, 0x7f.1, 017700000001)."""
    if (address := _literal(host)) is not None:
        return str(address) == host
    labels = host.split(".")
    return len(host) <= 253 and all(LABEL.fullmatch(one) for one in labels) and not labels[-1][:1].isdigit()


def _literal(host: str) -> Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _quietly(resolve: Resolve, host: str, port: int) -> Sequence[str]:
    try:
        return resolve(host, port)
    except (OSError, UnicodeError):
        return []
