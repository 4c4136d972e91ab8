"""Passkeys: a key in a person's device proves the second step; here are its public half and a name for it.

A challenge is made for one session, kept in its row and good once. The address people use (PUBLIC_URL) is the name of
the relying party, so a passkey answers to no other site.
"""

from __future__ import annotations

import json
from datetime import datetime
from urllib.parse import urlsplit

import webauthn
from flask import current_app
from sqlalchemy import select
from webauthn.helpers import base64url_to_bytes, options_to_json
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from config import Config
from intake.accounts import second_step, sessions
from intake.accounts.models import Passkey, Staff, StaffSession
from intake.accounts.service import Confirmed, actor_of
from intake.actor import Actor
from intake.audit import service as audit
from intake.db import db, new_id
from intake.errors import Missing, RuleBroken
from intake.settings import queries as settings

MOST = 10
LONGEST_ANSWER = 20_000
LONGEST_NAME = 40
NOT_TAKEN = "That passkey was not taken. Try again, or keep using your codes."


def _origin() -> str:
    config: Config = current_app.extensions["intake.config"]
    return config.public_url


def _party() -> str:
    return urlsplit(_origin()).hostname or "localhost"


def own(actor: Actor) -> list[Passkey]:
    """One's own passkeys, the oldest first."""
    return list(db.session.scalars(select(Passkey).where(Passkey.staff_id == actor.id).order_by(Passkey.created_at)))


def has_any(staff_id: int) -> bool:
    """True when somebody has a passkey."""
    return db.session.scalar(select(Passkey.id).where(Passkey.staff_id == staff_id).limit(1)) is not None


def _descriptors(staff_id: int) -> list[PublicKeyCredentialDescriptor]:
    ids = db.session.scalars(select(Passkey.credential).where(Passkey.staff_id == staff_id))
    return [PublicKeyCredentialDescriptor(id=bytes(each)) for each in ids]


def offer_new(secret: str) -> str:
    """What a browser needs to make a passkey for the person of a session, as JSON; call inside a transaction.

    Raises:
        Missing: the session ended. RuleBroken: there are ten already.
    """
    row = sessions.of(secret)
    staff = db.session.get_one(Staff, row.staff_id)
    known = _descriptors(staff.id)
    if len(known) >= MOST:
        raise RuleBroken(f"You have {MOST} passkeys. Remove one first.", code="PASSKEYS")
    options = webauthn.generate_registration_options(
        rp_id=_party(),
        rp_name=settings.site(staff.site_id).discreet_name,
        # The handle is the row's random id; an authenticator shows the email to its owner only.
        user_id=staff.id.to_bytes(8, "big"),
        user_name=staff.email,
        user_display_name=staff.name,
        exclude_credentials=known,
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.DISCOURAGED, user_verification=UserVerificationRequirement.PREFERRED
        ),
    )
    row.challenge = options.challenge
    return options_to_json(options)


def add(secret: str, answer: str, *, name: str, now: datetime) -> Passkey:
    """Keep the public half of a passkey that was just made; call inside a transaction and commit either way.

    Raises:
        Missing: the session ended. RuleBroken: the answer does not fit the offer.
    """
    row = sessions.of(secret)
    staff = db.session.get_one(Staff, row.staff_id)
    try:
        made = webauthn.verify_registration_response(
            credential=_read(answer),
            expected_challenge=_spent(row),
            expected_rp_id=_party(),
            expected_origin=_origin(),
        )
    except (WebAuthnException, ValueError, KeyError, TypeError) as wrong:
        raise RuleBroken(NOT_TAKEN, code="PASSKEY") from wrong
    if db.session.scalar(select(Passkey.id).where(Passkey.credential == made.credential_id)) is not None:
        raise RuleBroken(NOT_TAKEN, code="PASSKEY")
    key = Passkey(
        id=new_id(),
        staff_id=staff.id,
        credential=made.credential_id,
        public_key=made.credential_public_key,
        sign_count=made.sign_count,
        name=" ".join(name.split())[:LONGEST_NAME] or "Passkey",
        created_at=now,
    )
    db.session.add(key)
    audit.record(actor=actor_of(staff), verb="passkey_added", record="staff", record_id=staff.id, now=now)
    return key


def offer_use(secret: str, *, now: datetime) -> str:
    """What a browser needs to prove a passkey of the person of a half session, as JSON; inside a transaction.

    Raises:
        Missing: the half session ended, or the person has no passkey.
    """
    half, staff = sessions.half(secret, now)
    known = _descriptors(staff.id)
    if not known:
        raise Missing("There is no passkey. Use a code.")
    options = webauthn.generate_authentication_options(
        rp_id=_party(), allow_credentials=known, user_verification=UserVerificationRequirement.PREFERRED
    )
    half.challenge = options.challenge
    return options_to_json(options)


def confirm(secret: str, answer: str, *, browser: str, now: datetime, device: str = "") -> Confirmed | None:
    """Finish a sign-in with a passkey; None when it does not prove the person. Commit either way: failures count.

    Raises:
        Missing: the half session ended.
    """
    half, staff = sessions.half(secret, now)
    challenge = _spent(half)
    if second_step.waits(staff, now) or not _proves(staff, challenge, answer, now):
        second_step.failed(staff, now)
        audit.record(actor=actor_of(staff), verb="code_refused", record="staff", record_id=staff.id, now=now)
        return None
    staff.failures, staff.retry_at = 0, None
    half.revoked_at = now
    device = sessions.know_device(staff.id, device, now=now)
    audit.record(
        actor=actor_of(staff), verb="signed_in", record="staff", record_id=staff.id, purpose="passkey", now=now
    )
    return Confirmed(sessions.open_session(staff, second_factor=True, browser=browser, now=now), [], device)


def remove(passkey_id: int, *, actor: Actor, now: datetime) -> None:
    """Forget one of one's own passkeys.

    Raises:
        Missing: none of this id, or somebody else's.
    """
    row = db.session.scalar(select(Passkey).where(Passkey.id == passkey_id, Passkey.staff_id == actor.id))
    if row is None:
        raise Missing("There is no such passkey.")
    db.session.delete(row)
    audit.record(actor=actor, verb="passkey_removed", record="staff", record_id=actor.id, now=now)


def _spent(row: StaffSession) -> bytes:
    """The challenge of a session, which is gone with this look; no answer fits an empty one."""
    challenge, row.challenge = row.challenge, None
    return bytes(challenge or b"")


def _read(answer: str) -> dict[str, object]:
    if len(answer) > LONGEST_ANSWER:
        raise ValueError("too long")
    found = json.loads(answer)
    if not isinstance(found, dict):
        raise TypeError("no object")
    return found


def _proves(staff: Staff, challenge: bytes, answer: str, now: datetime) -> bool:
    try:
        given = _read(answer)
        wanted = base64url_to_bytes(str(given["rawId"]))
        key = db.session.scalar(select(Passkey).where(Passkey.credential == wanted, Passkey.staff_id == staff.id))
        if key is None or not challenge:
            return False
        proven = webauthn.verify_authentication_response(
            credential=given,
            expected_challenge=challenge,
            expected_rp_id=_party(),
            expected_origin=_origin(),
            credential_public_key=key.public_key,
            credential_current_sign_count=key.sign_count,
        )
    except (WebAuthnException, ValueError, KeyError, TypeError):
        return False
    key.sign_count, key.used_at = proven.new_sign_count, now
    return True
