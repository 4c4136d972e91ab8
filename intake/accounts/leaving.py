"""Change what somebody may do here, and let them leave: sessions end at once, their work goes back or over."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Protocol

from sqlalchemy import select

from intake.accounts import joining, kinds, service, sessions
from intake.accounts.models import Staff
from intake.actor import STAFF, Actor, Role
from intake.audit import service as audit
from intake.db import db
from intake.errors import Missing, NotPermitted, RuleBroken
from intake.tasks import service as tasks

ONE_ADMIN = "One administrator has to stay. Name another one first."
NOT_SELF = "You cannot change your own account here. Ask another administrator."


class GiveUp(Protocol):
    """What a higher room gives back or hands over when somebody leaves; returns how many."""

    def __call__(self, staff_id: int, to: Actor | None, *, actor: Actor, now: datetime) -> int: ...


# Registered in create_app: claims (queues) and cases (cases).
when_off: list[GiveUp] = []


def of_site(staff_id: int, actor: Actor) -> Staff:
    """A member of staff of the actor's own center, locked.

    Raises:
        Missing: none here.
    """
    row = db.session.scalar(
        select(Staff)
        .where(Staff.id == staff_id, Staff.site_id == actor.site_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if row is None:
        raise Missing("There is no such user.")
    return row


def other_of_site(staff_id: int, actor: Actor) -> Staff:
    """A colleague of the actor, locked; nobody changes their own account here.

    Raises:
        Missing: none here. NotPermitted: oneself.
    """
    row = of_site(staff_id, actor)
    if row.id == actor.id:
        raise NotPermitted(NOT_SELF)
    return row


def _to_lose(staff_id: int, actor: Actor) -> Staff:
    """A colleague, locked, who may lose their role or account; an administrator only while another one stays.

    Raises:
        Missing: none here. NotPermitted: oneself. RuleBroken: the last administrator.
    """
    # All administrators are locked before the colleague and in one order, so two who switch each other off wait in
    # line: one wins and the other hears why not, instead of both waiting for each other.
    admins = db.session.scalars(
        select(Staff.id)
        .where(Staff.site_id == actor.site_id, Staff.role == Role.ADMIN, Staff.is_active.is_(True))
        .order_by(Staff.id)
        .with_for_update()
    ).all()
    row = other_of_site(staff_id, actor)
    if row.role is Role.ADMIN and row.is_active and len(admins) < 2:
        raise RuleBroken(ONE_ADMIN, code="ONE_ADMIN")
    return row


def change_role(staff_id: int, role: Role, *, actor: Actor, now: datetime) -> Staff:
    """Give somebody another role; their sessions end, so that nothing of the old role stays open.

    Raises:
        Missing: none here. NotPermitted: oneself. RuleBroken: the last administrator.
    """
    row = _to_lose(staff_id, actor)
    if row.role is role:
        return row
    before, row.role = row.role, role
    sessions.end_all(row.id, now=now)
    purpose = f"{before.value} > {role.value}"
    audit.record(
        actor=actor, verb="role_changed", record="staff", record_id=row.id, changed=("role",), purpose=purpose, now=now
    )
    return row


def switch_off(staff_id: int, *, to_id: int | None, actor: Actor, now: datetime) -> dict[str, int]:
    """Switch an account off at once: sessions end, claims and tasks go back, cases go over to `to_id` (or nobody).

    Returns how many tasks, and how many of what each registered room gave up.

    Raises:
        Missing: none here, or no such colleague. NotPermitted: oneself. RuleBroken: the last administrator.
    """
    row = _to_lose(staff_id, actor)
    to = _successor(to_id, row, actor)
    row.is_active, row.switched_off_at = False, now
    sessions.end_all(row.id, now=now)
    for purpose in (kinds.INVITATION, kinds.RESET):
        joining.stop_links(purpose, row.id, now)
    given = {"tasks": tasks.give_back_all(row.id, actor=actor, now=now)}
    for give_up in when_off:
        given[_word(give_up)] = give_up(row.id, to, actor=actor, now=now)
    audit.record(
        actor=actor, verb="switched_off", record="staff", record_id=row.id, changed=("is_active",), now=now,
        purpose=f"to {to.id}" if to else "",
    )  # fmt: skip
    return given


def _word(give_up: Callable[..., int]) -> str:
    return str(getattr(give_up, "__module__", "")).split(".")[1]


def _successor(to_id: int | None, leaving: Staff, actor: Actor) -> Actor | None:
    if to_id is None:
        return None
    to = of_site(to_id, actor)
    if to.id == leaving.id or not to.is_active or to.role not in STAFF:
        raise RuleBroken(
            "Cases go to somebody else who works with cases.", code="SUCCESSOR", fields={"to": "Pick one."}
        )
    return service.actor_of(to)


def switch_on(staff_id: int, *, actor: Actor, now: datetime) -> Staff:
    """Switch an account on again; its owner starts with a new invitation.

    Raises:
        Missing: none here. NotPermitted: oneself.
    """
    row = other_of_site(staff_id, actor)
    if row.is_active:
        return row
    row.is_active, row.switched_off_at = True, None
    audit.record(actor=actor, verb="switched_on", record="staff", record_id=row.id, changed=("is_active",), now=now)
    joining.invite_again(row, actor=actor, now=now)
    return row
