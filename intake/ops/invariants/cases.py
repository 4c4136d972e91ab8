"""Invariants of cases, screenings, placements, transfers, consents."""

from __future__ import annotations

from sqlalchemy import ColumnElement, and_, exists, func, or_, select

from intake.audit.models import TimelineEntry
from intake.beds.models import BedUse
from intake.cases.codes import SAFETY_TASKS
from intake.cases.models import Case, CaseAlert, CaseState, Transfer, TransferState
from intake.cases.queries import ENDED
from intake.consents.models import Consent, ConsentState, Disclosure
from intake.ops.invariants.rule import Rule, rows
from intake.queues.models import QueueEntry
from intake.screening.models import Placement, PlacementState, Screening, ScreeningState
from intake.tasks.models import Task
from intake.tasks.service import LIVE

S = CaseState
IN_CARE = (S.ADMITTED, S.TRANSFER_PENDING, S.DISCHARGED, S.AFTERCARE)
BEFORE_CARE = (S.IN_REVIEW, S.ACCEPTED, S.SCHEDULED, S.WAITLISTED)
ASKED = (TransferState.REQUESTED, TransferState.ACCEPTED)

_entered = exists().where(QueueEntry.case_id == Case.id)
_waits = exists().where(QueueEntry.case_id == Case.id, QueueEntry.left_at.is_(None))
_opened = exists().where(TimelineEntry.case_id == Case.id, TimelineEntry.kind == "case_opened")
_asked = exists().where(Transfer.case_id == Case.id, Transfer.state.in_(ASKED))
_lies = exists().where(BedUse.case_id == Case.id, BedUse.ended_at.is_(None))
_unsafe = exists().where(Task.case_id == Case.id, Task.kind.in_(SAFETY_TASKS), Task.state.in_(LIVE))


def _called(kind: str) -> ColumnElement[bool]:
    return exists().where(Task.case_id == Case.id, Task.kind == kind, Task.cause == "against_advice")


