"""People, plans and reminders, and what staff and people do while mail goes out: cancel, pause, stop.

Every command is noted with the moment its commit was known, and with the mails that were in flight inside it.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from sqlalchemy import ColumnElement, select
from sqlalchemy.exc import InterfaceError, OperationalError

from intake.actor import system
from intake.cases.models import Case
from intake.clock import db_now, utcnow
from intake.db import db, new_id, transaction
from intake.inquiries.models import Channel, Inquiry, Relation
from intake.messages import holding, kinds, service
from intake.messages.models import Message, MessageState
from intake.people import service as people
from intake.people.models import ContactKind, PersonKind
from intake.settings.models import Setting, Site
from intake.tapers.models import PlanState, PlanVersion, TaperPlan
from tests.people import make_cast

T = TypeVar("T")
LONGEST = timedelta(hours=3)
AWAY = (OperationalError, InterfaceError)


@dataclass
class Patient:
    """Somebody with a plan; `quiet` when it is night where they live."""

    id: int
    case_id: int
    plan_id: int
    version_id: int
    zone: str
    quiet: bool


@dataclass
class Forbidden:
    """A command that forbids mails: when its commit was known, and which mails were in flight inside it."""

    what: str
    at: datetime
    ids: set[int]
    in_flight: set[int]


@dataclass
class World:
    """Everything that was owed and everything that was forbidden."""

    patients: list[Patient] = field(default_factory=list)
    owed: dict[int, str] = field(default_factory=dict)
    forbidden: list[Forbidden] = field(default_factory=list)


def insist(act: Callable[[], T]) -> T:
    """Do something in a transaction, again while the database is away."""
    until = time.monotonic() + 60
    while True:
        try:
            with transaction():
                return act()
        except AWAY:
            db.session.remove()
            if time.monotonic() > until:
                raise
            time.sleep(0.2)


def zone_where(hour: int) -> str:
    """A zone where it is about `hour` o'clock now."""
    offset = (hour - datetime.now(UTC).hour + 12) % 24 - 12
    return f"Etc/GMT{-offset:+d}" if offset else "Etc/GMT"


def found(site_of: Site, n: int, *, quiet: bool) -> Patient:
    """One person with a verified address, a case and an active plan (inside a transaction)."""
    zone, by, now = zone_where(2 if quiet else 13), system(site_of.id), utcnow()
    person = people.add_person(
        site=site_of, kind=PersonKind.KNOWN, used_name=f"Dana{n}", time_zone=zone, actor=by, now=now
    )
    people.add_contact(
        person,
        kind=ContactKind.EMAIL,
        value=f"p{n}@mail.example",
        actor=by,
        now=now,
        may_email=True,
        verified_how="code",
        consent=True,
    )
    asked = Inquiry(
        id=new_id(),
        site_id=site_of.id,
        reference=f"NL-{person.id % 10**10:010d}",
        received_at=now,
        channel=Channel.PHONE,
        relation=Relation.SELF,
        inquirer_id=person.id,
        person_id=person.id,
        danger={},
        # Far ahead: nobody is called late, so staff get no mail of their own in between.
        first_contact_due_at=now + timedelta(days=1),
        created_at=now,
    )
    db.session.add(asked)
    db.session.flush()
    case_id = new_id()
    db.session.add(
        Case(id=case_id, site_id=site_of.id, person_id=person.id, opened_from=asked.id, opened_at=now, created_at=now)
    )
    db.session.flush()
    plan = TaperPlan(id=new_id(), site_id=site_of.id, case_id=case_id, person_id=person.id, created_at=now)
    db.session.add(plan)
    db.session.flush()
    version = PlanVersion(
        id=new_id(),
        plan_id=plan.id,
        n=1,
        change="start",
        state=PlanState.ACTIVE,
        product="oxycodone_ir",
        request={},
        steps=[],
        starts_on=now.date(),
        created_at=now,
    )
    db.session.add(version)
    db.session.flush()
    plan.current_version_id = version.id
    return Patient(person.id, case_id, plan.id, version.id, zone, quiet)


