"""Whether mail goes out: how late the oldest due message is, and when a runner last did its work (a dead man's switch).

Being alive is work done, not a process that exists: a canary task, a round of the web process, a sender at work.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from flask_babel import gettext as _
from flask_babel import ngettext
from sqlalchemy import ScalarSelect, Table, func, select, text
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from intake.clock import db_now
from intake.db import db
from intake.messages.models import MESSAGE, Heartbeat

HEARTBEAT = cast(Table, Heartbeat.__table__)
LATE_SECONDS = 120
WORKER = "worker"
WEB = "web"


@dataclass(frozen=True, slots=True)
class Pulse:
    """Seconds that the oldest due message is late, and since a runner last worked (None: none ever did)."""

    late: float
    silent: float | None

    @property
    def is_late(self) -> bool:
        """A message waits longer than it may."""
        return self.late > LATE_SECONDS

    @property
    def is_silent(self) -> bool:
        """Whoever used to send mail does not work any more."""
        return self.silent is not None and self.silent > LATE_SECONDS

    @property
    def words(self) -> str | None:
        """What staff are told on every page; None while mail goes out."""
        said: str | None = None
        if self.is_late:
            said = _(
                "Mail is late: the oldest message has waited for %(time)s. Call people who cannot wait.",
                time=length(self.late),
            )
        elif self.is_silent:
            said = _(
                "Nothing has sent mail for %(time)s. Tell your administrator.",
                time=length(self.silent or 0.0),
            )
        return said


def length(seconds: float) -> str:
    """A length of time as people say it: the two largest of days, hours and minutes; what is zero is left out."""
    minutes = int(seconds // 60)
    counts = (minutes // 1440, minutes % 1440 // 60, minutes % 60)
    said = (
        ngettext("%(num)d day", "%(num)d days", counts[0]),
        ngettext("%(num)d hour", "%(num)d hours", counts[1]),
        ngettext("%(num)d minute", "%(num)d minutes", counts[2]),
    )
    first = next((place for place, count in enumerate(counts) if count), 2)
    parts = [said[place] for place in range(first, min(first + 2, 3)) if counts[place]]
    return " ".join(parts) or said[2]


def columns() -> tuple[ScalarSelect[Any], ScalarSelect[Any]]:
    """When the oldest due message wanted to go, and when a runner last worked: to ride along in any statement."""
    waiting = select(func.min(MESSAGE.c.next_try_at)).where(
        text("message.state IN ('scheduled', 'uncertain')"), MESSAGE.c.next_try_at <= db_now()
    )
    worked = select(func.max(Heartbeat.at)).where(Heartbeat.name.in_((WORKER, WEB)))
    return waiting.scalar_subquery(), worked.scalar_subquery()


def read(waiting: datetime | None, worked: datetime | None, now: datetime) -> Pulse:
    """The pulse of what `columns` answered."""
    return Pulse(
        late=0.0 if waiting is None else max(0.0, (now - waiting).total_seconds()),
        silent=None if worked is None else max(0.0, (now - worked).total_seconds()),
    )


def pulse() -> Pulse:
    """The pulse by the database's own clock; one statement."""
    row = db.session.execute(select(*columns(), db_now())).one()
    return read(row[0], row[1], row[2])


def beat(name: str) -> None:
    """Note that a runner did its work just now (call inside a transaction)."""
    make = pg_insert if db.session.connection().dialect.name == "postgresql" else sqlite_insert
    row = make(HEARTBEAT).values(name=name, at=db_now(), params={})
    db.session.execute(row.on_conflict_do_update(index_elements=["name"], set_={"at": db_now()}))
