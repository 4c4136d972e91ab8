"""Coded defaults of what a center may change; each has its unit in its name and its source in the specification."""

from __future__ import annotations

from typing import Any

DEFAULTS: dict[str, Any] = {
    # clinical.md 5: acuity -> minutes to first human contact.
    "targets_minutes": {"1": 15, "2": 60, "3": 1440, "4": 4320},
    "contact_attempts": 3,
    "claim_lease_minutes": 30,
    "claim_warning_minutes": 25,
    "appointment_grace_minutes": 20,
    "alert_acknowledge_minutes": 10,
    "cosign_hours": 4,
    "check_in_overdue_hours": 48,
    "pause_review_days": 28,
    "working_hours": {"from": "00:00", "to": "24:00"},
    "second_factor_required": True,
    "idle_minutes": 15,
    "absolute_hours": 12,
    "mail_center_name_allowed": False,
    "mail_988_line": False,
    "mail_per_person_a_day": 3,
    # Kind of message -> "resend_same_id" or "hold_for_human", where the center wants another one than the kind's own.
    "mail_policies": {},
    "after_care_24_months": False,
    "minimum_age": 18,
    "bed_hold_hours": 24,
}
