"""Whether scores may be trusted: the self-check of the clinical rules ran when the process started (clinical.md 7).

After a failed check nothing is scored, placed or planned until the rules are mended; intake goes on, and every staff
page says so. An inquiry with a sign of danger goes to emergency without any rule.
"""

from __future__ import annotations

from intake.clinical import selfcheck
from intake.clinical.selfcheck import SelfCheck
from intake.errors import Unavailable

SENTENCE = (
    "Scoring is switched off: the rules did not pass their check at start. Answers are kept; nothing is scored, placed "
    "or planned until this is mended. Tell the administrator."
)

_kept: list[SelfCheck] = []


def check() -> SelfCheck:
    """Run the self-check, once per process, and keep what it found."""
    if not _kept:
        _kept.append(selfcheck.run())
    return _kept[0]


def keep(found: SelfCheck) -> None:
    """Put another outcome in place of the kept one."""
    _kept[:] = [found]


def is_off() -> bool:
    """Tell whether the check failed."""
    return not check().ok


def required() -> None:
    """Go on only while scores may be trusted.

    Raises:
        Unavailable: SCORING_OFF.
    """
    if is_off():
        raise Unavailable(SENTENCE, code="SCORING_OFF")
