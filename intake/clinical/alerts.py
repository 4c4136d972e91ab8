"""A check-in against its step: what makes a clinician stop and look before the plan goes on.

Every trigger holds the next step until a clinician has cleared it, and owes a task; danger to life is said at once.
Limits are project rules to be confirmed by the medical director. Sources: rulings 24; clinical.md 4.2 (stop and look).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from types import MappingProxyType

from intake.errors import RuleBroken

from .exact import Number, number

VERSION = "1"

# What a person may feel; all of them are feelings of withdrawal.
FEELINGS: Mapping[str, str] = MappingProxyType(
    {
        "sweats": "Sweats or chills",
        "aches": "Aches in bones or joints",
        "stomach": "Upset stomach",
        "sleep": "Cannot sleep",
        "restless": "Shaky or restless",
        "worried": "Worried or on edge",
    }
)
FEELINGS_LIMIT = 3
PAIN_RISE = 3
SOWS_LIMIT, COWS_LIMIT = 21, 13
PEG_WORSE = Fraction(3, 10)
UNANSWERED_HOURS = 48

WORDS: Mapping[str, str] = MappingProxyType(
    {
        "THOUGHTS": "Thoughts of not wanting to live.",
        "THOUGHTS_UNANSWERED": "The question about thoughts of not wanting to live was not answered.",
        "PHQ9_ITEM9": "PHQ-9 item 9 is {value}.",
        "CSSRS": "C-SSRS risk is {value}.",
        "USED_OTHER": "Used something else.",
        "STREET_OPIOIDS": "New use of street opioids.",
        "DOSE_NOT_AS_PLANNED_TWICE": "The dose was not taken as planned, for the second time in a row.",
        "PAIN_UP": "Pain is {value} now and was {before} at the start.",
        "FEELINGS": "{value} feelings of withdrawal.",
        "SLOW_DOWN": "Asks to slow down or pause.",
        "SOWS": "SOWS is {value}.",
        "COWS": "COWS is {value}.",
        "PEG_WORSE": "PEG is worse than at the start.",
        "UNANSWERED_48H": "The check-in has had no answer for 48 hours.",
        "VISIT_MISSED": "A visit was missed.",
        "NOT_WEIGHED": "The answers could not be weighed by the rules; read them yourself.",
    }
)
_NOW = frozenset({"THOUGHTS", "PHQ9_ITEM9", "CSSRS"})
# Asked again by a person, but nothing dangerous was said: the step goes on.
_TASK_ONLY = frozenset({"THOUGHTS_UNANSWERED"})

_HIGHEST: Mapping[str, int] = MappingProxyType(
    {"pain": 10, "sows": 64, "cows": 48, "peg_sum": 30, "phq9_item9": 3, "unanswered_hours": 100_000}
)


@dataclass(frozen=True, slots=True)
class CheckInAnswers:
    """What was answered; None is not answered, and that is never "no".

    feelings: codes of `FEELINGS`, others do not count. pain: 0 to 10. sows, cows: totals. peg_sum: sum of the three
    PEG items. cssrs: none, low, moderate, high. street_opioids: new use, as a clinician records it.
    """

    feelings: frozenset[str] = frozenset()
    pain: int | None = None
    dose_as_planned: bool | None = None
    used_other: bool | None = None
    thoughts: bool | None = None
    slow_down: bool | None = None
    sows: int | None = None
    cows: int | None = None
    peg_sum: int | None = None
    phq9_item9: int | None = None
    cssrs: str | None = None
    street_opioids: bool | None = None


@dataclass(frozen=True, slots=True)
class Start:
    """Pain (0 to 10) and the sum of the PEG items before the plan; None when not known."""

    pain: int | None = None
    peg_sum: int | None = None


NOT_KNOWN = Start()


@dataclass(frozen=True, slots=True)
class Trigger:
    """One reason to look: a code, a sentence, the answers it was read from, and what it asks for."""

    code: str
    words: str
    reads: Mapping[str, object]
    hold: bool
    alert_now: bool


@dataclass(frozen=True, slots=True)
class Assessment:
    """What a check-in asks of the team.

    hold: the next step waits until a clinician clears it. alert_now: a person is called on at once. task: somebody
    looks. triggers: in a fixed order, danger to life first.
    """

    hold: bool
    alert_now: bool
    triggers: tuple[Trigger, ...]
    task: bool

    def as_dict(self) -> dict[str, object]:
        """Return plain JSON values: hold, alert_now, task, triggers as codes."""
        codes = [trigger.code for trigger in self.triggers]
        return {"hold": self.hold, "alert_now": self.alert_now, "task": self.task, "triggers": codes}


def assess(
    checkin: CheckInAnswers | None,
    *,
    baseline: Start = NOT_KNOWN,
    previous: CheckInAnswers | None = None,
    unanswered_hours: Number | None = None,
    visit_missed: bool = False,
) -> Assessment:
    """Hold a check-in against the start of the plan and the check-in before it.

    Args:
        checkin: the answers, None when there are none (yet).
        baseline: pain and PEG before the plan.
        previous: the answers of the check-in before this one.
        unanswered_hours: hours since an unanswered check-in was sent; counts only without answers.
        visit_missed: a visit of this step was missed.

    Raises:
        RuleBroken: INPUT_NOT_VALID for a number outside its range.

    Source: rulings 24; clinical.md 4.2.
    """
    for answers in (checkin, previous, baseline):
        _check(answers)
    if unanswered_hours is not None:
        number(
            unanswered_hours,
            "The hours",
            field="unanswered_hours",
            highest=_HIGHEST["unanswered_hours"],
            code="INPUT_NOT_VALID",
        )
    found = [] if checkin is None else list(_of_answers(checkin, baseline, previous))
    if checkin is None and unanswered_hours is not None and unanswered_hours >= UNANSWERED_HOURS:
        found.append(_trigger("UNANSWERED_48H", unanswered_hours=unanswered_hours))
    if visit_missed:
        found.append(_trigger("VISIT_MISSED", visit_missed=True))
    return Assessment(
        hold=any(trigger.hold for trigger in found),
        alert_now=any(trigger.alert_now for trigger in found),
        triggers=tuple(found),
        task=bool(found),
    )


def not_weighed(given: CheckInAnswers) -> Assessment:
    """What a check-in asks for while the rules may not be trusted: hold and look, always; a yes to thoughts at once."""
    found = [_trigger("THOUGHTS", thoughts=True)] if given.thoughts is True else []
    found.append(_trigger("NOT_WEIGHED", weighed=False))
    return Assessment(hold=True, alert_now=given.thoughts is True, triggers=tuple(found), task=True)


def _of_answers(given: CheckInAnswers, start: Start, previous: CheckInAnswers | None) -> Iterator[Trigger]:
    yield from _danger(given)
    yield from _use_and_dose(given, previous)
    yield from _burden(given, start)


def _danger(given: CheckInAnswers) -> Iterator[Trigger]:
    if given.thoughts is True:
        yield _trigger("THOUGHTS", thoughts=True)
    elif given.thoughts is None:
        yield _trigger("THOUGHTS_UNANSWERED", thoughts=None)
    if given.phq9_item9 is not None and given.phq9_item9 >= 1:
        yield _trigger("PHQ9_ITEM9", phq9_item9=given.phq9_item9)
    if given.cssrs in ("moderate", "high"):
        yield _trigger("CSSRS", cssrs=given.cssrs)


def _use_and_dose(given: CheckInAnswers, previous: CheckInAnswers | None) -> Iterator[Trigger]:
    if given.used_other is True:
        yield _trigger("USED_OTHER", used_other=True)
    if given.street_opioids is True:
        yield _trigger("STREET_OPIOIDS", street_opioids=True)
    if given.dose_as_planned is False and previous is not None and previous.dose_as_planned is False:
        yield _trigger("DOSE_NOT_AS_PLANNED_TWICE", dose_as_planned=False, previous=False)
    if given.slow_down is True:
        yield _trigger("SLOW_DOWN", slow_down=True)


def _burden(given: CheckInAnswers, start: Start) -> Iterator[Trigger]:
    if given.pain is not None and start.pain is not None and given.pain >= start.pain + PAIN_RISE:
        yield _trigger("PAIN_UP", pain=given.pain, before=start.pain)
    felt = sorted(set(given.feelings) & set(FEELINGS))
    if len(felt) >= FEELINGS_LIMIT:
        yield _trigger("FEELINGS", number=len(felt), feelings=tuple(felt))
    if given.sows is not None and given.sows >= SOWS_LIMIT:
        yield _trigger("SOWS", sows=given.sows)
    if given.cows is not None and given.cows >= COWS_LIMIT:
        yield _trigger("COWS", cows=given.cows)
    if is_peg_worse(given.peg_sum, start.peg_sum):
        yield _trigger("PEG_WORSE", peg_sum=given.peg_sum, before=start.peg_sum)


def is_peg_worse(peg_sum: int | None, baseline_sum: int | None) -> bool:
    """Tell whether PEG rose by 30% or more of its baseline; from a baseline of 0 any rise counts. Unknown is not."""
    if peg_sum is None or baseline_sum is None:
        return False
    if baseline_sum == 0:
        return peg_sum > 0
    return Fraction(peg_sum - baseline_sum, baseline_sum) >= PEG_WORSE


def _trigger(code: str, **reads: object) -> Trigger:
    value = next(iter(reads.values()))
    words = WORDS[code].format(value=value, before=reads.get("before"))
    return Trigger(code, words, MappingProxyType(reads), code not in _TASK_ONLY, code in _NOW)


def _check(answers: CheckInAnswers | Start | None) -> None:
    """Refuse numbers that cannot be; nothing is computed with them."""
    for name, highest in _HIGHEST.items():
        value = getattr(answers, name, None)
        if value is not None and (type(value) is not int or not 0 <= value <= highest):
            sentence = f"Give a whole number from 0 to {highest}."
            raise RuleBroken(sentence, code="INPUT_NOT_VALID", fields={name: sentence})
