"""Care of a simulated person: the stay or the plan, its mails and check-ins, alerts, and how it ends."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from sqlalchemy import select

from intake.cases import service as cases
from intake.cases.codes import LEAVING_REASONS
from intake.cases.models import Case, CaseState
from intake.cases.queries import open_alerts
from intake.cases.stays import Leaving
from intake.checkins import service as checkins
from intake.checkins.forms import Answers
from intake.checkins.models import CheckIn, CheckInState
from intake.db import db, transaction
from intake.people import service as people
from intake.people.models import ContactKind, Person
from intake.tapers import changes, holds, plans, signing
from intake.tapers import service as tapers
from intake.tapers.models import PlanState, PlanVersion, StepHold, TaperPlan

if TYPE_CHECKING:
    from intake.cli.simulation.stories import Story

WORDS = "Called, talked it through."
ENDS = ("completed", "completed", "completed", "against_advice", "transferred", "administrative")
OPEN = (PlanState.ACTIVE, PlanState.PAUSED)


class Care:
    """What follows an admission."""

    def __init__(self, story: Story) -> None:
        self.story, self.dice = story, story.dice

    def begins(self, level: str, now: datetime) -> None:
        """A stay in a bed, or a plan at home."""
        if level == "inpatient_detox":
            return self.story.later(now, 60, 190, self.ends)
        if self.story.who.profile.product:
            self.story.later(now, 1, 30, self.plan)
        return self.story.later(now, 200, 1600, self.ends)

    def plan(self, now: datetime) -> None:
        """A plan, signed by the prescriber; the person agreed to mails."""
        story, profile = self.story, self.story.who.profile
        today = now.astimezone(ZoneInfo(story.zone)).date()
        ask = plans.Ask(
            product=profile.product,
            regimen=tuple(Decimal(d) for d in profile.regimen),
            start_date=today + timedelta(days=self.dice.randint(1, 4)),
            goal=Decimal(profile.regimen[0]),
        )
        checklist = tapers.Checklist(
            naloxone=self.dice.choice(("accepted", "accepted", "has_it")), moud="not_needed", pdmp_checked_on=today,
            goals="Walk the dog again. Sleep through.", agreed=True, risks_discussed=True,
            follow_up_on=today + timedelta(days=14), co_therapies="Physical therapy, CBT for pain",
            standing_approval=story.chance(40),
        )  # fmt: skip
        with transaction():
            case = db.session.get_one(Case, story.case_id)
            if case.state is not CaseState.ADMITTED:
                return
            self._reachable(case, now)
            version = tapers.draft(case, ask, checklist, actor=story.clinician, now=now)
            found = tapers.concerns(version, case)
            if any(c.severity == "hard" for c in found):
                # It stays a draft until somebody solves what stops it.
                return
            reasons = {c.key: "Talked through with the person." for c in found}
            signing.sign(version.id, signing.Signing(reasons), actor=story.team.prescriber, now=now)

    def _reachable(self, case: Case, now: datetime) -> None:
        person = db.session.get_one(Person, case.person_id)
        person.reminder_hour = self.dice.choice((9, 10, 10, 12, 17))
        point = people.add_contact(
            person, kind=ContactKind.EMAIL, value=f"patient{self.story.who.n}@mail.example", may_call=False,
            may_voicemail=False, may_text=False, may_email=True, may_name_center=False,
            actor=self.story.team.admissions, now=now, verified_how="said on the phone", consent=True,
        )  # fmt: skip
        point.consent_kinds = ["reminder", "plan_changed"]

    def mailed(self, message_id: int, now: datetime) -> None:
        """A mail with a check-in went out: most answer within a day."""
        if self.story.chance(68):
            self.story.later(now, 0.2, 20, lambda at: self.answers(message_id, at))

    def answers(self, message_id: int, now: datetime) -> None:
        """What they tap."""
        bad = self.story.chance(12)
        feelings = ("sweats", "aches", "sleep") if bad else ()
        told = Answers(
            feelings=feelings, felt_nothing=not feelings, dose_as_planned=not self.story.chance(6),
            pain=max(0, min(10, self.story.who.profile.peg + self.dice.randint(-2, 3 if bad else 1))),
            used_other=self.story.chance(3), thoughts=self.story.chance(0.7), slow_down=bad and self.story.chance(30),
            own_words="It was a hard week." if bad else "",
        )  # fmt: skip
        with transaction():
            state = db.session.scalar(
                select(PlanVersion.state)
                .join(TaperPlan, TaperPlan.current_version_id == PlanVersion.id)
                .where(TaperPlan.case_id == self.story.case_id)
            )
            known = db.session.scalar(select(CheckIn.state).where(CheckIn.message_id == message_id))
            if state is not PlanState.ACTIVE or known not in (None, CheckInState.OWED):
                return
            # The id now: the row is read again after its transaction, when a clinician looks hours later.
            check_in_id = checkins.record(message_id, told, now=now)[0].id
        self.story.later(now, 0.1, 14, lambda at: self.looked(check_in_id, at))

    def looked(self, check_in_id: int, now: datetime) -> None:
        """A clinician reads it, acknowledges alerts, and clears the hold or pauses."""
        by = self.story.clinician
        with transaction():
            row = db.session.get_one(CheckIn, check_in_id)
            if row.state is not CheckInState.ANSWERED:
                return
            checkins.review(row.id, actor=by, now=now)
            for alert in open_alerts(self.story.case_id):
                cases.acknowledge(alert.id, outcome=WORDS, actor=by, now=now)
            hold = db.session.scalar(
                select(StepHold).where(StepHold.version_id == row.version_id, StepHold.cleared_at.is_(None))
            )
            version = db.session.get_one(PlanVersion, row.version_id)
            if version.state is not PlanState.ACTIVE:
                return
            if hold is not None and self.story.chance(75):
                holds.clear_hold(hold.id, reason=WORDS, actor=by, now=now)
            elif hold is not None:
                changes.pause(
                    version.id, reason="pain", words="Wants to wait.", review_by=(now + timedelta(days=14)).date(),
                    agreed_by=by.name, actor=by, now=now,
                )  # fmt: skip

    def ends(self, now: datetime) -> None:
        """The end of care: naloxone offered, tolerance explained, the next contact given."""
        kind, by = self.dice.choice(ENDS), self.story.clinician
        left, why = kind == "against_advice", self.dice.choice(tuple(LEAVING_REASONS))
        with transaction():
            case = db.session.get_one(Case, self.story.case_id)
            if case.state is not CaseState.ADMITTED:
                return
            cases.discharge(
                case.id, type=kind, reason="Wanted to be home." if left else "", naloxone="accepted", warned=True,
                leaving=Leaving("full", by.name, ("pause",), why) if left else None,
                actor=by, now=now,
            )  # fmt: skip
        if kind == "completed" and self.story.chance(50):
            with transaction():
                cases.after_care(self.story.case_id, actor=by, now=now)
        elif self.story.chance(60):
            self.story.later(now, 80, 200, self.closes)

    def closes(self, now: datetime) -> None:
        """Nothing is left open: the case closes with its next contact."""
        with transaction():
            if db.session.get_one(Case, self.story.case_id).state is CaseState.DISCHARGED:
                cases.close(
                    self.story.case_id, reason="after discharge", next_contact="Own doctor in two weeks", refused=True,
                    task_reason="Reached on the phone.", actor=self.story.clinician, now=now,
                )  # fmt: skip
