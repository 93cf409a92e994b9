"""Addresses that nothing may be sent to, in the many ways to write them."""

from __future__ import annotations


def forbidden(port: int) -> list[str]:
    """Ways to say loopback, a private network or a cloud's metadata, and addresses that are none."""
    hosts = [
        "127.0.0.1", "127.1", "127.0.1", "0", "0.0.0.0", "2130706433", "0x7f000001", "0x7f.0.0.1", "017700000001",
        "0177.0.0.1", "0177.0x0.0.1", "127.000.000.001", "127.0.0.1.", "[::1]", "[::]", "[0:0:0:0:0:0:0:1]",
        "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::127.0.0.1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "[fe80::1]",
        "[fe80::1%25lo]", "[fc00::1]", "[fec0::1]", "[ff02::1]", "localhost", "LOCALHOST", "localhost.",
        "app.localhost", "printer.local", "metadata.google.internal", "intranet", "169.254.169.254", "10.0.0.1",
        "172.16.0.1", "192.168.1.1", "100.64.0.1", "192.0.0.8", "198.18.0.1", "224.0.0.1", "240.0.0.1",
        "255.255.255.255", "168.63.129.16", "1\u3002example.org", "\u2460\u2461\u2466.0.0.1", "ex%61mple.org",
        "hooks.example.org@127.0.0.1", "127.0.0.1#@hooks.example.org", "hooks.example.org\\@127.0.0.1",
        "hooks.example.org%2f@127.0.0.1", "hooks.example.org\t.127.0.0.1", "hooks.example.org\r\nHost: a", "a..b", "",
    ]  # fmt: skip
    urls = [f"{scheme}://{host}{at}/" for host in hosts for scheme in ("https", "http") for at in ("", f":{port}")]
    schemes = ("file", "ftp", "gopher", "dict", "ldap", "jar", "data", "javascript", "ws", "unix")
    urls += [f"{scheme}://127.0.0.1:{port}/" for scheme in schemes]
    urls += ["file:///etc/passwd", "//hooks.example.org/", "hooks.example.org", "", "https:hooks.example.org"]
    return [*urls, "https:///hooks.example.org", "http://hooks.example.org/", "https://hooks.example.org:22/"]
