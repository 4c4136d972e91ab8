"""Invariants of beds and queues: one use per bed, one place per queue, and counts that are what the rows say."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from sqlalchemy import and_, func, or_, select

from intake.beds import queries as beds
from intake.beds.models import Bed, BedUse, Unit, UseKind
from intake.cases.models import Case, CaseState
from intake.db import db
from intake.ops.invariants.rule import Rule, rows
from intake.queues import counters
from intake.queues.models import EntryState, QueueEntry
from intake.settings.models import Site

LIVES = (CaseState.ADMITTED, CaseState.TRANSFER_PENDING)
GONE = (CaseState.DISCHARGED, CaseState.AFTERCARE, CaseState.CLOSED)
HERE = (EntryState.WAITING, EntryState.CLAIMED, EntryState.PARKED)
_here = QueueEntry.left_at.is_(None)


def _counted() -> Iterator[str]:
    for site_id in db.session.scalars(select(Site.id)).all():
        told = counters.read(site_id)
        claimed = QueueEntry.state == EntryState.CLAIMED
        found: Counter[tuple[str, bool]] = Counter()
        for queue, is_claimed, number in db.session.execute(
            select(QueueEntry.queue, claimed, func.count())
            .where(QueueEntry.site_id == site_id, _here)
            .group_by(QueueEntry.queue, claimed)
        ):
            found[(queue.value, bool(is_claimed))] += number
        for queue, count in told.items():
            rows_ = (found[(queue.value, False)], found[(queue.value, True)])
            if (count.waiting, count.claimed) != rows_:
                yield f"queue {queue.value}: {count.waiting} waiting and {count.claimed} claimed are told, rows {rows_}"


def _occupied() -> Iterator[str]:
    lived = select(Bed.unit_id, func.count(func.distinct(BedUse.bed_id))).join(Bed, Bed.id == BedUse.bed_id)
    stays = {
        row[0]: row[1]
        for row in db.session.execute(
            lived.where(BedUse.ended_at.is_(None), BedUse.kind == UseKind.STAY).group_by(Bed.unit_id)
        )
    }
    for site_id in db.session.scalars(select(Site.id)).all():
        for unit in beds.counts(site_id):
            if unit.stays != stays.get(unit.unit_id, 0):
                yield f"unit {unit.name}: {unit.stays} shown, {stays.get(unit.unit_id, 0)} live there"


RULES: tuple[Rule, ...] = (
    Rule(
        "one_use_a_bed",
        "A bed has at most one live hold or stay (18)",
        rows(
            "bed",
            lambda: (
                select(BedUse.bed_id).where(BedUse.ended_at.is_(None)).group_by(BedUse.bed_id).having(func.count() > 1)
            ),
        ),
    ),
    Rule(
        "one_stay_a_case",
        "A case lives in at most one bed",
        rows(
            "case",
            lambda: (
                select(BedUse.case_id)
                .where(BedUse.ended_at.is_(None), BedUse.kind == UseKind.STAY)
                .group_by(BedUse.case_id)
                .having(func.count() > 1)
            ),
        ),
    ),
    Rule(
        "stay_in_care",
        "Only an admitted case lives in a bed, and none that ended keeps one",
        rows(
            "bed_use",
            lambda: (
                select(BedUse.id)
                .join(Case, Case.id == BedUse.case_id)
                .where(
                    BedUse.ended_at.is_(None),
                    or_(and_(BedUse.kind == UseKind.STAY, Case.state.not_in(LIVES)), Case.state.in_(GONE)),
                )
            ),
        ),
    ),
    Rule(
        "use_times",
        "A use of a bed does not end before it starts, and a hold has its end",
        rows(
            "bed_use",
            lambda: select(BedUse.id).where(
                or_(BedUse.ended_at < BedUse.starts_at, and_(BedUse.kind == UseKind.HOLD, BedUse.until.is_(None)))
            ),
        ),
    ),
    Rule("occupancy", "Occupancy is what the stays say (18)", _occupied),
    Rule(
        "bed_of_a_center",
        "A case uses beds of its own center only",
        rows(
            "bed_use",
            lambda: (
                select(BedUse.id)
                .join(Bed, Bed.id == BedUse.bed_id)
                .join(Unit, Unit.id == Bed.unit_id)
                .join(Case, Case.id == BedUse.case_id)
                .where(Unit.site_id != Case.site_id)
            ),
        ),
    ),
    Rule(
        "one_entry",
        "A person waits at most once in a queue (15)",
        rows(
            "person",
            lambda: (
                select(QueueEntry.person_id)
                .where(_here)
                .group_by(QueueEntry.person_id, QueueEntry.queue)
                .having(func.count() > 1)
            ),
        ),
    ),
    Rule(
        "entry_state",
        "Who waits, is claimed or set aside has not left; who was decided has (16)",
        rows("queue_entry", lambda: select(QueueEntry.id).where(_here != QueueEntry.state.in_(HERE))),
    ),
    Rule(
        "entry_claim",
        "A claimed entry names its holder and a lease; one that waits has neither (17)",
        rows(
            "queue_entry",
            lambda: select(QueueEntry.id).where(
                _here,
                (QueueEntry.state == EntryState.CLAIMED)
                != and_(QueueEntry.claimed_by.is_not(None), QueueEntry.lease_until.is_not(None)),
            ),
        ),
    ),
    Rule(
        "entry_times",
        "Nobody left a queue before entering it or entered before asking (16)",
        rows(
            "queue_entry",
            lambda: select(QueueEntry.id).where(
                or_(QueueEntry.left_at < QueueEntry.entered_at, QueueEntry.entered_at < QueueEntry.waiting_since)
            ),
        ),
    ),
    Rule(
        "entry_rank",
        "The order of a queue is acuity, then points",
        rows(
            "queue_entry",
            lambda: select(QueueEntry.id).where(
                QueueEntry.rank != QueueEntry.acuity * 1000 + (100 - QueueEntry.priority)
            ),
        ),
    ),
    Rule(
        "entry_case",
        "Nobody waits whose case has ended, and the entry's person is the case's",
        rows(
            "queue_entry",
            lambda: (
                select(QueueEntry.id)
                .join(Case, Case.id == QueueEntry.case_id)
                .where(_here, or_(Case.state.in_(GONE), Case.person_id != QueueEntry.person_id))
            ),
        ),
    ),
    Rule("queue_counts", "The counts of a queue are its rows", _counted),
)
