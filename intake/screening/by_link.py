"""A person answers the questions alone: the link staff send, what is typed behind it, and the screening it becomes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from flask_babel import force_locale
from sqlalchemy import select, update

from intake import crypto
from intake.actor import Actor, Role, system
from intake.audit import service as audit
from intake.cases.models import CaseState
from intake.clock import db_now
from intake.db import db, new_id
from intake.errors import AlreadyDone, Missing, RuleBroken
from intake.guard import SignedLink, make_link
from intake.inquiries import following, forms, moving
from intake.inquiries.models import Inquiry, InquiryState
from intake.inquiries.values import danger_of
from intake.messages import kinds as mails
from intake.messages import queries as messages
from intake.messages import service as outbox
from intake.messages.kinds import Refusal
from intake.people import born
from intake.people import queries as people
from intake.people.kinds import PersonMail
from intake.people.models import Person
from intake.screening import completing, danger, drafts, queries, told_alone
from intake.screening.models import Screening, ScreeningLink
from intake.screening.parts import SELF
from intake.settings import scoring
from intake.tasks import service as tasks

PURPOSE = "questions"
KIND = "screening_link"
LIFE = timedelta(days=14)
MAIL_WITHIN = timedelta(hours=48)
CAME_BACK = "The person answered the questions by link."
# The pages of the public form that ask about the person's state; who they are and how to reach them is known.
STEPS = ("now", "use", "pain", "feel")
FIELDS: Mapping[str, tuple[str, ...]] = {
    "now": ("danger",),
    "use": ("takes", "since", "takes_name"),
    "pain": ("pain",),
    "feel": ("feels", "own_words"),
}
ENDED = (CaseState.DISCHARGED, CaseState.CLOSED)
_AT = "screening_link.answers"


def why_not(inquiry: Inquiry) -> str:
    """Why no link can be sent for a request now, in a sentence; "" when one can."""
    if inquiry.state in moving.ENDS - {InquiryState.ACCEPTED}:
        return "This request has ended. Reopen it first."
    case = queries.case_of(inquiry.id)
    if case is not None and case.state in ENDED:
        return "This case has ended."
    if people.opened(db.session.get_one(Person, inquiry.person_id)).born_on is None:
        return "Write down the person's birth date first: the link asks for it before it shows anything."
    kind = mails.get(KIND)
    found = kind.reachable(inquiry.person_id) if isinstance(kind, PersonMail) else None
    if isinstance(found, Refusal):
        return f"No email may go to this person: {messages.reason_words(found.reason)}."
    return ""


def living(inquiry_id: int) -> ScreeningLink | None:
    """The link of a request that still works and was not answered."""
    return db.session.scalar(
        select(ScreeningLink)
        .where(
            ScreeningLink.inquiry_id == inquiry_id,
            ScreeningLink.ended_at.is_(None),
            ScreeningLink.expires_at > db_now(),
        )
        .order_by(ScreeningLink.created_at.desc())
        .limit(1)
    )


def send(inquiry_id: int, *, actor: Actor, now: datetime) -> ScreeningLink:
    """Owe the person one email with a link to the questions; an earlier link ends with it.

    Raises:
        Missing: no such request here. RuleBroken: NO_LINK, with the reason (no birth date, no address that may be
        used, the request or case has ended).
    """
    inquiry = moving.locked(inquiry_id, actor)
    sentence = why_not(inquiry)
    if sentence:
        raise RuleBroken(sentence, code="NO_LINK")
    _end_earlier(inquiry.id, now)
    person = db.session.get_one(Person, inquiry.person_id)
    case = queries.case_of(inquiry.id)
    row = ScreeningLink(
        id=new_id(),
        site_id=inquiry.site_id,
        person_id=person.id,
        inquiry_id=inquiry.id,
        expires_at=now + LIFE,
        created_at=now,
        created_by=actor.id,
    )
    db.session.add(row)
    db.session.flush()
    make_link(PURPOSE, row.id, person_id=person.id, expires_at=row.expires_at)
    outbox.schedule(
        KIND,
        subject_id=row.id,
        recipient_type="person",
        recipient_id=person.id,
        due_at=now,
        window_start=now,
        window_end=now + MAIL_WITHIN,
        tz=person.time_zone,
        dedupe_key=f"{KIND}:{row.id}",
        site_id=row.site_id,
        case_id=None if case is None else case.id,
        locale=person.locale,
        immediate=True,
        now=now,
    )
    audit.record(
        actor=actor, verb="asked", record="screening_link", record_id=row.id, site_id=row.site_id,
        case_id=None if case is None else case.id, now=now,
    )  # fmt: skip
    audit.tell(
        kind="questions_sent", actor=actor, inquiry_id=inquiry.id, case_id=None if case is None else case.id, now=now
    )
    return row


def _end_earlier(inquiry_id: int, now: datetime) -> None:
    earlier = list(
        db.session.scalars(
            select(ScreeningLink)
            .where(ScreeningLink.inquiry_id == inquiry_id, ScreeningLink.ended_at.is_(None))
            .with_for_update()
        )
    )
    for row in earlier:
        row.ended_at, row.answers = now, None
        outbox.cancel(reason="replaced", subject_id=row.id, kind=KIND, now=now)
    if earlier:
        ids = [row.id for row in earlier]
        db.session.execute(
            update(SignedLink)
            .where(SignedLink.purpose == PURPOSE, SignedLink.subject_id.in_(ids), SignedLink.stopped_at.is_(None))
            .values(stopped_at=now)
        )


def find(link_id: int) -> ScreeningLink | None:
    """One row, if there is one."""
    return db.session.get(ScreeningLink, link_id)


def of_link(link: SignedLink) -> ScreeningLink:
    """The row behind a living link.

    Raises:
        Missing: it is gone.
    """
    row = find(link.subject_id)
    if row is None:
        raise Missing("This link has ended.")
    return row


def is_over(row: ScreeningLink) -> bool:
    """Nothing is asked any more: the stay that the questions were for has ended."""
    case = queries.case_of(row.inquiry_id)
    return case is not None and case.state in ENDED


def told(row: ScreeningLink) -> dict[str, Any]:
    """What was typed behind the link so far; empty once it was sent."""
    text = crypto.open_(row.answers, at=_AT, row=row.id)
    found: dict[str, Any] = json.loads(text) if text and text != crypto.ERASED else {}
    return found


def first_open(given: Mapping[str, Any]) -> str | None:
    """The first question not answered or passed yet; None when all were."""
    return next((step for step in STEPS if step not in given.get("seen", ())), None)


def wrong_birth_date(link_id: int, *, now: datetime) -> int:
    """Count a wrong birth date; the fifth stops the link, and a task asks somebody to call. Returns tries left."""
    left, stopped = born.count_wrong(link_id, now=now)
    if stopped:
        row = of_link(db.session.get_one(SignedLink, link_id))
        row.ended_at = now
        _owe(row, "birth_date_tries", f"birth_date:{link_id}", cause="five wrong birth dates", now=now)
    return left


def _owe(row: ScreeningLink, kind: str, key: str, *, cause: str, now: datetime) -> None:
    case = queries.case_of(row.inquiry_id)
    tasks.owe(
        site_id=row.site_id,
        kind=kind,
        key=key,
        role=Role.ADMISSIONS,
        due_at=now + timedelta(hours=4),
        cause=cause,
        case_id=None if case is None else case.id,
        inquiry_id=row.inquiry_id,
        now=now,
    )


def _locked(link_id: int) -> ScreeningLink:
    # The request first, as whoever sends another link does: else the two wait for each other.
    of = select(ScreeningLink.inquiry_id).where(ScreeningLink.id == link_id).scalar_subquery()
    db.session.execute(select(Inquiry.id).where(Inquiry.id == of).with_for_update())
    row = db.session.scalar(
        select(ScreeningLink)
        .where(ScreeningLink.id == link_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if row is None:
        raise Missing("This link has ended.")
    if row.ended_at is not None:
        raise AlreadyDone("You already did this. Thank you.")
    return row


def keep(link_id: int, step: str, new: Mapping[str, Any], *, now: datetime) -> bool:
    """Keep the answers of one page; a sign of danger acts at once, whatever comes after it. Returns whether one was.

    Raises:
        Missing: no such link. AlreadyDone: the answers were sent, or a newer link took its place.
    """
    row = _locked(link_id)
    before = told(row)
    given = {**before, **new}
    given["seen"] = [s for s in STEPS if s == step or s in given.get("seen", ())]
    text = json.dumps(given, sort_keys=True)
    row.answers = crypto.seal(text, key_of=row.person_id, at=_AT, row=row.id)
    if step != "now":
        return False
    signs = _acted(row, given["danger"], now)
    back = [sign for sign in before.get("danger", ()) if signs.get(sign) == "no"]
    if back:
        audit.tell(
            kind="danger_taken_back", actor=system(row.site_id), inquiry_id=row.inquiry_id, params={"signs": back},
            now=now,
        )  # fmt: skip
    return "yes" in signs.values()


def _acted(row: ScreeningLink, picked: list[str], now: datetime) -> dict[str, str]:
    """What was said of each sign of danger, after a yes has called staff."""
    signs = {sign: answer for sign, answer in danger_of(picked).items() if answer in ("yes", "no")}
    case = queries.case_of(row.inquiry_id)
    danger.of_inquiry(
        row.inquiry_id, signs, case_id=None if case is None else case.id, actor=system(row.site_id), now=now,
        alone=True,
    )  # fmt: skip
    return signs


def told_late(link_id: int, picked: list[str], *, now: datetime) -> bool:
    """A sign of danger picked after the answers were sent (Back, another window) acts all the same; the rest is over.

    Returns whether there was one.
    """
    row = db.session.get_one(ScreeningLink, link_id)
    return "yes" in danger_of(picked).values() and "yes" in _acted(row, picked, now).values()


def finish(link_id: int, *, now: datetime) -> Screening:
    """Make what was typed a screening of mode self, final, with its proposal for staff; once.

    While scoring is off it stays a draft that staff complete later. A request that had ended opens again.

    Raises:
        Missing: no such link. AlreadyDone: it was sent before. RuleBroken: NOW_NEEDED, nobody said whether there is
        danger.
    """
    row = _locked(link_id)
    given = told(row)
    if "now" not in given.get("seen", ()):
        raise RuleBroken("Answer the first question.", code="NOW_NEEDED")
    actor = system(row.site_id)
    inquiry = db.session.get_one(Inquiry, row.inquiry_id)
    if inquiry.state in moving.REOPENABLE:
        following.reopen(inquiry.id, reason=CAME_BACK, actor=actor, now=now)
    of = queries.case_of(inquiry.id) or inquiry
    screening = drafts.start(of, mode=SELF, actor=actor, now=now, apart=True)
    for part, values in told_alone.parts(given).items():
        drafts.answer(screening.id, part, values, actor=actor, now=now)
    with force_locale("en"):
        words = told_alone.in_words(given)
    audit.tell(
        kind="questions_answered",
        actor=actor,
        inquiry_id=row.inquiry_id,
        case_id=screening.case_id,
        words=words[: forms.WORDS],
        words_key_of=row.person_id,
        now=now,
    )
    row.ended_at, row.screening_id, row.answers = now, screening.id, None
    if scoring.is_off():
        _owe(row, "screening_waits", f"screening_waits:{screening.id}", cause="answered by link", now=now)
    else:
        completing.complete(screening.id, actor=actor, now=now)
    return screening


def forget(*, now: datetime, limit: int = 500) -> int:
    """Upkeep: what was typed behind a link that is over and was never sent goes; returns how many ended."""
    rows = db.session.scalars(
        select(ScreeningLink)
        .where(ScreeningLink.ended_at.is_(None), ScreeningLink.expires_at <= db_now())
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).all()
    for row in rows:
        row.ended_at, row.answers = now, None
    return len(rows)
