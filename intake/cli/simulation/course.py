"""The course of events of a simulated month: what happens when, with the clock of the process moved to each moment."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from datetime import datetime

from intake import clock
from intake.db import db

Event = Callable[[datetime], None]


class Course:
    """Events in the order of their times; one planned by another takes its place among the rest."""

    def __init__(self, start: datetime, end: datetime) -> None:
        self.start, self.end = start, end
        self._ahead: list[tuple[datetime, int, Event]] = []
        self._planned = 0

    def plan(self, at: datetime, event: Event) -> None:
        """Let something happen at a time; what lies after the end never happens."""
        if at < self.end:
            self._planned += 1
            heapq.heappush(self._ahead, (at, self._planned, event))

    def run(self) -> int:
        """Let everything happen; returns how many events there were. The clock stands as before at the end."""
        before, done = clock.offset(), 0
        clock.stand_still(True)
        try:
            while self._ahead:
                at, _, event = heapq.heappop(self._ahead)
                clock.set_offset(at - clock.real_now())
                event(at)
                done += 1
        finally:
            clock.stand_still(False)
            clock.set_offset(before)
            db.session.remove()
        return done
