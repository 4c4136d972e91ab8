"""What the pages "my cases", "tasks" and "find" read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import or_, select

from intake.accounts.models import Staff
from intake.actor import STAFF, Actor, Role
from intake.cases.models import Case, CaseState
from intake.cases.queries import ENDED, can_read, visible
from intake.clock import db_now
from intake.db import db, id_text
from intake.desk import words
from intake.desk.queries import task_shown, tasks_for
from intake.inquiries.models import Inquiry
from intake.inquiries.queries import visible as visible_inquiry
from intake.people import finding
from intake.people import queries as people
from intake.queues import queries as queue_queries
from intake.queues.models import Queue, QueueEntry
from intake.queues.queries import BoardRow
from intake.tasks.models import Task, TaskState

MOST = 200
MOST_FOUND = 20
TASK_STATES = ("open", "mine", "late", "snoozed", "all", "ended")
# These end only by what they ask for, on the page of the case.
ENDS_ITSELF = frozenset(
    {"alert", "danger", "answer_placement", "emergency_access", "capacity_notice", "referral_outcome"}
)


@dataclass(frozen=True)
class CaseRow:
    """One case in a list."""

    case: Case
    name: str
    age: int | None
    reference: str
    waits_in: str


def _case_rows(found: Sequence[Case]) -> list[CaseRow]:
    views = people.opened_many(c.person_id for c in found)
    references = {
        row.id: row.reference
        for row in db.session.execute(
            select(Inquiry.id, Inquiry.reference).where(Inquiry.id.in_([c.opened_from for c in found]))
        )
    }
    waits = {
        row.case_id: words.queue(row.queue)
        for row in db.session.execute(
            select(QueueEntry.case_id, QueueEntry.queue).where(
                QueueEntry.case_id.in_([c.id for c in found]), QueueEntry.left_at.is_(None)
            )
        )
    }
    return [
        CaseRow(c, views[c.person_id].name, views[c.person_id].age, references[c.opened_from], waits.get(c.id, ""))
        for c in found
    ]


def mine(actor: Actor, *, queue: str = "") -> list[CaseRow]:
    """The open cases somebody owns, newest first; with `queue`, all readable cases that wait there instead."""
    where: list[Any] = [visible(actor), Case.owner_id == actor.id, Case.state.not_in(ENDED)]
    if queue:
        waiting = select(QueueEntry.case_id).where(QueueEntry.queue == Queue(queue), QueueEntry.left_at.is_(None))
        where = [visible(actor), Case.id.in_(waiting)]
    return _case_rows(
        list(db.session.scalars(select(Case).where(*where).order_by(Case.opened_at.desc(), Case.id).limit(MOST)))
    )


def board_of(row: BoardRow) -> str:
    """The board an entry stands on."""
    return next(name for name, queues in queue_queries.BOARDS.items() if row.queue in queues)


@dataclass(frozen=True)
class TaskRow:
    """One task in a list, with where it leads; `by_form` says that a word about it can end it."""

    task: Task
    words: str
    why: str
    about: str
    url: str
    owner: str
    late: bool
    by_form: bool


def task_rows(actor: Actor, state: str, *, now: datetime) -> list[TaskRow]:
    """The tasks of a state (TASK_STATES) that the actor may see, soonest due first; at most 200.

    "all" is the whole center, the others are the actor's own and those of their role. Tasks of cases and requests
    the actor may not read are left out.
    """
    where: list[Any] = [task_shown(actor)]
    if state == "ended":
        where.append(Task.state.in_((TaskState.DONE, TaskState.CANCELLED)))
    else:
        where.append(Task.state.in_((TaskState.OPEN, TaskState.CLAIMED)))
    if state == "mine":
        where.append(Task.owner_id == actor.id)
    elif state != "all":
        where.append(tasks_for(actor))
    asleep = Task.snoozed_until > db_now()
    if state == "snoozed":
        where.append(asleep)
    elif state not in {"ended", "all"}:
        where.append(or_(Task.snoozed_until.is_(None), ~asleep))
    if state == "late":
        where.append(Task.due_at < db_now())
    order = Task.ended_at.desc() if state == "ended" else Task.due_at
    found = list(db.session.scalars(select(Task).where(*where).order_by(order, Task.id).limit(MOST)))
    return _task_rows(actor, found, now)


def _task_rows(actor: Actor, found: Sequence[Task], now: datetime) -> list[TaskRow]:
    about = {
        c.id: c for c in db.session.scalars(select(Case).where(Case.id.in_([t.case_id for t in found if t.case_id])))
    }
    asked = [t.inquiry_id for t in found if t.inquiry_id] + [c.opened_from for c in about.values()]
    numbers = {
        row.id: row.reference
        for row in db.session.execute(select(Inquiry.id, Inquiry.reference).where(Inquiry.id.in_(asked)))
    }
    owners = {
        s.id: s.name
        for s in db.session.scalars(select(Staff).where(Staff.id.in_([t.owner_id for t in found if t.owner_id])))
    }
    rows = []
    for task in found:
        case = about.get(task.case_id or 0)
        url = ""
        if actor.role in STAFF and (case is not None or task.inquiry_id):
            url = f"/cases/{id_text(case.id)}" if case is not None else f"/inquiries/{id_text(task.inquiry_id or 0)}"
        if task.role is Role.PRIVACY and actor.role in {Role.PRIVACY, Role.SUPERVISOR}:
            url = "/privacy"
        number = numbers.get(case.opened_from if case else (task.inquiry_id or 0), "")
        rows.append(
            TaskRow(
                task=task,
                words=words.task_line(task),
                why=words.cause(task.cause),
                about=number,
                url=url,
                owner=owners.get(task.owner_id or 0, ""),
                late=task.state in (TaskState.OPEN, TaskState.CLAIMED) and task.due_at < now,
                by_form=task.kind not in ENDS_ITSELF and may_do(actor, task),
            )
        )
    return rows


def may_do(actor: Actor, task: Task) -> bool:
    """Owner, the role it waits for, a supervisor; prescribers also do clinicians' work, all staff admissions' work."""
    if task.owner_id == actor.id or actor.role in {task.role, Role.SUPERVISOR}:
        return True
    if task.role is Role.CLINICIAN:
        return actor.role is Role.PRESCRIBER
    return task.role is Role.ADMISSIONS and actor.role in STAFF


@dataclass(frozen=True)
class Hit:
    """One person found, with the cases and requests the actor may open."""

    name: str
    age: int | None
    why: str
    cases: tuple[tuple[int, str, CaseState], ...]
    inquiries: tuple[tuple[int, str], ...]


def find_people(actor: Actor, text: str) -> list[Hit]:
    """People of the site by name (typos allowed), phone, email or case number, as far as the actor may know them.

    Somebody whose only cases are restricted is not found at all, exactly as if they were not known.
    """
    ids = dict.fromkeys(_by_number(actor.site_id, text), "case number")
    for likely in finding.find(text, actor.site_id, MOST_FOUND):
        ids.setdefault(likely.person.id, ", ".join(likely.reasons))
    if not ids:
        return []
    views = people.opened_many(ids)
    every = list(db.session.scalars(select(Case).where(Case.person_id.in_(ids)).order_by(Case.opened_at.desc())))
    asked = list(
        db.session.scalars(
            select(Inquiry)
            .where(visible_inquiry(actor), or_(Inquiry.person_id.in_(ids), Inquiry.inquirer_id.in_(ids)))
            .order_by(Inquiry.received_at.desc())
            .limit(MOST)
        )
    )
    numbers = {i.id: i.reference for i in asked}
    return [hit for i, why in ids.items() if (hit := _hit(actor, views[i], why, every, asked, numbers)) is not None]


def _by_number(site_id: int, text: str) -> list[int]:
    """The people of case numbers that begin with what was typed."""
    wanted = "".join(text.upper().split())[:20]
    if len(wanted) < 4:
        return []
    return list(
        db.session.scalars(
            select(Inquiry.person_id)
            .where(Inquiry.site_id == site_id, Inquiry.reference.startswith(wanted, autoescape=True))
            .limit(MOST_FOUND)
        )
    )


def _hit(
    actor: Actor,
    view: people.PersonView,
    why: str,
    every: Sequence[Case],
    asked: Sequence[Inquiry],
    numbers: dict[int, str],
) -> Hit | None:
    own = [c for c in every if c.person_id == view.id]
    open_to = [c for c in own if can_read(actor, c)]
    if own and not open_to:
        return None
    requests = [i for i in asked if view.id in {i.person_id, i.inquirer_id}]
    if not own and not requests:
        return None
    return Hit(
        name=view.name,
        age=view.age,
        why=why,
        cases=tuple((c.id, numbers.get(c.opened_from, ""), c.state) for c in open_to),
        inquiries=tuple((i.id, i.reference) for i in requests[:5]),
    )
