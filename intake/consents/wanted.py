"""A consent as it shall be written down, before anybody signs it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from intake.consents.models import ConsentKind


@dataclass(frozen=True)
class Wanted:
    """What a consent shall say; `expires_at` aware, `parts` codes of scope.PARTS, `purpose` one of scope.PURPOSES."""

    kind: ConsentKind
    discloser: str
    recipient: str = ""
    recipient_kind: str = "named"
    parts: tuple[str, ...] = ()
    purpose: str = ""
    purpose_words: str = ""
    expires_at: datetime | None = None
    end_event: str = ""
    # A condition of a criminal case is bound until a day, or until something happens, whichever comes first.
    bound: bool = False
    bound_until: datetime | None = None
    bound_event: str = ""
    replaces: int | None = None
    language: str = "en"
