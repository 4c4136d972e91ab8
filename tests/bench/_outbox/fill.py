"""Many messages at once, by SQL, and the few people they belong to."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import text

from intake.clock import utcnow
from intake.db import db, new_id, transaction
from intake.settings.models import Setting
from tests.verify._rig import workload
from tests.verify._rig.workload import Patient, World

_ROWS = text(
    """
    INSERT INTO message (id, site_id, kind, subject_id, dedupe_key, case_id, recipient_type, recipient_id, order_key,
        template, template_version, locale, created_at, version, due_at, window_start, window_end, next_try_at, tz,
        state, attempts, lost_leases, last_code, message_id, in_doubt_count, held_reason, cancel_reason, bounce_code,
        plan_id, plan_version_id, local_date, params)
    SELECT :first + g, :site, 'reminder', :version, :word || g, :case, 'person', :person, :first + g,
        'reminder', 1, 'en', now(), 1,
        CAST(:due AS timestamptz) + g * CAST(:step AS interval), CAST(:due AS timestamptz),
        CAST(:due AS timestamptz) + interval '400 days', CAST(:due AS timestamptz) + g * CAST(:step AS interval), 'UTC',
        'scheduled', 0, 0, '', md5(:word || g) || '@bench', 0, '', '', '', :plan, :version,
        CAST(CAST(:due AS timestamptz) + g * CAST(:step AS interval) AS date), '{}'
    FROM generate_series(1, :count) AS g
    """
)


@dataclass(frozen=True)
class Center:
    """One site and one patient whose plan owns the rows."""

    site_id: int
    patient: Patient


def settle(people: int = 1) -> tuple[Center, list[Patient]]:
    """A center with people who may be written to as often as it takes."""
    world = World()
    site = workload.settle(world, people, quiet=0)
    with transaction():
        db.session.merge(
            Setting(
                id=new_id(), site_id=site.id, key="mail_988_line", value={"value": False},
                valid_from=utcnow() - timedelta(days=1), created_at=utcnow(),
            )
        )  # fmt: skip
    return Center(site.id, world.patients[0]), world.patients


def rows(
    center: Center, count: int, *, due: datetime, step: timedelta = timedelta(0), plan: Patient | None = None
) -> None:
    """Add `count` scheduled reminders, due from `due` on, `step` apart, each of a person of its own for the order."""
    owner = plan or center.patient
    first = new_id() >> 1
    with transaction():
        db.session.execute(
            _ROWS,
            {
                "first": first,
                "site": center.site_id,
                "version": owner.version_id,
                "plan": owner.plan_id,
                "word": f"b{first}:",
                "case": owner.case_id,
                "person": owner.id,
                "due": due,
                "step": step,
                "count": count,
            },
        )


def history(keep: int) -> None:
    """Make all but the first `keep` scheduled rows mails that were sent, as in a table that has served for years."""
    with transaction():
        # This one session skips the triggers: nothing was really sent.
        db.session.execute(text("SET LOCAL session_replication_role = replica"))
        db.session.execute(
            text(
                "UPDATE message SET state = 'sent', next_try_at = NULL, attempts = 1, accepted_at = now() "
                "WHERE id NOT IN "
                "(SELECT id FROM message WHERE state = 'scheduled' ORDER BY next_try_at, id LIMIT :keep)"
            ),
            {"keep": keep},
        )
    # Years of sending one mail after the other leave the indexes over open rows small; one update does not.
    with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("REINDEX TABLE message"))


def analyze() -> None:
    """Let the planner know the table."""
    with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM (ANALYZE) message"))


def empty() -> None:
    """Forget every message."""
    with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("TRUNCATE message_part, message_attempt, message CASCADE"))
