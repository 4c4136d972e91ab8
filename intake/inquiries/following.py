"""Follow an inquiry up: who owns it, attempts, the hand-over of a crisis, its end and its reopening."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import bindparam, func, select

from intake import crypto
from intake.actor import Actor, Role
from intake.audit import service as audit
from intake.db import db, new_id
from intake.errors import AlreadyDone, NotPermitted, RuleBroken
from intake.inquiries import answers as a
from intake.inquiries import first_contact, moving, promises, referring_out
from intake.inquiries.models import Attempt, Inquiry, InquiryState
from intake.messages import service as messages
from intake.people import safe
from intake.settings import queries as settings
from intake.tasks import service as tasks
from intake.tasks.models import Task

MOST_WORDS = 2000
_TRIED = select(func.count(Attempt.id)).where(Attempt.inquiry_id == bindparam("inquiry"))


def claim(inquiry_id: int, *, actor: Actor, now: datetime) -> Inquiry:
    """Take an inquiry that nobody owns.

    Raises:
        Missing: no such inquiry here. AlreadyDone: somebody else owns it.
    """
    row = moving.locked(inquiry_id, actor)
    if row.owner_id not in (None, actor.id):
        raise AlreadyDone("Somebody else took this request a moment ago.")
    if row.owner_id is None:
        row.owner_id = actor.id
        audit.record(actor=actor, verb="claimed", record="inquiry", record_id=row.id, changed=("owner_id",), now=now)
    return row


def give_back(inquiry_id: int, *, actor: Actor, now: datetime) -> Inquiry:
    """Give an owned inquiry back to all; a supervisor may do it for somebody who is away.

    Raises:
        Missing: no such inquiry here. NotPermitted: it is somebody else's.
    """
    row = moving.locked(inquiry_id, actor)
    if row.owner_id not in (None, actor.id) and not actor.may(Role.SUPERVISOR):
        raise NotPermitted("Only the owner or a supervisor gives a request back.")
    if row.owner_id is not None:
        row.owner_id = None
        audit.record(actor=actor, verb="released", record="inquiry", record_id=row.id, changed=("owner_id",), now=now)
    return row


def attempt(inquiry_id: int, *, channel: str, outcome: str, actor: Actor, now: datetime, words: str = "") -> Attempt:
    """Record one try to reach someone; a conversation meets the first-contact clock and keeps open callbacks.

    Raises:
        Missing: no such inquiry here. RuleBroken: unknown channel or outcome. AlreadyDone: the inquiry has ended.
    """
    if channel not in a.codes(a.ATTEMPT_CHANNELS) or outcome not in a.codes(a.ATTEMPT_OUTCOMES):
        raise RuleBroken("Pick how you tried and what came of it.", code="ATTEMPT", fields={"outcome": "Pick one."})
    row = moving.locked(inquiry_id, actor)
    if row.state in moving.ENDS:
        raise AlreadyDone("This request has ended. Reopen it to go on.")
    made = Attempt(
        id=new_id(),
        inquiry_id=row.id,
        at=now,
        by=actor.id,
        channel=channel,
        outcome=outcome,
        created_at=now,
        created_by=actor.id,
    )
    if words:
        made.words = crypto.seal(words[:MOST_WORDS], key_of=row.person_id, at="attempt.words", row=made.id)
    db.session.add(made)
    human = outcome in a.HUMAN_OUTCOMES
    if human:
        first_contact.meet(row, actor=actor, now=now)
        promises.keep_callbacks(row, now)
    elif row.state is InquiryState.NEW:
        row.state = InquiryState.CONTACTING
    audit.record(actor=actor, verb="tried", record="inquiry", record_id=row.id, purpose=outcome, now=now)
    audit.tell(kind="attempt", actor=actor, inquiry_id=row.id, params={"channel": channel, "outcome": outcome}, now=now)
    safe.watch(
        {row.person_id, row.inquirer_id}, channel=channel, outcome=outcome, site_id=row.site_id, inquiry_id=row.id,
        actor=actor, now=now,
    )  # fmt: skip
    _after_last_attempt(row, actor, now)
    return made


def _after_last_attempt(row: Inquiry, actor: Actor, now: datetime) -> None:
    """After the center's number of attempts without a conversation, somebody decides what comes next."""
    tried = db.session.scalar(_TRIED, {"inquiry": row.id}) or 0
    if row.first_contact_at is None and tried >= int(settings.value(row.site_id, "contact_attempts")):
        tasks.owe(
            site_id=row.site_id,
            kind="decide_unreached",
            key=f"decide_unreached:{row.id}",
            role=Role.ADMISSIONS,
            due_at=now + timedelta(hours=24),
            cause="attempts_used_up",
            inquiry_id=row.id,
            actor=actor,
            now=now,
        )


def hand_over(inquiry_id: int, *, outcome: str, actor: Actor, now: datetime, words: str = "") -> Inquiry:
    """Record what came of a danger yes: who took over. Only now is the inquiry "crisis handed over" (rulings 5).

    Raises:
        Missing: no such inquiry here. RuleBroken: unknown outcome, or no danger was told. AlreadyDone: it has ended.
    """
    row = moving.locked(inquiry_id, actor)
    if outcome not in a.codes(a.HAND_OVER):
        raise RuleBroken("Pick who took over.", code="HAND_OVER", fields={"hand_over": "Pick who took over."})
    if "yes" not in row.danger.values():
        raise RuleBroken("No emergency sign was told on this request.", code="NO_DANGER")
    first_contact.meet(row, actor=actor, now=now)
    moving.move(row, InquiryState.CRISIS_HANDED_OVER, actor=actor, now=now, reason=outcome)
    row.closing_reason = outcome
    audit.tell(
        kind="crisis_handed_over",
        actor=actor,
        inquiry_id=row.id,
        params={"outcome": outcome},
        words=words[:MOST_WORDS],
        words_key_of=row.person_id,
        now=now,
    )
    return row


