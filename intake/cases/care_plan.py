"""The care plan around a taper: goals in the person's words, medicines that are no opioids, and what else helps.

It proposes nothing. Medicines of the NMDA-active class and ketamine are written by clinicians only, with every point of
their checklist looked at (clinical.md 4.2, product.md 4).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from intake import crypto
from intake.actor import CARE, Actor, Role
from intake.audit import service as audit
from intake.cases.models import Case, CaseState
from intake.cases.states import locked, must
from intake.errors import AlreadyDone, NotPermitted, RuleBroken

AT = "care_case.care_plan"
MOST_MEDICINES = 6
PRESCRIBING = (Role.CLINICIAN, Role.PRESCRIBER)

MEDICINES: dict[str, str] = {
    "acetaminophen": "Acetaminophen",
    "nsaid": "Anti-inflammatory (NSAID)",
    "antidepressant": "Antidepressant for pain",
    "gabapentinoid": "Gabapentin or pregabalin",
    "topical": "Cream or patch without opioid",
    "alpha2": "Alpha-2 agonist",
    "nmda": "NMDA-active medicine",
    "ketamine": "Ketamine",
    "other": "Other, no opioid",
}
WATCHED = frozenset({"nmda", "ketamine"})
NMDA_CHECKS: dict[str, str] = {
    "prescriber": "A prescriber is named and agrees",
    "blood_pressure": "Blood pressure and heart looked at",
    "psychosis": "No psychosis now or before",
    "pregnancy": "Pregnancy asked",
    "liver": "Liver and kidneys looked at",
    "sedatives": "Other sedating medicines looked at",
    "supervised": "Given and watched here, never taken home unwatched",
}
SERVICES: dict[str, str] = {
    "therapy": "Talk therapy, like CBT for pain",
    "activity": "Movement or physical therapy",
    "diet": "Food and diet",
    "sleep": "Sleep and stress",
    "massage": "Massage",
    "acupuncture": "Acupuncture",
    "group": "Support group",
}


@dataclass(frozen=True)
class Medicine:
    """One medicine that is no opioid: class, name, dose as free words, and what to watch for."""

    kind: str
    drug: str
    dose: str = ""
    watch: str = ""


@dataclass(frozen=True)
class Service:
    """One kind of help: visits planned and attended."""

    kind: str
    planned: int = 0
    attended: int = 0


@dataclass(frozen=True)
class CarePlan:
    """What goes around the taper; empty where nothing is recorded. `no_other` says why there is nothing else."""

    goals: str = ""
    preferences: str = ""
    medicines: Sequence[Medicine] = ()
    nmda_checks: Sequence[str] = ()
    services: Sequence[Service] = ()
    no_other: str = ""
    by: str = ""
    at: str = ""

    def as_json(self) -> dict[str, Any]:
        """Plain values, to be sealed."""
        return {
            "goals": self.goals,
            "preferences": self.preferences,
            "medicines": [vars(m) for m in self.medicines],
            "nmda_checks": list(self.nmda_checks),
            "services": [vars(s) for s in self.services],
            "no_other": self.no_other,
            "by": self.by,
            "at": self.at,
        }

    @property
    def is_watched(self) -> bool:
        """True when it names a medicine that needs the checklist."""
        return any(m.kind in WATCHED for m in self.medicines)


EMPTY = CarePlan()


@dataclass(frozen=True)
class OnPaper:
    """The parts that the person's own sheet shows, each a short line."""

    goals: str = ""
    medicines: Sequence[str] = field(default_factory=tuple)
    services: Sequence[str] = field(default_factory=tuple)


def of(case: Case) -> CarePlan:
    """The care plan of a case, opened; an empty one when there is none (or the person was erased)."""
    text = crypto.open_(case.care_plan, at=AT, row=case.id)
    if not text or text == crypto.ERASED:
        return EMPTY
    found: Mapping[str, Any] = json.loads(text)
    return CarePlan(
        goals=found["goals"],
        preferences=found["preferences"],
        medicines=tuple(Medicine(**m) for m in found["medicines"]),
        nmda_checks=tuple(found["nmda_checks"]),
        services=tuple(Service(**s) for s in found["services"]),
        no_other=found["no_other"],
        by=found["by"],
        at=found["at"],
    )


def missing(case: Case, plan: CarePlan) -> list[str]:
    """What is not recorded yet, in words: shown before a plan is signed."""
    found = []
    if not plan.goals:
        found.append("Goals in the person’s words")
    if not (plan.medicines or plan.services or plan.no_other):
        found.append("Other treatment, or why there is none")
    if not case.moud.get("answer"):
        found.append("Answer to the offer of medication for opioid use disorder")
    if not case.naloxone.get("answer"):
        found.append("Answer to the naloxone offer")
    return found


def on_paper(plan: CarePlan) -> OnPaper:
    """The lines for the person's sheet, in short words."""
    return OnPaper(
        goals=plan.goals,
        medicines=tuple(", ".join(t for t in (m.drug or MEDICINES[m.kind], m.dose) if t) for m in plan.medicines),
        services=tuple(SERVICES[s.kind] for s in plan.services),
    )


def save(case_id: int, plan: CarePlan, *, actor: Actor, now: datetime, version: int | None = None) -> Case:
    """Record the care plan of a case; what it said before stays in no copy but the audit's names of what changed.

    Raises:
        Missing. NotPermitted: not a care role, or NMDA-active medicine written by somebody else than a clinician or
            prescriber. AlreadyDone: changed meanwhile, or closed. RuleBroken: by field.
    """
    must(actor, *CARE)
    case = locked(case_id, actor, version=version)
    if case.state is CaseState.CLOSED:
        raise AlreadyDone("This case is closed. Coming back is a new request.")
    before = of(case)
    _check(plan, before, actor)
    changed = tuple(k for k, v in plan.as_json().items() if k not in {"by", "at"} and v != before.as_json()[k])
    stored = {**plan.as_json(), "by": actor.name, "at": now.isoformat()}
    text = json.dumps(stored, sort_keys=True, separators=(",", ":"))
    case.care_plan = crypto.seal(text, key_of=case.person_id, at=AT, row=case.id)
    audit.record(
        actor=actor, verb="planned_care", record="care_case", record_id=case.id, case_id=case.id, changed=changed,
        now=now,
    )  # fmt: skip
    audit.tell(kind="care_planned", actor=actor, now=now, case_id=case.id)
    return case


def _check(plan: CarePlan, before: CarePlan, actor: Actor) -> None:
    wrong: dict[str, str] = {}
    if len(plan.medicines) > MOST_MEDICINES:
        wrong["medicines"] = f"At most {MOST_MEDICINES} medicines."
    if any(m.kind not in MEDICINES for m in plan.medicines) or any(s.kind not in SERVICES for s in plan.services):
        wrong["medicines"] = "Pick from the list."
    if plan.is_watched:
        mine = {m for m in plan.medicines if m.kind in WATCHED} == {m for m in before.medicines if m.kind in WATCHED}
        if not actor.may(*PRESCRIBING) and not mine:
            raise NotPermitted("Only a clinician or prescriber writes down this class of medicine.")
        left = [words for code, words in NMDA_CHECKS.items() if code not in plan.nmda_checks]
        if left:
            wrong["nmda_checks"] = f"Look at each point first: {left[0].lower()}."
    if wrong:
        raise RuleBroken("This care plan is not complete.", code="CARE_PLAN", fields=wrong)
