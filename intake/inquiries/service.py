"""Receive inquiries and carry them to their end: one transaction per outcome, opened by the caller."""

from __future__ import annotations

import json
import secrets
from datetime import datetime, timedelta
from typing import Any, Protocol

from sqlalchemy import bindparam, select

from intake import crypto
from intake.actor import Actor
from intake.audit import service as audit
from intake.audit.models import TimelineEntry
from intake.clinical import wording
from intake.db import db, new_id, settle
from intake.errors import RuleBroken
from intake.guard import make_link
from intake.inquiries import clocks, first_contact, placing
from intake.inquiries.models import Channel, Inquiry, InquiryState, Relation
from intake.inquiries.values import NO, InquiryValues, kept_danger
from intake.messages import service as messages
from intake.people import queries as people
from intake.people import service as people_service
from intake.people.models import ContactKind, Person, PersonKind
from intake.settings import queries as settings
from intake.settings.models import Site

ACKNOWLEDGEMENT = "inquiry_acknowledgement"
ACKNOWLEDGE_WITHIN = timedelta(hours=24)
LINK_LIFE = timedelta(days=14)
_KNOWN = select(Inquiry.id).where(Inquiry.reference == bindparam("reference")).execution_options(autoflush=False)
_REFERENCE_SIGNS = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"


class WhenDanger(Protocol):
    """What the cases room does when somebody says that life is in danger."""

    def __call__(self, inquiry: Inquiry, *, actor: Actor, now: datetime) -> object:
        """Open the case and enter it on top, in the caller's transaction."""
        ...


when_danger: WhenDanger | None = None


def _new_reference(site: Site) -> str:
    while True:
        drawn = "".join(secrets.choice(_REFERENCE_SIGNS) for _ in range(6))
        signs = f"{drawn[:4]}-{drawn[4:]}"
        # It stands in mails: letters that happen to be a word of care would hold each of them back.
        if not wording.check_email(signs, "", locale="es").allowed:
            continue
        reference = f"{site.reference_prefix}-{signs}"
        if db.session.scalar(_KNOWN, {"reference": reference}) is None:
            return reference


def receive(
    values: InquiryValues,
    *,
    channel: Channel,
    actor: Actor,
    now: datetime,
    site: Site,
    key: str | None = None,
    spoken: bool = False,
) -> Inquiry:
    """Write the person or placeholder, the inquiry, its first-contact task and its acknowledgement.

    `key` makes a repeated call return the first inquiry instead of writing a second one. `spoken` says that a human
    talked with the caller just now, which meets the first-contact clock. A danger yes opens the case at once.
    """
    if key is not None:
        known = db.session.scalar(select(Inquiry).where(Inquiry.idempotency_key == key))
        if known is not None:
            return known
    person = _add_person(values, site, actor, now)
    inquirer = person if values.relation is Relation.SELF else _add_inquirer(values, site, actor, now)
    row = Inquiry(
        id=new_id(),
        site_id=site.id,
        reference=_new_reference(site),
        idempotency_key=key,
        received_at=now,
        channel=channel,
        relation=values.relation,
        taken_by=actor.id if spoken else None,
        owner_id=actor.id if spoken else None,
        inquirer_id=inquirer.id,
        person_id=person.id,
        state=InquiryState.CONTACTING if spoken else InquiryState.NEW,
        first_contact_due_at=now,
        first_contact_at=now if spoken else None,
        danger=dict(values.danger),
        created_at=now,
        created_by=actor.id,
    )
    db.session.add(row)
    _fill(row, values, person, now)
    db.session.flush()
    _reach(inquirer, values, actor, now)
    audit.record(
        actor=actor, verb="received", record="inquiry", record_id=row.id, site_id=site.id, purpose=channel, now=now
    )
    audit.tell(kind="inquiry_received", actor=actor, inquiry_id=row.id, params={"channel": channel}, now=now)
    first_contact.owe(row, actor=actor, now=now)
    _acknowledge(row, values, site, now)
    if values.in_danger:
        _raise_danger(row, actor, now)
    return row


