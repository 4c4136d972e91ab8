"""The steps of somebody who comes: the start that is offered, the admission, and not coming."""

from __future__ import annotations

from datetime import datetime, timedelta

from intake.actor import Actor
from intake.cases import codes, service
from intake.cases.asking import (
    WORDS,
    Field,
    Pairs,
    bed_of,
    emergency_contact,
    free_beds,
    level,
    moment,
    person_link,
    today,
)
from intake.cases.models import Case
from intake.cases.stays import WANTS_NONE
from intake.db import id_text, id_value
from intake.fields import Reader
from intake.people import emergency
from intake.settings import queries as settings
from intake.visits import queries as visits


def schedule_fields(case: Case, actor: Actor, now: datetime) -> list[Field]:
    """When, what, which bed, and what is agreed about the way here."""
    return [
        Field("starts_at", "When", "time", required=True),
        Field("kind", "What", "radio", (("admission", "Admission"), ("first_visit", "First visit")), required=True),
        Field("bed", "Keep a bed", "select", free_beds(case), hint="It is kept until a day after the start."),
        Field("transport", "How they get here", "line"),
        Field("arrival", "Arrives between", "line", hint="For example: 10 and 12."),
        Field("nurse_note", "From nurse to nurse: what the ward must know", "area"),
    ]


def schedule(case: Case, r: Reader, actor: Actor, now: datetime, version: int | None) -> None:
    """Offer a start."""
    starts_at = moment(r, "starts_at", case)
    kind = r.choice("kind", ("admission", "first_visit"), default="admission")
    bed_id = bed_of(r, case)
    coming = {name: r.text(name, limit=WORDS if name == "nurse_note" else 300) for name in service.COMING}
    r.check()
    assert starts_at is not None
    service.schedule(
        case.id, starts_at=starts_at, kind=kind, bed_id=bed_id, coming=coming, version=version, actor=actor, now=now
    )


NO_CONTACT = ((WANTS_NONE, "They want nobody told"), ("later", "Could not be asked now: ask within a day"))


def admit_fields(case: Case, actor: Actor, now: datetime) -> list[Field]:
    """Level, day, bed, and what is asked at admission."""
    none_named = not emergency.has_one(case.person_id)
    return [
        level(),
        Field("on", "Admission day", "day", hint="Empty means today."),
        Field("bed", "Bed, if not the one kept", "select", free_beds(case)),
        emergency_contact(case),
        person_link(case),
        *([Field("contact", "If no emergency contact is named", "radio", NO_CONTACT)] if none_named else []),
    ]


def admit(case: Case, r: Reader, actor: Actor, now: datetime, version: int | None) -> None:
    """Admit."""
    level = r.choice("level", codes.LEVELS, required="Pick the level of care.")
    latest = today(case, now)
    on = r.day("on", earliest=latest - timedelta(days=366), latest=latest)
    bed_id = bed_of(r, case)
    contact = r.choice("contact", [code for code, _words in NO_CONTACT])
    r.check()
    service.admit(
        case.id, level=level, on=on or latest, bed_id=bed_id, contact=contact, version=version, actor=actor, now=now
    )


def _missed(case: Case, now: datetime) -> Pairs:
    zone = settings.zone(settings.site(case.site_id))
    return tuple(
        (id_text(v.id), f"{v.kind.replace('_', ' ')}, {v.starts_at.astimezone(zone):%b %-d, %H:%M}")
        for v in visits.of_case(case.id)
        if v.state == "booked" and v.starts_at < now
    )


def no_show_fields(case: Case, actor: Actor, now: datetime) -> list[Field]:
    """Which visit was missed."""
    return [Field("visit", "Which visit was missed", "radio", _missed(case, now), required=True)]


def no_show(case: Case, r: Reader, actor: Actor, now: datetime, version: int | None) -> None:
    """Confirm that somebody did not come."""
    picked = r.choice("visit", [k for k, _ in _missed(case, now)], required="Pick the visit they did not come to.")
    r.check()
    service.no_show(case.id, appointment_id=id_value(picked), version=version, actor=actor, now=now)
