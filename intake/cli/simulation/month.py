"""A month of a center: capacity, a stream of requests by day and hour, the rounds of the house, and the post."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select

from config import Config
from intake import clock
from intake.actor import Actor, system
from intake.beds import service as beds
from intake.cases.models import Case
from intake.cli.demo.center import make
from intake.cli.simulation import post
from intake.cli.simulation.care import Care
from intake.cli.simulation.course import Course
from intake.cli.simulation.stories import Story, Team
from intake.db import db, end_read, transaction
from intake.inquiries.models import Inquiry
from intake.messages.models import Message, MessagePart, MessageState
from intake.ops.rounds import JOBS
from intake.settings.models import Site
from intake.tasks import service as tasks
from intake.tasks.models import Task

HOUR = timedelta(hours=1)
# Requests by hour of the local day: few at night, most before noon.
BY_HOUR = (2, 1, 1, 1, 1, 2, 3, 5, 8, 10, 11, 10, 9, 9, 9, 8, 8, 7, 6, 6, 5, 4, 3, 3)
BY_WEEKDAY = (12, 11, 10, 10, 10, 7, 6)
# What staff end by a call or a note; other tasks end with what they ask for.
CALLS = (
    "call_24h", "call_72h", "interim_service", "wait_contact", "crisis_follow_up", "call_about_mail",
    "check_in_unanswered", "decide_unreached", "cosign",
)  # fmt: skip


# Nobody signs in or types here, and the chains are walked by `flask intake check` at the end.
NOT_HERE = frozenset({"drafts_over", "sign_in_tries_over", "sent_forms_over", "audit_anchored", "audit_faults"})
ROUND = tuple(job for name, job in JOBS if name not in NOT_HERE)


@dataclass(frozen=True)
class Told:
    """What a simulated month left behind."""

    events: int
    inquiries: int
    cases: int
    messages: int


class Month:
    """Plans the stories of `inquiries` people over `days` days before `end`, and lets them happen."""

    def __init__(
        self, site: Site, actors: dict[str, Actor], *, days: int, inquiries: int, seed: int, end: datetime
    ) -> None:
        self.site_id, self.zone, self.actors, self.days = site.id, site.time_zone, actors, days
        self.inquiries, self.seed = inquiries, seed
        self.start, self.end = end - timedelta(days=days), end
        self.course = Course(self.start, end)
        self.team = Team(actors["rosa"], (actors["nina"], actors["cyrus"]), actors["amara"])
        self.stories: list[Story] = []

    @classmethod
    def begin(cls, config: Config, *, days: int, inquiries: int, seed: int, end: datetime) -> Month:
        """Set the demo center up on the first day of the history."""
        start = end - timedelta(days=days)
        clock.set_offset(start - clock.real_now())
        site, actors = make(config, start)
        return cls(site, actors, days=days, inquiries=inquiries, seed=seed, end=end)

    def live(self) -> Told:
        """Let the month happen; returns what it left."""
        self._build()
        for n, at in enumerate(self._arrivals()):
            story = Story(n, self.seed, self.site_id, self.zone, self.team, self.course)
            self.stories.append(story)
            self.course.plan(at, story.asks)
        # The rounds of the house, which a minute brings in life, come every third hour; mail goes out every hour.
        for n in range(1, self.days * 24):
            self.course.plan(self.start + HOUR * n, self._deliver if n % 3 else self._round)
        events = self.course.run()
        counted = [db.session.scalar(select(func.count(t.id))) or 0 for t in (Inquiry, Case, Message)]
        end_read()
        return Told(events, *counted)

    def _arrivals(self) -> list[datetime]:
        dice = random.Random(f"{self.seed}:arrivals")
        slots = [self.start + HOUR * n for n in range(self.days * 24)]
        weights = [BY_HOUR[(at.hour - 5) % 24] * BY_WEEKDAY[at.weekday()] for at in slots]
        chosen = dice.choices(slots, weights, k=self.inquiries)
        return sorted(at + timedelta(microseconds=dice.randrange(3_600_000_000)) for at in chosen)

    def _build(self) -> None:
        """Beds for about nine of ten who need one, so that there is a waitlist."""
        a_day = self.inquiries / self.days
        by, at = system(self.site_id), self.start
        with transaction():
            ward = beds.add_unit(site_id=self.site_id, name="Detox ward", level="inpatient_detox", actor=by, now=at)
            clinic = beds.add_unit(
                site_id=self.site_id, name="Clinic", level="outpatient", kind="slot", actor=by, now=at
            )
            for n in range(1, max(4, round(a_day * 0.75)) + 1):
                beds.add_bed(ward, name=f"D{n:02}", actor=by, now=at)
            for n in range(1, 9):
                beds.add_bed(clinic, name=f"S{n:02}", actor=by, now=at)

    def _round(self, now: datetime) -> None:
        for job in ROUND:
            with transaction():
                job(now)
        self._deliver(now)
        self._work(now)
        # A fresh session each hour: nothing is kept that no page would keep.
        db.session.remove()

    def _deliver(self, now: datetime) -> None:
        self._tell_asked(post.deliver(now), now)

    def _tell_asked(self, sent: list[Message], now: datetime) -> None:
        ids = [m.id for m in sent if m.kind == "reminder"]
        if not ids:
            return
        asking = select(MessagePart.message_id).where(MessagePart.message_id.in_(ids), MessagePart.kind == "CHECKIN")
        rows = db.session.execute(
            select(Message.id, Message.case_id)
            .where(Message.id.in_(asking), Message.state == MessageState.SENT)
            .order_by(Message.id)
        ).all()
        end_read()
        cases = {story.case_id: story for story in self.stories if story.case_id}
        for message_id, case_id in rows:
            if case_id in cases:
                Care(cases[case_id]).mailed(message_id, now)

    def _work(self, now: datetime) -> None:
        """Staff make the calls that are due; every ninth stays open, as in life."""
        with transaction():
            due = db.session.scalars(
                select(Task)
                .where(Task.kind.in_(CALLS), Task.state.in_(tasks.LIVE), Task.due_at <= now + HOUR)
                .order_by(Task.due_at, Task.created_at, Task.kind)
                .limit(200)
            ).all()
            for n, task in enumerate(due):
                if n % 9 != 8:
                    by = self.actors["rosa"] if task.role.value == "admissions" else self.actors["nina"]
                    tasks.finish(task.id, actor=by, outcome="done", now=now)