def _add_person(values: InquiryValues, site: Site, actor: Actor, now: datetime) -> Person:
    kind = PersonKind.KNOWN if values.relation is Relation.SELF and values.name else PersonKind.PLACEHOLDER
    return people_service.add_person(
        site=site,
        kind=kind,
        used_name=values.name,
        born_on=values.born_on,
        age_years=values.age_years,
        locale=values.locale,
        actor=actor,
        now=now,
    )


def _add_inquirer(values: InquiryValues, site: Site, actor: Actor, now: datetime) -> Person:
    return people_service.add_person(
        site=site,
        kind=PersonKind.KNOWN,
        used_name=values.inquirer,
        locale=values.locale,
        actor=actor,
        now=now,
    )


def _fill(row: Inquiry, values: InquiryValues, person: Person, now: datetime) -> None:
    """Put the answers on an inquiry and set its clock by the provisional placement."""
    row.own_words = _sealed(row, "own_words", values.own_words)
    row.facts = _sealed(row, "facts", json.dumps(dict(values.facts), sort_keys=True))
    row.referrer = _sealed(row, "referrer", values.organisation)
    row.funding = values.funding
    row.will_call_back = values.will_call_back
    if values.consent and row.contact_consent_at is None:
        row.contact_consent_at, row.contact_consent_how = now, str(row.channel)
    _n, rules = settings.rule_set(row.site_id)
    age = people.opened(person).age
    placed = placing.place(danger=row.danger, told=values.facts, age=age, rules=rules)
    row.first_contact_due_at = clocks.due(
        row.site_id, acuity=placed.acuity, channel=row.channel.value, since=row.received_at
    )


def _sealed(row: Inquiry, field: str, text: str) -> bytes | None:
    return crypto.seal(text, key_of=row.person_id, at=f"inquiry.{field}", row=row.id) if text else None


def _reach(owner: Person, values: InquiryValues, actor: Actor, now: datetime) -> None:
    """Add the contact points that are new; an answer changed later adds one and stops nothing."""
    held = {(c.kind, c.value) for c in people.contact_points(owner.id)}
    reach = values.reach
    if reach.phone and (ContactKind.PHONE, reach.phone) not in held:
        people_service.add_contact(
            owner,
            kind=ContactKind.PHONE,
            value=reach.phone,
            may_call=values.consent or values.in_danger,
            may_voicemail=reach.may_voicemail,
            may_text=reach.may_text,
            hours=reach.hours,
            actor=actor,
            now=now,
        )
    if reach.email and (ContactKind.EMAIL, reach.email) not in held:
        people_service.add_contact(
            owner, kind=ContactKind.EMAIL, value=reach.email, may_email=True, actor=actor, now=now
        )


def _acknowledge(row: Inquiry, values: InquiryValues, site: Site, now: datetime) -> None:
    """Owe one neutral mail to the address just given; it names nobody and repeats nothing (safety.md E11).

    Its link opens the confirmation page, however the request came in.
    """
    if not values.reach.email:
        return
    make_link("sent", row.id, person_id=row.inquirer_id, expires_at=now + LINK_LIFE)
    messages.schedule(
        ACKNOWLEDGEMENT,
        subject_id=row.id,
        recipient_type="person",
        recipient_id=row.inquirer_id,
        due_at=now,
        window_start=now,
        window_end=now + ACKNOWLEDGE_WITHIN,
        tz=site.time_zone,
        dedupe_key=f"{ACKNOWLEDGEMENT}:{row.id}",
        site_id=site.id,
        locale=values.locale,
        immediate=True,
        now=now,
    )


def _raise_danger(row: Inquiry, actor: Actor, now: datetime) -> None:
    audit.tell(kind="danger_told", actor=actor, inquiry_id=row.id, params={"signs": _signs(row)}, now=now)
    if when_danger is not None:
        when_danger(row, actor=actor, now=now)


def _note_taken_back(row: Inquiry, values: InquiryValues, actor: Actor, now: datetime) -> None:
    """They said that a sign was picked by mistake: staff see it, the sign itself stays until its outcome is known."""
    back = [sign for sign in _signs(row) if values.danger.get(sign) == NO]
    settle()
    told = select(TimelineEntry.id).where(TimelineEntry.inquiry_id == row.id, TimelineEntry.kind == "danger_taken_back")
    if back and db.session.scalar(told.limit(1)) is None:
        audit.tell(kind="danger_taken_back", actor=actor, inquiry_id=row.id, params={"signs": back}, now=now)


