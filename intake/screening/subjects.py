"""Whose screening or routing a page is about, and whether the actor may read it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from intake.actor import Actor
from intake.cases import queries as cases
from intake.cases.models import Case
from intake.db import db, id_text
from intake.errors import Missing
from intake.inquiries.models import Inquiry
from intake.people import queries as people
from intake.people.models import Person
from intake.people.queries import PersonView
from intake.screening import queries
from intake.screening.models import Placement

GONE = "There is no such inquiry."


@dataclass(frozen=True)
class Subject:
    """Whose screening it is, and by which address the page was opened."""

    inquiry: Inquiry
    case: Case | None
    person: PersonView
    by_case: bool

    @property
    def of(self) -> Inquiry | Case:
        """What the services take: the case when there is one."""
        return self.case if self.case is not None else self.inquiry

    @property
    def case_id(self) -> int | None:
        """The id of the case, None before it exists."""
        return None if self.case is None else self.case.id

    @property
    def at(self) -> dict[str, Any]:
        """The address's own part, for `url_for`."""
        return {"case_id": self.case.id} if self.by_case and self.case is not None else {"inquiry_id": self.inquiry.id}

    @property
    def home(self) -> str:
        """Where one goes back to: the case, or the inbox."""
        return "/inbox" if self.case is None else f"/cases/{id_text(self.case.id)}"

    @property
    def name(self) -> str:
        """The name to show."""
        return self.person.name

    @property
    def number(self) -> str:
        """The neutral number, for titles."""
        return self.inquiry.reference


def subject(actor: Actor, *, inquiry_id: int | None = None, case_id: int | None = None) -> Subject:
    """The subject of an address, if the actor may read it.

    Raises:
        Missing: none, of another site, or restricted; all read the same.
    """
    if case_id is not None:
        case = cases.readable(actor, case_id)
        return _subject(db.session.get_one(Inquiry, case.opened_from), case, by_case=True)
    inquiry = db.session.get(Inquiry, inquiry_id)
    if inquiry is None or inquiry.site_id != actor.site_id:
        raise Missing(GONE)
    found = queries.case_of(inquiry.id)
    if found is not None and not cases.can_read(actor, found):
        raise Missing(GONE)
    return _subject(inquiry, found, by_case=False)


def again(of: Subject, actor: Actor) -> Subject:
    """The same subject, read afresh after a write."""
    if of.by_case:
        return subject(actor, case_id=of.case_id)
    return subject(actor, inquiry_id=of.inquiry.id)


def subject_of_placement(actor: Actor, placement_id: int) -> Subject:
    """The subject of a placement, if the actor may read it.

    Raises:
        Missing: as `subject`.
    """
    row = db.session.get(Placement, placement_id)
    if row is None or row.site_id != actor.site_id:
        raise Missing("There is no such placement.")
    return subject(actor, inquiry_id=row.inquiry_id)


def _subject(inquiry: Inquiry, case: Case | None, *, by_case: bool) -> Subject:
    person = people.opened(db.session.get_one(Person, inquiry.person_id))
    return Subject(inquiry, case, person, by_case)
