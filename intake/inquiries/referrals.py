"""Referrals in: received, acknowledged, what is missing named, answered within the clock (flow C)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select

from intake import crypto
from intake.actor import CARE, Actor, Role
from intake.audit import service as audit
from intake.db import db, new_id
from intake.errors import AlreadyDone, Missing, NotPermitted, RuleBroken
from intake.inquiries import answers as a
from intake.inquiries import first_contact, referral_values, referring_out, service
from intake.inquiries.models import Channel, Inquiry, Referral
from intake.people import queries as people
from intake.settings import queries as settings
from intake.settings.models import Site
from intake.tasks import service as tasks

REPLY = "referral_reply"
ASK_AGAIN, ASK_SOON = timedelta(days=1), timedelta(hours=4)
FINAL = frozenset({"accepted", "declined"})
BY_DECISION = {"accept": "accepted", "refer": "declined", "decline": "declined", "ask_more": "need_more"}
# With these grounds the sender may hear what became of it; with the others a person calls.
TELLS_ANSWER = frozenset({"consent", "court_order"})
DECLINE_CODES: referral_values.Options = (
    ("no_place", "No place in time"),
    ("higher_level_needed", "Needs a higher level of care"),
    ("not_treated_here", "Nothing we treat"),
    ("outside_age", "Outside our age range"),
    ("legal_hold", "A legal hold prevents it"),
    ("person_declined", "The person decided against it"),
    ("other_program", "Another program fits better"),
)


@dataclass(frozen=True)
class Opened:
    """A referral with its seals opened."""

    row: Referral
    told: dict[str, Any]
    words: str


def body_digest(body: bytes) -> bytes:
    """What tells two bodies apart."""
    return hashlib.sha256(body).digest()


def receive(
    told: Mapping[str, Any],
    *,
    site: Site,
    actor: Actor,
    now: datetime,
    locale: str = "en",
    client_id: int | None = None,
    key: str | None = None,
    digest: bytes = b"",
) -> tuple[Referral, bool]:
    """Write the inquiry and its referral; True when it is new. The same `key` with the same body finds the first.

    Raises:
        AlreadyDone: the key was used with another body.
    """
    if key is not None:
        known = db.session.scalar(
            select(Referral).join(Inquiry, Inquiry.id == Referral.inquiry_id).where(Inquiry.idempotency_key == key)
        )
        if known is not None:
            if known.body_digest != digest:
                raise AlreadyDone("This Idempotency-Key was used with another body.", code="KEY_REUSED")
            return known, False
    inquiry = service.receive(
        referral_values.values(told, locale=locale), channel=Channel.REFERRAL, actor=actor, now=now, site=site, key=key
    )
    row = Referral(
        id=new_id(), site_id=site.id, inquiry_id=inquiry.id, client_id=client_id, body_digest=digest,
        source=told["source"], legal_basis=told["legal_basis"], missing=referral_values.missing(told),
        reply_due_at=inquiry.first_contact_due_at, acknowledged_at=now, created_at=now, created_by=actor.id,
    )  # fmt: skip
    text = json.dumps(dict(told), sort_keys=True)
    row.content = crypto.seal(text, key_of=inquiry.person_id, at="referral.content", row=row.id)
    db.session.add(row)
    db.session.flush()
    tasks.owe(
        site_id=site.id, kind=REPLY, key=f"{REPLY}:{inquiry.id}", role=Role.ADMISSIONS, due_at=row.reply_due_at,
        cause="referral", inquiry_id=inquiry.id, actor=actor, now=now,
    )  # fmt: skip
    audit.record(
        actor=actor, verb="received", record="referral", record_id=row.id, site_id=site.id, purpose=row.source, now=now
    )
    audit.tell(
        kind="referral_received", actor=actor, inquiry_id=inquiry.id, now=now,
        params={"source": row.source, "missing": row.missing},
    )  # fmt: skip
    return row, True


def of_inquiry(inquiry_id: int) -> Opened | None:
    """The referral of an inquiry, opened; None when nobody referred."""
    row = db.session.scalar(select(Referral).where(Referral.inquiry_id == inquiry_id))
    if row is None:
        return None
    text = crypto.open_(row.content, at="referral.content", row=row.id)
    told = json.loads(text) if text and text != crypto.ERASED else {}
    return Opened(row, told, crypto.open_(row.answer_words, at="referral.answer_words", row=row.id))


def of_client(referral_id: int, *, client_id: int, site_id: int) -> Referral:
    """A referral for the system that sent it.

    Raises:
        Missing: none that this system sent.
    """
    row = db.session.scalar(
        select(Referral).where(Referral.id == referral_id, Referral.client_id == client_id, Referral.site_id == site_id)
    )
    if row is None:
        raise Missing("There is no such referral.")
    return row


def reference(row: Referral) -> str:
    """The number both sides use."""
    found: str = db.session.scalars(select(Inquiry.reference).where(Inquiry.id == row.inquiry_id)).one()
    return found


def answer(inquiry_id: int, *, answer: str, code: str, words: str, actor: Actor, now: datetime) -> Referral:
    """Record the answer that the referrer was given: accepted, declined with a coded reason, or what is needed first.

    A decline owes a question after 7 days what became of the person; "need more" leaves the reply owed for a day.

    Raises:
        Missing: no referral here. NotPermitted: only care staff accept or decline. AlreadyDone: it was answered.
        RuleBroken: an unknown answer, no reason, or nothing asked for (by field).
    """
    row = db.session.scalar(
        select(Referral).where(Referral.inquiry_id == inquiry_id, Referral.site_id == actor.site_id).with_for_update()
    )
    if row is None:
        raise Missing("Nobody referred this person.")
    _check(answer, code, words)
    if answer != "need_more" and not actor.may(*CARE):
        raise NotPermitted("Only clinicians accept or decline a referral.")
    if row.answer in FINAL:
        raise AlreadyDone("This referral was answered before.")
    inquiry = db.session.get_one(Inquiry, inquiry_id)
    _answered(row, inquiry, answer, code, words, actor, now)
    if answer == "declined":
        referring_out.send_on(inquiry, cause="referral_declined", places=words, actor=actor, now=now)
    return row


def answered_by_decision(
    inquiry: Inquiry, *, decision: str, code: str, words: str, actor: Actor, now: datetime
) -> Referral | None:
    """The referrer heard the decision on the case: that is the answer to the referral, if it had none yet."""
    row = db.session.scalar(select(Referral).where(Referral.inquiry_id == inquiry.id).with_for_update())
    if row is None or row.answer in FINAL:
        return None
    known = code if code in a.codes(DECLINE_CODES) else "other_program"
    _answered(row, inquiry, BY_DECISION[decision], known, words, actor, now)
    return row


def _answered(row: Referral, inquiry: Inquiry, answer: str, code: str, words: str, actor: Actor, now: datetime) -> None:
    row.answer, row.answer_code = answer, code if answer == "declined" else ""
    row.answered_at, row.answered_by = now, actor.id
    if words:
        row.answer_words = crypto.seal(words, key_of=inquiry.person_id, at="referral.answer_words", row=row.id)
    first_contact.meet(inquiry, actor=actor, now=now)
    tasks.cancel(f"{REPLY}:{inquiry.id}", site_id=row.site_id, reason=answer, actor=actor, now=now)
    if answer == "need_more":
        _owe_reply(row, now + ASK_AGAIN, actor, now)
    audit.record(
        actor=actor, verb="answered", record="referral", record_id=row.id, purpose=answer,
        after={"code": row.answer_code}, now=now,
    )  # fmt: skip
    audit.tell(
        kind="referral_answered", actor=actor, inquiry_id=inquiry.id,
        params={"answer": answer, "code": row.answer_code}, now=now, words=words, words_key_of=inquiry.person_id,
    )  # fmt: skip


def _check(answer: str, code: str, words: str) -> None:
    wrong: dict[str, str] = {}
    if answer not in a.codes(referral_values.ANSWERS):
        wrong["answer"] = "Pick what the referrer was told."
    if answer == "declined" and code not in a.codes(DECLINE_CODES):
        wrong["answer_code"] = "Pick the reason."
    if answer == "need_more" and not words.strip():
        wrong["answer_words"] = "Say what is needed."
    if answer == "declined" and code != "person_declined" and not words.strip():
        wrong["answer_words"] = "Name other places, or say why there is none."
    if wrong:
        raise RuleBroken("This answer is not complete.", code="REFERRAL_ANSWER", fields=wrong)


def _owe_reply(row: Referral, due_at: datetime, actor: Actor, now: datetime) -> None:
    tasks.owe(
        site_id=row.site_id, kind=REPLY, key=f"{REPLY}:{row.inquiry_id}", role=Role.ADMISSIONS, due_at=due_at,
        cause="referral_need_more", inquiry_id=row.inquiry_id, actor=actor, now=now,
    )  # fmt: skip


def add(inquiry_id: int, told: Mapping[str, Any], *, actor: Actor, now: datetime) -> Referral:
    """Fill in what was missing, as the referrer told it later; what was told before stays.

    A sign of danger told only now opens the case at once. Once nothing is missing, the answer is due within hours.

    Raises:
        Missing: no referral here.
    """
    opened = of_inquiry(inquiry_id)
    if opened is None or opened.row.site_id != actor.site_id:
        raise Missing("Nobody referred this person.")
    row = opened.row
    whole = {**opened.told, **{name: value for name, value in told.items() if value and not opened.told.get(name)}}
    before, row.missing = row.missing, referral_values.missing(whole)
    site, locale = settings.site(row.site_id), people.locale_of(db.session.get_one(Inquiry, inquiry_id).inquirer_id)
    values = referral_values.values(whole, locale=locale)
    inquiry = service.complete(inquiry_id, values, actor=actor, now=now, site=site)
    text = json.dumps(whole, sort_keys=True)
    row.content = crypto.seal(text, key_of=inquiry.person_id, at="referral.content", row=row.id)
    audit.record(
        actor=actor, verb="completed", record="referral", record_id=row.id,
        changed=sorted(set(before) - set(row.missing)), now=now,
    )  # fmt: skip
    audit.tell(kind="referral_completed", actor=actor, inquiry_id=inquiry_id, params={"missing": row.missing}, now=now)
    if before and not row.missing and row.answer == "need_more":
        _owe_reply(row, now + ASK_SOON, actor, now)
    return row


def bind_consent(referral_id: int, *, consent_id: int, case_id: int, actor: Actor, now: datetime) -> Referral:
    """Say under which consent the sender may hear more; whether it counts is asked by the gate each time."""
    row = db.session.scalars(select(Referral).where(Referral.id == referral_id).with_for_update()).one()
    row.consent_id = consent_id
    audit.record(
        actor=actor, verb="consent_bound", record="referral", record_id=row.id, case_id=case_id, site_id=row.site_id,
        now=now,
    )  # fmt: skip
    return row
