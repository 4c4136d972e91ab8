"""Write a consent down, have it signed, take it back; and the one question the gate of disclosures asks of it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import or_, select

from intake import crypto
from intake.actor import STAFF, Actor, Role, system
from intake.audit import service as audit
from intake.clock import db_now
from intake.consents import binding, scope, texts
from intake.consents.models import Consent, ConsentKind, ConsentState
from intake.consents.wanted import Wanted
from intake.db import db, new_id
from intake.errors import AlreadyDone, Missing, NotPermitted, RuleBroken
from intake.people import service as people
from intake.people.models import Person

GONE = "There is no such consent."
# One of these kinds is enough; a newly signed one takes the place of the one before.
ONE_OF_A_KIND = frozenset({ConsentKind.TREATMENT, ConsentKind.TELEHEALTH, ConsentKind.MESSAGES})


@dataclass(frozen=True)
class Signature:
    """Who signed, how and when; `guardian` names who signs for the person, and as what."""

    how: str
    name: str
    at: datetime
    guardian: str = ""


def _must(actor: Actor) -> None:
    if not actor.may(*STAFF, Role.PRIVACY):
        raise NotPermitted("Your role does not include consents.")


def _seal(row: Consent, column: str, text: str) -> bytes | None:
    return crypto.seal(text, key_of=row.person_id, at=f"consent.{column}", row=row.id) if text else None


def draft(person: Person, wanted: Wanted, *, actor: Actor, now: datetime) -> Consent:
    """Write down what a person shall sign; it counts for nothing until signed.

    Raises:
        NotPermitted. RuleBroken: an element is missing, wider than allowed, or ends in the past.
    """
    _must(actor)
    wrong = _problems(wanted, now)
    if wrong:
        raise RuleBroken("This consent would not be complete.", code="INCOMPLETE", fields=wrong)
    form = form_of(wanted.kind, wanted.purpose, bound=wanted.bound)
    version = texts.newest(form, wanted.language)
    row = Consent(
        id=new_id(), person_id=person.id, kind=wanted.kind, state=ConsentState.DRAFT, discloser=wanted.discloser,
        recipient_kind=wanted.recipient_kind, description=scope.parts_in_order(wanted.parts), purpose=wanted.purpose,
        text_version=version, text_hash=texts.digest(form, version),
        notice_version=texts.NOTICE_VERSION, expires_at=wanted.expires_at, bound_until=wanted.bound_until,
        replaces=wanted.replaces, created_at=now, created_by=actor.id,
    )  # fmt: skip
    row.bound_event = _seal(row, "bound_event", wanted.bound_event)
    row.recipient = _seal(row, "recipient", wanted.recipient)
    row.purpose_words = _seal(row, "purpose_words", wanted.purpose_words)
    row.end_event = _seal(row, "end_event", wanted.end_event)
    db.session.add(row)
    db.session.flush()
    audit.record(
        actor=actor, verb="drafted", record="consent", record_id=row.id, site_id=person.site_id, purpose=row.kind.value,
        now=now,
    )  # fmt: skip
    return row


def form_of(kind: ConsentKind, purpose: str, *, bound: bool = False) -> str:
    """Which form of `texts` a consent is written on; one that is `bound` says until when."""
    if bound:
        return "court"
    return "tpo" if kind is ConsentKind.DISCLOSURE and purpose == "tpo" else kind.value


def _problems(wanted: Wanted, now: datetime) -> dict[str, str]:
    wrong: dict[str, str] = {}
    if not wanted.discloser:
        wrong["discloser"] = "Say who may give the facts."
    if wanted.expires_at is None and not wanted.end_event:
        wrong["ends_on"] = "Say when it ends: a day, or what has to happen."
    if wanted.expires_at is not None and wanted.expires_at <= now:
        wrong["ends_on"] = "The end must be still to come."
    wrong |= binding.problems(wanted)
    if wanted.kind is not ConsentKind.DISCLOSURE:
        return wrong
    if not wanted.parts:
        wrong["parts"] = "Tick which facts may go out."
    elif scope.NOTES in wanted.parts and len(wanted.parts) > 1:
        wrong["parts"] = "Notes of the staff need a consent of their own. Leave them out here."
    elif wanted.purpose == "family" and not set(wanted.parts) <= scope.FAMILY_PARTS:
        wrong["parts"] = "Family can be told that care happens, visits, and how it ended; nothing else."
    if wanted.purpose not in scope.PURPOSES:
        wrong["purpose"] = "Say what it is for."
    elif wanted.purpose == "other" and not wanted.purpose_words:
        wrong["purpose_words"] = "Say what it is for."
    if wanted.recipient_kind == "tpo" and wanted.purpose != "tpo":
        wrong["recipient_kind"] = "Name one person or place for this purpose."
    elif wanted.recipient_kind == "named" and not wanted.recipient:
        wrong["recipient"] = "Name the person or place who gets the facts."
    return wrong


def locked(consent_id: int, actor: Actor) -> Consent:
    """A consent of the actor's center, locked until the transaction ends.

    Raises:
        Missing: none here.
    """
    row = db.session.scalar(
        select(Consent)
        .join(Person, Person.id == Consent.person_id)
        .where(Consent.id == consent_id, Person.site_id == actor.site_id)
        .with_for_update(of=Consent)
        .execution_options(populate_existing=True)
    )
    if row is None:
        raise Missing(GONE)
    return row


def sign(consent_id: int, signature: Signature, *, actor: Actor, now: datetime) -> Consent:
    """The person, or who may sign for them, signed: from now on the consent counts, and never changes again.

    Raises:
        Missing, NotPermitted. AlreadyDone: signed, or at an end. RuleBroken: no name, no way, or a day to come.
    """
    _must(actor)
    row = locked(consent_id, actor)
    if row.state is not ConsentState.DRAFT:
        raise AlreadyDone(f"This consent is {row.state.value} already.", code="CONSENT_STATE")
    wrong = {}
    if signature.how not in scope.SIGNED:
        wrong["signed_how"] = "Say how it was signed."
    if not signature.name:
        wrong["signed_name"] = "Type the name as it was signed."
    if signature.at > now:
        wrong["signed_on"] = "The day of the signature cannot be still to come."
    if wrong:
        raise RuleBroken("The signature is not complete.", code="SIGNATURE", fields=wrong)
    if row.expires_at is not None and row.expires_at <= now:
        raise RuleBroken("This consent would have ended already. Write a new one.", code="PAST")
    row.signed_name, row.guardian = (
        _seal(row, "signed_name", signature.name),
        _seal(row, "guardian", signature.guardian),
    )
    row.signed_at, row.signed_how, row.state = signature.at, signature.how, ConsentState.ACTIVE
    db.session.flush()
    _supersede(row, actor, now)
    audit.record(
        actor=actor, verb="consented", record="consent", record_id=row.id, changed=("state", "signed_at"),
        before={"state": ConsentState.DRAFT}, after={"state": row.state}, purpose=row.kind.value, now=now,
    )  # fmt: skip
    return row


def _supersede(row: Consent, actor: Actor, now: datetime) -> None:
    same = Consent.id == (row.replaces or 0)
    if row.kind in ONE_OF_A_KIND:
        same = or_(same, Consent.kind == row.kind)
    older = db.session.scalars(
        select(Consent)
        .where(
            Consent.person_id == row.person_id,
            Consent.id != row.id,
            Consent.state == ConsentState.ACTIVE,
            same,
            ~binding.HELD,
        )
        .with_for_update()
    ).all()
    for each in older:
        each.state, each.ended_at = ConsentState.SUPERSEDED, now
        audit.record(actor=actor, verb="superseded", record="consent", record_id=each.id, changed=("state",), now=now)


def revoke(
    consent_id: int, *, how: str, actor: Actor, now: datetime, case_id: int | None = None, version: int | None = None
) -> Consent:
    """Take a consent back, from the next request on; mail that relied on it is cancelled in the same commit.

    With `case_id` the entry stands in the chain of that case, in the one order of all that happened to it.

    Raises:
        Missing, NotPermitted. AlreadyDone: it has ended, or changed since `version`. RuleBroken: not said how; BOUND,
        a condition of a criminal case whose time has not come (42 CFR 2.35).
    """
    _must(actor)
    if how not in scope.REVOKED:
        raise RuleBroken("Say how it was taken back.", code="REVOKED", fields={"revoked_how": "Pick one."})
    row = locked(consent_id, actor)
    if row.state is not ConsentState.ACTIVE or (version is not None and row.version != version):
        raise AlreadyDone(f"This consent is {row.state.value} now.", code="CONSENT_STATE")
    binding.refuse(row, now)
    row.state, row.revoked_at, row.revoked_by, row.revoked_how = ConsentState.REVOKED, now, actor.id, how
    if row.kind is ConsentKind.MESSAGES:
        people.withdraw_mail(row.person_id, actor=actor, now=now)
    audit.record(
        actor=actor, verb="revoked", record="consent", record_id=row.id, case_id=case_id, changed=("state",),
        before={"state": ConsentState.ACTIVE}, after={"state": row.state}, purpose=how, now=now,
    )  # fmt: skip
    return row


def end(consent_id: int, *, actor: Actor, now: datetime) -> Consent:
    """Record that the event came at which a consent ends.

    Raises:
        Missing, NotPermitted. AlreadyDone: it has ended. RuleBroken: it ends on a day, not by an event.
    """
    _must(actor)
    row = locked(consent_id, actor)
    if row.state is not ConsentState.ACTIVE:
        raise AlreadyDone(f"This consent is {row.state.value} now.", code="CONSENT_STATE")
    if row.end_event is None:
        raise RuleBroken("This consent ends on its day. Take it back instead.", code="NO_EVENT")
    _expired(row, actor, now)
    return row


def _expired(row: Consent, actor: Actor, now: datetime) -> None:
    row.state, row.ended_at = ConsentState.EXPIRED, now
    if row.kind is ConsentKind.MESSAGES:
        people.withdraw_mail(row.person_id, actor=actor, now=now)
    audit.record(
        actor=actor, verb="expired", record="consent", record_id=row.id, changed=("state",), purpose=row.kind.value,
        now=now,
    )  # fmt: skip


def discard(consent_id: int, *, actor: Actor, now: datetime) -> None:
    """Throw away a draft nobody signed.

    Raises:
        Missing, NotPermitted. AlreadyDone: it was signed.
    """
    _must(actor)
    row = locked(consent_id, actor)
    if row.state is not ConsentState.DRAFT:
        raise AlreadyDone("A signed consent is kept. Take it back instead.", code="CONSENT_STATE")
    db.session.delete(row)
    audit.record(actor=actor, verb="discarded", record="consent", record_id=row.id, now=now)


def expire(*, now: datetime, limit: int = 500) -> int:
    """Mark consents past their day as expired (an upkeep job); the gate compares the day itself and waits for nobody.

    Returns how many were new.
    """
    rows = db.session.execute(
        select(Consent, Person.site_id)
        .join(Person, Person.id == Consent.person_id)
        .where(Consent.state == ConsentState.ACTIVE, Consent.expires_at <= db_now())
        .order_by(Consent.expires_at, Consent.id)
        .limit(limit)
        .with_for_update(of=Consent)
    ).all()
    for row, site_id in rows:
        _expired(row, system(site_id), now)
    return len(rows)


def why_not(
    consent_id: int, *, person_ids: Collection[int], parts: Collection[str], purpose: str, recipient: str
) -> tuple[str, Consent | None]:
    """Why a consent does not carry a disclosure: "" when it does, else a code; with the consent, locked.

    The lock is kept until the caller's transaction ends, so a disclosure and a revocation have one strict order. The
    day of expiry is compared on the database's clock. Codes: no_consent, unsigned, revoked, expired, superseded,
    incomplete, wider, other_purpose, no_recipient.
    """
    found = db.session.execute(
        select(Consent, (Consent.expires_at <= db_now()).label("over"))
        .where(Consent.id == consent_id, Consent.person_id.in_(person_ids))
        .with_for_update(of=Consent)
        .execution_options(populate_existing=True)
    ).one_or_none()
    if found is None:
        return "no_consent", None
    row = found[0]
    ended = {
        ConsentState.DRAFT: "unsigned",
        ConsentState.REVOKED: "revoked",
        ConsentState.EXPIRED: "expired",
        ConsentState.SUPERSEDED: "superseded",
    }
    if row.state in ended:
        return ended[row.state], row
    if found.over:
        return "expired", row
    if row.kind is not ConsentKind.DISCLOSURE or not _complete(row):
        return "incomplete", row
    if not parts or not set(parts) <= set(row.description):
        return "wider", row
    if purpose != row.purpose:
        return "other_purpose", row
    return ("no_recipient" if row.recipient_kind == "tpo" and not recipient else ""), row


def _complete(row: Consent) -> bool:
    """Every element of 2.31 is there."""
    to_whom = row.recipient is not None or row.recipient_kind == "tpo"
    ends = row.expires_at is not None or row.end_event is not None
    signed = row.signed_at is not None and row.signed_name is not None and row.signed_how in scope.SIGNED
    return bool(row.discloser and to_whom and row.description and row.purpose and ends and signed and row.text_version)
