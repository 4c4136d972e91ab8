"""Every verb of screenings and placements, under one name for the pages and the rooms above."""

from __future__ import annotations

from intake.screening.answering import accept, override
from intake.screening.carrying import over as carried
from intake.screening.completing import complete, open_points
from intake.screening.cosigning import cosign
from intake.screening.drafts import answer, confirm, start

__all__ = ["accept", "answer", "carried", "complete", "confirm", "cosign", "open_points", "override", "start"]
