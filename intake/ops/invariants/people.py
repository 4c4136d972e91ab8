"""Invariants of persons, inquiries, tasks and the audit."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import and_, exists, func, or_, select
from sqlalchemy.orm import aliased

from intake.audit import verify
from intake.audit.models import AuditEntry, TimelineEntry
from intake.crypto import DataKey
from intake.inquiries import first_contact, moving
from intake.inquiries.models import Inquiry, Promise
from intake.ops.invariants.rule import Rule, rows
from intake.people.models import ContactPoint, Person, PersonKind
from intake.tasks.models import Task, TaskState
from intake.tasks.service import LIVE


def _chain() -> Iterator[str]:
    for fault in verify.walk().faults:
        yield str(fault)


_owed = exists().where(Task.inquiry_id == Inquiry.id, Task.kind == first_contact.KIND, Task.state.in_(LIVE))
_told = exists().where(TimelineEntry.inquiry_id == Inquiry.id, TimelineEntry.kind == "inquiry_received")
_recorded = exists().where(
    AuditEntry.record_id == Inquiry.id, AuditEntry.record == "inquiry", AuditEntry.verb == "received"
)
_other = aliased(Task)
_ended = Inquiry.state.in_(moving.ENDS)

RULES: tuple[Rule, ...] = (
    Rule("audit_chain", "Every audit chain is whole, from its first entry to its head (34)", _chain),
    Rule(
        "person_key",
        "Every person has a data key, or was erased",
        rows("person", lambda: select(Person.id).where(~exists().where(DataKey.owner_id == Person.id))),
    ),
    Rule(
        "tombstone",
        "A joined record names the one it was joined with, and only a joined one does (4)",
        rows(
            "person",
            lambda: select(Person.id).where((Person.kind == PersonKind.TOMBSTONE) != Person.merged_into.is_not(None)),
        ),
    ),
    Rule(
        "contact_stopped",
        "A stopped or bad address keeps its time",
        rows(
            "contact_point",
            lambda: select(ContactPoint.id).where(
                ContactPoint.consented_at.is_not(None), ContactPoint.verified_at.is_(None)
            ),
        ),
    ),
    Rule(
        "inquiry_story",
        "Receiving an inquiry left its line in the story and its audit entry (1)",
        rows("inquiry", lambda: select(Inquiry.id).where(or_(~_told, ~_recorded))),
    ),
    Rule(
        "first_contact_owed",
        "An open inquiry that nobody has talked with owes the first contact (1, 7)",
        rows("inquiry", lambda: select(Inquiry.id).where(~_ended, Inquiry.first_contact_at.is_(None), ~_owed)),
    ),
    Rule(
        "inquiry_end",
        "An ended inquiry has the time of its end, an open one has none",
        rows("inquiry", lambda: select(Inquiry.id).where(_ended != Inquiry.ended_at.is_not(None))),
    ),
    Rule(
        "inquiry_times",
        "No first contact lies before the inquiry, and no inquiry in the future",
        rows(
            "inquiry",
            lambda: select(Inquiry.id).where(
                or_(Inquiry.first_contact_at < Inquiry.received_at, Inquiry.ended_at < Inquiry.received_at)
            ),
        ),
    ),
    Rule(
        "one_promise",
        "At most one promise of a kind is open per inquiry (7)",
        rows(
            "inquiry",
            lambda: (
                select(Promise.inquiry_id)
                .where(Promise.kept_at.is_(None), Promise.missed_at.is_(None), Promise.replaced_by.is_(None))
                .group_by(Promise.inquiry_id, Promise.kind)
                .having(func.count() > 1)
            ),
        ),
    ),
    Rule(
        "one_task",
        "At most one live task per key",
        rows(
            "task",
            lambda: select(Task.id).where(
                Task.state.in_(LIVE),
                exists().where(
                    _other.key == Task.key, _other.site_id == Task.site_id, _other.state.in_(LIVE), _other.id < Task.id
                ),
            ),
        ),
    ),
    Rule(
        "task_end",
        "An ended task has the time of its end, a live one has none",
        rows(
            "task",
            lambda: select(Task.id).where(
                or_(
                    and_(Task.state.in_(LIVE), Task.ended_at.is_not(None)),
                    and_(Task.state.in_((TaskState.DONE, TaskState.CANCELLED)), Task.ended_at.is_(None)),
                )
            ),
        ),
    ),
)
