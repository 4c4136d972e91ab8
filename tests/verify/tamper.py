"""Tamper with copies of the database in 200 ways, and see that `audit verify` finds every one."""

from __future__ import annotations

import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

from sqlalchemy import Table, delete, insert, select, text, update
from sqlalchemy.orm import Session

from config import Config
from intake import create_app
from intake.actor import system
from intake.audit import anchors, chains, service, verify
from intake.audit.models import AuditChain, AuditEntry
from intake.clock import utcnow
from intake.db import aside, db, install_triggers, new_id, transaction
from intake.triggers import TRIGGERS
from tests import figures, world

ROWS = cast(Table, AuditEntry.__table__)
TIMES = 200
MANY, LEAST = 50_000, 50_000
Bad = set[tuple[int, int]]


def chain_of(session: Session, chance: random.Random) -> list[Any]:
    """The entries of a random chain of at least four, oldest first."""
    chains = session.execute(select(AuditChain.id).where(AuditChain.seq >= 4).order_by(AuditChain.id)).scalars().all()
    chain = chance.choice(chains)
    return list(session.execute(select(ROWS).where(ROWS.c.chain_id == chain).order_by(ROWS.c.seq)))


def edit(session: Session, chance: random.Random) -> Bad:
    """Change one field of one entry."""
    row = chance.choice(chain_of(session, chance))
    field, value = chance.choice(
        [("verb", "slept"), ("actor_id", row.actor_id + 1), ("purpose", row.purpose + "."), ("changed", ["x"]),
         ("case_id", 5), ("record_id", 5), ("at", utcnow()), ("digest", b"x" * 32), ("request_id", "0")]
    )  # fmt: skip
    session.execute(update(ROWS).where(ROWS.c.id == row.id).values({field: value}))
    return {(row.chain_id, row.seq)}


def remove(session: Session, chance: random.Random) -> Bad:
    """Delete one entry out of the middle."""
    rows = chain_of(session, chance)
    row = chance.choice(rows[:-1])
    session.execute(delete(ROWS).where(ROWS.c.id == row.id))
    return {(row.chain_id, row.seq + 1)}


def put_in(session: Session, chance: random.Random) -> Bad:
    """Insert an entry between two others, moving the later ones on."""
    rows = chain_of(session, chance)
    at = chance.randrange(1, len(rows))
    for row in reversed(rows[at:]):
        session.execute(update(ROWS).where(ROWS.c.id == row.id).values(seq=row.seq + 1))
    made = {**rows[at]._mapping, "id": new_id(), "verb": "planted"}
    session.execute(insert(ROWS).values(made))
    return {(rows[at].chain_id, rows[at].seq)}


def swap(session: Session, chance: random.Random) -> Bad:
    """Let two entries of a chain change places."""
    rows = chain_of(session, chance)
    first, second = sorted(chance.sample(rows, 2), key=lambda r: int(r.seq))
    session.execute(update(ROWS).where(ROWS.c.id == first.id).values(seq=-1))
    session.execute(update(ROWS).where(ROWS.c.id == second.id).values(seq=first.seq))
    session.execute(update(ROWS).where(ROWS.c.id == first.id).values(seq=second.seq))
    return {(first.chain_id, first.seq)}


def swap_cases(session: Session, chance: random.Random) -> Bad:
    """Move the last entry of one chain to the end of another, heads made to fit."""
    one = chain_of(session, chance)
    two = chain_of(session, chance)
    while two[0].chain_id == one[0].chain_id:
        two = chain_of(session, chance)
    session.execute(update(ROWS).where(ROWS.c.id == one[-1].id).values(chain_id=two[0].chain_id, seq=two[-1].seq + 1))
    head(session, one[-2])
    session.execute(
        update(AuditChain).where(AuditChain.id == two[0].chain_id).values(seq=two[-1].seq + 1, head=one[-1].hash)
    )
    return {(one[0].chain_id, one[-1].seq), (two[0].chain_id, two[-1].seq + 1)}


def cut_tail(session: Session, chance: random.Random) -> Bad:
    """Delete the last entries of a chain and set its head back, as somebody would who knows the tables."""
    rows = chain_of(session, chance)
    keep = chance.randrange(1, len(rows))
    session.execute(delete(ROWS).where(ROWS.c.id.in_([r.id for r in rows[keep:]])))
    head(session, rows[keep - 1])
    return {(rows[0].chain_id, keep + 1)}


def cut_all(session: Session, chance: random.Random) -> Bad:
    """Delete a whole chain with its head."""
    rows = chain_of(session, chance)
    session.execute(delete(ROWS).where(ROWS.c.chain_id == rows[0].chain_id))
    session.execute(delete(AuditChain).where(AuditChain.id == rows[0].chain_id))
    return {(rows[0].chain_id, 1)}


