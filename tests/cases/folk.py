"""People who ask for help, for tests: an inquiry with its person, and a case that waits."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from flask import Flask

from intake.actor import Actor
from intake.cases import service as cases
from intake.cases.models import Case
from intake.clock import utcnow
from intake.db import db, new_id, transaction
from intake.inquiries.models import Channel, Inquiry, InquiryState, Relation
from intake.people import service as people
from intake.people.models import PersonKind
from intake.queues import service as queues
from intake.queues.models import Queue, QueueEntry
from intake.settings.models import Site
from tests.people import Cast, make_cast


@contextmanager
def center(app: Flask) -> Iterator[Cast]:
    """The application's context with both sites and their staff."""
    with app.app_context():
        with transaction():
            cast = make_cast()
        # Plain loaded values from here on, so that the cast can be named outside the context too.
        db.session.expunge_all()
        yield cast


def inquiry_of(
    site: Site,
    actor: Actor,
    *,
    name: str = "Theo",
    received_at: datetime | None = None,
    danger: dict[str, str] | None = None,
    state: InquiryState = InquiryState.NEW,
    age_years: int | None = 33,
) -> Inquiry:
    """One inquiry with its person; inside the caller's transaction."""
    at = received_at or utcnow()
    person = people.add_person(
        site=site, kind=PersonKind.KNOWN, used_name=name, age_years=age_years, actor=actor, now=at
    )
    row = Inquiry(
        id=new_id(),
        site_id=site.id,
        reference=f"{site.reference_prefix}-{new_id() % 10**8:08d}",
        received_at=at,
        channel=Channel.PHONE,
        relation=Relation.SELF,
        inquirer_id=person.id,
        person_id=person.id,
        danger=danger or {},
        state=state,
        first_contact_due_at=at + timedelta(hours=1),
        created_at=at,
    )
    db.session.add(row)
    db.session.flush()
    return row


def waiting(
    cast: Cast,
    *,
    queue: Queue = Queue.DETOX,
    acuity: int = 2,
    priority: int = 20,
    name: str = "Theo",
    received_at: datetime | None = None,
    site: Site | None = None,
    actor: Actor | None = None,
    **more: Any,
) -> tuple[Case, QueueEntry]:
    """A case that waits in a queue, in a transaction of its own."""
    by = actor or cast.ada
    with transaction():
        inquiry = inquiry_of(site or cast.site, by, name=name, received_at=received_at)
        case = cases.open(
            inquiry, placement=None, queue=queue, acuity=acuity, priority=priority, actor=by, now=utcnow(),
            **more,
        )  # fmt: skip
        entry = queues.live_of(case.id)[0]
    db.session.expunge(case)
    db.session.expunge(entry)
    return case, entry
