"""The states of an inquiry: which moves there are (product.md 2.2), and what an end takes with it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import bindparam, select

from intake.actor import Actor
from intake.audit import service as audit
from intake.db import db
from intake.errors import AlreadyDone, Missing
from intake.inquiries import first_contact
from intake.inquiries.models import Inquiry, InquiryState, Promise
from intake.tasks import service as tasks

STILL_OWED = (InquiryState.NEW, InquiryState.CONTACTING, InquiryState.SCREENING, InquiryState.CLINICAL_REVIEW)
LATE = "late_first_contact"
_S = InquiryState
MOVES: dict[InquiryState, frozenset[InquiryState]] = {
    _S.NEW: frozenset({_S.CONTACTING, _S.SCREENING, _S.DUPLICATE, _S.CRISIS_HANDED_OVER}),
    _S.CONTACTING: frozenset(
        {
            _S.SCREENING,
            _S.REFERRED_OUT,
            _S.DECLINED_BY_PERSON,
            _S.UNREACHABLE,
            _S.DUPLICATE,
            _S.CRISIS_HANDED_OVER,
        }
    ),
    _S.SCREENING: frozenset(
        {
            _S.CLINICAL_REVIEW,
            _S.REFERRED_OUT,
            _S.DECLINED_BY_PERSON,
            _S.UNREACHABLE,
            _S.DUPLICATE,
            _S.CRISIS_HANDED_OVER,
        }
    ),
    _S.CLINICAL_REVIEW: frozenset(
        {
            _S.ACCEPTED,
            _S.REFERRED_OUT,
            _S.NOT_SUITABLE,
            _S.DECLINED_BY_PERSON,
            _S.UNREACHABLE,
            _S.CRISIS_HANDED_OVER,
            _S.SCREENING,
        }
    ),
}
ENDS = frozenset(_S) - MOVES.keys()
REOPENABLE = ENDS - {_S.ACCEPTED}
_LOCKED = (
    select(Inquiry).where(Inquiry.id == bindparam("inquiry"), Inquiry.site_id == bindparam("site")).with_for_update()
)
_OPEN = select(Promise).where(
    Promise.inquiry_id == bindparam("inquiry"),
    Promise.kept_at.is_(None),
    Promise.missed_at.is_(None),
    Promise.replaced_by.is_(None),
)
_OPEN_OF_KIND = _OPEN.where(Promise.kind == bindparam("kind"))


def locked(inquiry_id: int, actor: Actor) -> Inquiry:
    """The inquiry, locked for a change.

    Raises:
        Missing: no such inquiry at this site.
    """
    row = db.session.scalar(_LOCKED, {"inquiry": inquiry_id, "site": actor.site_id})
    if row is None:
        raise Missing("There is no such request.")
    return row


def move(row: Inquiry, to: InquiryState, *, actor: Actor, now: datetime, reason: str = "") -> None:
    """Move an inquiry to a state that product.md 2.2 allows from where it stands.

    Raises:
        AlreadyDone: the move is not allowed from here; the message says where it stands.
    """
    if to is row.state:
        return
    if to not in MOVES.get(row.state, frozenset()):
        here, there = (str(s).replace("_", " ") for s in (row.state, to))
        raise AlreadyDone(f"This request is “{here}” and cannot become “{there}” from there.")
    before, row.state = row.state, to
    if to in ENDS:
        row.ended_at = now
        _end_work(row, to, actor, now)
    audit.record(
        actor=actor,
        verb="moved",
        record="inquiry",
        record_id=row.id,
        site_id=row.site_id,
        changed=("state",),
        before={"state": before},
        after={"state": to},
        purpose=reason[:40],
        now=now,
    )


def _end_work(row: Inquiry, to: InquiryState, actor: Actor, now: datetime) -> None:
    """What an ended inquiry still owed ends with it; a promised visit of an accepted one goes on as a case."""
    keys = [first_contact.task_key(row.id), f"{LATE}:{row.id}", f"decide_unreached:{row.id}"]
    if to is not InquiryState.ACCEPTED:
        keys += [promise_key(p.id) for p in open_promises(row.id)]
    tasks.cancel(*keys, site_id=row.site_id, reason="inquiry_ended", now=now, actor=actor)


def promise_key(promise_id: int) -> str:
    """The key of the task of a promise."""
    return f"promise:{promise_id}"


def open_promises(inquiry_id: int, kind: str = "") -> Sequence[Promise]:
    """Promises of an inquiry that are neither kept nor missed nor replaced, of one kind or of all."""
    if kind:
        return db.session.scalars(_OPEN_OF_KIND, {"inquiry": inquiry_id, "kind": kind}).all()
    return db.session.scalars(_OPEN, {"inquiry": inquiry_id}).all()
