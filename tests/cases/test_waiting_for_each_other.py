"""Two writers of one case on PostgreSQL: neither holds the audit chain while it waits for a row of the other."""

from __future__ import annotations

import threading
import time

import pytest
from flask import Flask
from sqlalchemy import text

from intake.audit import service as audit
from intake.cases.states import locked
from intake.clock import utcnow
from intake.db import transaction
from intake.inquiries import moving
from tests.cases.folk import center, waiting
from tests.people import Cast

pytestmark = pytest.mark.parametrize("database", ["postgresql"], indirect=True)


class Teller(threading.Thread):
    """Somebody who writes one entry and one line, and has no row locked."""

    def __init__(self, app: Flask, cast: Cast, *, case_id: int | None = None, inquiry_id: int | None = None) -> None:
        super().__init__()
        self.app, self.by, self.case_id, self.inquiry_id = app, cast.cleo, case_id, inquiry_id
        self.done = False

    def run(self) -> None:
        """Write it."""
        with self.app.app_context():
            with transaction():
                audit.record(
                    actor=self.by, verb="tried", record="inquiry", record_id=1, case_id=self.case_id, now=utcnow()
                )
                audit.tell(
                    kind="attempt", actor=self.by, case_id=self.case_id, inquiry_id=self.inquiry_id, now=utcnow()
                )
            self.done = True


def test_who_only_tells_of_a_case_does_not_wait_for_whoever_changes_it(app: Flask) -> None:
    with center(app) as cast:
        case, _ = waiting(cast)
        with transaction():
            locked(case.id, cast.cleo)
            teller = Teller(app, cast, case_id=case.id)
            teller.start()
            teller.join(timeout=5)
            assert teller.done
            audit.record(
                actor=cast.cleo, verb="changed", record="care_case", record_id=case.id, case_id=case.id, now=utcnow()
            )


def test_who_waits_for_a_request_holds_no_chain_meanwhile(app: Flask) -> None:
    with center(app) as cast:
        case, _ = waiting(cast)
        with transaction() as session:
            moving.locked(case.opened_from, cast.cleo)
            teller = Teller(app, cast, inquiry_id=case.opened_from)
            teller.start()
            waits = text(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
            )
            until = time.monotonic() + 5
            while not session.scalar(waits) and time.monotonic() < until:
                time.sleep(0.02)
            assert not teller.done
            audit.record(actor=cast.cleo, verb="changed", record="inquiry", record_id=case.opened_from, now=utcnow())
        teller.join(timeout=5)
        assert teller.done
