"""What each kind of email is called by staff, and the parts that meet in one email of a day."""

from __future__ import annotations

from collections.abc import Sequence

from flask_babel import lazy_gettext as _

KINDS = {
    "reminder": _("Reminder"),
    "plan_changed": _("Plan changed"),
    "visit_reminder": _("Visit"),
    "visit_changed": _("Visit changed"),
    "inquiry_acknowledgement": _("Acknowledgement"),
    "screening_link": _("Questions"),
    "staff_alert": _("Staff alert"),
    "task_alert": _("Late work"),
    "invitation": _("Invitation"),
    "password_reset": _("New password"),
}
PARTS = {
    "APPT_3D": _("visit in 3 days"),
    "APPT_1D": _("visit tomorrow"),
    "visit_changed": _("new time or off"),
    "STEP_EVE": _("step tomorrow"),
    "CHECKIN": _("check-in"),
    "SAFETY_EDU": _("safety"),
    "REFILL": _("refill"),
    "PEG_WEEKLY": _("weekly pain"),
    "AFTER_1M": _("1 month after"),
    "AFTER_3M": _("3 months after"),
    "AFTER_6M": _("6 months after"),
    "AFTER_12M": _("12 months after"),
    "AFTER_24M": _("24 months after"),
}


def kind(code: str) -> str:
    """The name of a kind of email."""
    return str(KINDS.get(code, code.replace("_", " ").capitalize()))


def parts(codes: Sequence[str]) -> str:
    """The parts of one email, with commas between; "" when it has none."""
    return ", ".join(str(PARTS.get(code, code.replace("_", " ").lower())) for code in codes)
