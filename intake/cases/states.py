"""The allowed moves of cases and of the inquiries they came from (product.md 2.2); all else is refused with 409."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import TypeVar

from sqlalchemy import bindparam, select

from intake.actor import Actor, Role
from intake.audit import service as audit
from intake.cases.models import Case, CaseState
from intake.cases.queries import GONE, can_read
from intake.db import db
from intake.errors import AlreadyDone, Missing, NotPermitted
from intake.inquiries import following, moving
from intake.inquiries.models import Inquiry, InquiryState
from intake.queues.order import ago

MOVES: Mapping[CaseState, frozenset[CaseState]] = {
    CaseState.IN_REVIEW: frozenset({CaseState.ACCEPTED, CaseState.CLOSED}),
    CaseState.ACCEPTED: frozenset({CaseState.SCHEDULED, CaseState.WAITLISTED, CaseState.CLOSED}),
    CaseState.WAITLISTED: frozenset({CaseState.SCHEDULED, CaseState.CLOSED}),
    CaseState.NO_SHOW: frozenset({CaseState.SCHEDULED, CaseState.WAITLISTED, CaseState.CLOSED}),
    CaseState.SCHEDULED: frozenset({CaseState.ADMITTED, CaseState.NO_SHOW, CaseState.WAITLISTED, CaseState.CLOSED}),
    CaseState.ADMITTED: frozenset({CaseState.TRANSFER_PENDING, CaseState.DISCHARGED}),
    CaseState.TRANSFER_PENDING: frozenset({CaseState.ADMITTED, CaseState.DISCHARGED}),
    CaseState.DISCHARGED: frozenset({CaseState.AFTERCARE, CaseState.CLOSED}),
    CaseState.AFTERCARE: frozenset({CaseState.CLOSED}),
    CaseState.CLOSED: frozenset(),
}

INQUIRY_MOVES: Mapping[InquiryState, frozenset[InquiryState]] = {
    **dict.fromkeys(InquiryState, frozenset()),
    **moving.MOVES,
    **dict.fromkeys(moving.REOPENABLE, frozenset({InquiryState.CONTACTING})),
}


def must(actor: Actor, *roles: Role) -> None:
    """Refuse an actor outside `roles`.

    Raises:
        NotPermitted: with a sentence.
    """
    if not actor.may(*roles):
        raise NotPermitted("Your role does not include this step.")


State = TypeVar("State", bound=StrEnum)
# Not against those who only name the case in a row of theirs: a sender does, with the audit chain in hand.
LOCK: dict[str, bool] = {"key_share": True}
_LOCKED = (
    select(Case)
    .where(Case.id == bindparam("case"))
    .with_for_update(key_share=True)
    .execution_options(populate_existing=True)
)


def locked(case_id: int, actor: Actor, *, version: int | None = None) -> Case:
    """The case of an id, locked until the transaction ends; with `version`, only as the actor read it.

    Raises:
        Missing: none that the actor may read. AlreadyDone: it changed since `version`; the message says what.
    """
    row = db.session.scalar(_LOCKED, {"case": case_id})
    if row is None or not can_read(actor, row):
        raise Missing(GONE)
    if version is not None and row.version != version:
        raise AlreadyDone(f"This case changed while you were writing. It is now {_words(row)}.", code="CHANGED")
    return row


def _words(case: Case) -> str:
    return case.state.value.replace("_", " ")


def move(case: Case, to: CaseState, *, actor: Actor, now: datetime, **params: object) -> None:
    """Bring a case to another state, with its audit entry and timeline line.

    Raises:
        AlreadyDone: the table does not allow this move; the message says where the case stands and since when decided.
    """
    if to not in MOVES[case.state]:
        since = f" since {ago(now - case.decided_at)} ago" if case.decided_at else ""
        raise AlreadyDone(
            f"This case is {_words(case)}{since}; it cannot become {to.value.replace('_', ' ')}.", code="CASE_MOVE"
        )
    before, case.state = case.state, to
    audit.record(
        actor=actor, verb="moved", record="care_case", record_id=case.id, site_id=case.site_id, case_id=case.id,
        changed=("state",), before={"state": before.value}, after={"state": to.value}, purpose=to.value, now=now,
    )  # fmt: skip
    audit.tell(
        kind="case_moved", actor=actor, now=now, case_id=case.id,
        params={"from": before.value, "to": to.value, **params},
    )  # fmt: skip


def way(moves: Mapping[State, frozenset[State]], start: State, to: State) -> list[State]:
    """The shortest allowed way from one state to another, without the start; empty when already there.

    Raises:
        AlreadyDone: there is no way.
    """
    seen: dict[State, State | None] = {start: None}
    ahead = deque([start])
    while ahead:
        here = ahead.popleft()
        if here == to:
            path: list[State] = []
            while here != start:
                path.append(here)
                back = seen[here]
                assert back is not None
                here = back
            return path[::-1]
        for there in sorted(moves[here]):
            if there not in seen:
                seen[there] = here
                ahead.append(there)
    raise AlreadyDone(f"From {start.value.replace('_', ' ')} there is no way to {to.value.replace('_', ' ')}.")


def bring(inquiry: Inquiry, to: InquiryState, *, reason: str = "", actor: Actor, now: datetime) -> None:
    """Move an inquiry along to a state by allowed moves only; an ended one is opened again first.

    Raises:
        AlreadyDone: the table has no way there.
    """
    for step in way(INQUIRY_MOVES, inquiry.state, to):
        if inquiry.state in moving.REOPENABLE:
            following.reopen(inquiry.id, reason=reason or "The case goes on.", actor=actor, now=now)
        else:
            moving.move(inquiry, step, actor=actor, now=now, reason=reason)
    if to in moving.ENDS:
        inquiry.closing_reason = reason
