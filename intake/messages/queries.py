"""What staff see of the outbox: the list, one message with its attempts and exact words, the ledger, the lateness."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import BigInteger, ColumnElement, and_, func, literal, or_, select, text, true, tuple_

from intake.actor import Actor
from intake.clock import UtcTime, from_micros, to_micros
from intake.db import db, id_text, id_value
from intake.errors import Missing
from intake.messages import kinds, render
from intake.messages import words as mail_words
from intake.messages.kinds import Refusal
from intake.messages.models import MESSAGE, Message, MessageAttempt, MessagePart, MessageState
from intake.messages.render import Rendered

S = MessageState
PAGE = 50
FILTERS = ("look", "owed", "sent", "unsent", "all")

REASONS = {
    "": "",
    "cancelled": "The reason for it is gone",
    "paused": "The plan was paused",
    "stopped": "The plan was stopped",
    "superseded": "A newer plan took its place",
    "plan_replaced": "A newer plan took its place",
    "plan_paused": "The plan is paused",
    "plan_completed": "The plan has ended",
    "plan_stopped": "The plan was stopped",
    "discharged": "The case ended",
    "merged": "Joined with the next message of the same day",
    "window_over": "Its time was over before it could go",
    "quiet_hours": "Waits until the quiet hours are over",
    "too_early": "Its time has not come",
    "daily_limit": "Three messages went to this address today",
    "domain_rate": "Waits its turn: many messages go to the same provider",
    "no_relay": "The mail server cannot be reached",
    "stopping": "Waits for a sender",
    "lease_lost": "Its sender stopped; another one takes it",
    "leases_lost": "Eight senders stopped while they had it",
    "step_held": "The next step is on hold",
    "text_not_reviewed": "No reviewer holds the text right now",
    "visit_gone": "The visit was cancelled or moved",
    "changed": "Its address or plan changed; it is written anew",
    "request_cancelled": "The person took the request back",
    "message_held": "Held until a person looks",
    "address_suppressed": "This address takes no mail",
    "address_stopped": "The address was stopped",
    "address_bad": "Mail to this address came back",
    "mail_not_allowed": "The person asked to get no email",
    "not_verified": "The address is not verified",
    "no_consent": "There is no consent to email",
    "often_enough": "The person asked for fewer emails, and one came not long ago",
    "only_visits": "The person agreed to email about visits only",
    "no_address": "There is no email address",
    "no_person": "There is no such person",
    "person_died": "The person has died",
    "erased": "The person's record was erased",
    "once_a_day": "The same message went to this address today",
    "account_off": "The account is switched off",
    "alert_seen": "Somebody has seen the alert",
    "content_filter": "Its words would say too much; a person must look",
    "cannot_be_read": "Its data cannot be read",
    "cannot_be_rendered": "It cannot be written",
    "unknown_kind": "Nobody knows this kind of message",
    "delivery_uncertain": "It may or may not have arrived",
    "held_by_staff": "Held back by a colleague",
    "restored": "Held since the data was restored",
    "left_by_staff": "A colleague left it as it is",
    "no_longer_true": "It is no longer true",
    "bounced": "It came back",
}

STATE_WORDS = {
    S.SCHEDULED: ("Owed", "blue"),
    S.CLAIMED: ("On its way", "blue"),
    S.SENDING: ("On its way", "blue"),
    S.UNCERTAIN: ("Delivery uncertain", "amber"),
    S.SENT: ("Sent", "green"),
    S.FAILED_PERMANENT: ("Not sent", "red"),
    S.CANCELLED: ("Cancelled", ""),
    S.SUPPRESSED: ("Not sent", "red"),
    S.EXPIRED: ("Not sent", "red"),
}


@dataclass(frozen=True)
class Row:
    """One message of the list; times are those of the person's own zone."""

    id: int
    kind: str
    parts: tuple[str, ...]
    case_id: int | None
    state: MessageState
    words: str
    tone: str
    reason: str
    attempts: int
    due_at: datetime
    next_try_at: datetime | None
    accepted_at: datetime | None
    held: bool
    left_anyway: bool
    bounced: bool
    place: str

    @property
    def name(self) -> str:
        """What staff call it."""
        return mail_words.kind(self.kind)

    @property
    def about(self) -> str:
        """What meets in it, in words."""
        return mail_words.parts(self.parts)

    @property
    def may_send(self) -> bool:
        """A person may let it go now."""
        return self.state in (S.SCHEDULED, S.UNCERTAIN)

    @property
    def may_hold(self) -> bool:
        """A person may hold it back."""
        return self.may_send and not self.held

    @property
    def may_leave(self) -> bool:
        """A person may say what became of it."""
        return self.state is S.UNCERTAIN


def reason_words(code: str) -> str:
    """A reason code as a sentence; codes of the relay are shown as they are."""
    return REASONS.get(code, f"The mail server said {code}" if code[:1].isdigit() else code.replace("_", " "))


def readable(actor: Actor) -> ColumnElement[bool]:
    """The condition under which `actor` may see a message: each kind says it for its own."""
    known = kinds.every()
    each = [and_(MESSAGE.c.kind == name, kind.readable(actor, MESSAGE)) for name, kind in known.items()]
    others = and_(MESSAGE.c.kind.not_in(list(known)), MESSAGE.c.site_id == actor.site_id)
    return or_(*each, others)


