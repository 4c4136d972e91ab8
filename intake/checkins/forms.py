"""The shape of a check-in: few taps, nothing preselected, every question may be left out but the two of safety."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from flask_babel import gettext as _
from werkzeug.datastructures import MultiDict

from intake.clinical import instruments
from intake.clinical.alerts import FEELINGS
from intake.errors import RuleBroken
from intake.fields import Reader

NONE = "none"
YES_NO = ("yes", "no")
WORDS_LIMIT = 1000
# The answers of the first page travel in the form of the second: nothing is stored before the one POST that counts.
FIRST_PAGE = ("feelings", "dose")


@dataclass(frozen=True)
class Answers:
    """What somebody answered; None and empty are not answered."""

    feelings: tuple[str, ...] = ()
    felt_nothing: bool = False
    dose_as_planned: bool | None = None
    pain: int | None = None
    used_other: bool | None = None
    thoughts: bool | None = None
    slow_down: bool = False
    own_words: str = ""
    more: dict[str, dict[str, int]] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """For the sealed document of the check-in."""
        return {
            "feelings": list(self.feelings),
            "felt_nothing": self.felt_nothing,
            "dose_as_planned": self.dose_as_planned,
            "pain": self.pain,
            "used_other": self.used_other,
            "thoughts": self.thoughts,
            "slow_down": self.slow_down,
            "own_words": self.own_words,
            "more": self.more,
        }


def answers_of(stored: dict[str, Any]) -> Answers:
    """The answers of a stored document."""
    return Answers(**{**stored, "feelings": tuple(stored["feelings"])})


def read_feelings(form: MultiDict[str, str]) -> tuple[tuple[str, ...], str]:
    """First page: what is felt, and whether the dose was taken as planned."""
    reader = Reader(form)
    feelings = reader.choices("feelings", {*FEELINGS, NONE}, required=_("Pick what you feel, or “None of these”"))
    if NONE in feelings and len(feelings) > 1:
        reader.wrong("feelings", _("You picked “None of these” and something else. Keep one of the two."))
    dose = reader.choice("dose", YES_NO, required=_("Tell us about your dose. Both answers are fine."))
    reader.check()
    return feelings, dose


def read(form: MultiDict[str, str]) -> Answers:
    """Both pages together.

    Raises:
        RuleBroken: with a sentence per field.
    """
    feelings, dose = read_feelings(form)
    reader = Reader(form)
    pain = reader.whole("pain", low=0, high=10, required=_("Pick a number for your pain, 0 is no pain"))
    used = reader.choice("used", YES_NO, required=_("Pick yes or no. It helps us keep you safe."))
    thoughts = reader.choice("thoughts", YES_NO, required=_("Pick yes or no. You can talk to us about it."))
    slow = reader.yes("slow_down")
    words = reader.text("own_words", limit=WORDS_LIMIT)
    reader.check()
    return Answers(
        feelings=tuple(f for f in feelings if f != NONE),
        felt_nothing=NONE in feelings,
        dose_as_planned=dose == "yes",
        pain=pain,
        used_other=used == "yes",
        thoughts=thoughts == "yes",
        slow_down=slow,
        own_words=words,
    )


def read_instrument(form: MultiDict[str, str], key: str) -> dict[str, int]:
    """The given answers of one instrument; an unanswered item is left out, never 0.

    Raises:
        RuleBroken: a value that is no answer of its item.
    """
    given: dict[str, int] = {}
    for item in instruments.get(key).items:
        raw = form.get(item.id, "")
        if raw == "":
            continue
        if not (raw.isascii() and raw.isdigit() and len(raw) < 4):
            sentence = _("Pick one of the numbers.")
            raise RuleBroken(sentence, code="FORM", fields={item.id: sentence})
        given[item.id] = int(raw)
    instruments.score(key, given)
    return given
