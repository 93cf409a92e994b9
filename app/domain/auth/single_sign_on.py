"""OpenID Connect: the authorisation code flow with PKCE (S256), state and nonce. Knows neither accounts nor web pages.

Everything a provider says is checked: its name, where its endpoints are, the ID token's signature, issuer, audience,
times and nonce; what the userinfo endpoint says counts for the person of the ID token only. Ten seconds a request, no
redirects followed.
"""

from __future__ import annotations

import json
from dataclasses import astuple, dataclass, replace
from typing import Any
from urllib.parse import urlsplit

from authlib.integrations.httpx_client import OAuth2Client, OAuthError
from cryptography.fernet import InvalidToken
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from app.core.errors import AppError
from app.core.security import cipher, new_secret

try:  # Authlib's client is built on whichever of the two is installed
    import httpx2 as http
except ImportError:
    import httpx as http  # type: ignore[no-redef]

SCOPE = "openid email profile"
ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "Ed25519", "EdDSA"]
LOOPBACK = ("127.0.0.1", "localhost", "::1")
SECONDS = 10
PURPOSE = "single-sign-on"
LOGIN_SECONDS = 600
LEEWAY = 60
LONGEST_SUBJECT = 255


class SignOnFailed(AppError):
    """The provider said no, could not be reached, or said something that does not hold."""

    status, code = 502, "single_sign_on"


@dataclass(frozen=True)
class Provider:
    issuer: str
    client_id: str
    client_secret: str
    name: str


@dataclass(frozen=True)
class LoginState:
    """What the browser keeps while it is away at the provider: sealed, for it holds the PKCE verifier."""

    state: str
    nonce: str
    verifier: str


@dataclass(frozen=True)
class Claims:
    """Who came back."""

    issuer: str
    subject: str
    email: str
    email_verified: bool
    name: str


def is_safe_address(url: str) -> bool:
    """https, or plain http on this machine."""
    parts = urlsplit(url)
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK)


def start_login(provider: Provider, redirect_uri: str) -> tuple[str, LoginState]:
    """The address at the provider to send the browser to. Raises SignOnFailed."""
    journey = LoginState(state=new_secret(), nonce=new_secret(), verifier=new_secret() + new_secret())
    with _client(provider, redirect_uri) as client:
        endpoint = _metadata(client, provider)["authorization_endpoint"]
        url, _ = client.create_authorization_url(
            endpoint, state=journey.state, code_verifier=journey.verifier, nonce=journey.nonce
        )
    return str(url), journey


def complete_login(provider: Provider, redirect_uri: str, journey: LoginState, code: str) -> Claims:
    """Exchange the code, check the ID token, and ask for the address where it holds none. Raises SignOnFailed."""
    with _client(provider, redirect_uri) as client:
        metadata = _metadata(client, provider)
        try:
            token = client.fetch_token(
                metadata["token_endpoint"], grant_type="authorization_code", code=code, code_verifier=journey.verifier
            )
        except (http.HTTPError, OAuthError, ValueError) as error:
            raise SignOnFailed(f"{provider.name} did not accept the sign-in; try again.") from error
        keys = _json(client, provider, metadata["jwks_uri"])
        claims = _claims(provider, journey, str(token.get("id_token", "")), keys)
        if claims.email or "userinfo_endpoint" not in metadata:
            return claims
        return _completed(provider, claims, _json(client, provider, metadata["userinfo_endpoint"], as_person=True))


def encrypt_state(journey: LoginState, then: str, *, key: str) -> str:
    """The journey and the page to go to afterwards, for a cookie: encrypted and authenticated."""
    return cipher(key, PURPOSE).encrypt(json.dumps([*astuple(journey), then]).encode()).decode()


def decrypt_state(sealed: str, *, key: str) -> tuple[LoginState, str] | None:
    """What `seal` made less than ten minutes ago; None for anything else."""
    try:
        state, nonce, verifier, then = json.loads(cipher(key, PURPOSE).decrypt(sealed.encode(), ttl=LOGIN_SECONDS))
    except (InvalidToken, ValueError):
        return None
    return LoginState(state, nonce, verifier), then


