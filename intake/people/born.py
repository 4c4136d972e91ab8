"""The birth date that stands before a mailed link: read in any order, compared, and few tries."""

from __future__ import annotations

from datetime import datetime

from flask_babel import gettext as _
from werkzeug.datastructures import MultiDict

from intake.db import db
from intake.errors import Missing
from intake.fields import Reader, read_day
from intake.guard import SignedLink
from intake.people import queries as people
from intake.people.models import Person

MOST_TRIES = 5


def read(form: MultiDict[str, str]) -> str:
    """The birth date as typed, in any common order; checked against the person by `fits`.

    Raises:
        RuleBroken: FORM, nothing was typed.
    """
    reader = Reader(form)
    typed = reader.text("born_on", limit=40, required=_("Type your birth date, like July 3 1984"))
    reader.check()
    return typed


def fits(person: Person, typed: str) -> bool:
    """Whether the typed date is the person's; day and month may be the other way round."""
    known, found = people.opened(person).born_on, read_day(typed)
    if known is None or found is None:
        return False
    swapped = found.day <= 12 and (found.year, found.day, found.month) == (known.year, known.month, known.day)
    return found == known or swapped


def _locked(link_id: int) -> SignedLink | None:
    # Read anew: what the request read before it had the lock may be another try's past.
    return db.session.get(SignedLink, link_id, with_for_update=True, populate_existing=True)


def may_try(link_id: int) -> bool:
    """Whether a try is left; the link is locked until the transaction ends, so many at once get no more than five."""
    link = _locked(link_id)
    return link is not None and link.tries < MOST_TRIES


def wrong_sentence(left: int) -> str:
    """What is said after a date that does not fit, with the tries that are left."""
    return str(_("That is not the birth date we have. You can try %(n)s more times.", n=left))


def count_wrong(link_id: int, *, now: datetime) -> tuple[int, bool]:
    """Count a wrong date; the fifth stops the link. Returns the tries left, and whether this one stopped it.

    Raises:
        Missing: no such link.
    """
    link = _locked(link_id)
    if link is None:
        raise Missing("This link has ended.")
    link.tries += 1
    stops = link.tries >= MOST_TRIES and link.stopped_at is None
    if stops:
        link.stopped_at = now
    return max(0, MOST_TRIES - link.tries), stops
