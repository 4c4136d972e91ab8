"""The sender of a referral as a target of the gate: by staff in words, and by the interface for other systems.

What the sender hears after the answer is what the person's consent to that sender names, and nothing without one
(product.md, flow C5).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import select

from intake.actor import Actor, system
from intake.cases.models import Case
from intake.cases.stays import REFERRER_TASK
from intake.clock import db_now
from intake.consents import scope
from intake.consents import service as consents
from intake.consents.models import Consent, Disclosure, DisclosureState
from intake.db import db, transaction
from intake.errors import Missing
from intake.inquiries import answers as a
from intake.inquiries import referral_values, referrals
from intake.inquiries.models import Referral
from intake.inquiries.referrals import Opened
from intake.people.queries import shown_phone
from intake.release import service, written
from intake.release.service import API_FOR, Ask
from intake.release.telling import IN_PERSON, Target

WIDEST = frozenset(scope.PARTS) - {scope.NOTES}
LEGAL = frozenset({"court", "prison"})
API = "api"
NOTHING = frozenset({DisclosureState.REFUSED, DisclosureState.FAILED})


def referral_of(case: Case) -> Opened | None:
    """The referral that a case came from, opened; None when nobody referred."""
    return referrals.of_inquiry(case.opened_from)


def target_of(case_id: int, found: Opened) -> Target:
    """The sender as somebody to tell, by the line they gave us to call back on."""
    told, line = found.told, str(found.told.get("call_back", ""))
    who = ", ".join(str(told.get(name, "")) for name in ("referrer_name", "organisation") if told.get(name))
    return Target(
        name=who, affiliation=a.label(referral_values.SOURCES, found.row.source).lower(),
        purpose="legal" if found.row.source in LEGAL else "treatment", consent_id=found.row.consent_id, widest=WIDEST,
        ways=[*([("call_back", shown_phone(line))] if line else []), (IN_PERSON, "")], told="referrer_told",
        ends=f"{REFERRER_TASK}:{case_id}",
    )  # fmt: skip


def told_by_api(referral_id: int, *, by: str, now: datetime) -> Mapping[str, Any] | None:
    """What the system that sent a referral may read now, through the gate; None without a consent that carries it.

    What was allowed is handed out again for a day, each time looked at anew; a refusal is written down once a day.
    """
    with transaction():
        asked = _ask(db.session.get_one(Referral, referral_id), by)
        if asked is None:
            return None
        case, ask = asked
        actor = system(case.site_id)
        before = _before(case.id, ask)
        if before is not None and before.state in NOTHING:
            # It stands as long as it is so; once a day it is written down anew.
            if _why_not(case, ask):
                return None
            before = None
        if before is None:
            try:
                before = service.authorize(case.id, ask, actor=actor, now=now)
            except Missing:
                return None
        state, disclosure_id = before.state, before.id
    if state in NOTHING:
        return None
    return _handed(disclosure_id, actor, now)


def _ask(row: Referral, by: str) -> tuple[Case, Ask] | None:
    case = db.session.scalar(select(Case).where(Case.opened_from == row.inquiry_id))
    consent = db.session.get(Consent, row.consent_id) if row.consent_id is not None else None
    found = referrals.of_inquiry(row.inquiry_id)
    if case is None or consent is None or found is None or case.restricted:
        return None
    parts = [code for code in scope.parts_in_order(consent.description) if code in WIDEST]
    return case, Ask(parts, consent_id=consent.id, recipient=target_of(case.id, found).name, affiliation=by, way=API)


def _before(case_id: int, ask: Ask) -> Disclosure | None:
    """What was decided in the last day about the same consent, facts included; a refusal stands as long as it is so."""
    rows = db.session.scalars(
        select(Disclosure)
        .where(
            Disclosure.case_id == case_id,
            Disclosure.consent_id == ask.consent_id,
            Disclosure.actor_id == 0,
            Disclosure.way == API,
            Disclosure.at > db_now(-API_FOR),
        )
        .order_by(Disclosure.at.desc(), Disclosure.id)
    )
    return next((row for row in rows if row.scope == list(ask.parts)), None)


def _why_not(case: Case, ask: Ask) -> str:
    consent = db.session.get_one(Consent, ask.consent_id)
    why, _row = consents.why_not(
        consent.id, person_ids=(case.person_id,), parts=ask.parts, purpose=consent.purpose, recipient=ask.recipient
    )
    return why


def _handed(disclosure_id: int, actor: Actor, now: datetime) -> Mapping[str, Any] | None:
    with transaction():
        handed = service.hand_out(disclosure_id, way=API, actor=actor, now=now)
    return written.as_dict(handed.copy) if handed.copy is not None else None