def rewrite(session: Session, chance: random.Random) -> Bad:
    """Write a chain anew from some entry on, with right hashes: somebody has stolen the key."""
    rows = chain_of(session, chance)
    start = chance.randrange(0, len(rows))
    before = rows[start].prev_hash
    for row in rows[start:]:
        entry = AuditEntry(**{**row._mapping, "prev_hash": before, "purpose": "nothing happened"})
        before = chains.entry_hash(entry)
        session.execute(
            update(ROWS)
            .where(ROWS.c.id == row.id)
            .values(purpose="nothing happened", prev_hash=entry.prev_hash, hash=before)
        )
    session.execute(update(AuditChain).where(AuditChain.id == rows[0].chain_id).values(head=before))
    return {(rows[0].chain_id, row.seq) for row in rows[start:]}


def head(session: Session, row: Any) -> None:
    """Let the head of a chain say that `row` is its last entry."""
    session.execute(update(AuditChain).where(AuditChain.id == row.chain_id).values(seq=row.seq, head=row.hash))


def _drop_head(session: Session, chance: random.Random) -> Bad:
    rows = chain_of(session, chance)
    session.execute(delete(AuditChain).where(AuditChain.id == rows[0].chain_id))
    return {(rows[0].chain_id, rows[-1].seq)}


WAYS: dict[str, Callable[[Session, random.Random], Bad]] = {
    "edit": edit,
    "delete": remove,
    "insert": put_in,
    "swap": swap,
    "swap_cases": swap_cases,
    "cut_tail": cut_tail,
    "cut_all": cut_all,
    "rewrite": rewrite,
    "drop_head": _drop_head,
}
KINDS = tuple(WAYS)


def do(kind: str, chance: random.Random) -> Bad:
    """Tamper once with the database of the current application, triggers out of the way; returns what is bad."""
    with aside() as session:
        connection = session.connection()
        for trigger in TRIGGERS:
            if trigger.table == "audit_entry":
                for statement in trigger.drop(connection.dialect.name, exists=True):
                    session.execute(text(statement))
        bad = WAYS[kind](session, chance)
        install_triggers(connection)
    return bad


def main(arguments: list[str]) -> int:
    """Tamper 200 times, each time with a fresh copy of the demo center."""
    write = "--figures" in arguments
    given = [each for each in arguments if each != "--figures"]
    times = int(given[0]) if given else TIMES
    chance = random.Random(20260216)
    found: Counter[str] = Counter()
    tried: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "source"
        source.mkdir()
        original = world.copy(Path(folder), source)
        app = create_app(Config.read(world.environment(original)))
        with app.app_context():
            with transaction():
                anchors.drop(now=utcnow(), always=True)
            whole = verify.walk()
            db.engine.dispose()
        assert whole.ok, whole.faults
        started = time.monotonic()
        for n in range(times):
            kind = KINDS[n % len(KINDS)]
            tried[kind] += 1
            found[kind] += _once(Path(folder) / f"copy-{n}", original, kind, chance)
        took = time.monotonic() - started
        (Path(folder) / "long").mkdir()
        many, seconds = _speed(Path(folder))
    print(f"{'how':12} {'tried':>6} {'found':>6}")
    for kind in KINDS:
        print(f"{kind:12} {tried[kind]:6} {found[kind]:6}")
    print(f"{'all':12} {times:6} {sum(found.values()):6}   in {took:.0f} s, {whole.entries} entries in a copy")
    speed = f"{many:,} entries walked in {seconds:.2f} s of processor time: {many / seconds:,.0f} a second"
    print(f"{speed} (at least {LEAST:,})")
    if write:
        rows = [(kind, str(tried[kind]), str(found[kind])) for kind in KINDS]
        rows.append(("all", str(times), str(sum(found.values()))))
        figures.write(
            "verify tamper", figures.table(("how", "tried", "found"), rows) + f"\n\n{speed} (at least {LEAST:,})."
        )
    return 0 if sum(found.values()) == times and many / seconds >= LEAST else 1


def _speed(folder: Path) -> tuple[int, float]:
    """Entries of a long audit, and the processor seconds it takes to walk it (others may use the machine too)."""
    target = world.copy(folder, folder / "long")
    app = create_app(Config.read(world.environment(target)))
    with app.app_context():
        with transaction():
            site = db.session.scalars(select(AuditChain)).first()
            assert site is not None
            who = system(site.site_id)
        for _ in range(MANY // 1000):
            with transaction():
                for _ in range(1000):
                    service.record(actor=who, verb="noted", record="site", record_id=1, now=utcnow())
            db.session.expunge_all()
        began = time.process_time()
        report = verify.walk()
        took = time.process_time() - began
        db.session.remove()
        db.engine.dispose()
    assert report.ok, report.faults
    return report.entries, took


def _once(target: Path, original: Path, kind: str, chance: random.Random) -> int:
    """1 when a tampered copy is found out, and the first fault is where it was tampered with."""
    target.mkdir()
    shutil.copy(original / "demo.sqlite3", target)
    shutil.copytree(original / "anchors", target / "anchors")
    app = create_app(Config.read(world.environment(target)))
    with app.app_context():
        bad = do(kind, chance)
        report = verify.walk()
        db.session.remove()
        db.engine.dispose()
    shutil.rmtree(target)
    if report.ok or (report.faults[0].chain, report.faults[0].seq) not in bad:
        print(f"not found: {kind} {sorted(bad)} {report.faults[:1]}", file=sys.stderr)
        return 0
    return 1
