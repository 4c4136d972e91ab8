"""Whom a member of staff must not come across: registered with the people room in `create_app`."""

from __future__ import annotations

from sqlalchemy import Select, select

from intake.actor import Actor
from intake.cases.models import Case
from intake.cases.queries import kept_from


def hidden_people(actor: Actor) -> Select[int]:
    """The people of a restricted case that `actor` may not read: their requests and names stay away too."""
    return select(Case.person_id).where(kept_from(actor), Case.restricted)
