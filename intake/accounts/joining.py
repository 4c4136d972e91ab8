"""How an account begins and comes back: the first administrator, invitations, forgotten passwords.

Every link is good once: 48 hours for an invitation, 30 minutes for a new password. Only its digest is stored, and its
host comes from the configuration, never from a request.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select, text, update

from intake.accounts import kinds, passwords, second_step, service, sessions, tries
from intake.accounts.models import Staff
from intake.actor import Actor, Role, system
from intake.audit import service as audit
from intake.db import db
from intake.errors import AlreadyDone, Missing, RuleBroken
from intake.guard import SignedLink, make_link
from intake.messages import service as messages
from intake.messages.render import link
from intake.settings import queries as settings
from intake.settings import service as centers
from intake.settings.models import Site

INVITATION_HOURS = 48
RESET_MINUTES = 30
TAKEN = "This email already has an account here."
ENDED = "This link was used or has ended. Ask for a new one."


@dataclass(frozen=True)
class Center:
    """What a new center is called and where it stands."""

    name: str
    discreet_name: str
    phone: str
    email_from: str
    time_zone: str
    slug: str = "center"
    reference_prefix: str = "NL"


def set_up(center: Center, *, email: str, name: str, now: datetime) -> tuple[Site, Staff, str]:
    """Make the first center and its first administrator, once; returns the address of their invitation.

    Raises:
        AlreadyDone: there is a center already; of two set-ups at once exactly one wins.
    """
    # SQLite holds its one write lock here already.
    if db.session.connection().dialect.name == "postgresql":
        db.session.execute(text("LOCK TABLE site IN SHARE ROW EXCLUSIVE MODE"))
    if db.session.scalar(select(func.count(Site.id))):
        raise AlreadyDone("This database already holds a center. Nothing was changed.")
    site = centers.add_site(
        slug=center.slug,
        name=center.name,
        discreet_name=center.discreet_name,
        phone=center.phone,
        email_from=center.email_from,
        time_zone=center.time_zone,
        reference_prefix=center.reference_prefix,
        now=now,
    )
    staff = service.add_staff(site_id=site.id, email=email, name=name, role=Role.ADMIN, now=now)
    return site, staff, _invite(staff, system(site.id), now)


def invite(*, email: str, name: str, role: Role, actor: Actor, now: datetime) -> Staff:
    """Add an account that waits for its owner, and mail them the invitation.

    Raises:
        RuleBroken: the email already has an account.
    """
    if db.session.scalar(select(Staff.id).where(Staff.email == email.lower())) is not None:
        raise RuleBroken(TAKEN, code="EMAIL_TAKEN", fields={"email": TAKEN})
    staff = service.add_staff(site_id=actor.site_id, email=email, name=name, role=role, now=now)
    _invite(staff, actor, now)
    return staff


def invite_again(staff: Staff, *, actor: Actor, now: datetime) -> None:
    """Send a fresh invitation: the password and the second step are taken away and every session ends.

    For somebody who never came, or who lost phone and recovery codes.

    Raises:
        RuleBroken: the account is switched off.
    """
    if not staff.is_active:
        raise RuleBroken("Switch the account on first.", code="OFF")
    staff.password_hash = ""
    second_step.forget(staff)
    sessions.end_all(staff.id, now=now)
    _invite(staff, actor, now)


def _invite(staff: Staff, actor: Actor, now: datetime) -> str:
    staff.invited_at = now
    lasts = timedelta(hours=INVITATION_HOURS)
    address = _mail_link(kinds.INVITATION, kinds.Invitation.path, staff, lasts, now)
    audit.record(actor=actor, verb="invited", record="staff", record_id=staff.id, purpose=staff.role.value, now=now)
    return address


def _mail_link(purpose: str, path: str, staff: Staff, lasts: timedelta, now: datetime) -> str:
    stop_links(purpose, staff.id, now)
    earlier = db.session.scalar(
        select(func.count(SignedLink.id)).where(SignedLink.purpose == purpose, SignedLink.subject_id == staff.id)
    )
    generation = int(earlier or 0) + 1
    make_link(purpose, staff.id, person_id=0, expires_at=now + lasts, generation=generation)
    db.session.flush()
    messages.schedule(
        purpose,
        subject_id=staff.id,
        recipient_type="staff",
        recipient_id=staff.id,
        due_at=now,
        window_start=now,
        window_end=now + lasts,
        tz=settings.site(staff.site_id).time_zone,
        dedupe_key=f"{purpose}:{staff.id}:{generation}",
        site_id=staff.site_id,
        now=now,
        params={"generation": generation},
        immediate=True,
    )
    return link(path, purpose, staff.id, generation)


def stop_links(purpose: str, staff_id: int, now: datetime) -> None:
    """End every living link of a purpose for one account."""
    db.session.execute(
        update(SignedLink)
        .where(SignedLink.purpose == purpose, SignedLink.subject_id == staff_id, SignedLink.stopped_at.is_(None))
        .values(stopped_at=now)
    )


def _spend(link_id: int, purpose: str, now: datetime) -> Staff:
    """The account of a living link, which ends here; of two people opening it at once one gets through."""
    row = db.session.scalar(
        select(SignedLink)
        .where(SignedLink.id == link_id, SignedLink.purpose == purpose)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if row is None or row.stopped_at is not None or row.expires_at <= now:
        raise Missing(ENDED)
    staff = db.session.get(Staff, row.subject_id, with_for_update=True)
    if staff is None or not staff.is_active:
        raise Missing(ENDED)
    row.stopped_at = now
    return staff


def accept(link_id: int, *, password: str, browser: str, now: datetime) -> service.SignedIn:
    """Accept an invitation: choose a password, then go on to the second step before anything is seen.

    Raises:
        Missing: the link was used or ended. RuleBroken: the password is refused (the link stays alive).
    """
    staff = _spend(link_id, kinds.INVITATION, now)
    service.set_password(staff, password)
    audit.record(actor=service.actor_of(staff), verb="invitation_accepted", record="staff", record_id=staff.id, now=now)
    return service.begin(staff, browser=browser, now=now)


def ask_reset(email: str, *, address: str, now: datetime) -> timedelta:
    """Mail a link to choose a new password, if the email has an account; returns how long to wait when asked too often.

    Whoever asks learns nothing: known and unknown emails are counted and answered alike.
    """
    typed = email.strip().lower()[:254]
    counted = [tries.key("reset", typed), tries.key("reset", "address", address)]
    wait = tries.left(counted, now)
    if wait:
        return wait
    tries.failed(counted, now)
    # The same heavy work either way, so that the time taken tells nothing.
    passwords.matches("", typed)
    staff = db.session.scalar(select(Staff).where(Staff.email == typed))
    if staff is not None and staff.is_active and staff.password_hash:
        _mail_link(kinds.RESET, kinds.PasswordReset.path, staff, timedelta(minutes=RESET_MINUTES), now)
        audit.record(
            actor=system(staff.site_id), verb="password_reset_asked", record="staff", record_id=staff.id, now=now
        )
    return timedelta(0)


def reset(link_id: int, *, password: str, now: datetime) -> None:
    """Set a new password by a mailed link: every session ends; the second step stays as it was.

    Raises:
        Missing: the link was used or ended. RuleBroken: the password is refused (the link stays alive).
    """
    staff = _spend(link_id, kinds.RESET, now)
    service.set_password(staff, password)
    sessions.end_all(staff.id, now=now)
    tries.forget([tries.key("email", staff.email)])
    audit.record(actor=service.actor_of(staff), verb="password_changed", record="staff", record_id=staff.id, now=now)
