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
    # Minutes to first human contact by how the request came; 0 leaves it to the priority, else the shorter one counts.
    "channel_minutes": {"web": 0, "phone": 0, "walk_in": 0, "referral": 0},
    # Hours of the center's day in which the clocks of P3 and P4 run; P1 and P2 always run.
    "working_hours": {"from": 0, "to": 24},
    "works_weekends": True,
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
    # Class of records -> whole years after the last thing that happened; 0 keeps it for good, and consents and
    # disclosures as long as the record they stand in. State law says how long.
    "retention_years": {"case": 0, "inquiry": 0, "consent": 0, "disclosure": 0},
    # clinical.md 1.4: its author asks centers to request permission.
    "ort_oud_permission": False,
    "bed_hold_hours": 24,
    "coverage_warning_days": 14,
    # 45 CFR 96.126 and 96.131: order of the waitlist, and its clocks.
    "wait_ranks": {"pregnant_injecting": 1, "pregnant": 2, "injecting": 3, "other": 4},
    "wait_interim_hours": 48,
    "wait_admit_days": 14,
    "wait_longest_days": 120,
    "wait_contact_days": 7,
    "wait_clocks_for_all": False,
    "offer_pause_hours": 24,
    "capacity_notice_percent": 90,
    "capacity_notice_days": 7,
    "transfer_answer_hours": 4,
    "rebook_hours": 48,
    "first_outpatient_visit_days": 7,
    "absent_hours": 12,
}
