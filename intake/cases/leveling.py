"""Levels beside the one of care: what another tool found, and what is billed. Neither changes what we decide."""

from __future__ import annotations

from datetime import date, datetime

from intake.actor import CARE, Actor, Role
from intake.audit import service as audit
from intake.cases.codes import LEVELS
from intake.cases.models import Case
from intake.cases.states import locked, must
from intake.errors import RuleBroken
from intake.settings import queries as settings

BILLERS = (Role.ADMISSIONS, Role.SUPERVISOR)


def external_level(
    case_id: int, *, level: str, tool: str, on: date, actor: Actor, now: datetime, version: int | None = None
) -> Case:
    """Record the level that another tool or program assessed, with its name and day.

    Raises:
        Missing, NotPermitted. RuleBroken: no level, no tool, or a day ahead.
    """
    must(actor, *CARE)
    wrong: dict[str, str] = {}
    if level not in LEVELS:
        wrong["level"] = "Pick the level of care."
    if not tool.strip():
        wrong["tool"] = "Name the tool or program."
    if on > settings.day(actor.site_id, now):
        wrong["on"] = "Not in the future."
    if wrong:
        raise RuleBroken("This is not complete.", code="EXTERNAL_LEVEL", fields=wrong)
    case = locked(case_id, actor, version=version)
    case.external_level, case.external_tool, case.external_on = level, tool.strip()[:80], on
    audit.record(
        actor=actor, verb="assessed_elsewhere", record="care_case", record_id=case.id, case_id=case.id,
        after={"level": level, "tool": case.external_tool}, now=now,
    )  # fmt: skip
    audit.tell(
        kind="external_level", actor=actor, now=now, case_id=case.id,
        params={"level": level, "tool": case.external_tool},
    )  # fmt: skip
    return case


def bill(case_id: int, *, level: str, actor: Actor, now: datetime, version: int | None = None) -> Case:
    """Record the level that is billed; clinicians do not see it (invariant 13).

    Raises:
        Missing, NotPermitted. RuleBroken: no level.
    """
    must(actor, *BILLERS)
    if level not in LEVELS:
        raise RuleBroken("Pick the level.", code="LEVEL", fields={"level": "Pick the level."})
    case = locked(case_id, actor, version=version)
    case.billed_level = level
    audit.record(
        actor=actor, verb="billed", record="care_case", record_id=case.id, case_id=case.id,
        changed=("billed_level",), now=now,
    )  # fmt: skip
    return case
