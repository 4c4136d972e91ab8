"""`verify races_consent`: a consent taken back while 1,000 exports race: none goes out after the commit (G21, P05).

The chain of the case is the judge: it holds every release, every refusal and the revocation in one strict order.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass

from flask import Flask
from sqlalchemy import func, select
from sqlalchemy.exc import OperationalError

from intake.actor import Actor
from intake.audit.models import AuditEntry
from intake.clock import utcnow
from intake.consents import service as consents
from intake.consents.models import Disclosure, DisclosureState
from intake.db import db, glance, transaction
from intake.errors import NotPermitted
from intake.release import service as release
from intake.release.service import Ask
from tests import figures
from tests.cases.folk import waiting
from tests.people import Cast, make_cast
from tests.release.agreeing import agreed
from tests.verify._rig.engines import ENGINES, engines, house
from tests.verify.races import PROCESSES, at_once

EXPORTS, WIDE = 1000, 25
NAME = "consent revoked while exports race"
HEADS = ("race", "engine", "exports", "out before", "refused", "out after", "seconds")


@dataclass(frozen=True)
class Found:
    """What one race left: copies released before and after the revocation, refusals, and disclosures by state."""

    before: int
    after: int
    refused: int
    states: dict[str, int]

    @property
    def right(self) -> bool:
        """Copies went out before, none did after, and every copy that went out has its row."""
        return self.before > 0 and self.after == 0 and self.states.get("delivered", 0) == self.before


def race(app: Flask, cast: Cast, *, exports: int, wide: int, processes: int) -> Found:
    """`exports` copies under one consent by `wide` hands at once; a third of the way in, somebody takes it back."""
    with app.app_context():
        case, _ = waiting(cast)
        consent_id, case_id = agreed(cast, case), case.id
        cleo, ada = cast.cleo, cast.ada
        db.session.remove()
    hands = wide - 1
    ask = Ask(("presence",), consent_id=consent_id, way="api")

    def act(number: int) -> str:
        if number == 0:
            _wait_for(case_id, exports // 3)
            _patiently(lambda: _revoke(consent_id, case_id, ada))
            return "revoked"
        for _ in range(number - 1, exports, hands):
            try:
                _patiently(lambda: release.outward(case_id, ask, actor=cleo, now=utcnow()))
            except NotPermitted:
                continue
        return "done"

    at_once(app, wide, act, processes=processes)
    with app.app_context():
        found = _read(case_id)
        db.session.remove()
    return found


def _revoke(consent_id: int, case_id: int, actor: Actor) -> None:
    with transaction():
        consents.revoke(consent_id, how="spoken", case_id=case_id, actor=actor, now=utcnow())


def _patiently(act: Callable[[], object]) -> None:
    """SQLite lets one write after the other and may turn somebody away on a busy machine: they ask again."""
    while True:
        try:
            act()
            return
        except OperationalError:
            db.session.rollback()


def _wait_for(case_id: int, copies: int) -> None:
    counted = select(func.count(Disclosure.id)).where(
        Disclosure.case_id == case_id, Disclosure.state == DisclosureState.DELIVERED
    )
    until = time.monotonic() + 120
    while time.monotonic() < until:
        with glance() as session:
            if (session.scalar(counted) or 0) >= copies:
                return
        time.sleep(0.005)


def _read(case_id: int) -> Found:
    rows = db.session.execute(
        select(AuditEntry.seq, AuditEntry.verb, AuditEntry.record).where(AuditEntry.case_id == case_id)
    ).all()
    end = next(row.seq for row in rows if row.verb == "revoked")
    out = [row.seq for row in rows if row.verb == "released"]
    denied = sum(row.verb == "denied" and row.record == "disclosure" for row in rows)
    states = db.session.execute(
        select(Disclosure.state, func.count()).where(Disclosure.case_id == case_id).group_by(Disclosure.state)
    )
    return Found(sum(s < end for s in out), sum(s > end for s in out), denied, {str(state): n for state, n in states})


def run(*, exports: int = EXPORTS, wide: int = WIDE, processes: int = PROCESSES) -> list[tuple[str, ...]]:
    """One race on each engine; rows of HEADS."""
    rows: list[tuple[str, ...]] = []
    with engines() as both:
        for engine in ENGINES:
            with house(both.empty(engine)) as app:
                with app.app_context():
                    with transaction():
                        cast = make_cast()
                    db.session.expunge_all()
                    db.session.remove()
                began = time.monotonic()
                found = race(app, cast, exports=exports, wide=wide, processes=processes)
                seconds = f"{time.monotonic() - began:.0f}"
                after = str(found.after) if found.right or found.after else "not proven"
                rows.append((NAME, engine, str(exports), str(found.before), str(found.refused), after, seconds))
    return rows


def main(arguments: list[str]) -> int:
    """Race on both engines and print what went out before and after the revocation."""
    parser = argparse.ArgumentParser(prog="manage.py verify races_consent", description=__doc__)
    parser.add_argument("--exports", type=int, default=EXPORTS, help=f"how many exports ({EXPORTS})")
    parser.add_argument("--wide", type=int, default=WIDE, help=f"how many hands at once ({WIDE})")
    parser.add_argument("--figures", action="store_true", help="write docs/figures.md")
    given = parser.parse_args(arguments)
    rows = run(exports=given.exports, wide=given.wide)
    for line in (HEADS, *rows):
        print(f"{line[0]:36}{line[1]:12}" + "".join(f"{cell:>12}" for cell in line[2:]), flush=True)
    if given.figures:
        figures.write("verify races_consent", figures.table(HEADS, rows))
    return 0 if all(row[5] == "0" for row in rows) else 1
