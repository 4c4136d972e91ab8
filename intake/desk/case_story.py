"""What happened in a case, newest first, and who looked at it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, and_, or_, select

from intake import crypto
from intake.accounts.models import Staff
from intake.audit.models import AuditEntry, TimelineEntry
from intake.cases.models import Case
from intake.db import db
from intake.desk import audit_words, words
from intake.messages import queries as messages
from intake.messages import words as mail_words
from intake.messages.models import Message, MessagePart

MOST_LINES = 60
MOST_LOOKS = 100
MOST_NAMED = 4
LOOKS = ("looked", "broke_glass", "printed", "exported", "disclosed", "released", "denied")
SYSTEM = "The system"
# kind of a timeline line about emails -> words for one, words for several, tone
_MAILS = {
    "message_sent": ("Email sent", "{n} emails sent", ""),
    "message_expired": ("Email not sent, its time was over", "{n} emails not sent, their time was over", "r"),
    "message_suppressed": ("Email not sent", "{n} emails not sent", "r"),
    "message_not_sent": ("Email not sent", "{n} emails not sent", "r"),
    "message_cancelled": ("Email cancelled", "{n} emails cancelled", ""),
    "message_uncertain": ("Email: delivery uncertain", "{n} emails: delivery uncertain", "r"),
    "message_left_after_all": ("Email had already left", "{n} emails had already left", ""),
    "message_bounced": ("Email came back", "{n} emails came back", "r"),
}
_CONTACT = (
    "arrival_planned", "attempt", "contact_agreed", "contact_told", "crisis_handed_over", "danger_taken_back",
    "danger_told",
    "emergency_contact", "handed_over", "heard_elsewhere", "inquiry_closed", "inquiry_received", "inquiry_reopened",
    "promise", "questions_answered", "questions_sent",
    "referral_answered", "referral_completed", "referral_received", "referrer_told", "visit_booked",
    "visit_cancelled", "visit_kept", "visit_missed", "visit_moved", "wait_contact",
)  # fmt: skip
_PLAN = (
    "asked_to_sign", "care_planned", "check_in", "check_in_reviewed", "check_in_unanswered", "hard_stop_released",
    "hold_cleared", "plan_paused", "plan_sent_back", "plan_signed", "plan_stopped", "step_held", "step_hold",
)  # fmt: skip
_IS_MAIL = TimelineEntry.kind.startswith("message_") | (TimelineEntry.kind == "delivery_uncertain")
# part of the story, as it stands in the address -> which lines belong to it; what fits nowhere else is care
SHOWN: Mapping[str, ColumnElement[bool]] = {
    "contact": TimelineEntry.kind.in_(_CONTACT),
    "care": ~_IS_MAIL & TimelineEntry.kind.not_in((*_CONTACT, *_PLAN)),
    "plan": TimelineEntry.kind.in_(_PLAN),
    "emails": _IS_MAIL,
}


@dataclass(frozen=True)
class Line:
    """One line of the timeline."""

    at: datetime
    by: str
    title: str
    icon: str
    tone: str
    words: str


def timeline(
    case: Case, zone: ZoneInfo, *, shown: str = "", before: datetime | None = None
) -> tuple[list[Line], datetime | None]:
    """The story of a case and of the request it came from, newest first, and where it goes on further down.

    Emails of one kind of outcome that follow each other are one line that names them; `zone` is the center's,
    `shown` a part of the story (SHOWN), all of it otherwise.
    """
    query = select(TimelineEntry).where(
        or_(
            TimelineEntry.case_id == case.id,
            and_(TimelineEntry.inquiry_id == case.opened_from, TimelineEntry.case_id.is_(None)),
        )
    )
    if shown in SHOWN:
        query = query.where(SHOWN[shown])
    if before is not None:
        query = query.where(TimelineEntry.at < before)
    rows = list(db.session.scalars(query.order_by(TimelineEntry.at.desc(), TimelineEntry.id.desc()).limit(MOST_LINES)))
    crypto.prefetch(row.words for row in rows)
    mails = _mails([int(row.params["message"]) for row in rows if row.kind in _MAILS and "message" in row.params], zone)
    lines = [line for _outcome, same in groupby(rows, _outcome) for line in _lines(list(same), mails)]
    return lines, rows[-1].at if len(rows) == MOST_LINES else None


def _outcome(row: TimelineEntry) -> object:
    """What lines must share to be told as one; every line that is not about an email stands alone."""
    return (row.kind, str(row.params.get("reason", ""))) if row.kind in _MAILS else row.id


def _lines(rows: Sequence[TimelineEntry], mails: dict[int, str]) -> Iterator[Line]:
    first = rows[0]
    if first.kind not in _MAILS:
        title, icon, tone = words.line(first.kind, first.params)
        said = crypto.open_(first.words, at="timeline_entry.words", row=first.id)
        by = str(first.params.get("by", ""))
        yield Line(first.at, "" if by == SYSTEM else by, title, icon, tone, said)
        return
    one, several, tone = _MAILS[first.kind]
    named = [mails.get(int(row.params.get("message", 0)), "") for row in rows]
    shown = [name for name in named if name][:MOST_NAMED]
    more = [f"and {len(rows) - len(shown)} more"] if len(rows) > len(shown) > 0 else []
    reason = messages.reason_words(str(first.params.get("reason", "")))
    why = "" if first.kind in {"message_expired", "message_uncertain"} else reason
    title = one if len(rows) == 1 else several.format(n=len(rows))
    yield Line(first.at, "", title, "mail", tone, ". ".join(part for part in ("; ".join(shown + more), why) if part))


def _mails(ids: Sequence[int], zone: ZoneInfo) -> dict[int, str]:
    """Each email as people call it, with the day it was due."""
    if not ids:
        return {}
    parts: dict[int, list[str]] = {}
    rows = select(MessagePart.message_id, MessagePart.kind).where(MessagePart.message_id.in_(ids))
    for message_id, kind in db.session.execute(rows.order_by(MessagePart.id)):
        parts.setdefault(message_id, []).append(kind)
    found = select(Message.id, Message.kind, Message.local_date, Message.due_at).where(Message.id.in_(ids))
    return {
        row.id: f"{mail_words.parts(parts.get(row.id, ())).capitalize() or mail_words.kind(row.kind)}, due "
        f"{row.local_date or row.due_at.astimezone(zone):%b %-d}"
        for row in db.session.execute(found)
    }


@dataclass(frozen=True)
class Look:
    """One reading or write of a case: when, who, what, and for which purpose."""

    at: datetime
    who: str
    what: str
    purpose: str


def looks(case_id: int, *, reads_only: bool = True) -> list[Look]:
    """Who looked at a case, newest first, at most 100; with `reads_only` false also who changed what."""
    where = [AuditEntry.case_id == case_id]
    if reads_only:
        where.append(AuditEntry.verb.in_(LOOKS))
    rows = list(db.session.scalars(select(AuditEntry).where(*where).order_by(AuditEntry.seq.desc()).limit(MOST_LOOKS)))
    people = select(Staff.id, Staff.name).where(Staff.id.in_({row.actor_id for row in rows}))
    names = {row.id: row.name for row in db.session.execute(people)}
    return [
        Look(r.at, names.get(r.actor_id, SYSTEM), audit_words.done(r.verb, r.record), audit_words.details(r.purpose))
        for r in rows
    ]
