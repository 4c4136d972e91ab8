"""What an inquiry says, as one plain value: the form, the call and the referral all hand over this."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from intake.inquiries.answers import DANGER_CODES
from intake.inquiries.models import Relation

YES, NO, UNKNOWN, NOT_ABLE = "yes", "no", "unknown", "not_able_to_ask"


@dataclass(frozen=True)
class Reach:
    """How somebody may be reached: E.164 phone, normalised email, and what is safe."""

    phone: str = ""
    email: str = ""
    may_voicemail: bool = False
    may_text: bool = False
    hours: str = ""


@dataclass(frozen=True)
class InquiryValues:
    """One first contact. `name` is the person concerned, `inquirer` who asks when that is somebody else."""

    relation: Relation
    danger: Mapping[str, str]
    name: str = ""
    age_years: int | None = None
    born_on: date | None = None
    inquirer: str = ""
    organisation: str = ""
    reach: Reach = Reach()
    will_call_back: bool = False
    consent: bool = False
    own_words: str = ""
    funding: str = UNKNOWN
    locale: str = "en"
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def in_danger(self) -> bool:
        """True when any danger answer is yes."""
        return any(v == YES for v in self.danger.values())


def danger_of(picked: tuple[str, ...] | list[str]) -> dict[str, str]:
    """The seven danger answers of ticked boxes.

    "None of these" is seven explicit no; a ticked sign is yes and the signs not ticked beside it stay unknown, since
    nobody said no to them; "could not ask" is an answer of its own for each.
    """
    if NOT_ABLE in picked:
        return dict.fromkeys(DANGER_CODES, NOT_ABLE)
    if "none" in picked:
        return dict.fromkeys(DANGER_CODES, NO)
    return {code: YES if code in picked else UNKNOWN for code in DANGER_CODES}


def no_danger_known() -> dict[str, str]:
    """Nobody has asked yet: seven times unknown."""
    return dict.fromkeys(DANGER_CODES, UNKNOWN)


def kept_danger(before: Mapping[str, str], after: Mapping[str, str]) -> dict[str, str]:
    """Later answers over earlier ones; a yes once given stays until staff record what came of it."""
    return {code: YES if before.get(code) == YES else after.get(code, UNKNOWN) for code in DANGER_CODES}
