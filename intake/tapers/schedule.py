"""Turn a signed version's touchpoints into messages owed, and take them back when the plan changes."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from intake import guard
from intake.cases.models import Case
from intake.clinical import cadence
from intake.clinical.products import PRODUCTS
from intake.db import db
from intake.messages import service as messages
from intake.people.models import Person
from intake.tapers import facts, plans
from intake.tapers.models import PlanVersion, TaperPlan

KIND = "reminder"
ASKS = ("CHECKIN", "PEG_WEEKLY")
LINK_DAYS = 5
# What versions stand for that were signed before it could be chosen.
REFILL_DAYS = 28


def owe(version: PlanVersion, plan: TaperPlan, case: Case, *, now: datetime) -> int:
    """Schedule every touchpoint of an active version (clinical.md 6); returns the number of messages.

    Visits join these messages, or get their own, by `visiting.settle`.
    A touchpoint of the activation day whose local time has passed is due at the next allowed minute (rulings 25).
    """
    person = db.session.get_one(Person, case.person_id)
    zone = ZoneInfo(person.time_zone)
    activated = now.astimezone(zone).date()
    version.activated_on = activated
    computed = plans.compute(plans.ask_of(version.request), facts.context(case, version.checklist))
    if not computed.steps:
        return 0
    points = cadence.touchpoints(
        computed,
        release=PRODUCTS[version.product].release,
        activated=activated,
        refill_days=refill_days(version),
    )
    for point in points:
        when = (point.date, person.reminder_hour, person.reminder_minute, person.time_zone)
        window = cadence.same_day(*when, now) if point.date == activated else cadence.send_window(*when)
        message = messages.schedule(
            KIND,
            subject_id=version.id,
            recipient_type="person",
            recipient_id=person.id,
            due_at=window.due_at,
            window_start=window.start,
            window_end=window.end,
            tz=person.time_zone,
            dedupe_key=f"reminder:{plan.id}:{version.n}:{point.date.isoformat()}",
            site_id=case.site_id,
            now=now,
            order_key=person.id,
            case_id=case.id,
            locale=person.locale,
            plan=plan.id,
            plan_version=version.id,
            local_date=point.date,
            parts=[(kind, _step_no(kind, point.date.isoformat(), version), None) for kind in point.kinds],
        )
        guard.make_link(
            "check_in", message.id, person_id=person.id, expires_at=window.due_at + timedelta(days=LINK_DAYS)
        )
    return len(points)


def refill_days(version: PlanVersion) -> int | None:
    """Days that one dispensing lasts, as chosen for this version; None: nobody is reminded of the next one."""
    chosen = version.checklist.get("refill_days", REFILL_DAYS)
    return None if chosen is None else int(chosen)


def _step_no(kind: str, day: str, version: PlanVersion) -> int | None:
    if kind == "STEP_EVE":
        later = [s["step"] for s in version.steps if s["start"] > day]
        return later[0] if later else None
    reached = [s["step"] for s in version.steps if s["start"] <= day]
    return reached[-1] if reached else None


def withdraw(plan: TaperPlan, *, reason: str, now: datetime) -> int:
    """Cancel every open message of a plan, in the transaction of what forbids them; returns how many."""
    return messages.cancel(reason=reason, now=now, plan_id=plan.id)