def _client(provider: Provider, redirect_uri: str) -> Any:
    return OAuth2Client(
        client_id=provider.client_id,
        client_secret=provider.client_secret or None,
        token_endpoint_auth_method="client_secret_basic" if provider.client_secret else "none",
        scope=SCOPE,
        redirect_uri=redirect_uri,
        code_challenge_method="S256",
        timeout=SECONDS,
        follow_redirects=False,
        trust_env=urlsplit(provider.issuer).hostname not in LOOPBACK,
    )


def _metadata(client: Any, provider: Provider) -> dict[str, str]:
    """Where the provider's endpoints are; a document of another issuer is refused."""
    if not is_safe_address(provider.issuer):
        raise SignOnFailed("PRECEPTOR_OIDC_ISSUER must be an https address; an admin mends it.")
    found = _json(client, provider, f"{provider.issuer.rstrip('/')}/.well-known/openid-configuration")
    if found.get("issuer") != provider.issuer:
        raise SignOnFailed(f"{provider.name} calls itself another name than PRECEPTOR_OIDC_ISSUER; an admin mends it.")
    names = ("authorization_endpoint", "token_endpoint", "jwks_uri")
    wrong = [name for name in names if not is_safe_address(str(found.get(name, "")))]
    if wrong:
        raise SignOnFailed(f"{provider.name} does not give a safe address for {', '.join(wrong)}.")
    extra = [name for name in ("userinfo_endpoint",) if is_safe_address(str(found.get(name, "")))]
    return {name: str(found[name]) for name in (*names, *extra)}


def _json(client: Any, provider: Provider, url: str, *, as_person: bool = False) -> dict[str, Any]:
    """An object of JSON; asked for with the person's access token only where that is wanted. Raises SignOnFailed."""
    try:
        answer = client.request("GET", url, withhold_token=not as_person)
        found = answer.json() if answer.status_code == 200 else None
    except (http.HTTPError, ValueError) as error:
        raise SignOnFailed(f"{provider.name} cannot be reached; try again, or sign in another way.") from error
    if not isinstance(found, dict):
        raise SignOnFailed(f"{provider.name} gave no usable answer; try again, or sign in another way.")
    return found


def _claims(provider: Provider, journey: LoginState, id_token: str, keys: Any) -> Claims:
    rules = jwt.JWTClaimsRegistry(
        leeway=LEEWAY,
        iss={"essential": True, "value": provider.issuer},
        aud={"essential": True, "value": provider.client_id},
        sub={"essential": True},
        exp={"essential": True},
        iat={"essential": True},
        nonce={"essential": True, "value": journey.nonce},
    )
    try:
        found = jwt.decode(id_token, KeySet.import_key_set(keys), algorithms=ALGORITHMS).claims
        rules.validate(found)
    except (JoseError, ValueError, KeyError, TypeError) as error:
        raise SignOnFailed(f"What {provider.name} sent does not hold; try again.") from error
    many = isinstance(found["aud"], list) and len(found["aud"]) > 1
    if (many or "azp" in found) and found.get("azp") != provider.client_id:
        raise SignOnFailed(f"What {provider.name} sent was meant for another application.")
    if not 0 < len(str(found["sub"])) <= LONGEST_SUBJECT:
        raise SignOnFailed(f"What {provider.name} sent does not hold; try again.")
    return _read(provider, str(found["sub"]), found)


def _completed(provider: Provider, claims: Claims, found: dict[str, Any]) -> Claims:
    """Name and address as the userinfo endpoint gives them: of the person that the ID token names, and no other."""
    if str(found.get("sub")) != claims.subject:
        raise SignOnFailed(f"What {provider.name} sent is about somebody else; try again.")
    more = _read(provider, claims.subject, found)
    return replace(more, name=claims.name or more.name)


def _read(provider: Provider, subject: str, found: dict[str, Any]) -> Claims:
    """An address counts as verified only when the same source says so, with a JSON true."""
    return Claims(
        issuer=provider.issuer,
        subject=subject,
        email=str(found.get("email") or ""),
        email_verified=found.get("email_verified") is True,
        name=str(found.get("name") or ""),
    )
