"""The second step: codes of an authenticator app, each good once, and ten recovery codes."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta

import pyotp
from sqlalchemy import delete, func, select

from intake import crypto
from intake.accounts.models import Passkey, RecoveryCode, Staff
from intake.crypto import token_digest
from intake.db import db, new_id

STEP_SECONDS = 30
FREE_TRIES = 5
LONGEST_WAIT = timedelta(minutes=15)
CODES = 10


def secret_of(staff: Staff) -> str:
    """The stored secret of the second factor, "" before it is set up."""
    return crypto.open_(staff.totp_sealed, at="staff.totp", row=staff.id)


def offer() -> str:
    """A fresh secret to set up an authenticator app with."""
    return pyotp.random_base32()


def address(secret: str, *, email: str, center: str) -> str:
    """The otpauth address an authenticator app reads from the picture."""
    return pyotp.TOTP(secret).provisioning_uri(name=email, issuer_name=center)


def waits(staff: Staff, now: datetime) -> bool:
    """True while so many codes were wrong that the next one is not even looked at."""
    return staff.retry_at is not None and staff.retry_at > now


def proves(staff: Staff, typed: str, now: datetime, *, offered: str = "", recovery: bool = True) -> bool:
    """True when `typed` is the current code (or the one before or after), never used before, or a recovery code.

    Failures are counted on the account and slow it down; only a right code starts the count again.
    """
    plain = "".join(typed.split()).lower()
    if not waits(staff, now) and (
        _fresh(staff, offered or secret_of(staff), plain, now)
        or (recovery and not offered and _spend(staff, plain, now))
    ):
        staff.failures, staff.retry_at = 0, None
        return True
    failed(staff, now)
    return False


def failed(staff: Staff, now: datetime) -> None:
    """Count a failed second step; after five the next one has to wait, longer each time."""
    if not waits(staff, now):
        staff.failures += 1
        over = staff.failures - FREE_TRIES
        if over >= 0:
            staff.retry_at = now + min(LONGEST_WAIT, timedelta(seconds=2 ** min(over + 1, 12)))


def _fresh(staff: Staff, key: str, typed: str, now: datetime) -> bool:
    if not key:
        return False
    totp, step = pyotp.TOTP(key), int(now.timestamp()) // STEP_SECONDS
    for candidate in (step, step - 1, step + 1):
        same = secrets.compare_digest(totp.generate_otp(candidate).encode(), typed.encode())
        if same and candidate > staff.totp_last_step:
            staff.totp_last_step = candidate
            return True
    return False


def _spend(staff: Staff, typed: str, now: datetime) -> bool:
    row = db.session.scalar(
        select(RecoveryCode).where(
            RecoveryCode.staff_id == staff.id,
            RecoveryCode.digest == token_digest(typed.replace("-", "")),
            RecoveryCode.used_at.is_(None),
        )
    )
    if row is None:
        return False
    row.used_at = now
    return True


def keep(staff: Staff, secret: str, now: datetime) -> list[str]:
    """Store a newly proven secret; returns ten recovery codes, shown once."""
    staff.totp_sealed = crypto.seal(secret, key_of=staff.id, at="staff.totp", row=staff.id)
    staff.second_factor_at = now
    return new_codes(staff.id)


def forget(staff: Staff) -> None:
    """Take the second step away; the next sign-in sets up a new one."""
    staff.totp_sealed, staff.second_factor_at = None, None
    db.session.execute(delete(RecoveryCode).where(RecoveryCode.staff_id == staff.id))
    db.session.execute(delete(Passkey).where(Passkey.staff_id == staff.id))


def new_codes(staff_id: int) -> list[str]:
    """Ten fresh recovery codes instead of all older ones; only their digests are stored."""
    db.session.execute(delete(RecoveryCode).where(RecoveryCode.staff_id == staff_id))
    codes = [secrets.token_hex(5) for _ in range(CODES)]
    db.session.add_all(RecoveryCode(id=new_id(), staff_id=staff_id, digest=token_digest(c)) for c in codes)
    return codes


def codes_left(staff_id: int) -> int:
    """How many recovery codes are still unused."""
    found = db.session.scalar(
        select(func.count(RecoveryCode.id)).where(RecoveryCode.staff_id == staff_id, RecoveryCode.used_at.is_(None))
    )
    return int(found or 0)