def settle(world: World, patients: int, *, quiet: int) -> Site:
    """Make the center and its people."""
    with transaction():
        site_of = make_cast().site
        db.session.add(
            Setting(
                id=new_id(),
                site_id=site_of.id,
                key="mail_per_person_a_day",
                value={"value": 10_000},
                valid_from=utcnow() - timedelta(days=1),
                created_at=utcnow(),
            )
        )
    for n in range(patients):
        with transaction():
            world.patients.append(found(site_of, n, quiet=n < quiet))
    return site_of


def owe(world: World, site_id: int, patient: Patient, due: datetime) -> int:
    """Owe one reminder (inside a transaction)."""
    row = service.schedule(
        "reminder",
        subject_id=patient.version_id,
        recipient_type="person",
        recipient_id=patient.id,
        due_at=due,
        window_start=due,
        window_end=due + LONGEST,
        tz=patient.zone,
        dedupe_key=f"rig:{new_id()}",
        site_id=site_id,
        now=utcnow(),
        order_key=patient.id,
        case_id=patient.case_id,
        plan=patient.plan_id,
        plan_version=patient.version_id,
        local_date=due.date(),
        parts=[("CHECKIN", 1, None)],
    )
    world.owed[row.id] = row.message_id.partition("@")[0]
    return row.id


def schedule_all(world: World, site_id: int, count: int, *, spread: float, dice: random.Random) -> None:
    """Owe `count` reminders, each person's in order, due over `spread` seconds."""
    begin = utcnow()
    dues = sorted(dice.uniform(0, spread) for _ in range(count))
    for start in range(0, count, 200):
        with transaction():
            for seconds in dues[start : start + 200]:
                owe(world, site_id, dice.choice(world.patients), begin + timedelta(seconds=seconds))


def hurry() -> None:
    """Staff press "send now" on whatever waits out a refusal, so that nobody watches an hour of waiting."""
    waiting = db.session.execute(
        select(Message.id, Message.site_id).where(
            Message.state == MessageState.SCHEDULED,
            Message.attempts > 0,
            Message.next_try_at > db_now(timedelta(seconds=2)),
        )
    ).all()
    for row in waiting:
        holding.send_again(row.id, actor=system(row.site_id), now=utcnow())


def flying(*where: ColumnElement[bool]) -> set[int]:
    """Mails of a condition that are in flight at this moment (inside a transaction, after the rows were locked)."""
    return set(db.session.scalars(select(Message.id).where(*where, Message.state == MessageState.SENDING)))


def forbid_one(world: World, dice: random.Random) -> None:
    """Cancel one mail, pause one plan, or stop one person's mail; note it once the commit is known."""
    patient = dice.choice(world.patients)
    what = dice.choice(["cancel", "cancel", "cancel", "pause", "stop"])
    act = {"cancel": _cancel_some, "pause": _pause, "stop": _stop}[what]
    ids, in_flight = insist(lambda: act(patient))
    if ids:
        world.forbidden.append(Forbidden(what, datetime.now(UTC), ids, in_flight))


def _open_of(patient: Patient) -> set[int]:
    opens = (MessageState.SCHEDULED, MessageState.CLAIMED, MessageState.SENDING, MessageState.UNCERTAIN)
    return set(
        db.session.scalars(select(Message.id).where(Message.recipient_id == patient.id, Message.state.in_(opens)))
    )


def _cancel_some(patient: Patient) -> tuple[set[int], set[int]]:
    ids = set(sorted(_open_of(patient))[:1])
    service.cancel_these(ids, reason="rig", now=utcnow())
    return ids, flying(Message.id.in_(ids))


def _pause(patient: Patient) -> tuple[set[int], set[int]]:
    ids = _open_of(patient)
    db.session.get_one(PlanVersion, patient.version_id).state = PlanState.SUPERSEDED
    service.cancel(reason="paused", now=utcnow(), plan_id=patient.plan_id)
    return ids, flying(Message.recipient_id == patient.id)


def _stop(patient: Patient) -> tuple[set[int], set[int]]:
    ids = _open_of(patient)
    kinds.get("reminder").stop(patient.id, now=utcnow())
    return ids, flying(Message.recipient_id == patient.id)
