"""What can happen to one person of the demo center, told through the real services."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from sqlalchemy import select

from intake.actor import Actor, system
from intake.beds import service as beds
from intake.beds.models import Bed
from intake.cases import service as cases
from intake.cases.models import Case
from intake.cli.demo import people as cast
from intake.cli.demo.answers import answers
from intake.db import db, transaction
from intake.inquiries import following
from intake.inquiries import service as inquiries
from intake.inquiries.answers import REACHED
from intake.inquiries.models import Channel, Inquiry, Relation
from intake.inquiries.values import InquiryValues, Reach, danger_of
from intake.people import service as people
from intake.people.models import ContactKind, Person
from intake.queues import service as queues
from intake.screening import service as screening
from intake.settings.models import Site
from intake.tapers import plans, signing
from intake.tapers import service as tapers
from intake.tapers.models import PlanVersion

NONE = danger_of(["none"])


@dataclass(frozen=True)
class Team:
    """The demo staff as actors."""

    admissions: Actor
    clinician: Actor
    colleague: Actor
    prescriber: Actor


class Scenes:
    """Writes the demo; one transaction per outcome, like the pages do."""

    def __init__(self, site: Site, team: Team, now: datetime) -> None:
        self.site, self.team, self.now = site, team, now
        self.random = random.Random(7)
        self.n = 0

    def ago(self, hours: float) -> datetime:
        """A time before the seed's own."""
        return self.now - timedelta(hours=hours)

    def values(
        self, relation: Relation = Relation.SELF, *, danger: str = "", words: str = "", age: int = 0
    ) -> InquiryValues:
        """What the next invented person says."""
        i, self.n = self.n, self.n + 1
        name = f"{cast.GIVEN[i % len(cast.GIVEN)]} {cast.FAMILY[i * 7 % len(cast.FAMILY)]}"
        years = age or self.random.randint(22, 66)
        phone = f"+1555014{1000 + i * 37 % 9000:04d}"
        family = relation is not Relation.SELF
        return InquiryValues(
            relation=relation,
            danger=danger_of([danger] if danger else ["none"]),
            name="" if relation is Relation.FAMILY and i % 2 else name,
            age_years=years,
            born_on=None if family else date(self.now.year - years, 1 + i % 12, 1 + i % 28),
            inquirer=f"{cast.GIVEN[(i + 20) % 60]} {cast.FAMILY[(i + 11) % 30]}" if family else "",
            organisation="Mercy General, ward 4" if relation is Relation.PROFESSIONAL else "",
            reach=Reach(phone=phone, email=f"person{i}@mail.example" if i % 3 == 0 else "", may_voicemail=i % 4 != 1),
            consent=True,
            own_words=words or self.random.choice(cast.WORDS_PAIN + cast.WORDS_STREET),
            funding=("public", "private", "self_pay", "unknown")[i % 4],
        )

    def inquiry(self, values: InquiryValues, *, hours: float, channel: Channel = Channel.WEB) -> Inquiry:
        """One inquiry received some hours ago."""
        spoken = channel is Channel.PHONE
        actor = self.team.admissions if spoken else system(self.site.id)
        with transaction():
            return inquiries.receive(
                values, channel=channel, actor=actor, now=self.ago(hours), site=self.site, spoken=spoken
            )

    def danger(self, sign: str, *, hours: float) -> Inquiry:
        """A danger answer that was never followed by a whole form."""
        values = self.values(danger=sign, words="")
        with transaction():
            return inquiries.receive_danger(
                values,
                channel=Channel.WEB,
                actor=system(self.site.id),
                now=self.ago(hours),
                site=self.site,
                key=f"demo-{sign}",
            )

    def screened(
        self, profile: cast.Profile, *, hours: float, channel: Channel = Channel.WEB, unasked: tuple[str, ...] = ()
    ) -> int:
        """A complete screening, without the answers whose names begin so; returns the id of its proposed placement."""
        values = self.values(age=self.random.randint(24, 64))
        row = self.inquiry(values, hours=hours, channel=channel)
        at = self.ago(max(0.2, hours - 0.6))
        if channel is not Channel.PHONE:
            minutes = self.random.choice((4, 7, 9, 11, 18, 26))
            called = row.received_at + timedelta(minutes=min(minutes, hours * 20))
            with transaction():
                following.attempt(row.id, channel="phone", outcome=REACHED, actor=self.team.admissions, now=called)
        with transaction():
            sheet = screening.start(row, mode="full", actor=self.team.clinician, now=at)
        for part, given in answers(profile, age=values.age_years or 40).items():
            with transaction():
                told = {name: value for name, value in given.items() if not name.startswith(unasked or ("/",))}
                screening.answer(sheet.id, part, told, actor=self.team.clinician, now=at)
        with transaction():
            return screening.complete(sheet.id, actor=self.team.clinician, now=at).id

    def waiting(
        self, profile: cast.Profile, *, hours: float, channel: Channel = Channel.WEB, unasked: tuple[str, ...] = ()
    ) -> Case:
        """A case in its queue, accepted as the rules proposed."""
        placement_id = self.screened(profile, hours=hours, channel=channel, unasked=unasked)
        at = self.ago(max(0.1, hours - 0.7))
        with transaction():
            return screening.accept(placement_id, actor=self.team.admissions, now=at)

    def claimed(self, case: Case, by: Actor, *, hours: float) -> None:
        """Give the case's entry to somebody."""
        with transaction():
            entry = queues.live_of(case.id)[0]
            queues.claim(entry.id, actor=by, now=self.ago(hours))

    def decided(self, profile: cast.Profile, *, hours: float, level: str = "outpatient") -> Case:
        """A case decided: accepted at a level."""
        case = self.waiting(profile, hours=hours)
        at = self.ago(max(0.05, hours - 1))
        self.claimed(case, self.team.clinician, hours=max(0.06, hours - 0.9))
        with transaction():
            return cases.decide(
                case.id,
                decision="accept",
                level=level,
                reason="Fits our program.",
                told_whom="person",
                actor=self.team.clinician,
                now=at,
            )

    def admitted(
        self, profile: cast.Profile, *, hours: float, level: str = "outpatient", bed: int | None = None
    ) -> Case:
        """A case in care."""
        case = self.decided(profile, hours=hours, level=level)
        start, at = self.ago(hours - 2.5), self.ago(hours - 3)
        with transaction():
            cases.schedule(
                case.id, starts_at=start, bed_id=bed, actor=self.team.admissions, now=start - timedelta(minutes=30)
            )
        with transaction():
            return cases.admit(case.id, level=level, contact="wants_none", actor=self.team.clinician, now=at)

    def reachable(self, case: Case, *, email: str, zone: str = "", hour: int = 10, minute: int = 0) -> None:
        """Give a person a verified, consented email, and a chosen hour."""
        with transaction():
            person = db.session.get_one(Person, case.person_id)
            person.time_zone = zone or person.time_zone
            person.reminder_hour, person.reminder_minute = hour, minute
            point = people.add_contact(
                person,
                kind=ContactKind.EMAIL,
                value=email,
                may_call=False,
                may_voicemail=False,
                may_text=False,
                may_email=True,
                may_name_center=False,
                actor=self.team.admissions,
                now=self.ago(1),
                verified_how="said on the phone",
                consent=True,
            )
            point.consent_kinds = ["reminder", "plan_changed"]

    def plan(self, case: Case, profile: cast.Profile, *, signed_hours: float | None, starts_in: int = 1) -> PlanVersion:
        """A drafted plan, signed some hours ago unless None."""
        at = self.ago(signed_hours if signed_hours is not None else 2)
        zone = ZoneInfo(self.site.time_zone)
        ask = plans.Ask(
            product=profile.product,
            regimen=tuple(Decimal(d) for d in profile.regimen),
            start_date=at.astimezone(zone).date() + timedelta(days=starts_in),
            goal=Decimal(profile.regimen[0]),
        )
        today = at.astimezone(zone).date()
        checklist = tapers.Checklist(
            naloxone="accepted",
            moud="not_needed",
            pdmp_checked_on=today,
            goals="Walk the dog again. Sleep through.",
            agreed=True,
            risks_discussed=True,
            follow_up_on=today + timedelta(days=14),
            co_therapies="Physical therapy, CBT for pain",
        )
        with transaction():
            version = tapers.draft(case, ask, checklist, actor=self.team.clinician, now=at)
        if signed_hours is None:
            return version
        with transaction():
            reasons = {c.key: "Talked through with the person." for c in tapers.concerns(version, case)}
            return signing.sign(version.id, signing.Signing(reasons), actor=self.team.prescriber, now=at)

    def free_beds(self, level: str) -> list[int]:
        """Ids of the beds of a level."""
        return list(db.session.scalars(select(Bed.id).order_by(Bed.name)))

    def capacity(self) -> None:
        """Sixteen detox beds and eight outpatient slots."""
        with transaction():
            ward = beds.add_unit(
                site_id=self.site.id,
                name="Detox ward",
                level="inpatient_detox",
                actor=system(self.site.id),
                now=self.ago(400),
            )
            clinic = beds.add_unit(
                site_id=self.site.id,
                name="Clinic",
                level="outpatient",
                kind="slot",
                actor=system(self.site.id),
                now=self.ago(400),
            )
            for n in range(1, 17):
                beds.add_bed(ward, name=f"D{n:02}", actor=system(self.site.id), now=self.ago(400))
            for n in range(1, 9):
                beds.add_bed(clinic, name=f"S{n:02}", actor=system(self.site.id), now=self.ago(400))
