"""Occupancy is what the stays say: after any steps the counts equal the placements, and no bed is used twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from flask import Flask
from hypothesis import HealthCheck, settings
from hypothesis import strategies as some
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from sqlalchemy import func, select

from intake import clock
from intake.beds import queries
from intake.beds import service as beds
from intake.beds.models import BedUse, UseKind
from intake.cases import places
from intake.clock import utcnow
from intake.db import db, transaction
from intake.errors import AlreadyDone
from tests.cases.folk import center, waiting
from tests.cases.test_waitlist import ward
from tests.depth import worlds
from tests.people import Cast

BEDS, PEOPLE = 3, 4
Pick = some.integers(0, 99)


class Ward(RuleBasedStateMachine):
    """Three beds and four people; the model is a plain dictionary of who is where until when."""

    app: Flask
    cast: Cast
    bed_ids: list[int]
    case_ids: list[int]
    taken: Counter[str]

    def __init__(self) -> None:
        super().__init__()
        self.moved = timedelta(0)
        self.model: dict[int, tuple[int, UseKind, int | None]] = {}
        clock.set_offset(self.moved)
        with self.writing():
            for case_id in self.case_ids:
                beds.release(case_id, outcome="reset", actor=self.cast.sol, now=utcnow())

    @contextmanager
    def writing(self) -> Iterator[None]:
        with self.app.app_context():
            with transaction():
                yield
            db.session.remove()

    def minutes(self) -> int:
        """Minutes since the start, by the moved clock."""
        return int(self.moved.total_seconds() // 60)

    def live(self) -> dict[int, tuple[int, UseKind, int | None]]:
        """The model without holds whose time is over."""
        now = self.minutes()
        return {b: u for b, u in self.model.items() if u[2] is None or u[2] > now}

    @rule(bed=Pick, who=Pick, hours=some.integers(1, 4))
    def hold(self, bed: int, who: int, hours: int) -> None:
        """Keep a bed for somebody; a bed that is taken is refused."""
        self.taken["hold"] += 1
        bed_id, case_id = self.bed_ids[bed % BEDS], self.case_ids[who % PEOPLE]
        taken = bed_id in self.live()
        try:
            with self.writing():
                until = utcnow() + timedelta(hours=hours)
                beds.hold(bed_id, case_id, until=until, actor=self.cast.ada, now=utcnow())
            assert not taken
            self.model[bed_id] = (case_id, UseKind.HOLD, self.minutes() + hours * 60)
        except AlreadyDone:
            assert taken

    @rule(bed=Pick, who=Pick)
    def move_in(self, bed: int, who: int) -> None:
        """Let somebody live in a bed that is free or kept for them; everything else of theirs is freed."""
        self.taken["move_in"] += 1
        bed_id, case_id = self.bed_ids[bed % BEDS], self.case_ids[who % PEOPLE]
        now = self.live().get(bed_id)
        may = now is None or now == (case_id, UseKind.HOLD, now[2])
        try:
            with self.writing():
                beds.stay(case_id, bed_id=bed_id, actor=self.cast.cleo, now=utcnow())
            assert may
            self.model = {b: u for b, u in self.model.items() if u[0] != case_id}
            self.model[bed_id] = (case_id, UseKind.STAY, None)
        except AlreadyDone:
            assert not may

    @rule(who=Pick, only_holds=some.booleans())
    def leave(self, who: int, only_holds: bool) -> None:
        """Somebody leaves, or gives back what was kept."""
        self.taken["leave"] += 1
        case_id = self.case_ids[who % PEOPLE]
        with self.writing():
            kind = UseKind.HOLD if only_holds else None
            beds.release(case_id, outcome="left", kind=kind, actor=self.cast.cleo, now=utcnow())
        self.model = {b: u for b, u in self.model.items() if u[0] != case_id or (only_holds and u[1] is UseKind.STAY)}

    @rule(hours=some.integers(1, 5))
    @precondition(lambda self: self.moved < timedelta(days=300))
    def wait(self, hours: int) -> None:
        """Time passes; the minute's round ends what lapsed."""
        self.taken["wait"] += 1
        self.moved += timedelta(hours=hours, minutes=1)
        clock.set_offset(self.moved)
        with self.writing():
            places.lapse(now=utcnow())

    @invariant()
    def counts_equal_placements(self) -> None:
        """What the pages count is what the model holds, and no bed has two live uses."""
        live = self.live()
        with self.app.app_context():
            found = queries.counts(self.cast.site.id)[0]
            stays = sum(u[1] is UseKind.STAY for u in live.values())
            assert (found.stays, found.holds, found.free) == (stays, len(live) - stays, BEDS - len(live))
            assert queries.occupancy(self.cast.site.id) == (stays, BEDS)
            shown = {b.id: b.case_id for b in queries.beds(self.cast.site.id) if b.use}
            assert shown == {b: u[0] for b, u in live.items()}
            twice = select(BedUse.bed_id).where(BedUse.ended_at.is_(None)).group_by(BedUse.bed_id)
            assert db.session.execute(twice.having(func.count() > 1)).all() == []
            db.session.remove()


def walk(app: Flask, *, runs: int) -> Counter[str]:
    """Let `runs` worlds take 25 random steps each; returns how many of each kind were taken, all checked."""
    with center(app) as cast:
        Ward.app, Ward.cast = app, cast
        Ward.bed_ids = [bed.id for bed in ward(cast, BEDS)]
        Ward.case_ids = [waiting(cast, name=f"Person {n}")[0].id for n in range(PEOPLE)]
        db.session.remove()
    Ward.taken = Counter()
    once = settings(
        max_examples=runs, stateful_step_count=25, deadline=None, database=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )  # fmt: skip
    try:
        run_state_machine_as_test(Ward, settings=once)
    finally:
        clock.set_offset(timedelta(0))
    return Ward.taken


def test_after_any_steps_occupancy_equals_the_placements(app_sqlite: Flask) -> None:
    assert set(walk(app_sqlite, runs=worlds(8))) == {"hold", "move_in", "leave", "wait"}
