"""A case in care whose plan can be drafted and signed, and the answers that make it so."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace

from flask import Flask

from intake.cases import service as cases
from intake.cases.models import Case
from intake.cli.demo.answers import answers
from intake.cli.demo.people import PAIN_SLOW, Profile
from intake.clock import utcnow
from intake.db import db, transaction
from intake.inquiries import service as inquiries
from intake.inquiries.models import Channel, Relation
from intake.inquiries.values import InquiryValues, Reach, danger_of
from intake.people import service as people
from intake.people.models import ContactKind, Person
from intake.queues import service as queues
from intake.screening import service as screening
from intake.tapers import plans, service, signing
from intake.tapers.models import PlanVersion
from tests.people import Cast, make_cast

BORN = date(1984, 7, 3)
EMAIL = "pat@mail.example"


@dataclass(frozen=True)
class Story:
    """Who is there, and the case of Pat."""

    app: Flask
    cast: SimpleNamespace
    case_id: int

    @property
    def case(self) -> Case:
        """Pat's case as stored."""
        return db.session.get_one(Case, self.case_id)


def begin(app: Flask, *, now: datetime | None = None, profile: Profile = PAIN_SLOW, cast: Cast | None = None) -> Story:
    """Pat asks, is screened, accepted, claimed and decided; needs an application context around it."""
    at = now or utcnow()
    if cast is None:
        with transaction():
            cast = make_cast()
    values = InquiryValues(
        relation=Relation.SELF,
        danger=danger_of(["none"]),
        name="Pat Reed",
        age_years=42,
        born_on=BORN,
        reach=Reach(phone="+15550141234"),
        consent=True,
        own_words="It hurts more the more I take.",
    )
    with transaction():
        inquiry = inquiries.receive(values, channel=Channel.WEB, actor=cast.ada, now=at, site=cast.site)
    with transaction():
        sheet = screening.start(inquiry, mode="full", actor=cast.cleo, now=at)
    for part, given in answers(profile, age=42).items():
        with transaction():
            screening.answer(sheet.id, part, given, actor=cast.cleo, now=at)
    with transaction():
        placement = screening.complete(sheet.id, actor=cast.cleo, now=at)
    with transaction():
        case = screening.accept(placement.id, actor=cast.ada, now=at)
    with transaction():
        queues.claim(queues.live_of(case.id)[0].id, actor=cast.cleo, now=at)
    with transaction():
        cases.decide(
            case.id, decision="accept", level="outpatient", reason="Fits.", told_whom="person", actor=cast.cleo, now=at
        )
    with transaction():
        person = db.session.get_one(Person, case.person_id)
        people.add_contact(
            person,
            kind=ContactKind.EMAIL,
            value=EMAIL,
            may_call=False,
            may_voicemail=False,
            may_text=False,
            may_email=True,
            may_name_center=False,
            actor=cast.ada,
            now=at,
            verified_how="said on the phone",
            consent=True,
        )
    actors = SimpleNamespace(**{key: getattr(cast, key) for key in cast.staff})
    return Story(app, actors, case.id)


def ask(today: date, *, starts_in: int = 1, rate: int = 10) -> plans.Ask:
    """Oxycodone ER 30-30-30 down to 30 mg a day."""
    return plans.Ask(
        product="oxycodone_er",
        regimen=(Decimal(30), Decimal(30), Decimal(30)),
        start_date=today + timedelta(days=starts_in),
        rate_pct=plans.Fraction(rate),
        goal=Decimal(30),
    )


def checklist(today: date, *, standing: bool = False) -> service.Checklist:
    """Everything that must be recorded before a signature."""
    return service.Checklist(
        naloxone="accepted",
        moud="not_needed",
        pdmp_checked_on=today,
        goals="Walk the dog again.",
        agreed=True,
        risks_discussed=True,
        follow_up_on=today + timedelta(days=14),
        standing_approval=standing,
    )


def draft(story: Story, *, now: datetime | None = None, starts_in: int = 1, standing: bool = False) -> PlanVersion:
    """A complete draft of Pat's plan."""
    at = now or utcnow()
    with transaction():
        return service.draft(
            story.case,
            ask(at.date(), starts_in=starts_in),
            checklist(at.date(), standing=standing),
            actor=story.cast.cleo,
            now=at,
        )


def sign(story: Story, version: PlanVersion, *, now: datetime | None = None) -> PlanVersion:
    """Petra signs, with a reason for each open acknowledgement."""
    with transaction():
        reasons = {c.key: "Talked through with Pat." for c in service.concerns(version, story.case)}
        return signing.sign(version.id, signing.Signing(reasons), actor=story.cast.petra, now=now or utcnow())