def _of_filter(name: str) -> ColumnElement[bool]:
    if name == "look":
        return or_(
            and_(MESSAGE.c.next_try_at.is_(None), text("message.state IN ('scheduled', 'uncertain')")),
            and_(MESSAGE.c.bounced_at.is_not(None), MESSAGE.c.state == S.SENT.value),
        )
    if name == "owed":
        return and_(true(), text("message.state IN ('scheduled', 'claimed', 'sending', 'uncertain')"))
    if name == "sent":
        return MESSAGE.c.state == S.SENT.value
    if name == "unsent":
        return MESSAGE.c.state.in_([S.FAILED_PERMANENT.value, S.SUPPRESSED.value, S.EXPIRED.value, S.CANCELLED.value])
    return true()


def _place(row: Message) -> str:
    return f"{to_micros(row.due_at):x}-{id_text(row.id)}"


def _after(place: str, *, newest_first: bool) -> ColumnElement[bool]:
    try:
        micros, _, word = place.partition("-")
        at, last = from_micros(int(micros, 16)), id_value(word)
    except (ValueError, OverflowError):
        return true()
    mine = tuple_(MESSAGE.c.due_at, MESSAGE.c.id)
    there = tuple_(literal(at, UtcTime()), literal(last, BigInteger()))
    return mine < there if newest_first else mine > there


def page(
    actor: Actor, *, which: str = "look", after: str = "", case_id: int | None = None, most: int = PAGE
) -> tuple[list[Row], str]:
    """One page of messages the actor may read and the place where the next begins ("" at the end).

    `which` is one of FILTERS; what is still owed comes soonest first, everything else newest first.
    """
    newest_first = which not in ("owed", "look")
    place = (MESSAGE.c.due_at, MESSAGE.c.id)
    wanted = [MESSAGE.c.site_id == actor.site_id, readable(actor), _of_filter(which)]
    if case_id is not None:
        wanted.append(MESSAGE.c.case_id == case_id)
    if after:
        wanted.append(_after(after, newest_first=newest_first))
    rows = list(
        db.session.scalars(
            select(Message)
            .where(*wanted)
            .order_by(*(c.desc() if newest_first else c.asc() for c in place))
            .limit(most + 1)
        )
    )
    parts = _parts([r.id for r in rows])
    shown = [_row(r, parts.get(r.id, ())) for r in rows[:most]]
    return shown, _place(rows[most - 1]) if len(rows) > most else ""


def _parts(ids: Sequence[int]) -> dict[int, tuple[str, ...]]:
    found: dict[int, tuple[str, ...]] = {}
    pairs = select(MessagePart.message_id, MessagePart.kind).where(MessagePart.message_id.in_(ids))
    for message_id, kind in db.session.execute(pairs.order_by(MessagePart.id)):
        found[message_id] = (*found.get(message_id, ()), kind)
    return found


def _row(row: Message, parts: tuple[str, ...]) -> Row:
    words, tone = STATE_WORDS[row.state]
    zone = ZoneInfo(row.tz)
    held = row.next_try_at is None and row.state in (S.SCHEDULED, S.UNCERTAIN)
    if held and row.in_doubt_at is None:
        words, tone = "Held", "amber"
    reason = row.held_reason or row.cancel_reason or ("" if row.state is S.SENT else row.last_code)
    return Row(
        id=row.id,
        kind=row.kind,
        parts=parts,
        case_id=row.case_id,
        state=row.state,
        words=words,
        tone=tone,
        reason=reason_words(reason),
        attempts=row.attempts,
        due_at=row.due_at.astimezone(zone),
        next_try_at=row.next_try_at.astimezone(zone) if row.next_try_at else None,
        accepted_at=row.accepted_at.astimezone(zone) if row.accepted_at else None,
        held=held,
        left_anyway=row.accepted_at is not None and row.state is not S.SENT,
        bounced=row.bounced_at is not None,
        place=_place(row),
    )


def to_look_at(actor: Actor) -> int:
    """How many messages wait for a person, counted up to 99."""
    some = select(MESSAGE.c.id).where(readable(actor), _of_filter("look")).limit(99).subquery()
    return db.session.scalar(select(func.count()).select_from(some)) or 0


@dataclass(frozen=True)
class Preview:
    """One message in full: its row, its attempts, and the bytes it would be sent as now, or why it would not."""

    row: Row
    attempts: tuple[MessageAttempt, ...]
    mail: Rendered | None
    refusal: str

    @property
    def source(self) -> str:
        """The exact bytes as text."""
        return self.mail.raw.decode() if self.mail else ""

    @property
    def to(self) -> str:
        """The address with all but its first letter and domain hidden."""
        if self.mail is None:
            return ""
        local, _, domain = self.mail.recipient.address.partition("@")
        return f"{local[:1]}****@{domain}"


def preview(message_id: int, actor: Actor) -> Preview:
    """A message the actor may read, rendered as it would go out now.

    Raises:
        Missing: there is none, or it is not for this actor; both read the same.
    """
    row = db.session.scalar(
        select(Message).where(MESSAGE.c.id == message_id, MESSAGE.c.site_id == actor.site_id, readable(actor))
    )
    if row is None:
        raise Missing("There is no such message.")
    attempts = db.session.scalars(
        select(MessageAttempt).where(MessageAttempt.message_id == row.id).order_by(MessageAttempt.ended_at)
    ).all()
    (words,) = render.read([row])
    made = render.render(words)
    shown = _row(row, _parts([row.id]).get(row.id, ()))
    if isinstance(made, Refusal):
        return Preview(shown, tuple(attempts), None, reason_words(made.reason))
    hits = ", ".join(made.hits)
    return Preview(shown, tuple(attempts), made, f"{reason_words('content_filter')} ({hits})" if hits else "")
