"""Try to reach somebody whose case is open: on safe channels, logged, until somebody decides that it is enough."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import func, select

from intake import crypto
from intake.actor import STAFF, Actor, Role
from intake.audit import service as audit
from intake.cases.models import Case, CaseState
from intake.cases.states import locked, must
from intake.db import db, new_id
from intake.errors import AlreadyDone, RuleBroken
from intake.inquiries import answers as a
from intake.inquiries import first_contact
from intake.inquiries.models import Attempt, Inquiry
from intake.people import queries as people
from intake.people import safe
from intake.settings import queries as settings
from intake.tasks import service as tasks
from intake.tasks.models import Task

CALLS = ("call_same_day", "call_24h", "call_72h", "crisis_follow_up")
# Reaching them ends all calls that only try to reach; safety calls are each about a day of their own.
ENDS_TOGETHER = frozenset({"no_show"})
DECIDE = "decide_unreached"


def safe_channels(person_id: int) -> list[str]:
    """The channels that are safe for a person, by their contact points: phone, text, post; in person always."""
    points = people.contact_points(person_id)
    ways = (("phone", "call"), ("text", "text"), ("post", "post"))
    return [*(channel for channel, way in ways if safe.allows(points, way)), "in_person"]


def may_voicemail(person_id: int) -> bool:
    """Whether a voice message is safe on some phone of theirs."""
    return safe.allows(people.contact_points(person_id), "voicemail")


def log(case: Case, *, channel: str, outcome: str, words: str, actor: Actor, now: datetime) -> Attempt:
    """Write one try on a locked case; a conversation counts as contact, whatever the channel.

    Raises:
        RuleBroken: an unknown channel or outcome.
    """
    if channel not in a.codes(a.ATTEMPT_CHANNELS) or outcome not in a.codes(a.ATTEMPT_OUTCOMES):
        raise RuleBroken("Pick how you tried and what came of it.", code="ATTEMPT", fields={"outcome": "Pick one."})
    row = Attempt(
        id=new_id(), inquiry_id=case.opened_from, at=now, by=actor.id, channel=channel, outcome=outcome,
        created_at=now, created_by=actor.id,
    )  # fmt: skip
    if words:
        row.words = crypto.seal(words, key_of=case.person_id, at="attempt.words", row=row.id)
    db.session.add(row)
    if outcome in a.HUMAN_OUTCOMES:
        inquiry = db.session.get_one(Inquiry, case.opened_from)
        if inquiry.first_contact_at is None:
            first_contact.meet(inquiry, actor=actor, now=now)
        case.last_contact_on = settings.day(case.site_id, now)
        tasks.cancel(f"{DECIDE}:{case.id}", site_id=case.site_id, reason="reached", actor=actor, now=now)
    audit.record(
        actor=actor, verb="tried", record="care_case", record_id=case.id, case_id=case.id, purpose=outcome, now=now
    )
    db.session.flush()
    return row


def attempt(
    case_id: int, *, channel: str, outcome: str, actor: Actor, now: datetime, words: str = "",
    version: int | None = None,
) -> Case:  # fmt: skip
    """Log one try to reach the person of an open case; it answers the call that is owed first.

    A voice message needs leave to leave one. After the center's number of tries without a conversation somebody has
    to decide.

    Raises:
        Missing, NotPermitted, AlreadyDone (closed). RuleBroken: unknown codes, or a channel that is not safe.
    """
    must(actor, *STAFF)
    case = locked(case_id, actor, version=version)
    if case.state is CaseState.CLOSED:
        raise AlreadyDone("This case is closed. Coming back is a new request.")
    if channel and channel not in safe_channels(case.person_id):
        raise RuleBroken(
            "This way is not safe for the person.", code="UNSAFE", fields={"channel": "Pick a way that is safe."}
        )
    if outcome == "voicemail" and not may_voicemail(case.person_id):
        sentence = "The person did not allow voice messages."
        raise RuleBroken(sentence, code="UNSAFE", fields={"outcome": sentence})
    log(case, channel=channel, outcome=outcome, words=words, actor=actor, now=now)
    audit.tell(
        kind="attempt", actor=actor, now=now, case_id=case.id, params={"channel": channel, "outcome": outcome},
        words=words, words_key_of=case.person_id,
    )  # fmt: skip
    human = outcome in a.HUMAN_OUTCOMES
    _answer_calls(case, "reached" if human else "not_reached", actor, now)
    if not human:
        decide_if_used_up(case, actor=actor, now=now)
    return case


def _answer_calls(case: Case, outcome: str, actor: Actor, now: datetime) -> None:
    owed = list(
        db.session.scalars(
            select(Task)
            .where(Task.case_id == case.id, Task.kind.in_(CALLS), Task.state.in_(tasks.LIVE))
            .order_by(Task.due_at)
        )
    )
    if not owed:
        return
    together = outcome == "reached" and owed[0].cause in ENDS_TOGETHER
    for row in owed if together else owed[:1]:
        if not together or row.cause == owed[0].cause:
            tasks.finish(row.id, actor=actor, outcome=outcome, now=now)


def unanswered(case: Case) -> int:
    """How many tries in a row came to no conversation, newest backwards."""
    outcomes = db.session.scalars(
        select(Attempt.outcome).where(Attempt.inquiry_id == case.opened_from).order_by(Attempt.at.desc(), Attempt.id)
    )
    count = 0
    for outcome in outcomes:
        if outcome in a.HUMAN_OUTCOMES:
            break
        count += 1
    return count


def tries(case: Case) -> int:
    """How often somebody tried since the wait began, conversations too."""
    since = case.waiting_from or case.opened_at
    return int(
        db.session.scalar(
            select(func.count(Attempt.id)).where(Attempt.inquiry_id == case.opened_from, Attempt.at >= since)
        )
        or 0
    )


def tries_needed(case: Case) -> int:
    """The center's number of tries before somebody counts as not reached."""
    return int(settings.value(case.site_id, "contact_attempts"))


def decide_if_used_up(case: Case, *, actor: Actor, now: datetime) -> None:
    """Once the tries are used up, somebody decides: go on, or close as not reached."""
    if unanswered(case) >= tries_needed(case):
        tasks.owe(
            site_id=case.site_id, kind=DECIDE, key=f"{DECIDE}:{case.id}", role=Role.ADMISSIONS,
            due_at=now + timedelta(hours=24), cause="attempts_used_up", case_id=case.id, actor=actor, now=now,
        )  # fmt: skip
