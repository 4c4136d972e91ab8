"""Send somebody on to another place, and close the loop: which places were named, and what became of them there.

One row per sending on, whatever sent it: a decision, a referral we could not take, a request that ended, a transfer to
another center. Somebody asks after a week; who is not reached is asked about again until the tries are used up.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from flask_babel import lazy_gettext as _
from sqlalchemy import select

from intake import crypto
from intake.actor import Actor, Role
from intake.audit import service as audit
from intake.db import db, new_id
from intake.errors import AlreadyDone, Missing, RuleBroken
from intake.inquiries import answers as a
from intake.inquiries.models import Inquiry, ReferralOut
from intake.settings import queries as settings
from intake.tasks import service as tasks

TASK = "referral_outcome"
ASK_AFTER = timedelta(days=7)
NOT_REACHED, TURNED_AWAY = "not_reached", "turned_away"
OUTCOMES: a.Options = (
    ("in_care", _("In care there")),
    (TURNED_AWAY, _("Not taken there")),
    ("did_not_go", _("Did not go there")),
    (NOT_REACHED, _("Not known: ask again in a week")),
)
REASONS: a.Options = (
    ("no_place", _("No place in time")),
    ("other_level", _("Needs another level of care")),
    ("payment", _("Payment or coverage")),
    ("not_treated_there", _("Nothing they treat")),
    ("papers", _("Papers or a referral were missing")),
    ("other_reason", _("Another reason")),
)


@dataclass(frozen=True)
class SentOn:
    """A sending on, opened: `places` as they were named, `words` what was heard."""

    row: ReferralOut
    places: str
    words: str

    @property
    def open(self) -> bool:
        """Nobody knows yet what became of them."""
        return self.row.ended_at is None


def _key(row: ReferralOut) -> str:
    return f"{TASK}:{row.id}"


def send_on(
    inquiry: Inquiry,
    *,
    cause: str,
    places: str,
    actor: Actor,
    now: datetime,
    case_id: int | None = None,
    level: str = "",
) -> ReferralOut:
    """Write down where somebody was sent on to, and owe the question what became of them, a week on."""
    row = ReferralOut(
        id=new_id(), site_id=inquiry.site_id, inquiry_id=inquiry.id, case_id=case_id, cause=cause, level=level,
        ask_at=now + ASK_AFTER, created_at=now, created_by=actor.id,
    )  # fmt: skip
    at = "referral_out.places"
    row.places = crypto.seal(places, key_of=inquiry.person_id, at=at, row=row.id) if places else None
    db.session.add(row)
    db.session.flush()
    _owe(row, actor, now)
    return row


def _owe(row: ReferralOut, actor: Actor, now: datetime) -> None:
    tasks.owe(
        site_id=row.site_id, kind=TASK, key=_key(row), role=Role.ADMISSIONS, due_at=row.ask_at, cause=row.cause,
        case_id=row.case_id, inquiry_id=None if row.case_id else row.inquiry_id, actor=actor, now=now,
    )  # fmt: skip


def _opened(row: ReferralOut) -> SentOn:
    return SentOn(
        row,
        crypto.open_(row.places, at="referral_out.places", row=row.id),
        crypto.open_(row.words, at="referral_out.words", row=row.id),
    )


def of_inquiry(inquiry_id: int) -> list[SentOn]:
    """Every sending on of a request and its case, the newest first."""
    rows = db.session.scalars(
        select(ReferralOut).where(ReferralOut.inquiry_id == inquiry_id).order_by(ReferralOut.created_at.desc())
    )
    return [_opened(row) for row in rows]


def record(
    out_id: int, *, inquiry_id: int, outcome: str, code: str = "", words: str = "", actor: Actor, now: datetime
) -> ReferralOut:
    """Record what became of somebody who was sent on; not known is asked again until the tries are used up.

    Raises:
        Missing: no such sending on of this request. AlreadyDone: it is known. RuleBroken: by field.
    """
    row = db.session.scalar(
        select(ReferralOut)
        .where(
            ReferralOut.id == out_id, ReferralOut.inquiry_id == inquiry_id, ReferralOut.site_id == actor.site_id
        )
        .with_for_update()
    )  # fmt: skip
    if row is None:
        raise Missing("There is nothing to ask about.")
    if row.ended_at is not None:
        raise AlreadyDone("What became of them is known already.")
    _check(outcome, code)
    tasks.cancel(_key(row), site_id=row.site_id, reason=outcome, actor=actor, now=now)
    row.asked += 1
    row.outcome, row.outcome_code = outcome, code if outcome == TURNED_AWAY else ""
    if words:
        owner = db.session.get_one(Inquiry, inquiry_id).person_id
        row.words = crypto.seal(words, key_of=owner, at="referral_out.words", row=row.id)
    if outcome == NOT_REACHED and row.asked < int(settings.value(row.site_id, "contact_attempts")):
        row.ask_at = now + ASK_AFTER
        _owe(row, actor, now)
    else:
        row.ended_at, row.ended_by = now, actor.id
    audit.record(
        actor=actor, verb="heard", record="referral_out", record_id=row.id, case_id=row.case_id, purpose=outcome,
        now=now,
    )  # fmt: skip
    audit.tell(
        kind="heard_elsewhere", actor=actor, case_id=row.case_id, inquiry_id=row.inquiry_id, now=now,
        params={"answer": outcome, "code": row.outcome_code},
    )  # fmt: skip
    return row


def _check(outcome: str, code: str) -> None:
    wrong: dict[str, str] = {}
    if outcome not in a.codes(OUTCOMES):
        wrong["elsewhere"] = "Say what became of them."
    if outcome == TURNED_AWAY and code not in a.codes(REASONS):
        wrong["elsewhere_code"] = "Pick why they were not taken."
    if wrong:
        raise RuleBroken("This outcome is not complete.", code="ELSEWHERE", fields=wrong)
