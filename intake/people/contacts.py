"""Ways to reach people: added, checked, stopped and gone bad, never overwritten; and what is safe on each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from intake import crypto
from intake.actor import Actor
from intake.audit import service as audit
from intake.db import db, new_id
from intake.errors import AlreadyDone, Missing, RuleBroken
from intake.messages import service as messages
from intake.messages.kinds import every
from intake.people.indexing import index_contact
from intake.people.kinds import PersonMail
from intake.people.models import ContactKind, ContactPoint, Person


def add_contact(
    person: Person,
    *,
    kind: ContactKind,
    value: str,
    actor: Actor,
    now: datetime,
    may_call: bool = False,
    may_voicemail: bool = False,
    may_text: bool = False,
    may_email: bool = False,
    may_post: bool = False,
    may_name_center: bool = False,
    verified_how: str = "",
    consent: bool = False,
    consent_kinds: Sequence[str] = (),
    hours: str = "",
    who_else: str = "",
) -> ContactPoint:
    """Add one way to reach a person; `value` is already in normal form (E.164, normalised email).

    The permissions default to no. `verified_how` says who made sure that the address is theirs, `consent` that they
    agreed to reminders there.
    """
    row = ContactPoint(
        id=new_id(),
        person_id=person.id,
        kind=kind,
        may_call=may_call,
        may_voicemail=may_voicemail,
        may_text=may_text,
        may_email=may_email,
        may_post=may_post,
        may_name_center=may_name_center,
        hours=hours,
        verified_at=now if verified_how else None,
        verified_how=verified_how,
        consented_at=now if consent else None,
        consent_kinds=list(consent_kinds),
        created_at=now,
        created_by=actor.id,
    )
    row.value = crypto.seal(value, key_of=person.id, at="contact_point.value", row=row.id)
    if who_else:
        row.who_else = crypto.seal(who_else, key_of=person.id, at="contact_point.who_else", row=row.id)
    db.session.add(row)
    index_contact(person, row)
    audit.record(
        actor=actor,
        verb="added",
        record="contact_point",
        record_id=row.id,
        site_id=person.site_id,
        purpose=kind,
        now=now,
    )
    return row


def _point(contact_id: int, actor: Actor) -> ContactPoint:
    row = db.session.scalar(
        select(ContactPoint)
        .join(Person, Person.id == ContactPoint.person_id)
        .where(ContactPoint.id == contact_id, Person.site_id == actor.site_id)
        .with_for_update()
    )
    if row is None:
        raise Missing("There is no such phone or address.")
    return row


def verify_contact(
    contact_id: int,
    *,
    how: str,
    actor: Actor,
    now: datetime,
    consent: bool = False,
    consent_kinds: Sequence[str] = (),
    mail_every: int | None = None,
) -> ContactPoint:
    """Record that a contact point is the person's own (`how`), and whether and how often they agreed to reminders.

    Raises:
        Missing: no such contact point here. RuleBroken: STOPPED, it was stopped; add it again instead.
    """
    row = _point(contact_id, actor)
    if row.stopped_at is not None:
        raise RuleBroken("This was stopped. Add it again if the person wants it.", code="STOPPED")
    row.verified_at, row.verified_how = now, how
    if consent:
        row.consented_at, row.consent_kinds = now, list(consent_kinds)
        row.mail_every = row.mail_every if mail_every is None else mail_every
    if row.kind is ContactKind.EMAIL:
        row.may_email = True
        messages.touch(recipient_id=row.person_id)
    audit.record(
        actor=actor,
        verb="verified",
        record="contact_point",
        record_id=row.id,
        changed=("verified_at", *(("consented_at",) if consent else ())),
        purpose=how,
        now=now,
    )
    return row


def stop_contact(contact_id: int, *, reason: str, actor: Actor, now: datetime) -> ContactPoint:
    """Stop all use of a contact point, at once and for good; the row stays.

    Raises:
        Missing: no such contact point here.
    """
    row = _point(contact_id, actor)
    if row.stopped_at is None:
        row.stopped_at = now
        messages.touch(recipient_id=row.person_id)
        audit.record(
            actor=actor, verb="stopped", record="contact_point", record_id=row.id, purpose=reason[:40], now=now
        )
    return row


def mark_bad(contact_id: int, *, actor: Actor, now: datetime) -> ContactPoint:
    """Record that mail to a contact point comes back; nothing goes there until it is verified anew.

    Raises:
        Missing: no such contact point here.
    """
    row = _point(contact_id, actor)
    if row.bad_since is None:
        row.bad_since = now
        messages.touch(recipient_id=row.person_id)
        audit.record(actor=actor, verb="went_bad", record="contact_point", record_id=row.id, now=now)
    return row


def withdraw_mail(person_id: int, *, actor: Actor, now: datetime) -> int:
    """Take the person's consent to email back, at once: no address counts and no such mail stays owed.

    Returns how many addresses it was. What was already accepted by a mail server stays sent.
    """
    rows = db.session.scalars(
        select(ContactPoint)
        .where(
            ContactPoint.person_id == person_id,
            ContactPoint.kind == ContactKind.EMAIL,
            ContactPoint.consented_at.is_not(None),
        )
        .with_for_update()
    ).all()
    for row in rows:
        row.consented_at, row.consent_kinds, row.may_email = None, [], False
        audit.record(
            actor=actor, verb="changed", record="contact_point", record_id=row.id,
            changed=("consented_at", "may_email"), purpose="consent_revoked", now=now,
        )  # fmt: skip
    agreed = [name for name, kind in every().items() if isinstance(kind, PersonMail) and kind.needs_verified]
    messages.cancel(reason="consent_revoked", recipient_id=person_id, kinds=agreed, now=now, actor=actor)
    messages.touch(recipient_id=person_id)
    return len(rows)


@dataclass(frozen=True)
class SafeUse:
    """What is safe on one phone or address: every permission defaults to no."""

    may_call: bool = False
    may_voicemail: bool = False
    may_text: bool = False
    may_email: bool = False
    may_post: bool = False
    may_name_center: bool = False
    hours: str = "any"
    who_else: str = ""
    mail_scope: str = "all"
    mail_every: int = 0


def set_safe_use(contact_id: int, use: SafeUse, *, version: int | None, actor: Actor, now: datetime) -> ContactPoint:
    """Change what is safe on a contact point; its value never changes. Mail being prepared looks again.

    Raises:
        Missing: no such contact point here. AlreadyDone: it changed since `version`. RuleBroken: it was stopped.
    """
    row = _point(contact_id, actor)
    if version is not None and row.version != version:
        raise AlreadyDone("These contact rules changed while you were writing. Look at them again.", code="CHANGED")
    if row.stopped_at is not None:
        raise RuleBroken("This was stopped. Add it again if the person wants it.", code="STOPPED")
    before = {name: getattr(row, name) for name in _SAFE}
    for name in _SAFE:
        setattr(row, name, getattr(use, name))
    # What a phone cannot do stays a no, whatever was ticked; the same for an address.
    row.may_call = row.may_call and row.kind is ContactKind.PHONE
    row.may_voicemail = row.may_voicemail and row.may_call
    row.may_text = row.may_text and row.kind is ContactKind.PHONE
    row.may_email = row.may_email and row.kind is ContactKind.EMAIL
    row.may_post = row.may_post and row.kind is ContactKind.POST
    row.who_else = (
        crypto.seal(use.who_else, key_of=row.person_id, at="contact_point.who_else", row=row.id)
        if use.who_else
        else None
    )
    after = {name: getattr(row, name) for name in _SAFE}
    changed = [name for name in _SAFE if before[name] != after[name]]
    messages.touch(recipient_id=row.person_id)
    audit.record(
        actor=actor, verb="changed", record="contact_point", record_id=row.id, changed=changed, before=before,
        after=after, purpose="safe_contact", now=now,
    )  # fmt: skip
    return row


_SAFE = (
    "may_call",
    "may_voicemail",
    "may_text",
    "may_email",
    "may_post",
    "may_name_center",
    "hours",
    "mail_scope",
    "mail_every",
)
