"""What surrounds a case: home and daily life, and what courts and offices ask; sealed, for those who may see it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime

from intake import crypto
from intake.actor import STAFF, Actor, Role
from intake.audit import service as audit
from intake.cases.models import Case
from intake.cases.states import LOCK, locked, must
from intake.db import db
from intake.errors import AlreadyDone, Missing
from intake.fields import Reader

WORDS = 500
LIFE, LEGAL = "circumstances", "legal"
# product.md 2.1: legal details are for clinicians, supervisors and the privacy officer.
SEES = {LIFE: STAFF, LEGAL: frozenset({Role.CLINICIAN, Role.SUPERVISOR, Role.PRIVACY})}
ITEMS: Mapping[str, Mapping[str, str]] = {
    LIFE: {
        "dependants": "Children or others who depend on them",
        "pets": "Pets, and who looks after them",
        "housing": "Where they live, and how safe it is",
        "transport": "How they get here",
        "work_leave": "Work, and leave from it",
        "phone_access": "When they can be reached, and on whose phone",
    },
    LEGAL: {
        "order": "Court order",
        "probation": "Probation or parole, with the officer",
        "custody": "Custody, detention or a hold",
        "dates": "Court dates",
        "duty_to_report": "Duty to report: what, to whom, until when",
    },
}


def of(case: Case, kind: str) -> dict[str, str]:
    """What is known of LIFE or LEGAL, by item; an item nobody told is absent."""
    text = crypto.open_(getattr(case, kind), at=f"care_case.{kind}", row=case.id)
    found: dict[str, str] = json.loads(text) if text and text != crypto.ERASED else {}
    return found


def read(r: Reader, kind: str) -> dict[str, str]:
    """The items as sent; blanks stay missing.

    Raises:
        RuleBroken: with a sentence per field.
    """
    found = {name: r.text(name, limit=WORDS) for name in ITEMS[kind]}
    r.check()
    return {name: text for name, text in found.items() if text}


def save(case_id: int, kind: str, told: Mapping[str, str], *, version: int | None, actor: Actor, now: datetime) -> Case:
    """Keep what was told; the row version of the case says whether somebody else wrote meanwhile.

    Raises:
        Missing, NotPermitted. AlreadyDone: the case changed since `version`.
    """
    must(actor, *SEES[kind])
    case = locked(case_id, actor, version=version) if actor.may(*STAFF) else _of_officer(case_id, version, actor)
    before = of(case, kind)
    changed = sorted(name for name in {*before, *told} if before.get(name) != told.get(name))
    if changed:
        at = f"care_case.{kind}"
        blob = crypto.seal(json.dumps(dict(told), sort_keys=True), key_of=case.person_id, at=at, row=case.id)
        setattr(case, kind, blob if told else None)
        audit.record(
            actor=actor, verb="changed", record="care_case", record_id=case.id, case_id=case.id, changed=changed,
            purpose=kind, now=now,
        )  # fmt: skip
    return case


def _of_officer(case_id: int, version: int | None, actor: Actor) -> Case:
    case = db.session.get(Case, case_id, with_for_update=LOCK)
    if case is None or case.site_id != actor.site_id:
        raise Missing("There is no such case.")
    if version is not None and case.version != version:
        raise AlreadyDone("This case changed while you were writing. Look again, then save.", code="CHANGED")
    return case
