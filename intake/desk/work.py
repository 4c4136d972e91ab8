"""What the pages "my cases", "tasks" and "find" read."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, or_, select
from sqlalchemy.orm import aliased

from intake import crypto
from intake.actor import STAFF, Actor
from intake.cases.models import Case, CaseState
from intake.cases.queries import visible
from intake.clock import db_now
from intake.db import db, id_text
from intake.desk import queries
from intake.inquiries.models import Inquiry
from intake.people import queries as people
from intake.people.models import Person
from intake.queues.models import EntryState, QueueEntry
from intake.tasks.models import Task
from intake.tasks.service import LIVE

ENDED = (CaseState.CLOSED, CaseState.DISCHARGED)
MOST = 100
MOST_FOUND = 20


@dataclass(frozen=True)
class CaseRow:
    """One case of a list: its number, the name to show, and whether a claim holds it."""

    case: Case
    reference: str
    name: str
    claimed: bool


@dataclass(frozen=True)
class TaskRow:
    """One task with the case or request it is about; `name` is empty where the reader may not see it."""

    task: Task
    reference: str
    name: str
    address: str
    late: bool


@dataclass(frozen=True)
class Found:
    """One person or case that answers a search, with why."""

    name: str
    reference: str
    address: str
    why: str
    state: str


def _names(ids: Iterable[int]) -> dict[int, str]:
    rows = list(db.session.scalars(select(Person).where(Person.id.in_(set(ids)))))
    crypto.prefetch([blob for row in rows for blob in (row.used_name, row.legal_name)])
    return {row.id: people.opened(row).name for row in rows}


def mine(actor: Actor) -> list[CaseRow]:
    """The open cases that somebody owns or holds by a claim, newest first."""
    held = select(QueueEntry.case_id).where(
        QueueEntry.claimed_by == actor.id, QueueEntry.left_at.is_(None), QueueEntry.state == EntryState.CLAIMED
    )
    claimed = set(db.session.scalars(held))
    rows = db.session.execute(
        select(Case, Inquiry.reference)
        .join(Inquiry, Inquiry.id == Case.opened_from)
        .where(
            visible(actor),
            or_(Case.owner_id == actor.id, Case.id.in_(claimed)),
            or_(Case.state.not_in(ENDED), Case.id.in_(claimed)),
        )
        .order_by(Case.opened_at.desc(), Case.id)
        .limit(MOST)
    ).all()
    names = _names(case.person_id for case, _reference in rows)
    return [CaseRow(case, number, names.get(case.person_id, ""), case.id in claimed) for case, number in rows]


def owed(actor: Actor, *, state: str, now: datetime) -> list[TaskRow]:
    """Tasks of the actor's role or own ones, most urgent first; `state`: open, all (whole center) or ended."""
    own, of_case = aliased(Inquiry), aliased(Inquiry)
    where: list[Any] = [Task.site_id == actor.site_id]
    if state == "ended":
        where += [Task.state.not_in(LIVE), or_(Task.ended_by == actor.id, Task.owner_id == actor.id)]
    else:
        where += [Task.state.in_(LIVE)]
        if state != "all":
            where += [queries.tasks_for(actor), or_(Task.snoozed_until.is_(None), Task.snoozed_until < db_now())]
    order = Task.ended_at.desc() if state == "ended" else Task.due_at.asc()
    rows = db.session.execute(
        select(Task, own.reference, own.person_id, of_case.reference, Case.person_id)
        .outerjoin(own, own.id == Task.inquiry_id)
        .outerjoin(Case, Case.id == Task.case_id)
        .outerjoin(of_case, of_case.id == Case.opened_from)
        .where(*where)
        .order_by(order, Task.id)
        .limit(MOST)
    ).all()
    reads = actor.role in STAFF
    readable = set(
        db.session.scalars(
            select(Case.id).where(visible(actor), Case.id.in_([r[0].case_id for r in rows if r[0].case_id]))
        )
    )
    names = _names(r[4] or r[2] for r in rows if (r[4] or r[2])) if reads else {}
    return [_task_row(row, readable, names, now, reads=reads) for row in rows]


def _task_row(row: Any, readable: set[int], names: dict[int, str], now: datetime, *, reads: bool) -> TaskRow:
    task, reference, person, case_reference, case_person = row
    seen = reads and (task.case_id is None or task.case_id in readable)
    address = ""
    if seen and task.case_id is not None:
        address = f"/cases/{id_text(task.case_id)}"
    elif seen and task.inquiry_id is not None:
        address = f"/inquiries/{id_text(task.inquiry_id)}"
    return TaskRow(
        task=task,
        reference=case_reference or reference or "",
        name=names.get(case_person or person or 0, "") if seen else "",
        address=address,
        late=task.state in LIVE and task.due_at < now,
    )


def find(actor: Actor, text: str) -> list[Found]:
    """People by name, phone or email, and requests and cases by their number; only what the actor may read."""
    if actor.role not in STAFF or not text.strip():
        return []
    numbers = _by_number(actor, text)
    alike = people.find(text, actor.site_id, MOST_FOUND)
    return [*numbers, *_of_people(actor, alike)][:MOST_FOUND]


def _by_number(actor: Actor, text: str) -> list[Found]:
    wanted = "".join(text.upper().split())[:20]
    if len(wanted) < 4:
        return []
    rows = db.session.execute(
        select(Inquiry, Case.id)
        .outerjoin(Case, Case.opened_from == Inquiry.id)
        .where(
            Inquiry.site_id == actor.site_id,
            func.upper(Inquiry.reference).startswith(wanted, autoescape=True),
            or_(Case.id.is_(None), visible(actor)),
        )
        .limit(MOST_FOUND)
    ).all()
    names = _names(inquiry.person_id for inquiry, _case in rows)
    return [
        Found(
            names.get(inquiry.person_id, ""),
            inquiry.reference,
            f"/cases/{id_text(case_id)}" if case_id else f"/inquiries/{id_text(inquiry.id)}",
            "number",
            inquiry.state.value,
        )
        for inquiry, case_id in rows
    ]


def _of_people(actor: Actor, alike: Sequence[people.Likeness]) -> list[Found]:
    ids = [like.person.id for like in alike]
    latest: dict[int, tuple[Inquiry, int | None]] = {}
    rows = db.session.execute(
        select(Inquiry, Case.id)
        .outerjoin(Case, Case.opened_from == Inquiry.id)
        .where(
            Inquiry.site_id == actor.site_id,
            or_(Inquiry.person_id.in_(ids), Inquiry.inquirer_id.in_(ids)),
            or_(Case.id.is_(None), visible(actor)),
        )
        .order_by(Inquiry.received_at)
    ).all()
    for inquiry, case_id in rows:
        for person_id in {inquiry.person_id, inquiry.inquirer_id} & set(ids):
            latest[person_id] = (inquiry, case_id)
    found = []
    for like in alike:
        if like.person.id not in latest:
            continue
        inquiry, newest = latest[like.person.id]
        address = f"/cases/{id_text(newest)}" if newest else f"/inquiries/{id_text(inquiry.id)}"
        found.append(Found(like.person.name, inquiry.reference, address, ", ".join(like.reasons), inquiry.state.value))
    return found
