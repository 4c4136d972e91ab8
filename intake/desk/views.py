"""All pages of the desk; importing them declares their routes."""

from __future__ import annotations

from intake.desk import (
    audit_log,
    beds_views,
    boards,
    care_plan_views,
    case_views,
    coverage_views,
    history_page,
    inbox,
    person_views,
    state_items_views,
    today_views,
    transfers_page,
    waitlist_views,
    work_views,
)
from intake.desk.routes import bp

PAGES = (
    audit_log,
    inbox,
    boards,
    case_views,
    work_views,
    coverage_views,
    beds_views,
    waitlist_views,
    transfers_page,
    care_plan_views,
    today_views,
    history_page,
    person_views,
    state_items_views,
)

__all__ = ["PAGES", "bp"]
