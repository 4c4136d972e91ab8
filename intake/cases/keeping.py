"""How long records are kept, legal holds, and the purge: erasing by the calendar what nothing holds any more.

A purge destroys the keys of a person, as an erasure does: names, contacts, answers and words become unreadable; dates,
codes and the audit stay for counting. A class without years is kept; consents and disclosures without years of their
own are kept as long as the record they stand in.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, exists, func, or_, select

from intake import crypto
from intake.actor import Actor, system
from intake.audit import service as audit
from intake.audit.models import AuditEntry
from intake.cases import erasing, glass
from intake.cases.models import Case, LegalHold
from intake.cases.queries import ENDED
from intake.consents.models import Consent, ConsentState, Disclosure
from intake.crypto import DataKey
from intake.db import db, new_id
from intake.errors import AlreadyDone, Missing, RuleBroken
from intake.inquiries.models import Inquiry
from intake.messages.models import Heartbeat
from intake.people.models import EmergencyContact, Person, PersonKind
from intake.settings import queries as settings
from intake.settings.models import Site

EVERY = timedelta(days=1)
AT_ONCE = 25
BEAT = "retention"
KEY = "retention_years"
CASE, INQUIRY = "case", "inquiry"
# Consents and what went out stand in the record of a person and are erased with it, never before their own time.
CONSENT, DISCLOSURE = "consent", "disclosure"
# A slip of the hand in the settings must not take records away that federal rules ask for.
LEAST_YEARS = {CASE: 6, INQUIRY: 1, CONSENT: 6, DISCLOSURE: 6}
LONGEST_REASON = 500
# Entries of these verbs tell that somebody looked, not that something happened.
READS = ("looked", "listed", "denied")


@dataclass(frozen=True)
class Hold:
    """A living hold, its reason opened."""

    id: int
    reference: str
    case_id: int
    since: datetime
    placed_by: int
    reason: str


def years(site_id: int, kind: str) -> int:
    """Years that records of a class are kept after the last thing that happened; 0: for good."""
    chosen = int(settings.value(site_id, KEY).get(kind, 0))
    return max(chosen, LEAST_YEARS[kind]) if chosen else 0


def cutoff(now: datetime, length: int) -> datetime:
    """The moment `length` years before `now`; February 29 becomes February 28."""
    try:
        return now.replace(year=now.year - length)
    except ValueError:
        return now.replace(year=now.year - length, day=28)


def due(site_id: int, kind: str, *, now: datetime, most: int = AT_ONCE) -> list[int]:
    """People of a class whose time is over and whom no hold keeps, oldest first; [] for a class that is kept.

    `case`: people who had cases, all ended. `inquiry`: people who only asked, all requests ended. The time runs from
    the last thing that happened, looks left out.
    """
    length = years(site_id, kind)
    if not length:
        return []
    before = cutoff(now, length)
    asked = or_(Inquiry.person_id == Person.id, Inquiry.inquirer_id == Person.id)
    has_case = exists().where(Case.person_id == Person.id)
    wanted = (
        select(Person.id)
        .where(
            Person.site_id == site_id,
            Person.kind != PersonKind.TOMBSTONE,
            Person.created_at < before,
            exists().where(DataKey.owner_id == Person.id, DataKey.wrapped.is_not(None)),
            has_case if kind == CASE else ~has_case,
            ~exists().where(asked, or_(Inquiry.ended_at.is_(None), Inquiry.ended_at >= before)),
            # Whoever asked for somebody in care is kept as long as that person.
            ~exists().where(
                or_(Case.person_id == Person.id, and_(asked, Case.person_id == Inquiry.person_id)),
                or_(Case.state.not_in(ENDED), _happened(before)),
            ),
            ~exists().where(LegalHold.person_id == Person.id, LegalHold.released_at.is_(None)),
            # Whom somebody wants told is kept as long as they are.
            ~exists().where(
                EmergencyContact.contact_id == Person.id,
                or_(EmergencyContact.ended_at.is_(None), EmergencyContact.ended_at >= before),
            ),
            *_papers_over(site_id, now),
        )
        .order_by(Person.created_at, Person.id)
        .limit(most)
    )
    return list(db.session.scalars(wanted))


def _happened(before: datetime) -> ColumnElement[bool]:
    return exists().where(
        AuditEntry.case_id == Case.id,
        AuditEntry.at >= before,
        AuditEntry.verb.not_in(READS),
        AuditEntry.record != LegalHold.__tablename__,
    )


def _papers_over(site_id: int, now: datetime) -> list[ColumnElement[bool]]:
    """The person has no consent and no disclosure whose own time still runs; a class without years asks for nothing."""
    tests: list[ColumnElement[bool]] = []
    if length := years(site_id, CONSENT):
        ended = func.coalesce(Consent.ended_at, Consent.revoked_at, Consent.expires_at, Consent.signed_at)
        living = and_(Consent.state == ConsentState.ACTIVE, Consent.expires_at.is_(None))
        tests.append(~exists().where(Consent.person_id == Person.id, or_(living, ended >= cutoff(now, length))))
    if length := years(site_id, DISCLOSURE):
        of_person = and_(Disclosure.case_id == Case.id, Case.person_id == Person.id)
        tests.append(~exists().where(of_person, Disclosure.at >= cutoff(now, length)))
    return tests


def purge(*, now: datetime) -> int:
    """Erase everybody whose time is over, once a day and some at a time (an upkeep job); returns how many.

    Each erasure writes its entries; the purge writes one of its own for each center and class.
    """
    last = db.session.get(Heartbeat, BEAT)
    if last is not None and last.at > now - EVERY:
        return 0
    done, more = 0, False
    for site_id in db.session.scalars(select(Site.id).order_by(Site.id)).all():
        for kind in (CASE, INQUIRY):
            people = due(site_id, kind, now=now)
            for person_id in people:
                erasing.erase(person_id, actor=system(site_id), now=now)
            if people:
                audit.record(
                    actor=system(site_id), verb="purged", record="retention", record_id=None,
                    purpose=f"{kind} {len(people)}", now=now,
                )  # fmt: skip
            done += len(people)
            more |= len(people) == AT_ONCE
    if last is None:
        db.session.add(last := Heartbeat(name=BEAT, at=now, params={}))
    # Somebody is left over: the next round goes on at once.
    last.at = now - EVERY if more else now
    return done


def hold(number: str, reason: str, *, actor: Actor, now: datetime) -> LegalHold:
    """Keep everything about the person of a case, whatever the calendar says.

    Raises:
        Missing: no case of that number here. RuleBroken: no reason, or it is held already.
    """
    if not reason.strip():
        raise RuleBroken("Say why this is kept.", code="FORM", fields={"reason": "Say why this is kept."})
    case = db.session.get_one(Case, glass.case_of_number(actor, number))
    db.session.scalars(select(Person.id).where(Person.id == case.person_id).with_for_update()).one()
    if erasing.held([case.person_id]):
        raise RuleBroken("This is held already.", code="HELD", fields={"number": "This is held already."})
    row = LegalHold(
        id=new_id(), site_id=actor.site_id, person_id=case.person_id, case_id=case.id, created_at=now,
        created_by=actor.id,
    )  # fmt: skip
    row.reason = crypto.seal(reason.strip()[:LONGEST_REASON], key_of=case.person_id, at="legal_hold.reason", row=row.id)
    db.session.add(row)
    audit.record(
        actor=actor, verb="held", record="legal_hold", record_id=row.id, case_id=case.id, site_id=case.site_id, now=now
    )
    return row


def release(hold_id: int, *, actor: Actor, now: datetime) -> None:
    """End a hold; the calendar counts again.

    Raises:
        Missing: no such hold here. AlreadyDone: it was released before.
    """
    row = db.session.scalar(
        select(LegalHold).where(LegalHold.id == hold_id, LegalHold.site_id == actor.site_id).with_for_update()
    )
    if row is None:
        raise Missing("There is no such hold.")
    if row.released_at is not None:
        raise AlreadyDone("This hold was released before.")
    row.released_at, row.released_by = now, actor.id
    audit.record(
        actor=actor, verb="released", record="legal_hold", record_id=row.id, case_id=row.case_id, site_id=row.site_id,
        now=now,
    )  # fmt: skip


def holds(site_id: int) -> list[Hold]:
    """The living holds of a center, the newest first."""
    rows = db.session.execute(
        select(LegalHold, Inquiry.reference)
        .join(Case, Case.id == LegalHold.case_id)
        .join(Inquiry, Inquiry.id == Case.opened_from)
        .where(LegalHold.site_id == site_id, LegalHold.released_at.is_(None))
        .order_by(LegalHold.created_at.desc())
    ).all()
    crypto.prefetch(row.reason for row, _ in rows)
    return [
        Hold(
            row.id,
            reference,
            row.case_id,
            row.created_at,
            row.created_by,
            crypto.open_(row.reason, at="legal_hold.reason", row=row.id),
        )
        for row, reference in rows
    ]


def counted(site_id: int, kind: str, *, now: datetime) -> int:
    """How many people of a class are due for the next purge (at most a thousand are counted)."""
    return len(due(site_id, kind, now=now, most=1000))
