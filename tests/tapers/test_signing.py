"""A plan owes nothing before its signature, and everything after it; every change moves its messages with it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import func, select
from sqlalchemy.exc import DBAPIError

from intake.actor import Role
from intake.cli.demo.people import PAIN_SLOW
from intake.clock import utcnow
from intake.db import db, id_text, transaction
from intake.errors import AlreadyDone, NotPermitted, RuleBroken
from intake.messages.models import Message, MessageState
from intake.tapers import changes, happenings, holds, service, signing
from intake.tapers.models import PlanState, PlanVersion
from intake.tasks.models import Task, TaskState
from tests.screening.sitting import Browser
from tests.tapers import story


def owed(plan_id: int, *states: MessageState) -> int:
    """How many messages of a plan stand in the given states."""
    wanted = states or (MessageState.SCHEDULED,)
    return (
        db.session.scalar(
            select(func.count()).where(
                Message.plan_id == plan_id, Message.state.in_(wanted), Message.kind == "reminder"
            )
        )
        or 0
    )


def test_an_unsigned_plan_owes_no_message(app: Flask) -> None:
    with app.app_context():
        pat = story.begin(app)
        version = story.draft(pat)
        assert version.state is PlanState.DRAFT
        assert owed(version.plan_id) == 0


def test_signing_owes_one_message_for_each_day_of_the_calendar(app: Flask) -> None:
    with app.app_context():
        pat = story.begin(app)
        version = story.sign(pat, story.draft(pat))
        rows = list(db.session.scalars(select(Message).where(Message.plan_id == version.plan_id)))
        assert version.state is PlanState.ACTIVE
        assert len(rows) > 40
        assert len({r.local_date for r in rows}) == len(rows)
        assert {r.plan_version_id for r in rows} == {version.id}


def test_only_a_prescriber_signs(app_sqlite: Flask) -> None:
    with app_sqlite.app_context():
        pat = story.begin(app_sqlite)
        version = story.draft(pat)
        with pytest.raises(NotPermitted), transaction():
            signing.sign(version.id, signing.Signing(), actor=pat.cast.cleo, now=utcnow())


def test_a_plan_with_something_missing_is_not_signed_and_says_what(app_sqlite: Flask) -> None:
    with app_sqlite.app_context():
        pat = story.begin(app_sqlite)
        with transaction():
            version = service.draft(
                pat.case, story.ask(utcnow().date()), service.Checklist(), actor=pat.cast.cleo, now=utcnow()
            )
        with pytest.raises(RuleBroken) as refused, transaction():
            signing.sign(version.id, signing.Signing(), actor=pat.cast.petra, now=utcnow())
        assert {"GOALS_MISSING", "AGREEMENT_MISSING", "NALOXONE_NOT_OFFERED"} <= refused.value.fields.keys()
        assert db.session.get_one(PlanVersion, version.id).state is PlanState.DRAFT


def test_a_signed_version_is_never_edited_not_even_by_sql(app: Flask) -> None:
    with app.app_context():
        pat = story.begin(app)
        version = story.sign(pat, story.draft(pat))
        stored = db.session.get_one(PlanVersion, version.id)
        stored.steps = []
        with pytest.raises(DBAPIError, match="can no longer change"):
            db.session.flush()


def test_a_second_signature_of_the_same_version_is_refused(app_sqlite: Flask) -> None:
    with app_sqlite.app_context():
        pat = story.begin(app_sqlite)
        version = story.sign(pat, story.draft(pat))
        with pytest.raises(AlreadyDone), transaction():
            signing.sign(version.id, signing.Signing(), actor=pat.cast.petra, now=utcnow())


def test_a_new_signed_version_takes_the_old_messages_back_and_owes_its_own(app: Flask) -> None:
    with app.app_context():
        pat = story.begin(app)
        first = story.sign(pat, story.draft(pat))
        later = utcnow() + timedelta(minutes=5)
        with transaction():
            second = service.draft(
                pat.case,
                story.ask(later.date(), starts_in=3, rate=5),
                story.checklist(later.date()),
                change="revise",
                actor=pat.cast.cleo,
                now=later,
            )
        assert second.n == first.n + 1
        second = story.sign(pat, second, now=later)
        assert db.session.get_one(PlanVersion, first.id).state is PlanState.SUPERSEDED
        live = list(
            db.session.scalars(
                select(Message.plan_version_id).where(
                    Message.plan_id == first.plan_id,
                    Message.state == MessageState.SCHEDULED,
                    Message.kind == "reminder",
                )
            )
        )
        assert live
        assert set(live) == {second.id}


def test_a_pause_needs_no_signature_and_silences_every_step(app: Flask) -> None:
    with app.app_context():
        pat = story.begin(app)
        version = story.sign(pat, story.draft(pat))
        with transaction():
            paused = changes.pause(
                version.id,
                reason="pain",
                words="",
                review_by=utcnow().date() + timedelta(days=7),
                agreed_by="Cleo",
                actor=pat.cast.cleo,
                now=utcnow(),
            )
        assert paused.state is PlanState.PAUSED
        assert paused.dose_held == "30-30-30"
        assert owed(version.plan_id) == 0
        notices = db.session.scalars(
            select(Message.kind).where(Message.plan_id == version.plan_id, Message.state == MessageState.SCHEDULED)
        ).all()
        assert notices == ["plan_changed"]


def test_of_two_pauses_at_once_one_wins(app_sqlite: Flask) -> None:
    with app_sqlite.app_context():
        pat = story.begin(app_sqlite)
        version = story.sign(pat, story.draft(pat))
        again = {
            "reason": "pain",
            "words": "",
            "review_by": utcnow().date() + timedelta(days=7),
            "agreed_by": "",
            "actor": pat.cast.cleo,
            "now": utcnow(),
        }
        with transaction():
            changes.pause(version.id, **again)
        with pytest.raises(AlreadyDone), transaction():
            changes.pause(version.id, **again)


def test_resuming_starts_from_the_dose_reached_and_waits_for_a_signature(app_sqlite: Flask) -> None:
    with app_sqlite.app_context():
        pat = story.begin(app_sqlite)
        version = story.sign(pat, story.draft(pat))
        after = utcnow() + timedelta(days=40)
        with transaction():
            paused = changes.pause(
                version.id,
                reason="pain",
                words="",
                review_by=after.date(),
                agreed_by="",
                actor=pat.cast.cleo,
                now=after,
            )
        again = changes.ask_from_here(paused, today=after.date(), starts_on=after.date() + timedelta(days=1))
        assert [str(d) for d in again.regimen] == [f"{d:g}" for d in paused.steps[1]["doses"]]
        assert owed(version.plan_id) == 0


def test_stopping_needs_a_reason_and_takes_everything_back(app_sqlite: Flask) -> None:
    with app_sqlite.app_context():
        pat = story.begin(app_sqlite)
        version = story.sign(pat, story.draft(pat))
        with pytest.raises(RuleBroken), transaction():
            changes.stop(version.id, reason="", actor=pat.cast.cleo, now=utcnow())
        with transaction():
            changes.stop(version.id, reason="persons_wish", actor=pat.cast.cleo, now=utcnow())
        assert owed(version.plan_id) == 0


def test_a_held_step_that_comes_pauses_the_plan_by_itself(app: Flask) -> None:
    with app.app_context():
        pat = story.begin(app)
        version = story.sign(pat, story.draft(pat))
        with transaction():
            holds.hold(
                db.session.get_one(PlanVersion, version.id),
                first_step=2,
                reason="check_in",
                triggers=["PAIN_UP"],
                case=pat.case,
                now=utcnow(),
            )
        with transaction():
            assert happenings.pause_overtaken(now=utcnow()) == 0
        with transaction():
            assert happenings.pause_overtaken(now=utcnow() + timedelta(days=30)) == 1
        live = db.session.scalar(select(PlanVersion).where(PlanVersion.state == PlanState.PAUSED))
        assert live is not None
        assert live.pause_reason == "held_step_not_cleared"
        assert owed(version.plan_id) == 0


def test_a11_a_hard_stop_needs_a_second_prescriber(app_sqlite: Flask) -> None:
    with app_sqlite.app_context():
        pat = story.begin(app_sqlite)
        now = utcnow()
        fast = replace(story.ask(now.date(), rate=50), interval_days=14)
        with transaction():
            version = service.draft(pat.case, fast, story.checklist(now.date()), actor=pat.cast.cleo, now=now)
        hard = [c for c in service.concerns(version, pat.case) if c.severity == "hard"]
        assert [c.release for c in hard] == ["prescriber_and_second"]
        with pytest.raises(RuleBroken), transaction():
            signing.sign(version.id, signing.Signing({hard[0].key: "It is fine."}), actor=pat.cast.petra, now=now)
        with transaction():
            signing.release_hard_stop(
                version.id, hard[0].key, "Seen daily by our nurse.", actor=pat.cast.petra, now=now
            )
        with pytest.raises(RuleBroken), transaction():
            # Petra released it, so Petra may not be the one who signs.
            signing.sign(version.id, signing.Signing({hard[0].key: "It is fine."}), actor=pat.cast.petra, now=now)


@pytest.mark.parametrize(("told", "raised"), [("30", False), ("20", True)])
def test_a_plan_that_starts_above_what_is_taken_now_needs_a_signed_reason(
    app_sqlite: Flask, told: str, raised: bool
) -> None:
    with app_sqlite.app_context():
        pat = story.begin(app_sqlite, profile=replace(PAIN_SLOW, strength=told))
        version = story.draft(pat)
        keys = {c.key: c.severity for c in service.concerns(version, pat.case)}
        assert (keys.get("RAISE") == "ack") is raised
        if raised:
            with pytest.raises(RuleBroken) as refused, transaction():
                signing.sign(version.id, signing.Signing(), actor=pat.cast.petra, now=utcnow())
            assert "RAISE" in refused.value.fields


def test_a_prescriber_is_asked_sends_back_with_a_reason_and_is_asked_again(app_sqlite: Flask) -> None:
    with app_sqlite.app_context():
        pat = story.begin(app_sqlite)
        version = story.draft(pat)
        builder = f"/cases/{id_text(pat.case_id)}/taper"
        base = f"/tapers/{id_text(version.plan_id)}/v/{version.n}"
    cleo, petra = Browser(app_sqlite, "cleo"), Browser(app_sqlite, "petra")
    assert "Ask a prescriber to sign" in cleo.get(builder).text
    assert cleo.post(f"{base}/ask", {}, page=builder).status_code == 302
    with app_sqlite.app_context():
        owed = db.session.scalars(select(Task).where(Task.kind == "sign_plan", Task.state == TaskState.OPEN)).one()
        assert owed.role is Role.PRESCRIBER
        assert db.session.get_one(PlanVersion, version.id).state is PlanState.AWAITING_SIGNATURE
    assert cleo.post(f"{base}/ask", {}, page=builder).status_code == 409
    assert cleo.post(f"{base}/back", {"back": "No."}, page=builder).status_code == 403
    assert petra.post(f"{base}/back", {"back": " "}, page=builder).status_code == 422
    assert petra.post(f"{base}/back", {"back": "Slower, please."}, page=builder).status_code == 302
    with app_sqlite.app_context():
        assert db.session.get_one(PlanVersion, version.id).state is PlanState.DRAFT
        assert db.session.get_one(Task, owed.id).state is TaskState.CANCELLED
