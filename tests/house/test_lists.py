"""Every list shows exactly what its reader may read, in worlds made up at random (A07).

Cases, my cases, boards, the inbox, the task list, find and today's screen, each beside a plain walk over every row.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import delete, event, select, update

from intake.accounts import service as accounts
from intake.accounts.models import Staff
from intake.actor import STAFF, Actor, Role
from intake.cases import queries as cases
from intake.cases.models import Case, Grant
from intake.clock import utcnow
from intake.db import db, new_id, transaction
from intake.desk import queries as desk
from intake.desk import work
from intake.inquiries.listed import InboxFilter, inbox_rows, stage_counts
from intake.inquiries.models import Inquiry
from intake.inquiries.queries import STAGES
from intake.inquiries.queries import visible as visible_inquiry
from intake.people import finding
from intake.people import queries as people
from intake.queues import forms
from intake.queues import queries as queues
from intake.queues.models import Queue, QueueEntry
from intake.settings import service as settings
from intake.settings.models import Site
from intake.tasks.models import Task
from intake.tasks.service import LIVE
from tests import world

WORLDS = 5


@pytest.fixture(scope="module")
def house(shared_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    """The demo center and an empty second one, to be thrown about."""
    app = world.application(world.copy(shared_folder, tmp_path_factory.mktemp("worlds")))
    with app.app_context():
        event.listen(db.engine, "connect", lambda connection, _: connection.execute("PRAGMA synchronous=OFF"))
        db.engine.dispose()
        with transaction():
            settings.add_site(
                slug="eastgate", name="Eastgate", discreet_name="Eastgate", phone="(555) 014-3300",
                email_from="hello@eastgate.example", time_zone="America/Chicago", now=utcnow(),
            )  # fmt: skip
    yield app
    with app.app_context():
        db.engine.dispose()


def throw(seed: int) -> None:
    """Another center, owner, restriction and emergency access for everything, by chance."""
    rng, now = random.Random(seed), utcnow()
    sites = list(db.session.scalars(select(Site.id)))
    staff = list(db.session.scalars(select(Staff.id)))
    rows = list(db.session.execute(select(Case.id, Case.person_id)))
    with transaction():
        db.session.execute(delete(Grant))
        for inquiry_id in db.session.scalars(select(Inquiry.id)):
            chosen_site = {"site_id": rng.choice(sites)}
            db.session.execute(update(Inquiry).where(Inquiry.id == inquiry_id).values(**chosen_site))
            db.session.execute(update(Task).where(Task.inquiry_id == inquiry_id).values(**chosen_site))
        for staff_id in staff:
            db.session.execute(update(Staff).where(Staff.id == staff_id).values(site_id=rng.choice(sites)))
        for case_id, _person in rows:
            site, hidden, owner = rng.choice(sites), rng.random() < 0.4, rng.choice([None, *staff])
            chosen = {"site_id": site, "restricted": hidden}
            db.session.execute(update(Case).where(Case.id == case_id).values(owner_id=owner, **chosen))
            db.session.execute(update(QueueEntry).where(QueueEntry.case_id == case_id).values(**chosen))
            db.session.execute(update(Task).where(Task.case_id == case_id).values(site_id=site))
            if rng.random() < 0.3:
                until = now + timedelta(minutes=rng.choice((-5, 50)))
                grant = {"case_id": case_id, "staff_id": rng.choice(staff), "until": until, "reason": b"-"}
                db.session.add(Grant(id=new_id(), created_at=now, **grant))


@pytest.mark.parametrize("seed", range(WORLDS))
def test_a07_every_list_is_exactly_what_its_reader_may_read(house: Flask, seed: int) -> None:
    with house.app_context():
        throw(seed)
        every = list(db.session.scalars(select(Case)))
        assert len(every) > 20
        names = people.opened_many({case.person_id for case in every[seed :: len(every) // 3]})
        restricted_seen = 0
        for row in list(db.session.scalars(select(Staff))):
            actor = accounts.actor_of(row)
            may = {case.id for case in every if cases.can_read(actor, case)}
            restricted_seen += sum(case.restricted for case in every if case.id in may)
            assert {case.id for case in cases.readable_list(actor, limit=10_000)} == may, actor
            assert may == set() or actor.role in STAFF
            own = {case.id for case in every if case.owner_id == actor.id and case.state not in cases.ENDED}
            assert {line.case.id for line in work.mine(actor)} == own & may, actor
            _boards(actor, may)
            asked = _inbox(actor, every, may)
            _tasks(actor, may, asked)
            for view in names.values():
                _found(actor, view.name, every, may, asked)
        assert restricted_seen > 0, "owners, supervisors and emergency access open restricted ones"
        db.session.remove()


def _boards(actor: Actor, may: set[int]) -> None:
    """A board shows the live entries of what may be read; a restricted one only to supervisors and its holder."""
    shown = queues.board(actor, tuple(Queue), forms.read(""), now=utcnow(), limit=200).rows
    live = list(db.session.scalars(select(QueueEntry).where(QueueEntry.left_at.is_(None))))
    ids = {row.case_id for row in shown}
    claimed = {entry.case_id for entry in live if entry.claimed_by == actor.id and entry.site_id == actor.site_id}
    assert ids - claimed <= may, actor
    assert {entry.case_id for entry in live if entry.case_id in may and not entry.restricted} <= ids, actor


def _inbox(actor: Actor, every: Sequence[Case], may: set[int]) -> set[int]:
    """The inbox shows all requests but those of people with a restricted case the actor may not read; returns these."""
    kept = {case.person_id for case in every if case.site_id == actor.site_id and case.id not in may}
    rows = list(db.session.scalars(select(Inquiry).where(Inquiry.site_id == actor.site_id)))
    asked = {row.id for row in rows if actor.role in STAFF and row.person_id not in kept}
    assert set(db.session.scalars(select(Inquiry.id).where(visible_inquiry(actor)))) == asked, actor
    counted = stage_counts(actor)
    for stage, states in STAGES.items():
        expected = {row.id for row in rows if row.id in asked and row.state in states}
        listed = inbox_rows(actor, InboxFilter(stage), now=utcnow(), limit=10_000)
        assert {row.id for row in listed} == expected, (actor, stage)
        assert counted[stage] == len(expected), (actor, stage)
    return asked


def _tasks(actor: Actor, may: set[int], asked: set[int]) -> None:
    """A task is listed when its case and its request may be read; the privacy officer's name cases to that role."""
    live = list(db.session.scalars(select(Task).where(Task.state.in_(LIVE), Task.site_id == actor.site_id)))
    expected = {
        task.id
        for task in live
        if ((task.case_id is None or task.case_id in may) and (task.inquiry_id is None or task.inquiry_id in asked))
        or task.role is actor.role is Role.PRIVACY
    }  # fmt: skip
    assert len(live) < work.MOST
    assert {row.task.id for row in work.task_rows(actor, "all", now=utcnow())} == expected, actor
    for state in ("open", "mine", "late", "snoozed"):
        assert {row.task.id for row in work.task_rows(actor, state, now=utcnow())} <= expected, (actor, state)
    waiting = work.task_rows(actor, "open", now=utcnow())
    assert desk.counts(actor).tasks == len(waiting), actor


def _found(actor: Actor, text: str, every: Sequence[Case], may: set[int], asked: set[int]) -> None:
    """Find gives everybody who answers to a name with their readable cases and requests.

    Nobody is found of whom neither may be read, and nobody all of whose own cases are kept from the actor.
    """
    known = {likely.person.id for likely in finding.find(text, actor.site_id, work.MOST_FOUND)}
    assert len(known) < work.MOST_FOUND
    hits = work.find_people(actor, text)
    open_to = {case.id: case.person_id for case in every if case.person_id in known and case.id in may}
    assert {case_id for hit in hits for case_id, _, _ in hit.cases} == set(open_to), actor
    kept = {case.person_id for case in every} - {case.person_id for case in every if case.id in may}
    people_of = select(Inquiry.id, Inquiry.person_id, Inquiry.inquirer_id).where(Inquiry.id.in_(asked))
    requests = {i: {person, inquirer} & known - kept for i, person, inquirer in db.session.execute(people_of)}
    listed = {inquiry_id for hit in hits for inquiry_id, _ in hit.inquiries}
    assert listed <= {i for i, theirs in requests.items() if theirs}, actor
    assert len(hits) == len(set(open_to.values()).union(*requests.values())), actor
