"""The two weeks themselves: who asks, who waits, who is in care, and how it ended for some."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import select

from intake.cases import service as cases
from intake.cases.models import Case
from intake.cli.demo import outside
from intake.cli.demo import people as cast
from intake.cli.demo.scenes import Scenes, Team
from intake.db import db, transaction
from intake.inquiries import following
from intake.inquiries.answers import REACHED
from intake.inquiries.models import Channel, Inquiry, Relation
from intake.settings.models import Site
from intake.tapers import changes


def demo_zone(now: datetime) -> str:
    """A zone where it is now between 10:00 and 18:00 (rulings 25)."""
    for zone in (
        "America/New_York",
        "America/Los_Angeles",
        "Pacific/Auckland",
        "Asia/Tokyo",
        "Asia/Kolkata",
        "Europe/Paris",
    ):
        if 10 <= now.astimezone(ZoneInfo(zone)).hour < 18:
            return zone
    return "UTC"


def play(site: Site, team: Team, now: datetime) -> dict[str, int]:
    """Tell all of it; returns how many of each."""
    s = Scenes(site, team, now)
    s.capacity()
    outside.places(s)
    _inbox(s)
    _queues(s)
    _care(s)
    _call_back(s)
    return {
        "inquiries": len(list(db.session.scalars(select(Inquiry.id)))),
        "cases": len(list(db.session.scalars(select(Case.id)))),
    }


def _inbox(s: Scenes) -> None:
    for i, hours in enumerate((0.05, 0.2, 0.4, 0.9, 1.1, 2.5, 5.2, 9.0)):
        s.inquiry(s.values(), hours=hours, channel=Channel.PHONE if i % 3 == 2 else Channel.WEB)
    for hours, words in zip((0.3, 3.1, 26.0), cast.WORDS_FAMILY, strict=True):
        s.inquiry(s.values(Relation.FAMILY, words=words), hours=hours)
    outside.referrals(s)
    for hours in (20.0, 30.0, 44.0):
        row = s.inquiry(s.values(), hours=hours)
        with transaction():
            following.attempt(
                row.id, channel="phone", outcome="no_answer", actor=s.team.admissions, now=s.ago(hours - 1), words=""
            )
    for reason, hours in (("declined_by_person", 70.0), ("unreachable", 200.0), ("referred_out", 150.0)):
        row = s.inquiry(s.values(), hours=hours)
        with transaction():
            following.attempt(
                row.id, channel="phone", outcome=REACHED, actor=s.team.admissions, now=s.ago(hours - 1), words=""
            )
        _close(s, row, reason, hours)
    s.danger("overdose_24h", hours=0.1)
    s.danger("suicide_imminent", hours=0.35)
    for profile, hours in ((cast.PAIN_SLOW, 1.4), (cast.STREET_MILD, 1.9), (cast.PAIN_SMALL, 4.0)):
        s.screened(profile, hours=hours)


def _close(s: Scenes, row: Inquiry, reason: str, hours: float) -> None:
    with transaction():
        following.close(
            row.id,
            state=reason,
            reason="Documented with the person.",
            next_contact="Public help pages",
            actor=s.team.admissions,
            now=s.ago(hours - 2),
        )


def _queues(s: Scenes) -> None:
    detox = [
        s.waiting(p, hours=h)
        for p, h in (
            (cast.STREET_BAD, 1.1),
            (cast.STREET_MILD, 0.7),
            (cast.PAIN_DETOX, 0.4),
            (cast.STREET_MILD, 2.2),
            (cast.RAPID, 3.6),
            (cast.STREET_MILD, 1.3),
        )
    ]
    s.claimed(detox[1], s.team.colleague, hours=0.2)
    out = [
        s.waiting(p, hours=h)
        for p, h in (
            (cast.PAIN_SLOW, 1.2),
            (cast.PAIN_MID, 5.0),
            (cast.PAIN_SMALL, 20.0),
            (cast.PAIN_SLOW, 26.0),
            (cast.MIXED, 3.0),
            (cast.PAIN_MID, 40.0),
            (cast.PAIN_SMALL, 9.0),
        )
    ]
    s.claimed(out[1], s.team.clinician, hours=0.3)
    s.screened(cast.LOW_MOOD, hours=0.8)


def _call_back(s: Scenes) -> None:
    """Two who could not be asked everything on the phone: somebody calls them again."""
    s.waiting(cast.PAIN_MID, hours=0.9, channel=Channel.PHONE, unasked=("cssrs_screen-", "phq9-"))
    s.waiting(cast.PAIN_SMALL, hours=6.5, channel=Channel.PHONE, unasked=("pregnancy",))


def _care(s: Scenes) -> None:
    s.decided(cast.PAIN_SLOW, hours=30)
    s.decided(cast.PAIN_MID, hours=12)
    waiting = s.decided(cast.STREET_BAD, hours=28, level="inpatient_detox")
    with transaction():
        cases.waitlist(waiting.id, wait_class="injecting", actor=s.team.admissions, now=s.ago(26))
    planned = s.decided(cast.PAIN_SMALL, hours=40)
    with transaction():
        cases.schedule(planned.id, starts_at=s.now + timedelta(hours=20), actor=s.team.admissions, now=s.ago(2))
    rooms = s.free_beds("inpatient_detox")
    ward = [
        s.admitted(
            cast.STREET_BAD if i % 2 else cast.STREET_MILD, hours=60 + 12 * i, level="inpatient_detox", bed=rooms[i]
        )
        for i in range(6)
    ]
    with transaction():
        cases.ask_transfer(
            ward[0].id,
            to_level="outpatient",
            reason="Two calm days. Wants to go on from home; starts medication tomorrow.",
            readiness={"withdrawal": "falling", "vitals": "stable", "moud": "starting"},
            actor=s.team.clinician,
            now=s.ago(1),
        )
    _plans(s)
    _endings(s)
    outside.payers(s)


def _plans(s: Scenes) -> None:
    stories = (
        (cast.PAIN_SLOW, 310.0, 1),
        (cast.PAIN_MID, 220.0, 1),
        (cast.PAIN_SLOW, 120.0, 2),
        (cast.PAIN_MID, 50.0, 3),
    )
    signed = []
    for i, (profile, hours, starts) in enumerate(stories):
        case = s.admitted(profile, hours=hours + 20)
        s.reachable(case, email=f"patient{i}@mail.example")
        signed.append((case, s.plan(case, profile, signed_hours=hours, starts_in=starts)))
    with transaction():
        changes.pause(
            signed[1][1].id,
            reason="pain",
            words="Wants to wait until after the move.",
            review_by=s.now.date() + timedelta(days=9),
            agreed_by=s.team.clinician.name,
            actor=s.team.clinician,
            now=s.ago(30),
        )
    drafted = s.admitted(cast.PAIN_SLOW, hours=35)
    s.plan(drafted, cast.PAIN_SLOW, signed_hours=None, starts_in=5)
    _pat(s)


def _pat(s: Scenes) -> None:
    """The demo patient: lives where it is daytime and gets the first email within a minute, at any hour."""
    case = s.admitted(cast.PAIN_SLOW, hours=24)
    zone = demo_zone(s.now)
    local = (s.now + timedelta(minutes=1)).astimezone(ZoneInfo(zone))
    s.reachable(case, email="pat@mail.example", zone=zone, hour=local.hour, minute=local.minute)
    s.plan(case, cast.PAIN_SLOW, signed_hours=0, starts_in=1)


def _endings(s: Scenes) -> None:
    for type_, hours in (("completed", 280.0), ("against_advice", 180.0), ("transferred", 150.0)):
        case = s.admitted(cast.PAIN_SMALL, hours=hours)
        with transaction():
            cases.discharge(
                case.id,
                type=type_,
                reason="Wanted to be home." if type_ == "against_advice" else "",
                naloxone="accepted",
                warned=True,
                actor=s.team.clinician,
                now=s.ago(hours - 60),
            )
        if type_ == "completed":
            with transaction():
                cases.after_care(case.id, actor=s.team.clinician, now=s.ago(hours - 61))
    missed = s.decided(cast.PAIN_MID, hours=54)
    with transaction():
        visit = cases.schedule(missed.id, starts_at=s.ago(26), actor=s.team.admissions, now=s.ago(50))
    with transaction():
        cases.no_show(missed.id, appointment_id=visit.id, actor=s.team.admissions, now=s.ago(24))
