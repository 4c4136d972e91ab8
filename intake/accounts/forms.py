"""The shape of what administrators type about users."""

from __future__ import annotations

from dataclasses import dataclass

from werkzeug.datastructures import MultiDict

from intake.actor import Role
from intake.db import id_value
from intake.errors import RuleBroken
from intake.fields import Reader

ROLES = tuple(role.value for role in Role)


@dataclass(frozen=True)
class Invited:
    """Whom to invite."""

    email: str
    name: str
    role: Role


def read_invited(form: MultiDict[str, str]) -> Invited:
    """Read an invitation.

    Raises:
        RuleBroken: with a sentence per field.
    """
    r = Reader(form)
    email = r.email("email", required="Enter the work email of the new user.")
    name = r.text("name", limit=100, required="Enter a name to show to colleagues.")
    if "\n" in name or "\t" in name:
        r.wrong("name", "Enter the name on one line.")
    role = r.choice("role", ROLES, required="Pick a role.")
    r.check()
    return Invited(email.lower(), name, Role(role))


def read_role(form: MultiDict[str, str]) -> Role:
    """Read a role.

    Raises:
        RuleBroken: none of the six.
    """
    r = Reader(form)
    role = r.choice("role", ROLES, required="Pick a role.")
    r.check()
    return Role(role)


def read_successor(form: MultiDict[str, str]) -> int | None:
    """Who takes over, or nobody.

    Raises:
        RuleBroken: no id at all.
    """
    raw = form.get("to", "")
    if not raw:
        return None
    try:
        return id_value(raw)
    except ValueError:
        raise RuleBroken("Pick a colleague from the list.", code="FORM", fields={"to": "Pick one."}) from None
