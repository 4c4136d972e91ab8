"""Read disclosures: the accounting of one case, and what a center gave out or refused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select

from intake import crypto
from intake.accounts.models import Staff
from intake.actor import Actor, Role
from intake.cases import queries as cases
from intake.cases.models import Case, Grant
from intake.consents import queries as consents
from intake.consents import scope
from intake.consents.models import Consent, Disclosure, DisclosureState
from intake.db import db
from intake.errors import Missing
from intake.inquiries.models import Inquiry
from intake.people.models import Person
from intake.release.service import GONE, WHY, case_for

TONES = {"authorized": "blue", "refused": "red", "delivered": "green", "failed": "amber"}
MOST = 200


@dataclass(frozen=True)
class DisclosureView:
    """A disclosure in words; `parts` in words, `why` the sentence of a refusal."""

    id: int
    case_id: int
    reference: str
    at: datetime
    by: str
    recipient: str
    affiliation: str
    purpose: str
    basis: str
    facts: str
    parts: Sequence[str]
    part_codes: Sequence[str]
    state: DisclosureState
    why: str
    way: str
    delivered_at: datetime | None
    notice_version: str

    @property
    def tone(self) -> str:
        """The tone of its state."""
        return TONES[self.state.value]


def _view(row: Disclosure, reference: str) -> DisclosureView:
    def clear(column: str) -> str:
        return crypto.open_(getattr(row, column), at=f"disclosure.{column}", row=row.id)

    ground = scope.GROUNDS.get(row.legal_ground)
    purpose = str(ground.words) if ground else str(scope.PURPOSES.get(row.purpose, row.purpose or "–"))
    basis = f"42 CFR {ground.rule}" if ground else "consent" if row.consent_id else "none"
    return DisclosureView(
        id=row.id, case_id=row.case_id, reference=reference, at=row.at, by=row.actor_name,
        recipient=clear("recipient"), affiliation=clear("affiliation"), purpose=purpose, basis=basis,
        facts=clear("facts"), parts=[str(scope.PARTS[c]) for c in row.scope if c in scope.PARTS], part_codes=row.scope,
        state=row.state, why=WHY.get(row.reason, ""), way=row.way, delivered_at=row.delivered_at,
        notice_version=row.notice_version,
    )  # fmt: skip


def accounting(case: Case) -> list[DisclosureView]:
    """Every disclosure of a case, given and refused, the newest first (42 CFR 2.25)."""
    rows = list(
        db.session.scalars(
            select(Disclosure).where(Disclosure.case_id == case.id).order_by(Disclosure.at.desc(), Disclosure.id)
        )
    )
    crypto.prefetch(row.recipient for row in rows)
    number = cases.reference(case)
    return [_view(row, number) for row in rows]


def given(case: Case) -> list[DisclosureView]:
    """What really went out: the accounting a person gets on request."""
    return [v for v in accounting(case) if v.state is DisclosureState.DELIVERED]


def one(actor: Actor, case_id: int, disclosure_id: int) -> DisclosureView:
    """One disclosure of a case, for who asked for it, supervisors and the privacy officer.

    Raises:
        Missing: none of this case, or somebody else's.
    """
    case = case_for(actor, case_id)
    row = db.session.scalar(select(Disclosure).where(Disclosure.id == disclosure_id, Disclosure.case_id == case.id))
    if row is None or not (row.actor_id == actor.id or actor.may(Role.SUPERVISOR, Role.PRIVACY)):
        raise Missing(GONE)
    return _view(row, cases.reference(case))


def of_center(site_id: int, *, limit: int = MOST) -> list[DisclosureView]:
    """The newest disclosures of a center, given and refused."""
    rows = db.session.execute(
        select(Disclosure, Inquiry.reference)
        .join(Case, Case.id == Disclosure.case_id)
        .join(Inquiry, Inquiry.id == Case.opened_from)
        .where(Disclosure.site_id == site_id)
        .order_by(Disclosure.at.desc(), Disclosure.id)
        .limit(limit)
    ).all()
    crypto.prefetch(row.recipient for row, _number in rows)
    return [_view(row, number) for row, number in rows]


@dataclass(frozen=True)
class Glass:
    """One use of emergency access: who, which case, why, until when, and what the review said."""

    id: int
    version: int
    case_id: int
    reference: str
    who: str
    staff_id: int
    reason: str
    at: datetime
    until: datetime
    reviewed_at: datetime | None
    reviewed_by: str
    review: str
    review_words: str


def emergency_access(site_id: int, *, limit: int = MOST) -> list[Glass]:
    """Uses of emergency access of a center, those not reviewed first, then the newest."""
    rows = db.session.execute(
        select(Grant, Inquiry.reference)
        .join(Case, Case.id == Grant.case_id)
        .join(Inquiry, Inquiry.id == Case.opened_from)
        .where(Case.site_id == site_id)
        .order_by(Grant.reviewed_at.is_not(None), Grant.created_at.desc())
        .limit(limit)
    ).all()
    who = {g.staff_id for g, _n in rows} | {g.reviewed_by for g, _n in rows if g.reviewed_by}
    names = {s.id: s.name for s in db.session.scalars(select(Staff).where(Staff.id.in_(who)))}
    crypto.prefetch(g.reason for g, _n in rows)
    return [
        Glass(
            id=g.id, version=g.version, case_id=g.case_id, reference=number, who=names.get(g.staff_id, ""),
            staff_id=g.staff_id, reason=crypto.open_(g.reason, at="case_grant.reason", row=g.id), at=g.created_at,
            until=g.until, reviewed_at=g.reviewed_at, reviewed_by=names.get(g.reviewed_by or 0, ""), review=g.review,
            review_words=crypto.open_(g.review_words, at="case_grant.review_words", row=g.id),
        )
        for g, number in rows
    ]  # fmt: skip


def restricted(site_id: int) -> list[tuple[int, str, str]]:
    """The restricted cases of a center: id, number, state."""
    rows = db.session.execute(
        select(Case.id, Inquiry.reference, Case.state)
        .join(Inquiry, Inquiry.id == Case.opened_from)
        .where(Case.site_id == site_id, Case.restricted.is_(True))
        .order_by(Inquiry.reference)
    )
    return [(row.id, row.reference, row.state.value) for row in rows]


def ending_consents(site_id: int, *, now: datetime, days: int = 14) -> list[tuple[int, str, Consent]]:
    """Consents of people with a case that end within `days`: case id, case number, consent; the soonest first."""
    found = consents.ending(None, site_id, before=now + timedelta(days=days))
    if not found:
        return []
    newest: dict[int, tuple[int, str]] = {}
    rows = db.session.execute(
        select(Case.id, Case.person_id, Inquiry.reference)
        .join(Inquiry, Inquiry.id == Case.opened_from)
        .join(Person, Person.id == Case.person_id)
        .where(Case.person_id.in_([c.person_id for c in found]))
        .order_by(Case.opened_at)
    )
    for row in rows:
        newest[row.person_id] = (row.id, row.reference)
    return [(*newest[c.person_id], c) for c in found if c.person_id in newest]
