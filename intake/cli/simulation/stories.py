"""What happens to each invented person: asks, is called, screened, placed, decided, comes or does not, and goes on."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import select

from intake.actor import Actor, system
from intake.beds import queries as beds
from intake.beds.models import BedUse
from intake.cases import service as cases
from intake.cases.models import Case, CaseState
from intake.cases.queries import open_alerts
from intake.cases.reaching import safe_channels
from intake.cli.demo import people as cast
from intake.cli.demo.answers import answers
from intake.cli.simulation.care import Care
from intake.cli.simulation.course import Course
from intake.cli.simulation.folk import Somebody, somebody
from intake.db import db, end_read, transaction
from intake.inquiries import following, knowing, moving
from intake.inquiries import service as inquiries
from intake.inquiries.answers import REACHED
from intake.inquiries.models import Channel, Inquiry, Relation
from intake.inquiries.values import InquiryValues, Reach, danger_of
from intake.queues import service as queues
from intake.queues.models import Queue
from intake.screening import service as screening
from intake.screening.models import Placement
from intake.settings import queries as settings

SIGNS = ("overdose_24h", "breathing_problem", "suicide_imminent", "seizure_24h")
HEALTH_SOURCES = frozenset({"2", "3", "7"})
DETOX = "inpatient_detox"
HOME_LEVELS = ("outpatient", "outpatient", "intensive_outpatient")


@dataclass(frozen=True)
class Team:
    """Who works at the simulated center."""

    admissions: Actor
    clinicians: tuple[Actor, ...]
    prescriber: Actor


def hours(value: float) -> timedelta:
    """A length in hours."""
    return timedelta(hours=value)


class Story:
    """One person's way. Everything random comes from dice of their own, so one story never changes another."""

    def __init__(self, n: int, seed: int, site_id: int, zone: str, team: Team, course: Course) -> None:
        self.dice = random.Random(f"{seed}:{n}")
        self.who: Somebody = somebody(n, self.dice)
        self.site_id, self.zone, self.team, self.course = site_id, zone, team, course
        self.clinician = team.clinicians[n % len(team.clinicians)]
        self.inquiry_id = self.case_id = 0
        self.tries = 0

    def later(self, now: datetime, low: float, high: float, event: Callable[[datetime], None]) -> None:
        """Plan something between `low` and `high` hours from now."""
        self.course.plan(now + timedelta(seconds=self.dice.uniform(low, high) * 3600), event)

    def chance(self, percent: float) -> bool:
        """True in so many of a hundred cases."""
        return self.dice.random() * 100 < percent

    def _case(self) -> Case:
        return db.session.get_one(Case, self.case_id)

    def asks(self, now: datetime) -> None:
        """The first contact."""
        professional = self.who.source in HEALTH_SOURCES and self.chance(55)
        family = not professional and self.chance(12)
        phoned = not professional and self.chance(40)
        relation = Relation.PROFESSIONAL if professional else Relation.FAMILY if family else Relation.SELF
        channel = Channel.REFERRAL if professional else Channel.PHONE if phoned else Channel.WEB
        said = self._says(relation, now)
        with transaction():
            row = inquiries.receive(
                said, channel=channel, actor=self.team.admissions if phoned else system(self.site_id), now=now,
                site=settings.site(self.site_id), spoken=phoned,
            )  # fmt: skip
            self.inquiry_id = row.id
        if said.in_danger:
            return self.later(now, 0.03, 0.4, self.handed_over)
        if phoned:
            return self.reached(now) if relation is Relation.SELF else self.later(now, 4, 60, self.agrees)
        return self.later(now, 0.05, 0.9 if 8 <= now.hour < 20 else 5, self.called)

    def _says(self, relation: Relation, now: datetime) -> InquiryValues:
        who, other = self.who, relation is not Relation.SELF
        words = cast.WORDS_PAIN if who.profile.opioid_use == "prescribed" else cast.WORDS_STREET
        given = self.chance(70)
        return InquiryValues(
            relation=relation,
            danger=danger_of([self.dice.choice(SIGNS)] if self.chance(1.5) else ["none"]),
            name="" if relation is Relation.FAMILY and self.chance(50) else who.name,
            age_years=who.age,
            born_on=None if other else date(now.year - who.age, 1, 1) - timedelta(days=self.dice.randint(1, 360)),
            inquirer=f"{self.dice.choice(cast.GIVEN)} {self.dice.choice(cast.FAMILY)}" if other else "",
            organisation="Mercy General, ward 4" if relation is Relation.PROFESSIONAL else "",
            reach=Reach(
                phone=f"+1555{2000000 + who.n * 37 % 7999999}",
                email=f"person{who.n}@mail.example" if given else "",
                may_voicemail=self.chance(70),
            ),
            consent=True,
            own_words=self.dice.choice(words),
            funding=who.funding,
        )

    def handed_over(self, now: datetime) -> None:
        """Somebody in danger: who took over is recorded, the case goes on."""
        with transaction():
            case = db.session.scalars(select(Case).where(Case.opened_from == self.inquiry_id)).one()
            self.case_id = case.id
            outcome = self.dice.choice(("called_911", "warm_ed", "crisis_988", "safe_now"))
            cases.hand_over(case.id, outcome=outcome, actor=self.team.admissions, now=now, words="Stayed on the line.")
        self.later(now, 2, 30, self.closed_in_review)

    def called(self, now: datetime) -> None:
        """A try to reach them; after three without a word the request is closed."""
        self.tries += 1
        heard = self.chance(62)
        with transaction():
            row = db.session.get_one(Inquiry, self.inquiry_id)
            if row.state in moving.ENDS:
                return None
            mine = row.relation is Relation.SELF
            outcome = (REACHED if mine else "spoke_inquirer") if heard else "no_answer"
            following.attempt(row.id, channel="phone", outcome=outcome, actor=self.team.admissions, now=now)
        if heard:
            return self.reached(now) if mine else self.later(now, 4, 60, self.agrees)
        return self.later(now, 3, 30, self.called if self.tries < 3 else self.given_up)

    def given_up(self, now: datetime) -> None:
        """Not reached after all tries."""
        self._ends(now, "unreachable", "Three calls, no answer.", "Public help pages")

    def agrees(self, now: datetime) -> None:
        """The person somebody else asked about gets in touch, or never does."""
        if not self.chance(55):
            return self._ends(now, "declined_by_person", "The person did not get in touch.", "Public help pages")
        with transaction():
            knowing.agreed(
                self.inquiry_id, how="own_contact", actor=self.team.admissions, now=now, name=self.who.name,
                phone=f"+1555{2000000 + self.who.n * 37 % 7999999}",
            )  # fmt: skip
        return self.reached(now)

    def _ends(self, now: datetime, state: str, reason: str, next_contact: str) -> None:
        with transaction():
            row = db.session.get_one(Inquiry, self.inquiry_id)
            if row.state not in moving.ENDS:
                following.close(
                    row.id, state=state, reason=reason, next_contact=next_contact, actor=self.team.admissions, now=now
                )

    def reached(self, now: datetime) -> None:
        """A conversation: they go on, or choose not to."""
        if self.chance(14):
            state = self.dice.choice(("declined_by_person", "declined_by_person", "referred_out"))
            return self.later(now, 0.1, 20, lambda at: self._ends(at, state, "Talked through.", "May call again"))
        return self.later(now, 0.1, 18, self.screened)

    def screened(self, now: datetime) -> None:
        """A whole screening, and what the rules propose."""
        with transaction():
            row = db.session.get_one(Inquiry, self.inquiry_id)
            if row.state in moving.ENDS:
                return None
            sheet = screening.start(row, mode="full", actor=self.clinician, now=now)
            for part, given in answers(self.who.profile, age=self.who.age).items():
                screening.answer(sheet.id, part, given, actor=self.clinician, now=now)
        with transaction():
            placement = screening.complete(sheet.id, actor=self.clinician, now=now).id
        return self.later(now, 0.05, 1.5, lambda at: self.placed(placement, at))

    def placed(self, placement_id: int, now: datetime) -> None:
        """Admissions accept what is proposed, or override it."""
        with transaction():
            asked = db.session.get_one(Placement, placement_id)
            if self.chance(6) and asked.queue in (Queue.DETOX, Queue.OUTPATIENT):
                other = Queue.OUTPATIENT if asked.queue is Queue.DETOX else Queue.DETOX
                case = screening.override(
                    placement_id, queue=other, acuity=0, code="patients_choice", reason="Asked for the other program.",
                    actor=self.clinician, now=now,
                )  # fmt: skip
            else:
                case = screening.accept(placement_id, actor=self.team.admissions, now=now)
            self.case_id = case.id
        return self.later(now, 0.1, 9, self.decided)

    def decided(self, now: datetime) -> None:
        """A clinician takes the case and decides."""
        with transaction():
            live = queues.live_of(self.case_id)
            if not live or self._case().state is not CaseState.IN_REVIEW:
                return None
            queue = live[0].queue
            queues.claim(live[0].id, actor=self.clinician, now=now)
            for alert in open_alerts(self.case_id):
                cases.acknowledge(alert.id, outcome="Talked with them, safe for now.", actor=self.clinician, now=now)
        level = DETOX if queue is Queue.DETOX else self.dice.choice(HOME_LEVELS)
        accepted = queue is not Queue.REFER_OUT and self.chance(82)
        with transaction():
            decision = "accept" if accepted else "refer" if self.chance(60) else "decline"
            cases.decide(
                self.case_id, decision=decision, level=level if accepted else "",
                code="person_declined" if decision == "decline" else "",
                reason="Fits our program." if accepted else "Another program fits better.", told_whom="person",
                next_contact="" if accepted else "Number of the other program given", refused=not accepted,
                actor=self.clinician, now=now,
            )  # fmt: skip
        if accepted:
            self.later(now, 0.5, 10, self.planned)
        return None

    def planned(self, now: datetime) -> None:
        """A start is given; without a free bed the case waits for one."""
        starts = now + timedelta(seconds=self.dice.uniform(14, 60) * 3600)
        if self._waits():
            return self.later(now, 20, 40, self.planned)
        with transaction():
            case = self._case()
            if case.state not in (CaseState.ACCEPTED, CaseState.WAITLISTED, CaseState.NO_SHOW):
                return None
            bed = self._bed() if case.decision_level == DETOX else None
            if case.decision_level == DETOX and bed is None:
                if case.state is not CaseState.WAITLISTED:
                    injecting = self.who.codes["ROUTE1"] == "4"
                    kind = "injecting" if injecting else "other"
                    if self.who.profile.pregnancy == "yes":
                        kind = "pregnant_injecting" if injecting else "pregnant"
                    cases.waitlist(case.id, wait_class=kind, actor=self.team.admissions, now=now)
                return self.later(now, 20, 40, self.planned)
            visit = cases.schedule(
                case.id, starts_at=starts, bed_id=bed if bed and not self._holds() else None,
                actor=self.team.admissions, now=now,
            ).id  # fmt: skip
        self.course.plan(starts + timedelta(minutes=self.dice.randint(1, 18)), lambda at: self.comes(visit, at))
        return None

    def _waits(self) -> bool:
        """On the waitlist, and the house has kept no bed for them yet: nobody looks for one by hand."""
        state = db.session.scalar(select(Case.state).where(Case.id == self.case_id))
        waits = state is CaseState.WAITLISTED and self._holds() is None
        end_read()
        return waits

    def _bed(self) -> int | None:
        held = self._holds()
        free = (b.id for b in beds.beds(self.site_id, kind="bed") if b.use is None)
        return held.bed_id if held else next(free, None)

    def _holds(self) -> BedUse | None:
        return db.session.scalar(select(BedUse).where(BedUse.case_id == self.case_id, BedUse.ended_at.is_(None)))

    def comes(self, visit_id: int, now: datetime) -> None:
        """The day of the start."""
        if not self.chance(78):
            return self.later(now, 0.6, 3, lambda at: self.missed(visit_id, at))
        with transaction():
            case = self._case()
            if case.state is not CaseState.SCHEDULED:
                return None
            cases.admit(case.id, level=case.decision_level, contact="wants_none", actor=self.clinician, now=now)
            level = case.admit_level
        return Care(self).begins(level, now)

    def missed(self, visit_id: int, now: datetime) -> None:
        """Did not come: calls are owed, most get a second start."""
        with transaction():
            if self._case().state is not CaseState.SCHEDULED:
                return None
            cases.no_show(self.case_id, appointment_id=visit_id, actor=self.team.admissions, now=now)
        self.tries += 10
        if self.tries < 20 and self.chance(60):
            return self.later(now, 12, 50, self.planned)
        for low, high in ((1, 4), (24, 30), (72, 80)):
            self.later(now, low, high, self.sought)
        return self.later(now, 82, 120, self.lost)

    def sought(self, now: datetime) -> None:
        """A call that nobody answers."""
        with transaction():
            case = self._case()
            if case.state is CaseState.NO_SHOW:
                way = safe_channels(case.person_id)[0]
                cases.attempt(case.id, channel=way, outcome="no_answer", actor=self.team.admissions, now=now)

    def lost(self, now: datetime) -> None:
        """Not reached any more: the case closes with its reason, the calls are answered for."""
        with transaction():
            if self._case().state is CaseState.NO_SHOW:
                cases.close(
                    self.case_id, reason="unreachable", next_contact="", refused=True,
                    task_reason="Called three times, letter sent.", actor=self.team.admissions, now=now,
                )  # fmt: skip

    def closed_in_review(self, now: datetime) -> None:
        """After a hand-over: another program cares for them now."""
        with transaction():
            case = self._case()
            if case.state is CaseState.IN_REVIEW:
                cases.close(
                    case.id, reason="in care elsewhere", next_contact="The hospital calls us", refused=True,
                    task_reason="Spoke with the ward.", actor=self.clinician, now=now,
                )  # fmt: skip