def close(
    inquiry_id: int, *, state: str, reason: str, next_contact: str, places: str = "", actor: Actor, now: datetime
) -> Inquiry:
    """End an inquiry with a reason, and with a next contact or the person's documented choice.

    `places` are those of the center's list that were named, a line each; the reason names others.

    Raises:
        Missing: no such inquiry here. RuleBroken: no reason, no next contact. AlreadyDone: not allowed from here.
    """
    if state not in a.codes(a.CLOSING):
        raise RuleBroken("Pick how it ends.", code="CLOSE", fields={"state": "Pick how it ends."})
    if not reason.strip():
        raise RuleBroken("Say why it ends.", code="CLOSE", fields={"reason": "Say why it ends."})
    to = InquiryState(state)
    row = moving.locked(inquiry_id, actor)
    if to is not InquiryState.DUPLICATE and not next_contact.strip():
        sentence = "Say what the next contact is, or what the person chose."
        raise RuleBroken(sentence, code="CLOSE", fields={"next_contact": sentence})
    if row.state is InquiryState.NEW and to is not InquiryState.DUPLICATE:
        raise AlreadyDone("Try to reach them first: log a call, then close.")
    moving.move(row, to, actor=actor, now=now, reason=state)
    row.closing_reason = state
    if to is InquiryState.REFERRED_OUT:
        named = f"{places}\n{reason.strip()}".strip()
        referring_out.send_on(row, cause="closed", places=named[: MOST_WORDS * 2], actor=actor, now=now)
    tasks.cancel(f"decide_unreached:{row.id}", site_id=row.site_id, reason="inquiry_ended", now=now, actor=actor)
    audit.tell(
        kind="inquiry_closed",
        actor=actor,
        inquiry_id=row.id,
        params={"state": state},
        words=f"{reason.strip()}\n{next_contact.strip()}"[:MOST_WORDS],
        words_key_of=row.person_id,
        now=now,
    )
    return row


def reopen(inquiry_id: int, *, reason: str, actor: Actor, now: datetime) -> Inquiry:
    """Open an ended inquiry again, with a reason; an accepted one goes on as its case.

    Raises:
        Missing: no such inquiry here. RuleBroken: no reason. AlreadyDone: it is open, or was accepted.
    """
    if not reason.strip():
        raise RuleBroken("Say why it opens again.", code="REOPEN", fields={"reason": "Say why it opens again."})
    row = moving.locked(inquiry_id, actor)
    if row.state not in moving.REOPENABLE:
        raise AlreadyDone("This request is open, or goes on as a case.")
    before, row.state, row.ended_at, row.closing_reason = row.state, InquiryState.CONTACTING, None, ""
    first_contact.owe(row, actor=actor, now=now)
    audit.record(
        actor=actor,
        verb="reopened",
        record="inquiry",
        record_id=row.id,
        changed=("state",),
        before={"state": before},
        after={"state": row.state},
        now=now,
    )
    audit.tell(
        kind="inquiry_reopened",
        actor=actor,
        inquiry_id=row.id,
        words=reason[:MOST_WORDS],
        words_key_of=row.person_id,
        now=now,
    )
    return row


def asked_by_link(
    inquiry_id: int, *, what: str, words: str, same_browser: bool, actor: Actor, now: datetime
) -> Inquiry:
    """The one who sent a request asks to change or cancel it, by its link.

    A cancel from the browser that sent it ends the request at once unless danger was told or it goes on already; a
    mailed link may have reached the wrong person, so it only asks staff to call.

    Raises:
        Missing: no such inquiry.
    """
    row = moving.locked(inquiry_id, actor)
    audit.tell(
        kind=f"asked_to_{what}",
        actor=actor,
        inquiry_id=row.id,
        words=words,
        words_key_of=row.person_id,
        now=now,
    )
    audit.record(actor=actor, verb=f"asked_to_{what}", record="inquiry", record_id=row.id, now=now)
    early = row.state in {InquiryState.NEW, InquiryState.CONTACTING}
    if what == "cancel" and same_browser and early and "yes" not in row.danger.values():
        row.state = InquiryState.CONTACTING
        moving.move(row, InquiryState.DECLINED_BY_PERSON, actor=actor, now=now, reason="cancelled_by_link")
        row.closing_reason = "cancelled_by_link"
        messages.cancel(reason="request_cancelled", subject_id=row.id, now=now)
    elif row.state not in moving.ENDS:
        tasks.owe(
            site_id=row.site_id,
            kind=f"asked_to_{what}",
            key=f"asked_to_{what}:{row.id}",
            role=Role.ADMISSIONS,
            due_at=now + timedelta(hours=4),
            cause="link",
            inquiry_id=row.id,
            actor=actor,
            now=now,
        )
    return row


def needs_decision(inquiry_id: int) -> bool:
    """True once the tries are used up without a conversation and nobody has decided what comes next."""
    key = f"decide_unreached:{inquiry_id}"
    return db.session.scalar(select(Task.id).where(Task.key == key, Task.state.in_(tasks.LIVE)).limit(1)) is not None
