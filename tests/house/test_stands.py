"""Every record's states (product.md 2.2): each allowed move is made by the services, every other one refused.

The moves a service makes are written down by triggers of the test, so that none can be claimed that was not made; the
refusals are those of the database itself, on both engines, whoever asks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from datetime import date, timedelta
from itertools import product

import pytest
from flask import Flask, current_app
from sqlalchemy import select, text, update
from sqlalchemy.exc import DatabaseError

from intake import clock
from intake.actor import Actor
from intake.beds import service as beds
from intake.beds.models import BedUse
from intake.cases.models import Transfer
from intake.checkins import forms as answers
from intake.checkins import service as checkins
from intake.checkins.models import CheckIn
from intake.clock import utcnow
from intake.db import Base, db, transaction
from intake.errors import AlreadyDone, Missing
from intake.inquiries.models import Inquiry
from intake.messages.models import Message, MessagePart
from intake.people import coverage
from intake.people.models import CheckState
from intake.queues import service as queues
from intake.queues.models import Queue
from intake.screening import service as screening
from intake.tapers import changes, happenings, signing
from intake.tapers import service as tapers
from intake.tapers.models import PlanVersion
from intake.tasks import service as tasks
from intake.triggers import STANDS, edges, pairs_of
from intake.visits import service as visits
from tests.cases.folk import center, inquiry_of, waiting
from tests.cases.test_transfers import admitted, answer, ask
from tests.cases.test_waitlist import ward
from tests.coverage.test_coverage import asked as insured
from tests.people import Cast
from tests.screening.sitting import SAFETY, USE, sit
from tests.tapers import story
from tests.tasks.test_states import owed
from workers import upkeep

# Written out a second time from the specification, so that a slip in the code shows.
TABLE = {
    "coverage": {"pending": {"verified", "partial", "denied"}, "verified": {"expired"}, "partial": {"expired"}},
    "screening": {"draft": {"complete", "expired"}},
    "placement": {"proposed": {"accepted", "overridden", "superseded"}},
    "queue_entry": {
        "waiting": {"claimed", "parked", "closed"},
        "claimed": {"waiting", "parked", "decided"},
        "parked": {"waiting"},
        "decided": {"closed"},
    },
    "plan_version": {
        "draft": {"awaiting_signature", "discarded"},
        "awaiting_signature": {"active", "draft", "discarded"},
        "active": {"superseded", "completed", "stopped"},
        "paused": {"superseded", "stopped"},
    },
    "check_in": {"owed": {"answered", "expired", "withdrawn"}, "answered": {"reviewed"}},
    "task": {"open": {"claimed", "done", "cancelled"}, "claimed": {"open", "done", "cancelled"}},
    "transfer": {
        "requested": {"accepted", "rejected", "withdrawn", "cancelled"},
        "accepted": {"arrived", "cancelled"},
    },
    "appointment": {"booked": {"kept", "missed", "cancelled"}},
}
COLUMNS = Base.metadata.tables


def states_of(table: str) -> list[str]:
    """Every state the model of a table knows."""
    return [state.value for state in COLUMNS[table].columns["state"].type.python_type]


@pytest.fixture(autouse=True)
def _now_again() -> Iterator[None]:
    yield
    clock.set_offset(timedelta(0))


def later(**time: float) -> None:
    """Move the clock on."""
    clock.set_offset(clock.offset() + timedelta(**time))


@contextmanager
def written_down(table: str) -> Iterator[set[tuple[str, str]]]:
    """Collect every move of `table.state` that commits meanwhile, whoever makes it and by whatever statement."""
    found: set[tuple[str, str]] = set()
    with transaction() as session:
        session.execute(text("CREATE TABLE seen (a text, b text)"))
        session.execute(
            text(
                f"CREATE TRIGGER seen_moves AFTER UPDATE ON {table} WHEN OLD.state <> NEW.state "
                "BEGIN INSERT INTO seen VALUES (OLD.state, NEW.state); END"
            )
        )
    yield found
    found |= {(a, b) for a, b in db.session.execute(text("SELECT a, b FROM seen"))}


def test_the_moves_in_code_are_those_of_the_specification() -> None:
    assert {t: {a: set(b.split()) for a, b in moves.items()} for t, moves in STANDS.items()} == TABLE


@pytest.mark.parametrize("table", STANDS)
def test_every_state_of_a_record_is_in_its_table(table: str) -> None:
    named = {a for a, _ in pairs_of(table)} | {b for _, b in pairs_of(table)}
    assert named == set(states_of(table))


def of_coverage(cast: Cast) -> None:
    pat = story.begin(current_app, cast=cast)
    person_id, by = pat.case.person_id, cast.ada
    for result in (CheckState.VERIFIED, CheckState.PARTIAL, CheckState.DENIED):
        with transaction():
            row = coverage.add(person_id, insured(), actor=by, now=utcnow())
            until = date.today() + timedelta(days=30)
            coverage.check(
                row.id, person_id, result=result.value, words="Said so.", expires_on=until, actor=by, now=utcnow()
            )
    later(days=40)
    upkeep.work()


def of_screening(cast: Cast) -> None:
    pat = story.begin(current_app, cast=cast)
    with transaction():
        screening.start(db.session.get_one(Inquiry, pat.case.opened_from), mode="full", actor=cast.cleo, now=utcnow())
    later(days=28, minutes=1)
    upkeep.work()


def of_placement(cast: Cast) -> None:
    for verb in ("accept", "override", "ask_again"):
        with transaction():
            inquiry = inquiry_of(cast.site, cast.ada, name=f"Person {verb}")
        for _ in range(2 if verb == "ask_again" else 1):
            sheet = sit(inquiry, cast, {"safety": SAFETY, "use": USE})
            with transaction():
                placement = screening.complete(sheet.id, actor=cast.cleo, now=utcnow())
        with transaction():
            if verb == "override":
                queue = Queue.OUTPATIENT if placement.queue is not Queue.OUTPATIENT else Queue.DETOX
                screening.override(
                    placement.id, queue=queue, acuity=0, code="no_bed", reason="Full.", actor=cast.cleo, now=utcnow()
                )
            else:
                screening.accept(placement.id, actor=cast.cleo, now=utcnow())


def of_queue_entry(cast: Cast) -> None:
    by, soon = cast.cleo, utcnow() + timedelta(hours=1)
    for n, verbs in enumerate(
        (("claim", "release", "park", "unpark", "leave"), ("claim", "park", "leave"), ("claim", "leave"))
    ):
        _, entry = waiting(cast, name=f"Person {n}")
        for verb in verbs:
            with transaction():
                if verb == "park":
                    queues.park(entry.id, until=soon, reason="Asleep", actor=by, now=utcnow())
                elif verb == "leave":
                    queues.leave(entry.id, outcome="accepted", actor=by, now=utcnow())
                else:
                    getattr(queues, verb)(entry.id, actor=by, now=utcnow())


def of_plan_version(cast: Cast) -> None:
    pat, now = story.begin(current_app, cast=cast), utcnow

    def paused(version: PlanVersion) -> PlanVersion:
        with transaction():
            return changes.pause(
                version.id, reason="wish", words="", review_by=date.today() + timedelta(days=9), agreed_by="patient",
                actor=cast.cleo, now=now(),
            )  # fmt: skip

    def drafted(verb: str = "") -> PlanVersion:
        version = story.draft(pat)
        if verb:
            with transaction():
                signing.ask_signature(version.id, actor=cast.cleo, now=now())
        if verb == "back":
            with transaction():
                signing.send_back(version.id, reason="Slower, please.", actor=cast.petra, now=now())
        return version

    def stopped(version: PlanVersion) -> None:
        with transaction():
            changes.stop(version.id, reason="wish", actor=cast.cleo, now=now())

    for verb in ("back", "ask"):
        version = drafted(verb)
        with transaction():
            tapers.discard(version.id, actor=cast.cleo, now=now())
    stopped(paused(story.sign(pat, drafted("ask"))))
    paused(story.sign(pat, story.draft(pat)))
    stopped(story.sign(pat, story.draft(pat)))
    ends = story.sign(pat, story.draft(pat)).ends_on
    assert ends is not None
    with transaction():
        happenings.complete_ended(now=now() + (ends - date.today()) + timedelta(days=2))


def of_check_in(cast: Cast) -> None:
    pat = story.begin(current_app, cast=cast)
    story.sign(pat, story.draft(pat, standing=True))
    mails = db.session.scalars(
        select(Message.id)
        .join(MessagePart, MessagePart.message_id == Message.id)
        .where(MessagePart.kind == "CHECKIN")
        .order_by(Message.due_at)
        .limit(3)
    ).all()
    with transaction():
        # As if each had gone out two days ago.
        due = {"due_at": utcnow() - timedelta(hours=49), "accepted_at": utcnow() - timedelta(hours=49)}
        for state in ("claimed", "sent"):
            db.session.execute(update(Message).where(Message.id.in_(mails)).values(state=state, **due))
    with transaction():
        assert checkins.tell_unanswered(now=utcnow()) == len(mails) == 3
    calm = answers.Answers(felt_nothing=True, dose_as_planned=True, pain=3, used_other=False, thoughts=False)
    with transaction():
        row, _ = checkins.record(mails[0], calm, now=utcnow())
        checkins.review(row.id, actor=cast.cleo, now=utcnow())
    with transaction():
        # The second mail's link is dead, the third one's plan is stopped before its own is.
        db.session.execute(update(CheckIn).where(CheckIn.message_id == mails[1]).values(expires_at=utcnow()))
    later(seconds=1)
    with transaction():
        checkins.end_owed(now=utcnow())
    with transaction():
        current = db.session.scalars(select(PlanVersion.id).where(PlanVersion.state == "active")).one()
        changes.stop(current, reason="wish", actor=cast.cleo, now=utcnow())
    with transaction():
        assert checkins.end_owed(now=utcnow()) == 1
    with pytest.raises(AlreadyDone, match="already did this"), transaction():
        checkins.record(mails[0], calm, now=utcnow())
    with pytest.raises(Missing, match="has ended"), transaction():
        checkins.record(mails[1], calm, now=utcnow())
    with pytest.raises(AlreadyDone, match="Your plan has changed"), transaction():
        checkins.record(mails[2], calm, now=utcnow())


def of_task(cast: Cast) -> None:
    by: Actor = cast.cleo
    for claims in (False, True):
        for verb in ("finish", "cancel", "give_back"):
            row = owed(cast)
            with transaction():
                if claims:
                    tasks.claim(row.id, actor=by, now=utcnow())
                if verb == "finish":
                    tasks.finish(row.id, actor=by, outcome="done", now=utcnow())
                elif verb == "cancel":
                    tasks.cancel(row.key, site_id=row.site_id, reason="gone", actor=by, now=utcnow())
                else:
                    tasks.give_back_all(by.id, actor=by, now=utcnow())


def of_transfer(cast: Cast) -> None:
    case_id = admitted(cast)
    for word in ("rejected", "withdrawn"):
        ask(cast, case_id)
        answer(cast, case_id, word, code="no_place")
    ask(cast, case_id)
    answer(cast, case_id, "accepted")
    answer(cast, case_id, "cancelled")
    ask(cast, case_id)
    chosen = ask(cast, case_id, "residential")
    answer(cast, case_id, "accepted", transfer_id=chosen)
    answer(cast, case_id, "arrived")
    assert db.session.scalars(select(Transfer.id).where(Transfer.state == "cancelled")).all()


def of_appointment(cast: Cast) -> None:
    with transaction():
        person_id = inquiry_of(cast.site, cast.ada).person_id
        for verb in (visits.keep, visits.miss, visits.cancel):
            row = visits.book(
                site_id=cast.site.id, person_id=person_id, kind="first_visit", actor=cast.ada, now=utcnow(),
                starts_at=utcnow() + timedelta(hours=1),
            )  # fmt: skip
            verb(row.id, actor=cast.ada, now=utcnow() + timedelta(hours=2))


WALKS: dict[str, Callable[[Cast], None]] = {
    "coverage": of_coverage,
    "screening": of_screening,
    "placement": of_placement,
    "queue_entry": of_queue_entry,
    "plan_version": of_plan_version,
    "check_in": of_check_in,
    "task": of_task,
    "transfer": of_transfer,
    "appointment": of_appointment,
}


@pytest.mark.parametrize("table", STANDS)
def test_every_move_of_a_record_is_made_by_the_services_and_no_other(app_sqlite: Flask, table: str) -> None:
    with center(app_sqlite) as cast, written_down(table) as found:
        WALKS[table](cast)
    assert found == set(pairs_of(table))


@pytest.mark.parametrize("table", STANDS)
def test_the_database_takes_each_allowed_move_and_refuses_every_other(app: Flask, table: str) -> None:
    rule = edges("probe", pairs_of(table))
    with app.app_context():
        with transaction() as session:
            session.execute(text("CREATE TABLE probe (state text)"))
            for statement in rule.create(session.get_bind().dialect.name):
                session.execute(text(statement))
        for a, b in product(states_of(table), repeat=2):
            with transaction() as session:
                session.execute(text("DELETE FROM probe"))
                session.execute(text("INSERT INTO probe VALUES (:a)"), {"a": a})
            allowed = a == b or (a, b) in pairs_of(table)
            refusal = nullcontext() if allowed else pytest.raises(DatabaseError, match="illegal move")
            with refusal, transaction() as session:
                session.execute(text("UPDATE probe SET state = :b"), {"b": b})


def test_a_hold_that_ended_stays_as_it_ended(app: Flask) -> None:
    with center(app) as cast:
        bed, (case, _) = ward(cast, 1)[0], waiting(cast)
        with transaction():
            beds.hold(bed.id, case.id, until=utcnow() + timedelta(hours=1), actor=cast.ada, now=utcnow())
        with transaction():
            beds.release(case.id, outcome="declined", actor=cast.ada, now=utcnow())
        for change in ({"ended_at": None}, {"outcome": "used"}, {"kind": "stay"}):
            with pytest.raises(DatabaseError, match="can no longer change"), transaction():
                db.session.execute(update(BedUse).values(**change))