def _signs(row: Inquiry) -> list[str]:
    return [code for code, answer in row.danger.items() if answer == "yes"]


def receive_danger(
    values: InquiryValues,
    *,
    channel: Channel,
    actor: Actor,
    now: datetime,
    site: Site,
    key: str,
    spoken: bool = False,
) -> Inquiry:
    """Store a danger yes at once, with a placeholder when nothing else is known, even if nothing more is ever sent.

    Raises:
        RuleBroken: NO_DANGER, no sign was answered with yes.
    """
    if not values.in_danger:
        raise RuleBroken("None of the emergency signs was picked.", code="NO_DANGER")
    return receive(values, channel=channel, actor=actor, now=now, site=site, key=key, spoken=spoken)


def complete(
    inquiry_id: int,
    values: InquiryValues,
    *,
    actor: Actor,
    now: datetime,
    site: Site,
    spoken: bool = False,
    sent: bool = False,
) -> Inquiry:
    """Add later answers to an inquiry that a danger yes opened before the form or call was finished.

    What was unknown is filled in; a danger yes stays yes. The placeholder becomes known once the person gives a name.
    `spoken` meets the first-contact clock, `sent` says that the form is finished, so that it is acknowledged.
    """
    row = db.session.scalars(select(Inquiry).where(Inquiry.id == inquiry_id).with_for_update()).one()
    before = dict(row.danger)
    row.danger = kept_danger(before, values.danger)
    _note_taken_back(row, values, actor, now)
    row.relation = values.relation
    if row.channel is Channel.WEB and values.relation is Relation.PROFESSIONAL:
        row.channel = Channel.REFERRAL
    person = db.session.get_one(Person, row.person_id)
    _name_person(person, values, actor, now)
    _name_inquirer(row, values, site, actor, now)
    _fill(row, values, person, now)
    _reach(db.session.get_one(Person, row.inquirer_id), values, actor, now)
    if spoken:
        first_contact.meet(row, actor=actor, now=now)
    if sent:
        _acknowledge(row, values, site, now)
    audit.record(
        actor=actor,
        verb="completed",
        record="inquiry",
        record_id=row.id,
        site_id=site.id,
        changed=("facts", "danger") if row.danger != before else ("facts",),
        now=now,
    )
    if set(_signs(row)) - {code for code, answer in before.items() if answer == "yes"}:
        _raise_danger(row, actor, now)
    return row


def _name_inquirer(row: Inquiry, values: InquiryValues, site: Site, actor: Actor, now: datetime) -> None:
    """Who asks: their own person as soon as they give a name; the same one when the name is put right."""
    if values.relation is Relation.SELF:
        row.inquirer_id = row.person_id
    elif row.inquirer_id == row.person_id:
        if values.inquirer:
            row.inquirer_id = _add_inquirer(values, site, actor, now).id
    elif values.inquirer and people.opened_many({row.inquirer_id})[row.inquirer_id].used_name != values.inquirer:
        people_service.rename(row.inquirer_id, used_name=values.inquirer, actor=actor, now=now)


def _name_person(person: Person, values: InquiryValues, actor: Actor, now: datetime) -> None:
    view = people.opened(person)
    if values.relation is not Relation.SELF and not values.name and view.used_name:
        # The caller turned out to ask for somebody else: their name and phone are not that person's.
        people_service.back_to_placeholder(person.id, actor=actor, now=now)
        return
    told: dict[str, Any] = {}
    if values.name and values.name != view.used_name:
        told["used_name"] = values.name
    if values.born_on and values.born_on != view.born_on:
        told["born_on"] = values.born_on
    if values.age_years is not None and values.age_years != person.age_years:
        told["age_years"] = values.age_years
    if told:
        people_service.rename(person.id, actor=actor, now=now, **told)
    if values.relation is Relation.SELF and values.name:
        people_service.become_known(person.id, how="own_contact", actor=actor, now=now)
