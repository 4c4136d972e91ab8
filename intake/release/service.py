"""The gate: the one way by which anything about a case goes out to somebody else (42 CFR 2.31 to 2.33, 2.51 to 2.67).

Two steps, each in a transaction of its own that the caller opens. `authorize` locks the consent, checks it or the
legal ground, and writes the disclosure with its audit entry, also when it refuses. `hand_out` locks and checks again,
reads no more than the scope, and marks the disclosure as delivered. Bytes leave only after the second commit, so of a
disclosure and a revocation one is strictly first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select

from intake import crypto
from intake.actor import STAFF, Actor, Role
from intake.audit import service as audit
from intake.cases import queries as cases
from intake.cases.models import Case
from intake.clock import db_now
from intake.consents import queries as consent_views
from intake.consents import scope, texts
from intake.consents import service as consents
from intake.consents.models import Consent, Disclosure, DisclosureState
from intake.db import db, new_id, transaction
from intake.errors import Missing, NotPermitted
from intake.people import queries as people
from intake.people.models import Person
from intake.release import record
from intake.settings import queries as settings
from intake.tasks import service as tasks

# A copy can be fetched, or printed once more, for so long after it was allowed.
COPY_FOR = timedelta(minutes=30)
# Another system asks again and again; the same facts go out under one disclosure for so long.
API_FOR = timedelta(days=1)
REVIEW_HOURS = 24
WAYS = ("print", "json", "csv", "api", "email", "spoken")
GONE = "There is no such disclosure."
S = DisclosureState

WHY: dict[str, str] = {
    "no_basis": "A copy needs the person's consent or a legal ground.",
    "no_consent": "There is no such consent of this person.",
    "unsigned": "The consent was never signed.",
    "revoked": "The person took the consent back.",
    "expired": "The consent has ended.",
    "superseded": "A newer consent took the place of this one.",
    "incomplete": "The consent lacks something the law asks for.",
    "wider": "This is more than the consent names.",
    "other_purpose": "The consent was given for another purpose.",
    "no_recipient": "Name the person or place who gets the copy.",
    "unknown_ground": "There is no such legal ground.",
    "role": "Your role may not use this legal ground.",
    "no_facts": "Write down the facts that make this legal ground hold.",
    "no_affiliation": "Say where the one who gets the copy works.",
    "nothing": "Pick which facts go out.",
    "too_late": "The time to fetch this copy is over. Ask for it again.",
    "not_yours": "Only the one who asked for a copy can fetch it.",
    "refused": "This copy was refused.",
    "not_reached": "Nobody was reached, so nothing was told.",
}


@dataclass(frozen=True)
class Ask:
    """What shall go out, to whom and why. With a consent its purpose and recipient count, not typed ones."""

    parts: Sequence[str]
    consent_id: int | None = None
    ground: str = ""
    recipient: str = ""
    affiliation: str = ""
    facts: str = ""
    way: str = "print"


@dataclass(frozen=True)
class Copy:
    """A copy as it leaves: facts within the scope, why it may leave, the notice of 2.32, and who gave it to whom."""

    number: int
    reference: str
    person: str
    center: str
    recipient: str
    affiliation: str
    purpose: str
    basis: str
    consent_text: str
    notice: str
    notice_version: str
    sections: Sequence[record.Section]
    by: str
    at: datetime


@dataclass(frozen=True)
class Handed:
    """A copy, or why there is none."""

    copy: Copy | None
    why: str = ""


def case_for(actor: Actor, case_id: int) -> Case:
    """The case of an id, for staff who may read it and for the privacy officer of its center.

    Raises:
        Missing: none, of another center, or restricted; all read the same.
    """
    if actor.may(*STAFF):
        return cases.readable(actor, case_id)
    row = db.session.get(Case, case_id)
    if row is None or row.site_id != actor.site_id or actor.role is not Role.PRIVACY:
        raise Missing(cases.GONE)
    return row


def authorize(case_id: int, ask: Ask, *, actor: Actor, now: datetime) -> Disclosure:
    """Decide whether a copy may leave, and write it down either way; the row's state says what came of it.

    Nothing of the record is read here. A legal ground owes the privacy officer a look.

    Raises:
        Missing: no case the actor may read. NotPermitted: the role gives out nothing.
    """
    if not actor.may(*STAFF, Role.PRIVACY):
        raise NotPermitted("Your role does not give out copies.")
    case = case_for(actor, case_id)
    parts = scope.parts_in_order(ask.parts)
    why, consent = _judge(case, ask, parts, actor)
    purpose = consent.purpose if consent is not None else ask.ground
    row = Disclosure(
        id=new_id(), site_id=case.site_id, case_id=case.id, consent_id=consent.id if consent else None,
        legal_ground="" if consent is not None else ask.ground[:40], purpose=purpose, scope=parts, way=ask.way,
        actor_id=actor.id, actor_name=actor.name, at=now, notice_version=texts.NOTICE_VERSION,
        state=S.REFUSED if why else S.AUTHORIZED, reason=why, created_at=now, created_by=actor.id,
    )  # fmt: skip
    # A consent that names somebody lets nobody else have it, whatever was typed.
    recipient = _recipient(consent) or ask.recipient
    for column, text in (("recipient", recipient), ("affiliation", ask.affiliation), ("facts", ask.facts)):
        if text:
            setattr(row, column, crypto.seal(text, key_of=case.person_id, at=f"disclosure.{column}", row=row.id))
    db.session.add(row)
    db.session.flush()
    audit.record(
        actor=actor, verb="denied" if why else "disclosed", record="disclosure", record_id=row.id, site_id=case.site_id,
        case_id=case.id, purpose=why or purpose, after={"parts": parts}, now=now,
    )  # fmt: skip
    if not why:
        _tell(case, row, recipient, actor, now)
    return row


def _recipient(consent: Consent | None) -> str:
    return "" if consent is None else crypto.open_(consent.recipient, at="consent.recipient", row=consent.id)


def _judge(case: Case, ask: Ask, parts: Sequence[str], actor: Actor) -> tuple[str, Consent | None]:
    if ask.consent_id is None:
        return (_judge_ground(ask, parts, actor) if ask.ground else "no_basis"), None
    found = db.session.get(Consent, ask.consent_id)
    purpose = found.purpose if found is not None else ""
    why, consent = consents.why_not(
        ask.consent_id, person_ids=(case.person_id,), parts=parts, purpose=purpose, recipient=ask.recipient
    )
    return why, consent


def _judge_ground(ask: Ask, parts: Sequence[str], actor: Actor) -> str:
    ground = scope.GROUNDS.get(ask.ground)
    if ground is None:
        return "unknown_ground"
    if not actor.may(*ground.roles):
        return "role"
    if not ask.recipient:
        return "no_recipient"
    if not ask.affiliation:
        return "no_affiliation"
    if not ask.facts:
        return "no_facts"
    if not parts:
        return "nothing"
    return "" if set(parts) <= ground.parts else "wider"


def _tell(case: Case, row: Disclosure, recipient: str, actor: Actor, now: datetime) -> None:
    audit.tell(
        kind="disclosed", actor=actor, now=now, case_id=case.id, params={"purpose": row.purpose}, words=recipient,
        words_key_of=case.person_id,
    )  # fmt: skip
    if row.legal_ground:
        tasks.owe(
            site_id=case.site_id, kind="review_disclosure", key=f"review_disclosure:{row.id}", role=Role.PRIVACY,
            due_at=now + timedelta(hours=REVIEW_HOURS), cause=row.legal_ground, case_id=case.id, actor=actor, now=now,
        )  # fmt: skip


def hand_out(disclosure_id: int, *, way: str, actor: Actor, now: datetime) -> Handed:
    """Check once more and read the copy of an allowed disclosure; send the bytes only after this has committed.

    A consent that was taken back, or ended, since it was allowed gives nothing: the row becomes failed.

    Raises:
        Missing: no such disclosure that the actor may see. ValueError: an unknown way.
    """
    if way not in WAYS:
        raise ValueError(f"no way called {way}")
    row = db.session.scalar(
        select(Disclosure)
        .where(Disclosure.id == disclosure_id, Disclosure.site_id == actor.site_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if row is None:
        raise Missing(GONE)
    case = case_for(actor, row.case_id)
    why, consent = _still(row, case, actor)
    if why:
        if row.state is S.AUTHORIZED and why != "not_yours":
            row.state, row.reason = S.FAILED, why
        audit.record(
            actor=actor, verb="denied", record="disclosure", record_id=row.id, case_id=case.id, purpose=why, now=now
        )
        return Handed(None, why)
    if row.state is S.AUTHORIZED:
        row.state, row.delivered_at = S.DELIVERED, now
    row.way = way
    copy = _read(row, case, consent, actor, now)
    audit.record(
        actor=actor, verb="released", record="disclosure", record_id=row.id, case_id=case.id, purpose=way, now=now
    )
    return Handed(copy)


def _still(row: Disclosure, case: Case, actor: Actor) -> tuple[str, Consent | None]:
    if row.actor_id != actor.id:
        return "not_yours", None
    if row.state in (S.REFUSED, S.FAILED):
        return row.reason or "refused", None
    length = API_FOR if row.way == "api" else COPY_FOR
    old = db.session.scalar(select((Disclosure.at < db_now(-length)).label("old")).where(Disclosure.id == row.id))
    if old:
        return "too_late", None
    if row.consent_id is None:
        return "", None
    named = crypto.open_(row.recipient, at="disclosure.recipient", row=row.id)
    return consents.why_not(
        row.consent_id, person_ids=(case.person_id,), parts=row.scope, purpose=row.purpose, recipient=named
    )


def _read(row: Disclosure, case: Case, consent: Consent | None, actor: Actor, now: datetime) -> Copy:
    site = settings.site(case.site_id)
    zone = settings.zone(site)
    person = people.opened(db.session.get_one(Person, case.person_id))
    basis, text, purpose = _basis(row, consent)
    if consent is not None:
        view = consent_views.opened(consent, zone)
        text, purpose = view.text, view.purpose
        signed = view.signed_at.astimezone(zone).strftime("%B %-d, %Y") if view.signed_at else ""
        basis = f"With the person's consent, signed {signed}, until {view.end}."
    return Copy(
        number=row.id, reference=cases.reference(case), person=person.legal_name or person.name, center=site.name,
        recipient=crypto.open_(row.recipient, at="disclosure.recipient", row=row.id),
        affiliation=crypto.open_(row.affiliation, at="disclosure.affiliation", row=row.id), purpose=purpose,
        basis=basis, consent_text=text, notice=texts.notice(row.notice_version), notice_version=row.notice_version,
        sections=record.sections(case, row.scope, zone), by=actor.name, at=now,
    )  # fmt: skip


def _basis(row: Disclosure, consent: Consent | None) -> tuple[str, str, str]:
    if consent is not None:
        return "", "", ""
    ground = scope.GROUNDS[row.legal_ground]
    facts = crypto.open_(row.facts, at="disclosure.facts", row=row.id)
    return f"Without consent, under 42 CFR {ground.rule}: {facts}", "", str(ground.words)


def outward(case_id: int, ask: Ask, *, actor: Actor, now: datetime) -> Copy:
    """The whole way for a program (an API answer, a queued export, a mail with content): both steps, both commits.

    Raises:
        Missing: no case the actor may read. NotPermitted: refused; the refusal is written down already.
    """
    with transaction():
        row = authorize(case_id, ask, actor=actor, now=now)
    if row.state is not S.AUTHORIZED:
        raise NotPermitted(WHY[row.reason], code=row.reason)
    with transaction():
        handed = hand_out(row.id, way=ask.way, actor=actor, now=now)
    if handed.copy is None:
        raise NotPermitted(WHY[handed.why], code=handed.why)
    return handed.copy
