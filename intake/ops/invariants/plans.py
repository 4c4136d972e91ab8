"""Invariants of taper plans and check-ins."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import and_, exists, func, or_, select

from intake.cases.models import Case, CaseState
from intake.checkins.models import CheckIn, CheckInState
from intake.db import db, id_text
from intake.ops.invariants.rule import Rule, rows
from intake.tapers import plans
from intake.tapers.models import PlanState, PlanVersion, StepHold, TaperPlan

LIVE = (PlanState.ACTIVE, PlanState.PAUSED)
NOT_FOR_PLANS = (CaseState.DISCHARGED, CaseState.CLOSED)


def _signed() -> Iterator[str]:
    """Signed content is what was signed, dose by dose between nothing and the ceiling."""
    for row in db.session.scalars(select(PlanVersion).where(PlanVersion.signed_at.is_not(None))):
        if plans.content_hash(row.request, row.steps) != row.content_hash:
            yield f"plan_version {id_text(row.id)}: its content is not what was signed"
        elif any(dose < 0 for step in row.steps for dose in step["doses"]):
            yield f"plan_version {id_text(row.id)}: a dose below zero"
        elif row.ceiling_mme and any((step.get("mme") or 0) > float(row.ceiling_mme) + 0.05 for step in row.steps):
            yield f"plan_version {id_text(row.id)}: a step above the ceiling"


_current = exists().where(TaperPlan.id == PlanVersion.plan_id, TaperPlan.current_version_id == PlanVersion.id)

RULES: tuple[Rule, ...] = (
    Rule(
        "one_live_version",
        "A plan has at most one active or paused version (20)",
        rows(
            "plan",
            lambda: (
                select(PlanVersion.plan_id)
                .where(PlanVersion.state.in_(LIVE))
                .group_by(PlanVersion.plan_id)
                .having(func.count() > 1)
            ),
        ),
    ),
    Rule(
        "current_version",
        "The active or paused version is the plan's current one (20)",
        rows("plan_version", lambda: select(PlanVersion.id).where(PlanVersion.state.in_(LIVE), ~_current)),
    ),
    Rule(
        "current_of_plan",
        "A plan's current version is one of its own",
        rows(
            "plan",
            lambda: select(TaperPlan.id).where(
                TaperPlan.current_version_id.is_not(None),
                ~exists().where(PlanVersion.id == TaperPlan.current_version_id, PlanVersion.plan_id == TaperPlan.id),
            ),
        ),
    ),
    Rule(
        "active_is_signed",
        "An active version names who signed it, and a paused one its review day (20, 22)",
        rows(
            "plan_version",
            lambda: select(PlanVersion.id).where(
                or_(
                    and_(
                        PlanVersion.state == PlanState.ACTIVE,
                        or_(PlanVersion.signed_by.is_(None), PlanVersion.signed_at.is_(None)),
                    ),
                    and_(PlanVersion.state == PlanState.PAUSED, PlanVersion.review_by.is_(None)),
                )
            ),
        ),
    ),
    Rule("signed_content", "What was signed is what stands there, within its ceiling (20, 21)", _signed),
    Rule(
        "plan_of_a_case",
        "No plan is active on a case that ended (32)",
        rows(
            "plan_version",
            lambda: (
                select(PlanVersion.id)
                .join(TaperPlan, TaperPlan.id == PlanVersion.plan_id)
                .join(Case, Case.id == TaperPlan.case_id)
                .where(PlanVersion.state.in_(LIVE), Case.state.in_(NOT_FOR_PLANS))
            ),
        ),
    ),
    Rule(
        "one_hold",
        "A version has at most one open hold, and a cleared one names who looked (29)",
        rows(
            "plan_version",
            lambda: (
                select(StepHold.version_id)
                .where(StepHold.cleared_at.is_(None))
                .group_by(StepHold.version_id)
                .having(func.count() > 1)
            ),
        ),
    ),
    Rule(
        "check_in_state",
        "An answered check-in has its time and answers, a reviewed one its reader (28)",
        rows(
            "check_in",
            lambda: select(CheckIn.id).where(
                or_(
                    and_(
                        CheckIn.state.in_((CheckInState.ANSWERED, CheckInState.REVIEWED)),
                        or_(CheckIn.answered_at.is_(None), CheckIn.answers.is_(None)),
                    ),
                    and_(CheckIn.state == CheckInState.REVIEWED, CheckIn.reviewed_by.is_(None)),
                )
            ),
        ),
    ),
)
