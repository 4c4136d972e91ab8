"""What comes from outside in the demo: referrals of hospitals and courts, and who pays."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from intake.accounts import api_tokens
from intake.actor import system
from intake.cases import paying
from intake.cases.models import Case, CaseState
from intake.cli.demo import people as cast
from intake.db import db, transaction
from intake.inquiries import directory
from intake.inquiries import referrals as service
from intake.people import coverage
from intake.people.models import CoverageKind

if TYPE_CHECKING:
    from intake.cli.demo.scenes import Scenes

NOBODY_TOLD: dict[str, Any] = {
    "referrer_name": "", "email": "", "patient_name": "", "born_on": "", "age": None, "reason": "", "medicines": "",
    "last_dose": "", "vitals": "", "labs": "", "pregnant": "", "legal_hold": "", "legal_detail": "", "target_on": "",
    "danger": {},
}  # fmt: skip
WARD = {
    "organisation": "Mercy General, ward 4", "referrer_name": "Dr. Lin", "call_back": "+15550147788",
    "source": "hospital", "legal_basis": "consent", "patient_name": "Gwen Moss", "age": 47,
    "reason": cast.WORDS_PROFESSIONAL[0], "medicines": "Oxycodone ER 30 mg, three times a day", "last_dose": "08:00",
    "vitals": "124/80, pulse 76", "pregnant": "no", "legal_hold": "no",
}  # fmt: skip
COURT = {
    "organisation": "County court, room 2", "referrer_name": "Mr. Ames", "call_back": "+15550147799", "source": "court",
    "legal_basis": "court_order", "patient_name": "Otis Kemp", "age": 31, "legal_hold": "yes",
    "legal_detail": "Hearing in three weeks",
}  # fmt: skip
CARDS: tuple[tuple[str, dict[str, str], str], ...] = (
    ("private", {"payer": "Blue Plan", "policy": "XK 4711 22", "group": "77"}, "verified"),
    ("medicaid", {"payer": "State Medicaid", "policy": "MD 90 12 44"}, "partial"),
    ("self_pay", {"agreed": "150 dollars a week, by card"}, "verified"),
    ("state_funded", {"payer": "County block grant", "authorization": "BG-118"}, ""),
    ("medicare", {"payer": "Medicare", "policy": "1EG4-TE5"}, "denied"),
)


def referrals(s: Scenes) -> None:
    """One from a ward, whole but for a date; one from a court with much missing, answered; a token for the ward."""
    for told, hours in ((WARD, 2.7), (COURT, 20.0)):
        with transaction():
            row, _ = service.receive(
                {**NOBODY_TOLD, **told}, site=s.site, actor=system(s.site.id), now=s.ago(hours), key=f"demo-{hours}"
            )
            inquiry_id = row.inquiry_id
    with transaction():
        service.answer(
            inquiry_id, answer="need_more", code="", words="Medicines and the last doses.", actor=s.team.clinician,
            now=s.ago(19),
        )  # fmt: skip
    with transaction():
        api_tokens.issue(name="Mercy General, ward list", days=365, actor=system(s.site.id), now=s.ago(200))


def places(s: Scenes) -> None:
    """The list of places to send somebody on to."""
    told = (
        ("Lakeside Recovery House", "residential", "+15550147001", "Adults. Medicaid and most plans"),
        ("Harbor Women’s Program", "maternity", "+15550147002", "Pregnant, with children. Any payer"),
        ("County Crisis House", "mental", "+15550147003", "Walk in, day and night"),
        ("Elm Street Clinic", "moud", "+15550147004", "Same day. Medicaid, self-pay"),
    )
    with transaction():
        for name, care, phone, takes in told:
            directory.add(directory.Told(name, care, phone, takes), actor=system(s.site.id), now=s.ago(300))


def payers(s: Scenes) -> None:
    """Who pays for some of the people in care, in every state of the check."""
    by, now = s.team.admissions, s.ago(5)
    wanted = select(Case.id).where(Case.state == CaseState.ADMITTED).order_by(Case.opened_at, Case.id).limit(len(CARDS))
    for n, case_id in enumerate(list(db.session.scalars(wanted))):
        kind, content, result = CARDS[n]
        with transaction():
            case = db.session.get_one(Case, case_id)
            row = coverage.add(case.person_id, coverage.Asked(CoverageKind(kind), 1, content), actor=by, now=now)
            paying.owe_check(row, case, actor=by, now=now)
            if result:
                until = (s.now + timedelta(days=10 if n else 200)).date()
                coverage.check(
                    row.id,
                    case.person_id,
                    result=result,
                    words="Called the payer.",
                    expires_on=until,
                    actor=by,
                    now=now,
                )
                paying.checked(row, actor=by, now=now)
