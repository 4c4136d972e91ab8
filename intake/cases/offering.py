"""The answer to the naloxone and to the medication offer."""

from __future__ import annotations

from datetime import datetime

from intake.actor import CARE, Actor
from intake.audit import service as audit
from intake.cases.codes import MOUD_ANSWERS, NALOXONE_ANSWERS
from intake.cases.models import Case
from intake.cases.states import locked, must
from intake.errors import RuleBroken
from intake.settings import queries as settings


def record_offer(case_id: int, *, kind: str, answer: str, actor: Actor, now: datetime) -> Case:
    """Record the answer to the naloxone or MOUD offer, with its day.

    Raises:
        Missing, NotPermitted. RuleBroken: an unknown offer or answer.
    """
    must(actor, *CARE)
    allowed = {"naloxone": NALOXONE_ANSWERS, "moud": MOUD_ANSWERS}.get(kind, {})
    if answer not in allowed:
        raise RuleBroken("Pick the answer to the offer.", code="OFFER", fields={kind or "kind": "Pick the answer."})
    case = locked(case_id, actor)
    value = {"offered": True, "answer": answer, "on": settings.day(case.site_id, now).isoformat(), "by": actor.name}
    if kind == "naloxone":
        case.naloxone = value
    else:
        case.moud = {**case.moud, **value}
    audit.record(
        actor=actor, verb="offered", record="care_case", record_id=case.id, case_id=case.id, purpose=kind,
        after={"answer": answer}, now=now,
    )  # fmt: skip
    audit.tell(kind="offered", actor=actor, now=now, case_id=case.id, params={"what": kind, "answer": answer})
    return case
