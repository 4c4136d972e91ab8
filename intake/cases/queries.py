"""Which cases somebody may read, and the parts of one case."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, and_, bindparam, exists, false, or_, select

from intake import crypto
from intake.actor import STAFF, Actor, Role
from intake.beds import queries as beds
from intake.beds.models import UseKind
from intake.cases.models import Case, CaseAlert, CaseState, Grant, Note, NoteDraft, Transfer, TransferState
from intake.clock import db_now
from intake.db import db
from intake.errors import Missing
from intake.inquiries.models import Inquiry

GONE = "There is no such case."
ENDED = (CaseState.DISCHARGED, CaseState.CLOSED)
_OPEN = select(Case).where(Case.person_id == bindparam("person"), *(Case.state != state for state in ENDED))
_OF_INQUIRY = select(Case).where(Case.opened_from == bindparam("inquiry")).order_by(Case.opened_at.desc()).limit(1)
_UNSEEN = (
    select(CaseAlert)
    .where(CaseAlert.case_id == bindparam("case"), CaseAlert.acknowledged_at.is_(None))
    .order_by(CaseAlert.raised_at)
)


def visible(actor: Actor) -> ColumnElement[bool]:
    """The condition that holds for exactly the cases `can_read` allows (rulings 10)."""
    if actor.is_system:
        return Case.site_id == actor.site_id
    if actor.role not in STAFF:
        return false()
    if actor.role is Role.SUPERVISOR:
        return Case.site_id == actor.site_id
    return and_(
        Case.site_id == actor.site_id,
        or_(Case.restricted.is_(False), Case.owner_id == actor.id, _granted(actor)),
    )


def kept_from(actor: Actor) -> ColumnElement[bool]:
    """The condition that holds for the cases of the site that `actor` may not read: those `visible` leaves out.

    Not written as its negation: it asks only the few restricted ones, and a case without owner is neither null nor
    seen.
    """
    if actor.is_system or actor.role is Role.SUPERVISOR:
        return false()
    if actor.role not in STAFF:
        return Case.site_id == actor.site_id
    return and_(
        Case.site_id == actor.site_id,
        Case.restricted,
        Case.owner_id.is_distinct_from(actor.id),
        ~_granted(actor),
    )


def _granted(actor: Actor) -> ColumnElement[bool]:
    """Whether emergency access of the actor to the case is running."""
    return exists().where(Grant.case_id == Case.id, Grant.staff_id == actor.id, Grant.until > db_now())


def can_read(actor: Actor, case: Case) -> bool:
    """Same site, a role that sees records, and not restricted unless owner, supervisor or under emergency access."""
    if actor.site_id != case.site_id:
        return False
    if actor.is_system:
        return True
    if actor.role not in STAFF:
        return False
    if not case.restricted or case.owner_id == actor.id or actor.role is Role.SUPERVISOR:
        return True
    return (
        db.session.scalar(
            select(Grant.id)
            .where(Grant.case_id == case.id, Grant.staff_id == actor.id, Grant.until > db_now())
            .limit(1)
        )
        is not None
    )


def readable(actor: Actor, case_id: int) -> Case:
    """The case of an id, if the actor may read it.

    Raises:
        Missing: there is none, it is another site's, or it is restricted; all three read the same.
    """
    row = db.session.get(Case, case_id)
    if row is None or not can_read(actor, row):
        raise Missing(GONE)
    return row


def readable_list(actor: Actor, *, states: Sequence[CaseState] = (), limit: int = 200) -> list[Case]:
    """The cases the actor may read, newest first; at most `limit`."""
    wanted = [Case.state.in_(states)] if states else []
    return list(
        db.session.scalars(
            select(Case).where(visible(actor), *wanted).order_by(Case.opened_at.desc(), Case.id).limit(limit)
        )
    )


def open_case(person_id: int) -> Case | None:
    """The one open case of a person (aftercare counts as open)."""
    return db.session.scalar(_OPEN, {"person": person_id})


def latest_of_inquiry(inquiry_id: int) -> Case | None:
    """The newest case that was opened from an inquiry."""
    return db.session.scalar(_OF_INQUIRY, {"inquiry": inquiry_id})


def earlier(case: Case) -> list[Case]:
    """Other cases of the same person, newest first: one click away when somebody comes back."""
    return list(
        db.session.scalars(
            select(Case)
            .where(Case.person_id == case.person_id, Case.id != case.id, Case.site_id == case.site_id)
            .order_by(Case.opened_at.desc())
        )
    )


def open_alerts(case_id: int) -> list[CaseAlert]:
    """Alerts that nobody acknowledged yet, oldest first."""
    return list(db.session.scalars(_UNSEEN, {"case": case_id}))


def case_of_alert(actor: Actor, alert_id: int) -> Case:
    """The case an alert belongs to.

    Raises:
        Missing: none that the actor may read.
    """
    row = db.session.get(CaseAlert, alert_id)
    if row is None:
        raise Missing(GONE)
    return readable(actor, row.case_id)


def alerts(case_id: int) -> list[CaseAlert]:
    """Every alert of a case, newest first; none is ever deleted."""
    return list(
        db.session.scalars(select(CaseAlert).where(CaseAlert.case_id == case_id).order_by(CaseAlert.raised_at.desc()))
    )


def notes(case_id: int) -> list[tuple[Note, str]]:
    """The notes of a case with their words, newest first."""
    rows = list(
        db.session.scalars(select(Note).where(Note.case_id == case_id).order_by(Note.created_at.desc(), Note.id))
    )
    crypto.prefetch(row.words for row in rows)
    return [(row, crypto.open_(row.words, at="note.words", row=row.id)) for row in rows]


def draft(case_id: int, author_id: int) -> tuple[str, datetime | None, int]:
    """What an author has typed so far on a case: words, when saved, version; empty when nothing is kept."""
    row = db.session.scalar(select(NoteDraft).where(NoteDraft.case_id == case_id, NoteDraft.author_id == author_id))
    if row is None:
        return "", None, 0
    return crypto.open_(row.words, at="note_draft.words", row=row.id), row.saved_at, row.version


def decision_words(case: Case) -> str:
    """The free reason of the decision."""
    return crypto.open_(case.decision_reason, at="care_case.decision_reason", row=case.id)


def place_of(row: Transfer) -> str:
    """The other center a transfer goes to; "" for a move inside the house."""
    return crypto.open_(row.to_outside, at="transfer.to_outside", row=row.id)


def open_transfers(case_id: int) -> list[Transfer]:
    """The transfers that were asked for or accepted and have not arrived, an accepted one first."""
    return list(
        db.session.scalars(
            select(Transfer)
            .where(Transfer.case_id == case_id, Transfer.state.in_((TransferState.REQUESTED, TransferState.ACCEPTED)))
            .order_by(Transfer.state, Transfer.asked_at, Transfer.id)
        )
    )


def open_transfer(case_id: int) -> Transfer | None:
    """The accepted transfer of a case, else the one asked for first."""
    return next(iter(open_transfers(case_id)), None)


def transfers(case_id: int) -> list[Transfer]:
    """Every transfer of a case, newest first."""
    return list(
        db.session.scalars(select(Transfer).where(Transfer.case_id == case_id).order_by(Transfer.asked_at.desc()))
    )


def current_level(case: Case) -> str:
    """The level of care now: that of the open stay, else of the last arrival, else the level of admission."""
    if case.admitted_on is None:
        return ""
    found = beds.of_case(case.id)
    if found is not None and found[0].kind is UseKind.STAY:
        return found[0].level
    arrived = next((t for t in transfers(case.id) if t.state is TransferState.ARRIVED), None)
    return arrived.to_level if arrived is not None else case.admit_level


def transfer_words(row: Transfer) -> str:
    """Why a transfer was asked for."""
    return crypto.open_(row.reason, at="transfer.reason", row=row.id)


def reference(case: Case) -> str:
    """The case number people read: the reference of the inquiry the case came from."""
    return db.session.scalar(select(Inquiry.reference).where(Inquiry.id == case.opened_from)) or ""
