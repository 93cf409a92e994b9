"""What is believed of an ID token, told by a key of our own; and the sealed journey."""

from __future__ import annotations

import base64
import hmac
import json
import time
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey

from app.core import security
from app.domain.auth import single_sign_on

PROVIDER = single_sign_on.Provider("https://id.example.org", "preceptor", "secret", "Example")
JOURNEY = single_sign_on.LoginState("state", "nonce", "verifier")
KEY = RSAKey.generate_key(2048, {"kid": "one"})
KEYS = KeySet([KEY]).as_dict(private=False)


def claims(**other: Any) -> dict[str, Any]:
    at = int(time.time())
    given = {"iss": PROVIDER.issuer, "aud": "preceptor", "sub": "s-1", "exp": at + 60, "iat": at, "nonce": "nonce"}
    return {name: value for name, value in {**given, **other}.items() if value is not None}


def token(body: dict[str, Any], key: Any = KEY, alg: str = "RS256") -> str:
    return jwt.encode({"alg": alg, "kid": "one"}, body, key, algorithms=[alg])


def test_valid_token_is_accepted() -> None:
    body = claims(email="a@example.org", email_verified=True, name="Ann")
    found = single_sign_on._claims(PROVIDER, JOURNEY, token(body), KEYS)
    assert found == single_sign_on.Claims(PROVIDER.issuer, "s-1", "a@example.org", True, "Ann")


def _part(content: dict[str, Any] | bytes) -> str:
    """A part of a token that no library would make."""
    raw = content if isinstance(content, bytes) else json.dumps(content).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


FORGED = {
    "nonce of another sign-in": claims(nonce="other"),
    "no nonce": claims(nonce=None),
    "another issuer": claims(iss="https://evil.example"),
    "another application": claims(aud="another"),
    "several applications, none named": claims(aud=["preceptor", "another"]),
    "meant for another": claims(azp="another"),
    "expired": claims(exp=int(time.time()) - 3600),
    "without an end": claims(exp=None),
    "from the future": claims(iat=int(time.time()) + 3600),
    "nobody": claims(sub=None),
    "an empty name": claims(sub=""),
    "a name too long to keep": claims(sub="s" * 300),
}


@pytest.mark.assurance
def test_invalid_token_is_refused(tally) -> None:
    for name, body in FORGED.items():
        with pytest.raises(single_sign_on.SignOnFailed):
            pytest.fail(f"{name}: {single_sign_on._claims(PROVIDER, JOURNEY, token(body), KEYS)}")
    tally("forgeries found", len(FORGED))


def test_foreign_key_and_weak_alg_are_refused() -> None:
    public = KEY.as_pem(private=False)
    signed = f"{_part({'alg': 'HS256', 'kid': 'one'})}.{_part(claims())}"
    tag = hmac.new(public, signed.encode(), "sha256").digest()
    foreign = token(claims(), RSAKey.generate_key(2048, {"kid": "one"}))
    mixed_up = f"{signed}.{_part(tag)}"
    head, body, _ = token(claims()).split(".")
    unsigned = f"eyJhbGciOiJub25lIn0.{body}."
    for forged in (foreign, mixed_up, unsigned, f"{head}.{body}.", "", "x.y.z"):
        with pytest.raises(single_sign_on.SignOnFailed):
            single_sign_on._claims(PROVIDER, JOURNEY, forged, KEYS)


def test_email_is_verified_only_by_true() -> None:
    for said in ("true", 1, None, "yes"):
        assert not single_sign_on._claims(PROVIDER, JOURNEY, token(claims(email_verified=said)), KEYS).email_verified


def test_login_state_expires_in_ten_minutes() -> None:
    sealed = single_sign_on.encrypt_state(JOURNEY, "/projects", key="k" * 40)
    assert JOURNEY.verifier not in sealed
    assert single_sign_on.decrypt_state(sealed, key="k" * 40) == (JOURNEY, "/projects")
    assert (
        single_sign_on.decrypt_state(sealed, key="j" * 40) is None
        and single_sign_on.decrypt_state("", key="k" * 40) is None
    )
    cipher = security.cipher("k" * 40, single_sign_on.PURPOSE)
    old = cipher.encrypt_at_time(cipher.decrypt(sealed.encode()), int(time.time()) - 601).decode()
    assert single_sign_on.decrypt_state(old, key="k" * 40) is None


@pytest.mark.parametrize(
    ("address", "safe"),
    [
        ("https://id.example.org/a", True), ("http://127.0.0.1:9400/a", True), ("http://localhost/a", True),
        ("http://id.example.org/a", False), ("http://169.254.169.254/", False),
        ("file:///etc/passwd", False), ("", False),
    ],
)  # fmt: skip
def test_plain_http_only_on_loopback(address: str, safe: bool) -> None:
    assert single_sign_on.is_safe_address(address) is safe
