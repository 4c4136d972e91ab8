"""A signed taper plan, built and signed by its pages."""

from __future__ import annotations

from datetime import date, timedelta

from sqlalchemy import select

from intake.db import id_text
from intake.tapers import service
from intake.tapers.models import PlanVersion
from tests.workflows.steps import Center

EMAIL = "pat@mail.example"


def planned(center: Center, case_id: int, *, starts_in: int = 1) -> str:
    """Cleo drafts, records what is needed and the address; Petra signs with a reason for each concern. The plan's page.

    The plan: oxycodone ER 30-30-30, down to 30 mg a day, from tomorrow or in `starts_in` days.
    """
    here = f"/cases/{id_text(case_id)}/taper"
    # The day where the center is, which the form asks by: near midnight it is not that of Greenwich.
    today = date.fromisoformat(center.local()[:10])
    ask = {
        "product": "oxycodone_er", "regimen": "30-30-30", "goal": "30", "rate_pct": "10", "mode": "exponential",
        "interval_days": "28", "start_date": (today + timedelta(days=starts_in)).isoformat(), "final": "stop",
    }  # fmt: skip
    center.post("cleo", here, action="rebuild", **ask)
    center.post(
        "cleo", here, action="checklist", naloxone="accepted", moud="not_needed", goals="Walk the dog again.",
        pdmp_checked_on=today.isoformat(), follow_up_on=(today + timedelta(days=14)).isoformat(), agreed="yes",
        risks_discussed="yes", setting="outpatient",
    )  # fmt: skip
    center.post(
        "cleo", f"{here}/reach", email=EMAIL, born_on="1984-07-03", hour="10", confirmed="yes", mail_agreed="yes"
    )
    return signed(center, case_id)


def signed(center: Center, case_id: int) -> str:
    """Petra signs the open draft; the address of the version."""
    with center.look() as session:
        case = center.case(case_id)
        row = session.scalars(select(PlanVersion).order_by(PlanVersion.n.desc())).first()
        assert row is not None
        reasons = {f"reason:{c.key}": "Talked through with Pat." for c in service.concerns(row, case)}
        address = f"/tapers/{id_text(row.plan_id)}/v/{row.n}"
    center.post("petra", f"{address}/sign", agreed="yes", **reasons)
    return address
