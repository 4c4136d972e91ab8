"""Sign in with password and code, end sessions, invite and switch off staff."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

import pyotp
from sqlalchemy import select, update

from intake import crypto
from intake.accounts import passwords
from intake.accounts.models import RecoveryCode, Staff, StaffSession
from intake.actor import Actor, Role, system
from intake.audit import service as audit
from intake.crypto import token_digest
from intake.db import db, new_id
from intake.errors import Missing
from intake.settings import queries as settings

WRONG = "Email or password do not match. Check both and try again."
WRONG_CODE = "That code did not work. Wait for the next one and type it again."
HALF_WAY = timedelta(minutes=10)
FREE_TRIES = 5
LONGEST_WAIT = timedelta(minutes=15)
STEP_SECONDS = 30


@dataclass(frozen=True)
class SignedIn:
    """A new session: its secret goes into the cookie, only its digest is stored."""

    secret: str
    staff_id: int
    needs_code: bool
    enrolled: bool


def add_staff(
    *, site_id: int, email: str, name: str, role: Role, password: str, now: datetime, is_demo: bool = False
) -> Staff:
    """Make a member of staff with a password; the second factor is set up at the first sign-in."""
    passwords.check_new(password)
    row = Staff(
        id=new_id(),
        site_id=site_id,
        email=email.lower(),
        name=name,
        role=role,
        password_hash=passwords.hashed(password),
        is_demo=is_demo,
        created_at=now,
    )
    db.session.add(row)
    db.session.flush()
    crypto.make_key(row.id)
    audit.record(actor=system(site_id), verb="added", record="staff", record_id=row.id, purpose=role.value, now=now)
    return row


def actor_of(staff: Staff) -> Actor:
    """The frozen actor of a member of staff."""
    return Actor(id=staff.id, site_id=staff.site_id, role=staff.role, name=staff.name)


def sign_in(email: str, password: str, *, browser: str, now: datetime) -> SignedIn | None:
    """Check the password and open a half session; None when they do not match or the account must wait.

    The same answer and the same work for an unknown person, a wrong password and a switched-off account.
    Failures are counted here, so the caller's transaction is committed either way.
    """
    staff = db.session.scalar(select(Staff).where(Staff.email == email.strip().lower()).with_for_update())
    fits = passwords.matches(staff.password_hash if staff else "", password)
    if staff is None:
        return None
    waiting = staff.retry_at is not None and staff.retry_at > now
    if waiting or not fits or not staff.is_active:
        _failed(staff, now)
        return None
    if passwords.outdated(staff.password_hash):
        staff.password_hash = passwords.hashed(password)
    staff.failures, staff.retry_at = 0, None
    needs_code = bool(settings.value(staff.site_id, "second_factor_required")) or staff.totp_sealed is not None
    secret = _open_session(staff, second_factor=not needs_code, browser=browser, now=now)
    audit.record(actor=actor_of(staff), verb="password_accepted", record="staff", record_id=staff.id, now=now)
    return SignedIn(secret, staff.id, needs_code, staff.totp_sealed is not None)


def _failed(staff: Staff, now: datetime) -> None:
    staff.failures += 1
    over = staff.failures - FREE_TRIES
    if over >= 0:
        staff.retry_at = now + min(LONGEST_WAIT, timedelta(seconds=2 ** min(over + 1, 12)))
    audit.record(actor=actor_of(staff), verb="sign_in_refused", record="staff", record_id=staff.id, now=now)


def _open_session(staff: Staff, *, second_factor: bool, browser: str, now: datetime) -> str:
    secret = secrets.token_hex(32)
    hours = int(settings.value(staff.site_id, "absolute_hours"))
    ends = now + (timedelta(hours=hours) if second_factor else HALF_WAY)
    db.session.add(
        StaffSession(
            id=new_id(),
            digest=token_digest(secret),
            staff_id=staff.id,
            created_at=now,
            seen_at=now,
            ends_at=ends,
            second_factor=second_factor,
            browser=browser[:120],
        )
    )
    if second_factor:
        staff.last_sign_in_at = now
    return secret


def _half_session(secret: str, now: datetime) -> tuple[StaffSession, Staff]:
    row = db.session.scalar(
        select(StaffSession).where(
            StaffSession.digest == token_digest(secret),
            StaffSession.revoked_at.is_(None),
            StaffSession.ends_at > now,
            StaffSession.second_factor.is_(False),
        )
    )
    staff = db.session.get(Staff, row.staff_id, with_for_update=True) if row else None
    if row is None or staff is None or not staff.is_active:
        raise Missing("Your sign-in took too long. Start again.")
    return row, staff


def totp_secret(staff: Staff) -> str:
    """The stored secret of the second factor, "" before it is set up."""
    return crypto.open_(staff.totp_sealed, at="staff.totp", row=staff.id)


def offer_totp() -> str:
    """A fresh secret to set up an authenticator app with."""
    return pyotp.random_base32()


def totp_address(secret: str, *, email: str, center: str) -> str:
    """The otpauth address an authenticator app reads from the picture."""
    return pyotp.TOTP(secret).provisioning_uri(name=email, issuer_name=center)


def confirm_code(
    secret: str, code: str, *, offered: str = "", browser: str, now: datetime
) -> tuple[str, list[str]] | None:
    """Finish a sign-in with a code of the app or a recovery code; returns the new session's secret.

    With `offered` the code proves a newly set-up app, and ten recovery codes come back, shown once.
    None: the code is wrong, was used before, or must wait; the failure is counted, so commit either way.

    Raises:
        Missing: the half session ended.
    """
    half, staff = _half_session(secret, now)
    typed = "".join(code.split()).lower()
    first = staff.totp_sealed is None
    key = offered if first else totp_secret(staff)
    if not key or not (_fresh_code(staff, key, typed, now) or (not first and _recovery(staff, typed, now))):
        _failed(staff, now)
        return None
    codes: list[str] = []
    if first:
        staff.totp_sealed = crypto.seal(offered, key_of=staff.id, at="staff.totp", row=staff.id)
        codes = _new_recovery_codes(staff)
    staff.second_factor_at, staff.failures = now, 0
    half.revoked_at = now
    audit.record(actor=actor_of(staff), verb="signed_in", record="staff", record_id=staff.id, now=now)
    return _open_session(staff, second_factor=True, browser=browser, now=now), codes


def _fresh_code(staff: Staff, key: str, typed: str, now: datetime) -> bool:
    if staff.retry_at is not None and staff.retry_at > now:
        return False
    totp, step = pyotp.TOTP(key), int(now.timestamp()) // STEP_SECONDS
    for candidate in (step, step - 1, step + 1):
        if candidate > staff.totp_last_step and secrets.compare_digest(totp.generate_otp(candidate), typed):
            staff.totp_last_step = candidate
            return True
    return False


def _new_recovery_codes(staff: Staff) -> list[str]:
    codes = [secrets.token_hex(5) for _ in range(10)]
    db.session.add_all(RecoveryCode(id=new_id(), staff_id=staff.id, digest=token_digest(c)) for c in codes)
    return codes


def _recovery(staff: Staff, typed: str, now: datetime) -> bool:
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


def sign_out(secret: str, *, now: datetime) -> None:
    """End the session of this browser."""
    db.session.execute(
        update(StaffSession)
        .where(StaffSession.digest == token_digest(secret), StaffSession.revoked_at.is_(None))
        .values(revoked_at=now)
    )


def end_sessions(staff_id: int, *, now: datetime) -> None:
    """End every session of a member of staff at once."""
    db.session.execute(
        update(StaffSession)
        .where(StaffSession.staff_id == staff_id, StaffSession.revoked_at.is_(None))
        .values(revoked_at=now)
    )


def set_keys(*, off: bool, actor: Actor) -> None:
    """Switch keyboard shortcuts off or on for oneself."""
    db.session.execute(update(Staff).where(Staff.id == actor.id).values(keys_off=off))
