"""Attempts, promises, owners, ends and reopening (product.md 2.2, 2.3 no. 7; flows A, B)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy import select

from intake.actor import Role
from intake.clock import utcnow
from intake.db import db, transaction
from intake.errors import AlreadyDone, Missing, NotPermitted, RuleBroken
from intake.inquiries import answers as a
from intake.inquiries import following, knowing, promises, queries, service, unanswered
from intake.inquiries.models import Channel, Inquiry, InquiryState, Promise, Relation
from intake.inquiries.values import InquiryValues, Reach, danger_of
from intake.people import finding
from intake.people import queries as people
from intake.people.models import PersonKind
from intake.tasks.models import Task, TaskState
from tests.people import Cast

NOW = utcnow()


@pytest.fixture
def here(app: Flask, cast: Cast) -> Iterator[Cast]:
    with app.app_context():
        yield cast


def received(cast: Cast, relation: Relation = Relation.SELF, now: datetime = NOW, **more: object) -> int:
    said = InquiryValues(
        relation=relation,
        danger=danger_of(["none"]),
        name="Dana",
        inquirer="Rosa" if relation is not Relation.SELF else "",
        reach=Reach(phone="+15550147734"),
        consent=True,
    )
    with transaction():
        return service.receive(said, channel=Channel.WEB, actor=cast.ada, now=now, site=cast.site).id


def attempt(cast: Cast, inquiry_id: int, outcome: str, now: datetime = NOW) -> None:
    with transaction():
        following.attempt(inquiry_id, channel="phone", outcome=outcome, words="note", actor=cast.ada, now=now)


def row(inquiry_id: int) -> Inquiry:
    return db.session.get_one(Inquiry, inquiry_id)


def tasks(kind: str) -> list[Task]:
    return list(db.session.scalars(select(Task).where(Task.kind == kind)))


def test_a_conversation_stops_the_first_contact_clock(here: Cast) -> None:
    i = received(here)
    attempt(here, i, a.REACHED, NOW + timedelta(minutes=9))
    assert row(i).first_contact_at == NOW + timedelta(minutes=9)
    assert row(i).state is InquiryState.CONTACTING
    assert [t.state for t in tasks("first_contact")] == [TaskState.CANCELLED]


@pytest.mark.parametrize("outcome", ["voicemail", "no_answer", "wrong_number"])
def test_an_attempt_without_a_conversation_does_not(here: Cast, outcome: str) -> None:
    i = received(here)
    attempt(here, i, outcome)
    assert row(i).first_contact_at is None
    assert row(i).state is InquiryState.CONTACTING
    assert [t.state for t in tasks("first_contact")] == [TaskState.OPEN]


def test_after_three_attempts_somebody_decides(here: Cast) -> None:
    i = received(here)
    for n in range(3):
        assert not tasks("decide_unreached")
        attempt(here, i, "no_answer", NOW + timedelta(hours=n))
    assert len(tasks("decide_unreached")) == 1
    assert queries.page(row(i), now=NOW).attempts == 3


def test_a_promise_is_kept_by_the_conversation_and_replaced_by_a_newer_one(here: Cast) -> None:
    i = received(here)
    with transaction():
        promises.promise(i, kind="callback", due_at=NOW + timedelta(hours=1), actor=here.ada, now=NOW)
    with transaction():
        promises.promise(i, kind="callback", due_at=NOW + timedelta(hours=2), actor=here.ada, now=NOW)
    first, second = db.session.scalars(select(Promise).order_by(Promise.due_at))
    assert first.replaced_by == second.id
    attempt(here, i, a.REACHED, NOW + timedelta(minutes=90))
    db.session.expire_all()
    assert second.kept_at == NOW + timedelta(minutes=90)
    assert first.kept_at is None
    assert {t.state for t in tasks("promised_callback")} == {TaskState.CANCELLED}


def test_a_promise_in_the_past_is_refused(here: Cast) -> None:
    i = received(here)
    with pytest.raises(RuleBroken, match="still to come"), transaction():
        promises.promise(i, kind="callback", due_at=NOW, actor=here.ada, now=NOW)


def test_a_promise_whose_time_passed_is_missed_and_measured(here: Cast) -> None:
    i = received(here)
    with transaction():
        promises.promise(i, kind="callback", due_at=NOW + timedelta(minutes=5), actor=here.ada, now=NOW)
    with transaction():
        assert promises.miss_promises(now=NOW + timedelta(minutes=4)) == 0
    with transaction():
        assert promises.miss_promises(now=NOW + timedelta(minutes=30)) == 1
    assert db.session.scalars(select(Promise)).one().missed_at == NOW + timedelta(minutes=30)
    assert tasks("promised_callback")[0].state is TaskState.OPEN


def test_a_late_first_contact_goes_to_the_supervisors_once_and_ends_with_the_conversation(here: Cast) -> None:
    i = received(here)
    with transaction():
        assert unanswered.escalate_late(now=NOW + timedelta(minutes=59)) == 0
    for expected in (1, 0):
        with transaction():
            assert unanswered.escalate_late(now=NOW + timedelta(minutes=61)) == expected
    assert [t.role for t in tasks("late_first_contact")] == [Role.SUPERVISOR]
    attempt(here, i, a.REACHED, NOW + timedelta(minutes=70))
    assert [t.state for t in tasks("late_first_contact")] == [TaskState.CANCELLED]


def test_one_claims_the_other_is_told(here: Cast) -> None:
    i = received(here)
    with transaction():
        following.claim(i, actor=here.ada, now=NOW)
    with pytest.raises(AlreadyDone, match="Somebody else"), transaction():
        following.claim(i, actor=here.cleo, now=NOW)
    with pytest.raises(NotPermitted), transaction():
        following.give_back(i, actor=here.cleo, now=NOW)
    with transaction():
        following.give_back(i, actor=here.sol, now=NOW)
    assert row(i).owner_id is None


@pytest.mark.parametrize("state", ["declined_by_person", "unreachable", "referred_out"])
def test_an_end_needs_a_reason_and_a_next_contact(here: Cast, state: str) -> None:
    i = received(here)
    attempt(here, i, "no_answer")
    for reason, following_contact in (("", "x"), ("x", "")):
        with pytest.raises(RuleBroken), transaction():
            following.close(i, state=state, reason=reason, next_contact=following_contact, actor=here.ada, now=NOW)
    with transaction():
        following.close(i, state=state, reason="Moved", next_contact="Will call", actor=here.ada, now=NOW)
    assert (row(i).state, row(i).ended_at) == (InquiryState(state), NOW)
    assert not [t for t in tasks("first_contact") if t.state is TaskState.OPEN]


def test_nobody_is_closed_untried(here: Cast) -> None:
    i = received(here)
    with pytest.raises(AlreadyDone, match="Try to reach them first"), transaction():
        following.close(i, state="unreachable", reason="x", next_contact="x", actor=here.ada, now=NOW)


def test_an_ended_one_opens_again_with_a_reason_and_owes_a_call_again(here: Cast) -> None:
    i = received(here)
    attempt(here, i, "no_answer")
    with transaction():
        following.close(i, state="unreachable", reason="x", next_contact="x", actor=here.ada, now=NOW)
    with pytest.raises(AlreadyDone), transaction():
        following.attempt(i, channel="phone", outcome="no_answer", actor=here.ada, now=NOW)
    with pytest.raises(RuleBroken), transaction():
        following.reopen(i, reason=" ", actor=here.ada, now=NOW)
    with transaction():
        following.reopen(i, reason="They called", actor=here.ada, now=NOW)
    assert (row(i).state, row(i).ended_at) == (InquiryState.CONTACTING, None)
    assert [t.state for t in tasks("first_contact")].count(TaskState.OPEN) == 1
    with pytest.raises(AlreadyDone), transaction():
        following.reopen(i, reason="again", actor=here.ada, now=NOW)


def test_a_handover_needs_a_danger(here: Cast) -> None:
    i = received(here)
    with pytest.raises(RuleBroken, match="No emergency sign"), transaction():
        following.hand_over(i, outcome="safe_now", actor=here.ada, now=NOW)


def test_the_person_asked_about_becomes_known_when_they_agree(here: Cast) -> None:
    i = received(here, Relation.FAMILY)
    assert people.opened_many({row(i).person_id})[row(i).person_id].kind is PersonKind.PLACEHOLDER
    with transaction():
        knowing.agreed(i, how="He called himself", name="Kim", phone="+15550149000", actor=here.ada, now=NOW)
    known = people.opened_many({row(i).person_id})[row(i).person_id]
    assert (known.kind, known.name) == (PersonKind.KNOWN, "Kim")
    assert row(i).inquirer_id != row(i).person_id
    assert [h.person.id for h in finding.find("Kim", here.site.id)] == [known.id]
    with pytest.raises(RuleBroken, match="known already"), transaction():
        knowing.agreed(i, how="again", actor=here.ada, now=NOW)


def test_another_site_finds_nothing_there(here: Cast) -> None:
    i = received(here)
    with pytest.raises(Missing), transaction():
        following.claim(i, actor=here.cora, now=NOW)
    with pytest.raises(Missing):
        queries.readable(here.cora, i)
