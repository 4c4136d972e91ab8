"""Places to send somebody on to: what each is, how it is reached, whom it takes. Nothing about any person."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, fields
from datetime import datetime

from flask_babel import gettext as _
from flask_babel import lazy_gettext
from sqlalchemy import select

from intake.actor import Actor, Role
from intake.audit import service as audit
from intake.db import db, id_text, id_value, new_id
from intake.errors import AlreadyDone, Missing, NotPermitted, RuleBroken
from intake.fields import Reader
from intake.inquiries import answers as a
from intake.inquiries.models import OutsidePlace
from intake.people.queries import shown_phone

CARES: a.Options = (
    ("detox", lazy_gettext("Detox, with a bed")),
    ("residential", lazy_gettext("Residential care")),
    ("outpatient", lazy_gettext("Outpatient care")),
    ("moud", lazy_gettext("Medication for opioid use disorder")),
    ("mental", lazy_gettext("Mental health care")),
    ("pain", lazy_gettext("Pain care")),
    ("maternity", lazy_gettext("Care in pregnancy")),
    ("youth", lazy_gettext("Care for people under 18")),
    ("housing", lazy_gettext("Housing or shelter")),
    ("other", lazy_gettext("Something else")),
)
MOST = 300
NAME, TAKES = 120, 200


@dataclass(frozen=True)
class Told:
    """A place as it is typed: `phone` in E.164, `care` a code of CARES, `takes` whom it takes and how it is paid."""

    name: str
    care: str
    phone: str
    takes: str = ""


def read(r: Reader) -> Told:
    """The form of one place.

    Raises:
        RuleBroken: with a sentence per field.
    """
    found = Told(
        name=r.text("name", limit=NAME, required=_("Type the name of the place.")),
        care=r.choice("care", a.codes(CARES), required=_("Pick what care it gives.")),
        phone=r.phone("phone", required=_("Type the phone number of the place.")),
        takes=r.text("takes", limit=TAKES),
    )
    r.check()
    return found


def listed(site_id: int) -> list[OutsidePlace]:
    """The places of a center in use, by kind of care and name."""
    rows = db.session.scalars(
        select(OutsidePlace)
        .where(OutsidePlace.site_id == site_id, OutsidePlace.ended_at.is_(None))
        .order_by(OutsidePlace.name, OutsidePlace.id)
        .limit(MOST)
    )
    order = a.codes(CARES)
    return sorted(rows, key=lambda row: order.index(row.care))


def line(row: OutsidePlace) -> str:
    """A place in one line, as it is written down for somebody who is sent there."""
    said = f"{row.name}, {a.label(CARES, row.care)}, {shown_phone(row.phone)}"
    return f"{said} ({row.takes})" if row.takes else said


def choices(site_id: int) -> list[tuple[str, str]]:
    """The places as options of a form: id and line."""
    return [(id_text(row.id), line(row)) for row in listed(site_id)]


def named(site_id: int, picked: Collection[str], more: str = "") -> str:
    """The picked places, a line each, with what was typed beside them below; unknown ids are left out."""
    wanted = {id_value(one) for one in picked}
    lines = [line(row) for row in listed(site_id) if row.id in wanted]
    return "\n".join([*lines, *([more.strip()] if more.strip() else [])])


def _must(actor: Actor) -> None:
    if not actor.may(Role.SUPERVISOR):
        raise NotPermitted("Only supervisors change the list of places.")


def _refuse_twin(told: Told, site_id: int, own: int = 0) -> None:
    for row in listed(site_id):
        if row.id != own and (row.name.casefold(), row.care) == (told.name.casefold(), told.care):
            sentence = "This place is on the list already."
            raise RuleBroken(sentence, code="TWICE", fields={"name": sentence})


def add(told: Told, *, actor: Actor, now: datetime) -> OutsidePlace:
    """Put a place on the list.

    Raises:
        NotPermitted: not a supervisor. RuleBroken: TWICE, it is there; FULL, the list is.
    """
    _must(actor)
    _refuse_twin(told, actor.site_id)
    if len(listed(actor.site_id)) >= MOST:
        raise RuleBroken(f"The list holds at most {MOST} places. Take one off first.", code="FULL")
    row = OutsidePlace(
        id=new_id(), site_id=actor.site_id, name=told.name, care=told.care, phone=told.phone, takes=told.takes,
        created_at=now, created_by=actor.id,
    )  # fmt: skip
    db.session.add(row)
    audit.record(actor=actor, verb="added", record="outside_place", record_id=row.id, now=now)
    return row


def _locked(place_id: int, actor: Actor) -> OutsidePlace:
    _must(actor)
    row = db.session.scalar(
        select(OutsidePlace)
        .where(
            OutsidePlace.id == place_id, OutsidePlace.site_id == actor.site_id, OutsidePlace.ended_at.is_(None)
        )
        .with_for_update()
        .execution_options(populate_existing=True)
    )  # fmt: skip
    if row is None:
        raise Missing("There is no such place on the list.")
    return row


def change(place_id: int, told: Told, *, version: int | None, actor: Actor, now: datetime) -> OutsidePlace:
    """Put right what is said of a place; what was written down for people before stays as it was.

    Raises:
        NotPermitted, Missing. AlreadyDone: somebody changed it since `version`. RuleBroken: TWICE.
    """
    row = _locked(place_id, actor)
    if version is not None and row.version != version:
        raise AlreadyDone("Somebody changed this place while you had it open. Look at what is there now.")
    _refuse_twin(told, actor.site_id, row.id)
    names = tuple(f.name for f in fields(told) if getattr(row, f.name) != getattr(told, f.name))
    for name in names:
        setattr(row, name, getattr(told, name))
    if names:
        audit.record(
            actor=actor, verb="changed", record="outside_place", record_id=row.id, changed=names, now=now
        )  # fmt: skip
    return row


def end(place_id: int, *, actor: Actor, now: datetime) -> OutsidePlace:
    """Take a place off the list; nobody is sent there from it any more.

    Raises:
        NotPermitted, Missing: it is off the list already.
    """
    row = _locked(place_id, actor)
    row.ended_at = now
    audit.record(actor=actor, verb="ended", record="outside_place", record_id=row.id, now=now)
    return row
