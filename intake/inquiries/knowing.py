"""Who the person of a request is: they agree to be contacted, or turn out to be somebody we know already."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from intake.actor import Actor
from intake.audit import service as audit
from intake.db import db
from intake.errors import RuleBroken
from intake.inquiries import moving
from intake.inquiries.models import Inquiry
from intake.people import merging
from intake.people import service as people
from intake.people.models import ContactKind, Person, PersonKind

MOST_WORDS = 2000


def agreed(inquiry_id: int, *, how: str, actor: Actor, now: datetime, name: str = "", phone: str = "") -> Inquiry:
    """The person asked about got in touch or agreed to be contacted (product.md flow B4): the placeholder is known.

    `phone` in E.164 is theirs, not the inquirer's. Telling the inquirer anything needs its own consent.

    Raises:
        Missing: no such inquiry here. RuleBroken: the person is known already.
    """
    row = moving.locked(inquiry_id, actor)
    person = db.session.get_one(Person, row.person_id)
    if person.kind is not PersonKind.PLACEHOLDER:
        raise RuleBroken("This person is known already.", code="KNOWN")
    if name:
        people.rename(person.id, used_name=name, actor=actor, now=now)
    people.become_known(person.id, how="agreed", actor=actor, now=now)
    if phone:
        people.add_contact(person, kind=ContactKind.PHONE, value=phone, may_call=True, actor=actor, now=now)
    row.contact_consent_at, row.contact_consent_how = now, "said_by"
    audit.tell(
        kind="contact_agreed", actor=actor, inquiry_id=row.id, words=how[:MOST_WORDS], words_key_of=person.id, now=now
    )
    return row


def join(inquiry_id: int, *, person_id: int, actor: Actor, now: datetime) -> Inquiry:
    """The person of this inquiry is somebody known: their new record is joined into the known one.

    Raises:
        Missing: no such inquiry or person here. AlreadyDone, RuleBroken: as `people.merging.merge`.
    """
    row = moving.locked(inquiry_id, actor)
    joined = merging.merge(row.person_id, person_id, reason="same_person", actor=actor, now=now)
    audit.tell(kind="person_linked", actor=actor, inquiry_id=row.id, params={"merge": str(joined.id)}, now=now)
    return row


def unjoin(inquiry_id: int, *, merge_id: int, theirs: Mapping[str, bool], actor: Actor, now: datetime) -> Inquiry:
    """Take a join back, from the page of a request of the record that stayed.

    Raises:
        Missing: no such inquiry or join here. AlreadyDone, RuleBroken: as `people.merging.unmerge`.
    """
    row = moving.locked(inquiry_id, actor)
    merging.unmerge(merge_id, theirs=theirs, reason="not_the_same", actor=actor, now=now)
    audit.tell(kind="person_unlinked", actor=actor, inquiry_id=row.id, params={"merge": str(merge_id)}, now=now)
    return row
