"""Two people at one draft: what does not touch is laid together, what does is shown to the second with both values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select
from werkzeug.datastructures import MultiDict

from intake.accounts import queries as accounts
from intake.audit.models import AuditEntry
from intake.db import db
from intake.errors import AlreadyDone
from intake.tapers import queries, schedule
from intake.tapers.models import PlanVersion

CHECKLIST = {
    "naloxone": "Naloxone offer",
    "moud": "Medicine for opioid use disorder, offer",
    "pdmp_checked_on": "Prescription monitoring checked on",
    "follow_up_on": "Next visit",
    "setting": "Where it happens",
    "refill_days": "A supply lasts, days",
    "goals": "Goals in the person’s own words",
    "co_therapies": "Other treatment around it",
    "risks_discussed": "Risks were talked through",
    "agreed": "The person agrees with this plan",
    "standing_approval": "Steps go on without a review",
}
LONGEST_BEFORE = 20_000


@dataclass(frozen=True)
class Clash:
    """`picks` are (label, field, theirs, who and when, yours); `kept` is what of yours fits; no picks: look again."""

    picks: tuple[tuple[str, str, str, str, str], ...]
    kept: tuple[tuple[str, str], ...]
    version: int
    sentence: str


def cells(version: PlanVersion) -> dict[str, str]:
    """The grid as its form holds it: days and doses, row by row."""
    found: dict[str, str] = {}
    for step in version.steps:
        length = (datetime.fromisoformat(step["end"]) - datetime.fromisoformat(step["start"])).days + 1
        found[f"days{step['step']}"] = str(length)
        found |= {f"d{step['step']}_{slot}": f"{dose:g}" for slot, dose in enumerate(step["doses"])}
    return found


def written(found: Mapping[str, str]) -> str:
    """Cells as one short line, for the form to bring back as what it was made from."""
    return ";".join(f"{name}={value}" for name, value in found.items())


def _read(line: str) -> dict[str, str]:
    pairs = (part.partition("=") for part in line[:LONGEST_BEFORE].split(";"))
    return {name: value for name, sign, value in pairs if sign}


def meet(known: PlanVersion | None, form: MultiDict[str, str], action: str) -> tuple[MultiDict[str, str], Clash | None]:
    """The form as it may be saved, or the clash with what somebody else saved since the page was opened.

    A form without the version of its page (a script, an old page) is taken as it is.
    """
    if known is None or form.get("version", "") in {"", str(known.version)}:
        return form, None
    who = _who(known)
    if action == "grid":
        before, theirs = _read(form.get("was", "")), cells(known)
        if before.keys() != theirs.keys():
            return form, Clash((), (), known.version, _moved_on(who))
        labels = {name: _cell(name, known) for name in theirs}
        return _laid_together(form, before, theirs, labels, known, who)
    if action == "checklist":
        theirs = _checklist(known)
        return _laid_together(form, theirs, theirs, CHECKLIST, known, who)
    return form, Clash((), (), known.version, _moved_on(who))


def seen(known: PlanVersion, form: MultiDict[str, str]) -> None:
    """Refuse a signature under a draft that is no longer what the page showed.

    Raises:
        AlreadyDone: who changed it, and when.
    """
    if form.get("version", "") not in {"", str(known.version)}:
        raise AlreadyDone(_moved_on(_who(known)) + " Look at it, then sign.")


def _laid_together(
    form: MultiDict[str, str],
    before: Mapping[str, str],
    theirs: Mapping[str, str],
    labels: Mapping[str, str],
    known: PlanVersion,
    who: str,
) -> tuple[MultiDict[str, str], Clash | None]:
    same_base = before is theirs
    fitting, picks = MultiDict(form), []
    for name, there in theirs.items():
        here = form.get(name, "").strip()
        if here == there:
            continue
        if same_base or (here != before[name] and there != before[name]):
            picks.append((labels[name], name, there, who, here))
        elif here == before[name]:
            fitting[name] = there
    if not picks:
        return fitting, None
    picked = {name for _label, name, *_ in picks}
    kept = [(k, v) for k, v in fitting.items() if k not in picked | {"csrf_token", "version", "was"}]
    return form, Clash(tuple(picks), (*kept, ("was", written(theirs))), known.version, _moved_on(who))


def _checklist(version: PlanVersion) -> dict[str, str]:
    goals, therapies = queries.opened_words(version)
    stored: dict[str, Any] = {
        **version.checklist,
        "goals": goals,
        "co_therapies": therapies,
        "standing_approval": version.standing_approval,
        "refill_days": schedule.refill_days(version),
    }
    return {
        name: "yes" if stored.get(name) is True else str(stored.get(name) or "")
        for name in CHECKLIST
        if name != "setting" or stored.get("setting")
    }


def _cell(name: str, version: PlanVersion) -> str:
    if name.startswith("days"):
        return f"Step {name[4:]}, days"
    row, slot = name[1:].split("_")
    slots = queries.slot_names(max(len(step["doses"]) for step in version.steps))
    return f"Step {row}, {slots[int(slot)].lower()}, mg"


def _who(version: PlanVersion) -> str:
    """Who saved the draft last, and when, as audited."""
    row = db.session.execute(
        select(AuditEntry.actor_id, AuditEntry.at)
        .where(AuditEntry.record == "plan_version", AuditEntry.record_id == version.id, AuditEntry.verb == "drafted")
        .order_by(AuditEntry.at.desc())
        .limit(1)
    ).one_or_none()
    if row is None:
        return "Somebody else"
    name = accounts.names([row.actor_id]).get(row.actor_id, "Somebody else")
    return f"{name}, {row.at.astimezone(UTC):%H:%M} UTC"


def _moved_on(who: str) -> str:
    return f"{who.split(',')[0]} changed this plan while you had it open."
