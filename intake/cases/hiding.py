"""Whom a member of staff must not come across: registered with the people room in `create_app`."""

from __future__ import annotations

from sqlalchemy import Select, select

from intake.actor import Actor
from intake.cases.models import Case
from intake.cases.queries import visible


def hidden_people(actor: Actor) -> Select[int]:
    """The people of a restricted case that `actor` may not read: their requests and names stay away too."""
    # Not the negation of `visible`: a case without owner would be neither visible nor hidden.
    readable = select(Case.id).where(visible(actor))
    return select(Case.person_id).where(
        Case.site_id == actor.site_id, Case.restricted.is_(True), Case.id.not_in(readable)
    )
