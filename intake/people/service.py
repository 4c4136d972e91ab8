"""Every verb of the people room, under one name for the rooms above."""

from __future__ import annotations

from intake.people.contacts import (
    SafeUse,
    add_contact,
    mark_bad,
    set_safe_use,
    stop_contact,
    verify_contact,
    withdraw_mail,
)
from intake.people.emergency import bind_consent, change_contact, end_contact, name_contact, refuse_contact
from intake.people.naming import add_person, back_to_placeholder, become_known, rename

__all__ = [
    "SafeUse",
    "add_contact",
    "add_person",
    "back_to_placeholder",
    "become_known",
    "bind_consent",
    "change_contact",
    "end_contact",
    "mark_bad",
    "name_contact",
    "refuse_contact",
    "rename",
    "set_safe_use",
    "stop_contact",
    "verify_contact",
    "withdraw_mail",
]
