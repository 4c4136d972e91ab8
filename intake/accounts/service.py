"""Sign in with password and code, change one's own password, codes and keys."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select, update

from intake import crypto
from intake.accounts import passwords, second_step, sessions, tries
from intake.accounts.models import Staff
from intake.actor import Actor, Role, system
from intake.audit import service as audit
from intake.db import db, new_id
from intake.errors import Missing
from intake.settings import queries as settings

WRONG = "Email or password do not match. Check both and try again."
WRONG_CODE = "That code did not work. Wait for the next one and type it again."
WRONG_NOW = "That is not your password now."


@dataclass(frozen=True)
class SignedIn:
    """A new session: its secret goes into the cookie, only its digest is stored."""

    secret: str
    staff_id: int
    needs_code: bool
    enrolled: bool


@dataclass(frozen=True)
class Refused:
    """A sign-in that did not work; `wait` is how long the next try has to wait (the password was not looked at)."""

    wait: timedelta = timedelta(0)


@dataclass(frozen=True)
class Confirmed:
    """A finished sign-in: the new session's secret, recovery codes if they are new, and the browser's own secret."""

    secret: str
    codes: list[str]
    device: str


def add_staff(
    *, site_id: int, email: str, name: str, role: Role, password: str = "", now: datetime, is_demo: bool = False
) -> Staff:
    """Make a member of staff; without a password the account waits for its invitation to be accepted."""
    if password:
        passwords.check_new(password)
    row = Staff(
        id=new_id(),
        site_id=site_id,
        email=email.lower(),
        name=name,
        role=role,
        password_hash=passwords.hashed(password) if password else "",
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


def totp_secret(staff: Staff) -> str:
    """The stored secret of the second factor, "" before it is set up."""
    return second_step.secret_of(staff)


def sign_in(
    email: str, password: str, *, browser: str, now: datetime, address: str = "", device: str = ""
) -> SignedIn | Refused:
    """Check the password and open a half session, or say that it was refused.

    The same answer and the same work for an unknown person, a wrong password and a switched-off account. Failures are
    counted here, so the caller's transaction is committed either way. Who must wait is told before any hashing.
    """
    typed = email.strip().lower()[:254]
    staff = db.session.scalar(select(Staff).where(Staff.email == typed))
    known = sessions.device_of(staff.id if staff else None, device)
    mine = tries.key("device", typed, device) if known else tries.key("email", typed)
    counted = [mine] if known else [mine, tries.key("address", address)]
    wait = tries.left(counted, now)
    if wait:
        return Refused(wait)
    fits = passwords.matches(staff.password_hash if staff else "", password)
    if staff is None or not fits or not staff.is_active:
        tries.failed(counted, now)
        _tell_refused(staff, now)
        return Refused()
    tries.forget([mine])
    if passwords.outdated(staff.password_hash):
        staff.password_hash = passwords.hashed(password)
    audit.record(actor=actor_of(staff), verb="password_accepted", record="staff", record_id=staff.id, now=now)
    return begin(staff, browser=browser, now=now)


def begin(staff: Staff, *, browser: str, now: datetime) -> SignedIn:
    """Open half a session for somebody whose password was proven; a whole one where no code is asked."""
    needs_code = bool(settings.value(staff.site_id, "second_factor_required")) or staff.totp_sealed is not None
    secret = sessions.open_session(staff, second_factor=not needs_code, browser=browser, now=now)
    return SignedIn(secret, staff.id, needs_code, staff.totp_sealed is not None)


def _tell_refused(staff: Staff | None, now: datetime) -> None:
    try:
        site_id = staff.site_id if staff else settings.the_site().id
    except Missing:
        return
    who = actor_of(staff) if staff else system(site_id)
    record_id = staff.id if staff else None
    audit.record(actor=who, verb="sign_in_refused", record="staff", record_id=record_id, now=now)


def confirm_code(
    secret: str, code: str, *, offered: str = "", browser: str, now: datetime, device: str = ""
) -> Confirmed | None:
    """Finish a sign-in with a code of the app or a recovery code.

    With `offered` the code proves a newly set-up app, and ten recovery codes come back, shown once.
    None: the code is wrong, was used before, or must wait; the failure is counted, so commit either way.

    Raises:
        Missing: the half session ended.
    """
    half, staff = sessions.half(secret, now)
    first = staff.totp_sealed is None
    if first and not offered:
        return None
    if not second_step.proves(staff, code, now, offered=offered if first else ""):
        audit.record(actor=actor_of(staff), verb="code_refused", record="staff", record_id=staff.id, now=now)
        return None
    codes = second_step.keep(staff, offered, now) if first else []
    half.revoked_at = now
    device = sessions.know_device(staff.id, device, now=now)
    audit.record(actor=actor_of(staff), verb="signed_in", record="staff", record_id=staff.id, now=now)
    return Confirmed(sessions.open_session(staff, second_factor=True, browser=browser, now=now), codes, device)


def step_up(secret: str, code: str, *, now: datetime) -> bool:
    """Prove by a fresh code that it is still the same person; commit either way, since failures are counted.

    Raises:
        Missing: the session was ended.
    """
    row = sessions.of(secret)
    staff = db.session.get_one(Staff, row.staff_id, with_for_update=True)
    right = second_step.proves(staff, code, now)
    if right:
        row.step_up_at = now
    verb = "code_confirmed" if right else "code_refused"
    audit.record(actor=actor_of(staff), verb=verb, record="staff", record_id=staff.id, now=now)
    return right


def about(staff: Staff) -> tuple[str, ...]:
    """Words that the password of this person must not be made of."""
    site = settings.site(staff.site_id)
    return (
        staff.email.partition("@")[0],
        staff.name,
        site.name,
        site.discreet_name,
        site.slug,
        *map(str, site.aliases),
    )


def set_password(staff: Staff, password: str) -> None:
    """Store a new password after checking it.

    Raises:
        RuleBroken: too short, too long or too common.
    """
    required = bool(settings.value(staff.site_id, "second_factor_required"))
    least = passwords.LEAST_WITH_SECOND_FACTOR if required else passwords.LEAST_ALONE
    passwords.check_new(password, about=about(staff), least=least)
    staff.password_hash = passwords.hashed(password)


def change_password(secret: str, *, now_password: str, new_password: str, browser: str, now: datetime) -> str | Refused:
    """Change one's own password: every session ends, and this browser goes on with the new secret that comes back.

    A wrong present password is counted like a failed sign-in, so the caller's transaction is committed either way.

    Raises:
        RuleBroken: the new password is refused. Missing: the session was ended.
    """
    row = sessions.of(secret)
    staff = db.session.get_one(Staff, row.staff_id, with_for_update=True)
    counted = [tries.key("email", "own", str(staff.id))]
    wait = tries.left(counted, now)
    if wait:
        return Refused(wait)
    if not passwords.matches(staff.password_hash, now_password):
        tries.failed(counted, now)
        audit.record(actor=actor_of(staff), verb="sign_in_refused", record="staff", record_id=staff.id, now=now)
        return Refused()
    set_password(staff, new_password)
    tries.forget(counted)
    sessions.end_all(staff.id, now=now)
    audit.record(actor=actor_of(staff), verb="password_changed", record="staff", record_id=staff.id, now=now)
    return sessions.open_session(staff, second_factor=True, browser=browser, now=now)


def new_recovery_codes(*, actor: Actor, now: datetime) -> list[str]:
    """Ten new recovery codes instead of all older ones, shown once."""
    audit.record(actor=actor, verb="recovery_codes_made", record="staff", record_id=actor.id, now=now)
    return second_step.new_codes(actor.id)


def set_keys(*, off: bool, actor: Actor) -> None:
    """Switch keyboard shortcuts off or on for oneself."""
    db.session.execute(update(Staff).where(Staff.id == actor.id).values(keys_off=off))