RULES: tuple[Rule, ...] = (
    Rule(
        "one_open_case",
        "A person has at most one open case (11)",
        rows(
            "person",
            lambda: (
                select(Case.person_id).where(Case.state.not_in(ENDED)).group_by(Case.person_id).having(func.count() > 1)
            ),
        ),
    ),
    Rule(
        "case_story",
        "A case opened with its first queue entry and its line in the story (11)",
        rows("case", lambda: select(Case.id).where(or_(~_entered, ~_opened))),
    ),
    Rule(
        "review_waits",
        "A case in review waits in a queue",
        rows("case", lambda: select(Case.id).where(Case.state == S.IN_REVIEW, ~_waits)),
    ),
    Rule(
        "admission",
        "An admission is a day and a level on a case in care, and on no case before it (12, 13)",
        rows(
            "case",
            lambda: select(Case.id).where(
                or_(
                    and_(Case.state.in_(IN_CARE), or_(Case.admitted_on.is_(None), Case.admit_level == "")),
                    and_(Case.state.in_(BEFORE_CARE), Case.admitted_on.is_not(None)),
                    and_(Case.discharged_on.is_not(None), Case.discharged_on < Case.admitted_on),
                )
            ),
        ),
    ),
    Rule(
        "decision_names",
        "A decision names who made it, when, and a level when it accepts (10)",
        rows(
            "case",
            lambda: select(Case.id).where(
                Case.decision.in_(("accept", "refer", "decline")),
                or_(
                    Case.decided_by.is_(None),
                    Case.decided_at.is_(None),
                    and_(Case.decision == "accept", Case.decision_level == ""),
                ),
            ),
        ),
    ),
    Rule(
        "waitlist",
        "A waiting case has its request day, its class, and a number of its own (14)",
        rows(
            "case",
            lambda: select(Case.id).where(
                Case.state == S.WAITLISTED,
                or_(Case.request_on.is_(None), Case.wait_number.is_(None), Case.wait_class == ""),
            ),
        ),
    ),
    Rule(
        "wait_number",
        "No two cases of a center have the same wait number (14)",
        rows(
            "case",
            lambda: (
                select(func.min(Case.id))
                .where(Case.wait_number.is_not(None))
                .group_by(Case.site_id, Case.wait_number)
                .having(func.count() > 1)
            ),
        ),
    ),
    Rule(
        "discharge",
        "A discharged case has its type and day, and neither bed nor queue (32)",
        rows(
            "case",
            lambda: select(Case.id).where(
                Case.state.in_((S.DISCHARGED, S.AFTERCARE)),
                or_(Case.discharge_type == "", Case.discharged_on.is_(None), _lies, _waits),
            ),
        ),
    ),
    Rule(
        "against_advice",
        "Who left against advice is called after 24 and 72 hours and welcome back (32)",
        rows(
            "case",
            lambda: select(Case.id).where(
                Case.discharge_type == "against_advice", or_(~_called("call_24h"), ~_called("call_72h"))
            ),
        ),
    ),
    Rule(
        "closed",
        "A closed case has its reason and leaves no safety task, bed or queue entry (33)",
        rows(
            "case",
            lambda: select(Case.id).where(
                Case.state == S.CLOSED, or_(Case.closing_reason == "", _unsafe, _lies, _waits)
            ),
        ),
    ),
    Rule(
        "transfer",
        "A case on its way has a transfer that was asked for, and a settled case has at most one accepted (19)",
        rows("case", lambda: select(Case.id).where(Case.state == S.TRANSFER_PENDING, ~_asked)),
    ),
    Rule(
        "one_accepted_transfer",
        "At most one transfer of a case is accepted and under way (19)",
        rows(
            "case",
            lambda: (
                select(Transfer.case_id)
                .where(Transfer.state == TransferState.ACCEPTED)
                .group_by(Transfer.case_id)
                .having(func.count() > 1)
            ),
        ),
    ),
    Rule(
        "alert_seen",
        "An alert that was seen names who saw it",
        rows(
            "alert",
            lambda: select(CaseAlert.id).where(
                CaseAlert.acknowledged_at.is_not(None), CaseAlert.acknowledged_by.is_(None)
            ),
        ),
    ),
    Rule(
        "screening_final",
        "A complete screening has its time and the version that scored it (8)",
        rows(
            "screening",
            lambda: select(Screening.id).where(
                Screening.state == ScreeningState.COMPLETE,
                or_(Screening.completed_at.is_(None), Screening.scorer_version == ""),
            ),
        ),
    ),
    Rule(
        "placement_answered",
        "An answered placement names who answered and its case; an override its code (10)",
        rows(
            "placement",
            lambda: select(Placement.id).where(
                Placement.state.in_((PlacementState.ACCEPTED, PlacementState.OVERRIDDEN)),
                or_(
                    Placement.answered_by.is_(None),
                    Placement.answered_at.is_(None),
                    Placement.case_id.is_(None),
                    and_(Placement.state == PlacementState.OVERRIDDEN, Placement.override_code == ""),
                ),
            ),
        ),
    ),
    Rule(
        "consent_signed",
        "An active consent was signed, a revoked one has its time (31)",
        rows(
            "consent",
            lambda: select(Consent.id).where(
                or_(
                    and_(Consent.state == ConsentState.ACTIVE, Consent.signed_at.is_(None)),
                    and_(Consent.state == ConsentState.REVOKED, Consent.revoked_at.is_(None)),
                )
            ),
        ),
    ),
    Rule(
        "disclosure_ground",
        "Nothing left without a consent or a legal ground (30)",
        rows(
            "disclosure",
            lambda: select(Disclosure.id).where(
                Disclosure.state.in_(("authorized", "delivered")),
                Disclosure.consent_id.is_(None),
                Disclosure.legal_ground == "",
            ),
        ),
    ),
)
