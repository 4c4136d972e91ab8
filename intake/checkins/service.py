"""Record what somebody answered about a step, weigh it, and call on the team."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import or_, select

from intake import crypto
from intake.actor import CARE, Actor, Role, system
from intake.audit import service as audit
from intake.cases import service as cases
from intake.cases.models import Case
from intake.checkins import queries
from intake.checkins.forms import Answers
from intake.checkins.models import CheckIn, CheckInState
from intake.clinical import alerts
from intake.clock import db_now
from intake.db import db, new_id
from intake.errors import AlreadyDone, Missing, NotPermitted
from intake.guard import SignedLink
from intake.messages.models import Message
from intake.people import born
from intake.people.models import Person
from intake.settings import queries as settings
from intake.settings import scoring
from intake.tapers import holds
from intake.tapers.models import PlanState, PlanVersion
from intake.tasks import service as tasks

REVIEW_HOURS = 24
PURPOSE = "check_in"


def wrong_birth_date(link_id: int, *, now: datetime) -> int:
    """Count a wrong birth date; after five the link stops and a task asks somebody to call. Returns tries left."""
    left, stopped = born.count_wrong(link_id, now=now)
    asked = queries.asked(db.session.get_one(SignedLink, link_id).subject_id) if stopped else None
    if asked is not None:
        tasks.owe(
            site_id=asked.case.site_id,
            kind="birth_date_tries",
            key=f"birth_date:{link_id}",
            role=Role.CLINICIAN,
            due_at=now + timedelta(hours=4),
            cause="five wrong birth dates",
            case_id=asked.case.id,
            now=now,
        )
    return left


def record(message_id: int, answers: Answers, *, now: datetime) -> tuple[CheckIn, alerts.Assessment]:
    """Keep one answer: scored, weighed, the next step held and the team called in the same transaction.

    Raises:
        Missing: the link asks nothing. AlreadyDone: it was answered before, or the plan has changed.
    """
    # The message row is the lock: of two taps at once only the first makes a check-in.
    db.session.scalar(select(Message.id).where(Message.id == message_id).with_for_update())
    asked = queries.asked(message_id)
    if asked is None:
        raise Missing("This link has ended.")
    ended = (CheckInState.EXPIRED, CheckInState.WITHDRAWN)
    if asked.given is not None and asked.given.state not in (CheckInState.OWED, *ended):
        raise AlreadyDone("You already did this. Thank you.")
    if asked.given is not None and asked.given.state is CheckInState.EXPIRED:
        raise Missing("This link has ended.")
    if asked.version.state not in queries.ANSWERABLE or (asked.given and asked.given.state in ended):
        raise AlreadyDone("Your plan has changed. Please ask your team.")
    row = asked.given or _new(asked)
    _keep(row, answers, asked.person.id)
    row.state, row.answered_at = CheckInState.ANSWERED, now
    before = queries.previous(asked.version.id, now)
    found = _weigh(row, answers, before=before, case_id=asked.case.id)
    db.session.add(row)
    db.session.flush()
    by = system(asked.case.site_id)
    audit.record(
        actor=by,
        verb="answered",
        record="check_in",
        record_id=row.id,
        case_id=asked.case.id,
        now=now,
        after={"level": row.level},
    )
    audit.tell(
        kind="check_in",
        actor=by,
        now=now,
        case_id=asked.case.id,
        params={"step": row.step, "level": row.level, "triggers": row.triggers, "pain": answers.pain},
        words=answers.own_words,
        words_key_of=asked.person.id,
    )
    _call_the_team(row, found, asked, now=now)
    return row, found


def _new(asked: queries.Asked) -> CheckIn:
    steps = asked.version.steps
    day = asked.message.local_date
    reached = [s["step"] for s in steps if day is not None and s["start"] <= day.isoformat()]
    return CheckIn(
        id=new_id(),
        case_id=asked.case.id,
        person_id=asked.person.id,
        version_id=asked.version.id,
        step=reached[-1] if reached else 0,
        purpose=f"{PURPOSE}:{asked.message.id}",
        message_id=asked.message.id,
        due_at=asked.message.due_at,
        expires_at=asked.message.due_at + timedelta(days=5),
        created_at=asked.message.created_at,
        created_by=0,
    )


def _keep(row: CheckIn, answers: Answers, person_id: int) -> None:
    text = json.dumps(answers.as_json(), sort_keys=True)
    row.answers = crypto.seal(text, key_of=person_id, at="check_in.answers", row=row.id)


def _weigh(row: CheckIn, answers: Answers, *, before: CheckIn | None, case_id: int) -> alerts.Assessment:
    given = queries.assessed(answers)
    if scoring.is_off():
        found = alerts.not_weighed(given)
    else:
        earlier = queries.answers(before) if before is not None else None
        previous = queries.assessed(earlier) if earlier is not None else None
        found = alerts.assess(given, baseline=queries.start_of(case_id), previous=previous)
    row.triggers = [t.code for t in found.triggers]
    row.level = "red" if found.alert_now else "amber" if found.hold else "watch" if found.task else "green"
    return found


def _call_the_team(row: CheckIn, found: alerts.Assessment, asked: queries.Asked, *, now: datetime) -> None:
    codes = [t.code for t in found.triggers]
    if found.hold and asked.version.state is PlanState.ACTIVE:
        holds.hold(asked.version, first_step=row.step + 1, reason="check_in", triggers=codes, case=asked.case, now=now)
    if found.hold or found.alert_now:
        code = "CHECK_IN_DANGER" if found.alert_now else "CHECK_IN_STOP_AND_LOOK"
        cases.raise_alert(asked.case.id, code=code, triggers=codes, now=now)
    tasks.cancel(f"unanswered:{asked.message.id}", site_id=asked.case.site_id, reason="answered", now=now)
    if found.task or not asked.version.standing_approval:
        tasks.owe(
            site_id=asked.case.site_id,
            kind="check_in_review",
            key=f"check_in:{row.id}",
            role=Role.CLINICIAN,
            due_at=now + (timedelta(hours=1) if found.task else timedelta(hours=REVIEW_HOURS)),
            cause=", ".join(codes) or "answered",
            case_id=asked.case.id,
            owner_id=asked.case.owner_id,
            params={"check_in": row.id, "level": row.level},
            now=now,
        )


def add_instrument(message_id: int, key: str, given: dict[str, int], *, now: datetime) -> alerts.Assessment:
    """Add the answers of a longer instrument (PEG, SOWS) to an answered check-in and weigh it again.

    Raises:
        Missing: there is no answered check-in. AlreadyDone: this instrument was answered before.
    """
    db.session.scalar(select(Message.id).where(Message.id == message_id).with_for_update())
    asked = queries.asked(message_id)
    stored = queries.answers(asked.given) if asked is not None and asked.given is not None else None
    if asked is None or asked.given is None or stored is None:
        raise Missing("Please answer the first questions first.")
    if key in stored.more:
        raise AlreadyDone("You already did this. Thank you.")
    stored.more[key] = given
    _keep(asked.given, stored, asked.person.id)
    before = queries.previous(asked.version.id, asked.given.answered_at or now)
    found = _weigh(asked.given, stored, before=before, case_id=asked.case.id)
    audit.record(
        actor=system(asked.case.site_id),
        verb="answered",
        record="check_in",
        record_id=asked.given.id,
        case_id=asked.case.id,
        purpose=key,
        now=now,
    )
    _call_the_team(asked.given, found, asked, now=now)
    return found


def review(check_in_id: int, *, actor: Actor, now: datetime) -> CheckIn:
    """A clinician has looked at the answers.

    Raises:
        NotPermitted: not a care role. Missing: no such check-in. AlreadyDone: reviewed before.
    """
    if not actor.may(*CARE):
        raise NotPermitted("Only clinicians review check-ins.")
    row = db.session.get(CheckIn, check_in_id, with_for_update=True)
    if row is None:
        raise Missing("There is no such check-in.")
    if row.state is not CheckInState.ANSWERED:
        raise AlreadyDone(f"This check-in is {row.state.value}.")
    row.state, row.reviewed_by, row.reviewed_at = CheckInState.REVIEWED, actor.id, now
    tasks.cancel(f"check_in:{row.id}", site_id=actor.site_id, reason="reviewed", now=now, actor=actor)
    audit.record(actor=actor, verb="reviewed", record="check_in", record_id=row.id, case_id=row.case_id, now=now)
    audit.tell(kind="check_in_reviewed", actor=actor, now=now, case_id=row.case_id, params={"step": row.step})
    return row


def tell_unanswered(*, now: datetime) -> int:
    """Upkeep: a mail that asked and got no answer for 48 hours becomes a task; returns how many.

    A check-in after a step also holds the next one. It stays owed: a late answer counts until the link dies.
    """
    done = 0
    hours = int(settings.value(settings.the_site().id, "check_in_overdue_hours"))
    for message, version, case in queries.unanswered(hours):
        asked = queries.asked(message.id)
        if asked is None:
            continue
        row = _new(asked)
        row.overdue_task_at, row.triggers = now, ["UNANSWERED_48H"]
        row.level = "amber"
        db.session.add(row)
        if "CHECKIN" in asked.parts and version.state is PlanState.ACTIVE:
            holds.hold(version, first_step=row.step + 1, reason="unanswered", triggers=row.triggers, case=case, now=now)
        tasks.owe(
            site_id=case.site_id,
            kind="check_in_unanswered",
            key=f"unanswered:{message.id}",
            role=Role.CLINICIAN,
            due_at=now + timedelta(hours=4),
            cause="UNANSWERED_48H",
            case_id=case.id,
            owner_id=case.owner_id,
            now=now,
        )
        audit.tell(
            kind="check_in_unanswered", actor=system(case.site_id), now=now, case_id=case.id, params={"step": row.step}
        )
        done += 1
    return done


def end_owed(*, now: datetime) -> int:
    """Upkeep: an owed check-in is withdrawn once its plan changed, and expires with its link; returns how many."""
    rows = db.session.execute(
        select(CheckIn, PlanVersion.state)
        .join(PlanVersion, PlanVersion.id == CheckIn.version_id)
        .where(
            CheckIn.state == CheckInState.OWED,
            or_(CheckIn.expires_at <= db_now(), PlanVersion.state.not_in(queries.ANSWERABLE)),
        )
    ).all()
    for row, state in rows:
        row.state = CheckInState.EXPIRED if state in queries.ANSWERABLE else CheckInState.WITHDRAWN
        audit.record(
            actor=system(_site_of(row)), verb=row.state.value, record="check_in", record_id=row.id,
            case_id=row.case_id, now=now,
        )  # fmt: skip
    return len(rows)


def _site_of(row: CheckIn) -> int:
    return db.session.scalars(select(Case.site_id).where(Case.id == row.case_id)).one()


def hold_unreviewed(*, now: datetime, hours: int = 24) -> int:
    """Upkeep: without standing approval an unreviewed check-in holds the step that starts within a day (rulings 4)."""
    rows = db.session.execute(
        select(CheckIn, PlanVersion, Person.time_zone)
        .join(PlanVersion, PlanVersion.id == CheckIn.version_id)
        .join(Case, Case.id == CheckIn.case_id)
        .join(Person, Person.id == Case.person_id)
        .where(
            CheckIn.state == CheckInState.ANSWERED,
            PlanVersion.state == PlanState.ACTIVE,
            PlanVersion.standing_approval.is_(False),
        )
    ).all()
    done = 0
    for row, version, zone in rows:
        today, last = (at.astimezone(ZoneInfo(zone)).date() for at in (now, now + timedelta(hours=hours)))
        following = next((s for s in version.steps if s["step"] == row.step + 1), None)
        if following is not None and today.isoformat() <= following["start"] <= last.isoformat():
            asked = queries.asked(row.message_id or 0)
            if asked is not None:
                holds.hold(
                    version, first_step=row.step + 1, reason="not_reviewed", triggers=[], case=asked.case, now=now
                )
                done += 1
    return done
