"""OpenID Connect: the authorization code flow with PKCE (S256), state and nonce. Knows neither accounts nor web pages.

Every answer of the provider is checked: its name, the addresses of its endpoints, the ID token's signature, issuer,
audience, times and nonce; userinfo counts only for the subject of the ID token. A request takes at most ten seconds and
follows no redirect. Decision 0013 says why Authlib's Starlette client is not used.
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
    """The provider refused, could not be reached, or sent an answer that failed a check."""

    status, code = 502, "single_sign_on"


@dataclass(frozen=True)
class Provider:
    issuer: str
    client_id: str
    client_secret: str
    name: str


@dataclass(frozen=True)
class LoginState:
    """What the browser keeps during the login, encrypted because it contains the PKCE verifier."""

    state: str
    nonce: str
    verifier: str


@dataclass(frozen=True)
class Claims:
    """Who signed in, as the provider says."""

    issuer: str
    subject: str
    email: str
    email_verified: bool
    name: str


def is_safe_address(url: str) -> bool:
    """Return whether the URL is https, or plain http on this machine."""
    parts = urlsplit(url)
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK)


def start_login(provider: Provider, redirect_uri: str) -> tuple[str, LoginState]:
    """Return the provider's URL to send the browser to, and the state to keep. Raises SignOnFailed."""
    login = LoginState(state=new_secret(), nonce=new_secret(), verifier=new_secret() + new_secret())
    with _client(provider, redirect_uri) as client:
        endpoint = _metadata(client, provider)["authorization_endpoint"]
        url, _ = client.create_authorization_url(
            endpoint, state=login.state, code_verifier=login.verifier, nonce=login.nonce
        )
    return str(url), login


def complete_login(provider: Provider, redirect_uri: str, login: LoginState, code: str) -> Claims:
    """Exchange the code, check the ID token, and request userinfo if it has no email address. Raises SignOnFailed."""
    with _client(provider, redirect_uri) as client:
        metadata = _metadata(client, provider)
        try:
            token = client.fetch_token(
                metadata["token_endpoint"], grant_type="authorization_code", code=code, code_verifier=login.verifier
            )
        except (http.HTTPError, OAuthError, ValueError) as error:
            raise SignOnFailed(f"{provider.name} did not accept the sign-in; try again.") from error
        keys = _json(client, provider, metadata["jwks_uri"])
        claims = _claims(provider, login, str(token.get("id_token", "")), keys)
        if claims.email or "userinfo_endpoint" not in metadata:
            return claims
        userinfo = _json(client, provider, metadata["userinfo_endpoint"], as_person=True)
    if str(userinfo.get("sub")) != claims.subject:
        raise SignOnFailed(f"The answer of {provider.name} is about another person; try again.")
    more = _read(provider, claims.subject, userinfo)
    return replace(more, name=claims.name or more.name)


def encrypt_state(login: LoginState, then: str, *, key: str) -> str:
    """Return the state and the page to open afterwards for a cookie, encrypted and authenticated."""
    return cipher(key, PURPOSE).encrypt(json.dumps([*astuple(login), then]).encode()).decode()


def decrypt_state(sealed: str, *, key: str) -> tuple[LoginState, str] | None:
    """Return what `encrypt_state` made in the last ten minutes; None for anything else."""
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
    """Return the provider's endpoints. Raises SignOnFailed for another issuer or an unsafe address."""
    if not is_safe_address(provider.issuer):
        raise SignOnFailed("PRECEPTOR_OIDC_ISSUER must be an https address; ask an admin to fix it.")
    document = _json(client, provider, f"{provider.issuer.rstrip('/')}/.well-known/openid-configuration")
    if document.get("issuer") != provider.issuer:
        raise SignOnFailed(
            f"{provider.name} calls itself something other than PRECEPTOR_OIDC_ISSUER; ask an admin to fix it."
        )
    names = ("authorization_endpoint", "token_endpoint", "jwks_uri")
    wrong = [name for name in names if not is_safe_address(str(document.get(name, "")))]
    if wrong:
        raise SignOnFailed(f"{provider.name} gives no https address for {', '.join(wrong)}.")
    extra = [name for name in ("userinfo_endpoint",) if is_safe_address(str(document.get(name, "")))]
    return {name: str(document[name]) for name in (*names, *extra)}


def _json(client: Any, provider: Provider, url: str, *, as_person: bool = False) -> dict[str, Any]:
    """Get a JSON object, with the user's access token only if `as_person`. Raises SignOnFailed."""
    try:
        response = client.request("GET", url, withhold_token=not as_person)
        value = response.json() if response.status_code == 200 else None
    except (http.HTTPError, ValueError) as error:
        raise SignOnFailed(f"{provider.name} cannot be reached; try again, or sign in another way.") from error
    if not isinstance(value, dict):
        raise SignOnFailed(f"{provider.name} sent no usable answer; try again, or sign in another way.")
    return value


def _claims(provider: Provider, login: LoginState, id_token: str, keys: Any) -> Claims:
    rules = jwt.JWTClaimsRegistry(
        leeway=LEEWAY,
        iss={"essential": True, "value": provider.issuer},
        aud={"essential": True, "value": provider.client_id},
        sub={"essential": True},
        exp={"essential": True},
        iat={"essential": True},
        nonce={"essential": True, "value": login.nonce},
    )
    try:
        claims = jwt.decode(id_token, KeySet.import_key_set(keys), algorithms=ALGORITHMS).claims
        rules.validate(claims)
    except (JoseError, ValueError, KeyError, TypeError) as error:
        raise SignOnFailed(f"The answer of {provider.name} failed a check; try again.") from error
    many = isinstance(claims["aud"], list) and len(claims["aud"]) > 1
    if (many or "azp" in claims) and claims.get("azp") != provider.client_id:
        raise SignOnFailed(f"The answer of {provider.name} was meant for another application.")
    if not 0 < len(str(claims["sub"])) <= LONGEST_SUBJECT:
        raise SignOnFailed(f"The answer of {provider.name} failed a check; try again.")
    return _read(provider, str(claims["sub"]), claims)


def _read(provider: Provider, subject: str, values: dict[str, Any]) -> Claims:
    """Read the claims. An address is verified only when the same source says so with a JSON true."""
    return Claims(
        issuer=provider.issuer,
        subject=subject,
        email=str(values.get("email") or ""),
        email_verified=values.get("email_verified") is True,
        name=str(values.get("name") or ""),
    )
