"""Time-based one-time codes (RFC 6238) and recovery codes: set up, check, switch off.

The secret is encrypted under a key derived from the installation's key; each code and each recovery code works once.
"""

from __future__ import annotations

import base64
import secrets
import time
from typing import NoReturn

import pyotp
import segno
from cryptography.fernet import InvalidToken
from sqlalchemy import delete, update
from sqlalchemy.orm import Session

from app.core.db.base import now
from app.core.errors import Conflict, Invalid
from app.core.security import cipher, digest, same
from app.domain.accounts.tables import User
from app.domain.audit import actions as audit_actions
from app.domain.auth import actions, queries
from app.domain.auth.tables import RecoveryCode, SecondFactor, WebSession

STEP = 30
CODES = 10
ISSUER = "Preceptor"


def begin(session: Session, user: User, *, key: str) -> None:
    """Store a new secret that sign-in does not ask for yet. Raises Conflict when a second factor is on."""
    if queries.has_factor(session, user):
        raise Conflict("The second factor is on; switch it off first to set up another device.")
    secret = cipher(key, "second-factor").encrypt(pyotp.random_base32().encode()).decode()
    session.merge(SecondFactor(user_id=user.id, secret=secret))
    audit_actions.record(session, user.id, "second_factor.begun", "user", user.id)


def secret_of(factor: SecondFactor, *, key: str) -> str:
    """Return the secret in base 32. Raises Conflict when the installation's key has changed since."""
    try:
        return cipher(key, "second-factor").decrypt(factor.secret.encode()).decode()
    except InvalidToken:
        raise Conflict("The second factor was set up under another secret key; an admin can switch it off.") from None


def picture(user: User, secret: str) -> str:
    """Return a QR code for authenticator apps, as a data: URL of an SVG."""
    address = pyotp.TOTP(secret).provisioning_uri(name=user.email, issuer_name=ISSUER)
    image: str = segno.make(address, error="m").svg_data_uri(scale=4, border=4, light="#fff", dark="#000")
    return image


def confirm(session: Session, user: User, code: str, *, key: str, raw: str) -> tuple[list[str], str]:
    """Switch on after a correct code; return the recovery codes, which are shown once, and a new cookie.

    All other browsers are signed out, because they have not passed it. Raises Conflict, Invalid.
    """
    factor = queries.factor_of(session, user)
    if factor is None or factor.confirmed_at is not None:
        raise Conflict("There is no second factor to confirm; start again from your account page.")
    if not _use_code(session, factor, code, key=key):
        raise Invalid("This code is wrong. Check the clock of your device and try again.", field="code")
    factor.confirmed_at = now()
    codes = _new_codes(session, user)
    session.execute(delete(WebSession).where(WebSession.user_id == user.id, WebSession.digest != digest(raw)))
    audit_actions.record(session, user.id, "second_factor.on", "user", user.id)
    return codes, actions.rotate_session(session, raw)


def passes(session: Session, user: User, code: str, *, key: str) -> bool:
    """Use a code or a recovery code at sign-in; records success and failure."""
    factor = queries.factor_of(session, user)
    if factor is None or factor.confirmed_at is None:
        return False
    way = _way(session, factor, code, key)
    if way is None:
        audit_actions.record(session, None, "sign_in.failed", "user", user.id, way="second factor")
        return False
    audit_actions.record(session, user.id, "user.signed_in", "user", user.id, way=way)
    return True


def switch_off(session: Session, user: User, code: str, *, key: str) -> None:
    """Remove the second factor. Raises Conflict when it is off, Invalid when the code is wrong."""
    factor = _confirmed(session, user)
    if not _way(session, factor, code, key):
        _refuse(session, user)
    session.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user.id))
    session.delete(factor)
    audit_actions.record(session, user.id, "second_factor.off", "user", user.id)


def renew_codes(session: Session, user: User, code: str, *, key: str) -> list[str]:
    """Replace the recovery codes with ten new ones and return them. Raises Conflict, Invalid."""
    factor = _confirmed(session, user)
    if not _use_code(session, factor, code, key=key):
        _refuse(session, user)
    audit_actions.record(session, user.id, "second_factor.codes_renewed", "user", user.id)
    return _new_codes(session, user)


def _refuse(session: Session, user: User) -> NoReturn:
    audit_actions.record(session, user.id, "second_factor.refused", "user", user.id)
    raise Invalid("This code is wrong.", field="code")


def _confirmed(session: Session, user: User) -> SecondFactor:
    factor = queries.factor_of(session, user)
    if factor is None or factor.confirmed_at is None:
        raise Conflict("The second factor is off.")
    return factor


def _way(session: Session, factor: SecondFactor, code: str, key: str) -> str | None:
    """Use the code and return what it was: "code" or "recovery code"; None for a wrong code."""
    if _use_code(session, factor, code, key=key):
        return "code"
    return "recovery code" if _use_recovery_code(session, factor, code) else None


def _use_code(session: Session, factor: SecondFactor, code: str, *, key: str) -> bool:
    """Return whether this is the code of the current, last or next step, and newer than the last code used."""
    totp = pyotp.TOTP(secret_of(factor, key=key))
    digits = "".join(code.split())
    current = int(time.time()) // STEP
    for step in (current - 1, current, current + 1):
        if same(totp.generate_otp(step), digits):
            return _advance(session, factor, step)
    return False


def _advance(session: Session, factor: SecondFactor, step: int) -> bool:
    """Use a step in one statement, so that of two requests with the same code one is refused."""
    newer = update(SecondFactor).where(SecondFactor.user_id == factor.user_id, SecondFactor.last_step < step)
    return session.scalar(newer.values(last_step=step).returning(SecondFactor.user_id)) is not None


def _use_recovery_code(session: Session, factor: SecondFactor, code: str) -> bool:
    code_digest = digest("".join(code.split()).replace("-", "").lower())
    mine = (RecoveryCode.digest == code_digest, RecoveryCode.user_id == factor.user_id, RecoveryCode.used_at.is_(None))
    used = update(RecoveryCode).where(*mine).values(used_at=now()).returning(RecoveryCode.user_id)
    return session.scalar(used) is not None


def _new_codes(session: Session, user: User) -> list[str]:
    """Return new codes of 80 random bits, in four groups; only their digests are stored."""
    session.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user.id))
    codes = [base64.b32encode(secrets.token_bytes(10)).decode().lower() for _ in range(CODES)]
    session.add_all(RecoveryCode(digest=digest(code), user_id=user.id) for code in codes)
    session.flush()
    return ["-".join(code[at : at + 4] for at in range(0, 16, 4)) for code in codes]
