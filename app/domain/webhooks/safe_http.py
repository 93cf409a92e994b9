"""The only outbound HTTP of the application: one POST to an address that an admin entered and the owner allowed.

It is off unless the host is on the owner's list. The name is resolved once, every address that it resolves to is
checked, and the connection goes to a checked address only. Redirects are not followed, no proxy is used, only the
status of the response is read, and the whole request takes at most ten seconds.
"""

from __future__ import annotations

import ipaddress
import re
import socket
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
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
BLOCKED_NETWORKS = [
    ipaddress.ip_network(network)
    for network in (
        "192.0.0.0/24",  # protocol assignments; older Pythons treat parts of it as public
        "192.88.99.0/24",  # relays to 6to4
        "168.63.129.16/32",  # services of a cloud platform, at an address that looks public
        "2001::/23",  # Teredo and other tunnels
        "2002::/16",  # 6to4: an IPv4 address inside
    )
]
Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolve = Callable[[str, int], Sequence[str]]


class AddressNotAllowed(Invalid):
    """Messages may not be sent to this address. The text says what to change."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail, field="url")


class NotDelivered(Exception):
    """What went wrong; never quotes the response, which is not trusted."""


def permit(url: str, allowed: Iterable[str]) -> SplitResult:
    """Split a URL that messages may be sent to. Raises AddressNotAllowed. Does not resolve the name.

    An entry of the list is "hooks.example.org" (https at port 443), "hooks.example.org:8443" (that port, also with
    plain http and at private addresses: the owner of the installation trusts it) or "*" (any public host by https).
    """
    parts, host, port = _parts(url)
    hosts = {host.strip().lower() for host in allowed}
    if f"{_bracketed(host)}:{port}" in hosts:
        return parts
    if parts.scheme != "https":
        raise AddressNotAllowed(
            "Use https; plain http works only for a host that PRECEPTOR_WEBHOOK_HOSTS lists with its port."
        )
    if port != SCHEMES["https"] or not {host, ANY} & hosts:
        raise AddressNotAllowed(
            f"Messages to {host} are not allowed. The owner of the installation can allow them: add "
            f'"{_bracketed(host)}{"" if port == 443 else f":{port}"}" to PRECEPTOR_WEBHOOK_HOSTS.'
        )
    if not _may_be_public(host):
        raise AddressNotAllowed("This is a private address; it must be on PRECEPTOR_WEBHOOK_HOSTS with its port.")
    return parts


def _may_be_public(host: str) -> bool:
    """Judged by the address alone; what a name resolves to is checked when a message is sent."""
    if (address := _literal(host)) is not None:
        return is_public(address)
    return "." in host and host.rpartition(".")[2] not in LOCAL_NAMES and not host.endswith(".home.arpa")


def is_public(address: Address) -> bool:
    """Whether the address is on the public internet: not loopback, private, link-local, shared, reserved or multicast,
    and without another address embedded in it."""
    if any(address in network for network in BLOCKED_NETWORKS if network.version == address.version):
        return False
    if isinstance(address, ipaddress.IPv6Address) and (address not in PUBLIC_V6 or address.scope_id):
        return False
    return address.is_global and not (address.is_multicast or address.is_reserved or address.is_unspecified)


def resolve(host: str, port: int) -> list[str]:
    """Look up a name, without a cache. Raises OSError."""
    results = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(sockaddr[0]) for *_, sockaddr in results))


@dataclass
class CheckedBackend(httpcore.NetworkBackend):
    """Connects only to addresses that it has just checked, and allows `SECONDS` for the whole request."""

    allowed: Sequence[str]
    resolve: Resolve = resolve
    connect: httpcore.NetworkBackend = field(default_factory=httpcore.SyncBackend)
    seconds: float = SECONDS
    ends: float = 0.0

    def __post_init__(self) -> None:
        self.ends = time.monotonic() + self.seconds

    def left(self) -> float:
        """Seconds left. Raises httpcore.ReadTimeout when there are none."""
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
                return DeadlineStream(self.connect.connect_tcp(address, port, timeout=self.left()), self)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failed = error
        raise failed

    def addresses(self, host: str, port: int) -> list[str]:
        """Resolve a host. Raises AddressNotAllowed when an address is not public, unless the list has host and port."""
        literal = _literal(host)
        addresses = [str(literal)] if literal else self._resolve(host, port)
        trusted = f"{_bracketed(host)}:{port}" in {entry.strip().lower() for entry in self.allowed}
        if not trusted and not all(is_public(ipaddress.ip_address(address)) for address in addresses):
            raise AddressNotAllowed("The name resolves to a private address; nothing was sent.")
        return addresses

    def _resolve(self, host: str, port: int) -> list[str]:
        """Resolve in a thread, so that a name server that does not answer takes no more than the time left."""
        answers: list[str] = []

        def look_up() -> None:
            with suppress(OSError, UnicodeError):
                answers.extend(self.resolve(host, port))

        thread = threading.Thread(target=look_up, daemon=True)
        thread.start()
        thread.join(self.left())
        if not answers:
            raise httpcore.ConnectError("the name was not found")
        return list(answers)


@dataclass
class DeadlineStream(httpcore.NetworkStream):
    """A connection whose reads and writes time out when the whole request does."""

    inner: httpcore.NetworkStream
    backend: CheckedBackend

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self.inner.read(max_bytes, timeout=self.backend.left())

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self.inner.write(buffer, timeout=self.backend.left())

    def close(self) -> None:
        self.inner.close()

    def start_tls(
        self, ssl_context: Any, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        return DeadlineStream(
            self.inner.start_tls(ssl_context, server_hostname, timeout=self.backend.left()), self.backend
        )

    def get_extra_info(self, info: str) -> Any:
        return self.inner.get_extra_info(info)


def post(url: str, body: bytes, headers: dict[str, str], backend: CheckedBackend) -> int:
    """Send the request; returns the status when it is 2xx. Raises AddressNotAllowed, NotDelivered."""
    permit(url, backend.allowed)
    tls = httpx.create_ssl_context() if url.lower().startswith("https") else None
    with httpcore.ConnectionPool(ssl_context=tls, network_backend=backend, retries=0) as pool:
        try:
            with pool.stream("POST", url, headers=list(headers.items()), content=body) as response:
                status = response.status
        except httpcore.TimeoutException:
            raise NotDelivered(f"no response within {backend.seconds:.0f} seconds") from None
        except httpcore.ConnectError:
            raise NotDelivered(
                "no connection: check the name, the port and the certificate, or the server is down"
            ) from None
        except (httpcore.NetworkError, httpcore.ProtocolError):
            raise NotDelivered("the connection broke, or the response was not HTTP") from None
    if 300 <= status < 400:
        raise NotDelivered(f"responded with {status}: redirects are not followed")
    if not 200 <= status < 300:
        raise NotDelivered(f"responded with {status}")
    return status


def _parts(url: str) -> tuple[SplitResult, str, int]:
    """The parts of a URL, its host and its port. Raises AddressNotAllowed when parsers may disagree."""
    if len(url) > LONGEST or not PRINTABLE.fullmatch(url):
        raise AddressNotAllowed(f"Enter a URL of at most {LONGEST} ASCII characters, without spaces and backslashes.")
    try:
        parts = urlsplit(url)
        port = parts.port if parts.port is not None else SCHEMES.get(parts.scheme, 0)
    except ValueError:
        raise AddressNotAllowed("This URL is not valid.") from None
    if parts.scheme not in SCHEMES or not url.lower().startswith(f"{parts.scheme}://"):
        raise AddressNotAllowed("A URL must begin with https://.")
    if "@" in parts.netloc or "#" in url or "%" in parts.netloc:
        raise AddressNotAllowed(
            "The URL must not have a user name, a password, a fragment, or a percent sign in the host."
        )
    host = (parts.hostname or "").lower()
    spellings = (_bracketed(host), f"{_bracketed(host)}:{port}")
    if not port or not _is_host(host) or parts.netloc.lower() not in spellings:
        raise AddressNotAllowed("Write the host as a full name, or as an IP address in its usual form.")
    return parts, host, port


def _is_host(host: str) -> bool:
    """A name whose last label does not start with a digit, or an IP address in its usual form (not 127.1 or 0x7f.1)."""
    if (address := _literal(host)) is not None:
        return str(address) == host
    labels = host.split(".")
    return len(host) <= 253 and all(LABEL.fullmatch(label) for label in labels) and not labels[-1][:1].isdigit()


def _literal(host: str) -> Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
