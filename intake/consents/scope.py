"""What a consent may name, as codes with their words: kinds of facts, purposes, legal grounds without consent.

Sources: 42 CFR 2.31 (elements), 2.12, 2.15, 2.51 to 2.54 and 2.61 to 2.67 (release without consent). Counsel confirms
the wording before live use.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from flask_babel import LazyString
from flask_babel import lazy_gettext as _

from intake.actor import CARE, Role

NOTES = "notes"
# What may be named: "how much and what kind of information".
PARTS: Mapping[str, LazyString] = {
    "presence": _("That the person is or was in care here, and when"),
    "identity": _("Birth date, phone and address"),
    "screening": _("What the screenings found"),
    "medicines": _("Medicines, doses and allergies"),
    "decision": _("The decision and the level of care"),
    "plan": _("The taper plan"),
    "check_ins": _("How the check-ins went"),
    "visits": _("Visits kept and missed"),
    "discharge": _("How care ended and what comes next"),
    NOTES: _("Notes of the staff (only in a consent of their own)"),
}
PURPOSES: Mapping[str, LazyString] = {
    "treatment": _("Care by another place or clinician"),
    "tpo": _("All future treatment, payment and health care operations"),
    "payment": _("Payment by an insurance or program"),
    "family": _("To let family or a friend know"),
    "legal": _("A court, probation or another legal matter"),
    "work": _("Work, school or a benefit"),
    "other": _("Something else"),
}
RECIPIENTS: Mapping[str, LazyString] = {
    "named": _("One person or place, by name"),
    "tpo": _("My treating providers, health plans, third-party payers, and people who help run this program"),
}
SIGNED: Mapping[str, LazyString] = {
    "paper": _("On paper, kept at the center"),
    "screen": _("Here on this screen, with the name typed"),
}
REVOKED: Mapping[str, LazyString] = {
    "spoken": _("The person said so"),
    "written": _("In writing"),
    "guardian": _("A guardian or representative said so"),
}
# Facts that a family may be told; nothing else is ever offered for the purpose "family".
FAMILY_PARTS = frozenset({"presence", "visits", "discharge"})


@dataclass(frozen=True)
class Ground:
    """A legal ground without consent: its words, its rule, who may use it, and the widest scope it carries."""

    words: LazyString
    rule: str
    roles: frozenset[Role]
    parts: frozenset[str]
    ask: LazyString


_EVERY = frozenset(PARTS)
_NO_NOTES = _EVERY - {NOTES}
_OFFICE = frozenset({Role.SUPERVISOR, Role.PRIVACY})
GROUNDS: Mapping[str, Ground] = {
    "emergency": Ground(
        _("Medical emergency"), "2.51", CARE | {Role.PRIVACY}, _NO_NOTES,
        _("What the emergency is, and why consent cannot be had first"),
    ),
    "audit": Ground(
        _("Audit or evaluation"), "2.53", _OFFICE, _NO_NOTES,
        _("Who audits, under which duty, and how the copy is kept and destroyed"),
    ),
    "research": Ground(
        _("Research under its own safeguards"), "2.52", _OFFICE, _NO_NOTES,
        _("Which study, and who approved it"),
    ),
    "court_order": Ground(
        _("Court order with a subpoena"), "2.61 to 2.67", _OFFICE, _EVERY,
        _("Which court, the number and day of the order, and what it allows"),
    ),
    "child_abuse": Ground(
        _("Report of suspected child abuse or neglect"), "2.12(c)(6)", CARE | {Role.PRIVACY},
        frozenset({"presence", "identity"}), _("What was reported, to whom, under which State law"),
    ),
    "crime": Ground(
        _("Crime on the premises or against staff"), "2.12(c)(5)", _OFFICE, frozenset({"presence", "identity"}),
        _("What happened, where and when"),
    ),
    "service": Ground(
        _("Service organization under a signed agreement"), "2.12(c)(4)", _OFFICE, _NO_NOTES,
        _("Which agreement, and for what service"),
    ),
    "death": Ground(
        _("Cause of death under the laws on vital statistics"), "2.15(b)", _OFFICE,
        frozenset({"presence", "identity", "discharge"}), _("Which office asked, and under which law"),
    ),
}  # fmt: skip
MOST_DAYS = 366 * 2


def parts_in_order(codes: Collection[str]) -> list[str]:
    """Codes of kinds of facts, each once, in the order of PARTS."""
    return [code for code in PARTS if code in set(codes)]
