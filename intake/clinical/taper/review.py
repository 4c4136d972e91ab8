"""The review of a draft plan before it is signed: every concern, why it is one, what mends it, who may let it pass.

Sources: clinical.md 4.2 (do not start, or only with a specialist; required before activation), 4.6 (actual speed,
abrupt stop, pieces by hand), 7 (hard stops); rulings 4 and 23.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from fractions import Fraction
from types import MappingProxyType
from typing import Literal

from intake.clinical.exact import half_up
from intake.clinical.products import PRODUCTS, Product

from .model import Amount, Plan, TaperContext
from .speed import above, is_outpatient

Severity = Literal["hard", "ack", "info"]
Fix = Literal["halves", "liquid", "stretch", "extend", "slower", "supervised", "fill_in", "without_mail"]
Release = Literal["prescriber_and_second", "new_suicide_screen", "prescriber_reason", "fill_in", "nobody_needed"]

_ORDER: Mapping[Severity, int] = MappingProxyType({"hard": 0, "ack": 1, "info": 2})
_RELEASE: Mapping[Severity, Release] = MappingProxyType(
    {"hard": "prescriber_and_second", "ack": "prescriber_reason", "info": "nobody_needed"}
)
LONG_PLAN_DAYS = 730
SHORT_STEP_DAYS = 7
LARGE_CUT_PCT = 20
LOW_START_MME = 50


@dataclass(frozen=True, slots=True)
class ReviewFacts:
    """What is recorded beside the plan; None and False are both "not recorded".

    moud_answer: the person's answer to the offer. naloxone_offered: True whatever the answer was. baseline scores and
    vitals: whether they are recorded. pieces_by_hand: numbers of the steps whose pieces a person has entered.
    mail: reminders are to be sent. current_total: what is taken now a day, mg (mcg/h), to see a raise. pain_excluded:
    cancer pain, palliative care or sickle cell disease. methadone_program: methadone from another program.
    """

    context: TaperContext | None = None
    moud_answer: str | None = None
    naloxone_offered: bool | None = None
    pdmp_checked_on: date | None = None
    goals: bool | None = None
    agreement: bool | None = None
    peg: bool | None = None
    phq9: bool | None = None
    cssrs: bool | None = None
    cows_or_sows: bool | None = None
    vitals: bool | None = None
    follow_up_on: date | None = None
    age: int | None = None
    pain_excluded: bool | None = None
    methadone_program: bool | None = None
    mail: bool = False
    born_on: bool | None = None
    email_verified: bool | None = None
    email_consented: bool | None = None
    pieces_by_hand: frozenset[int] = frozenset()
    current_total: Amount | None = None
    total_mme: Amount | None = None


@dataclass(frozen=True, slots=True)
class Concern:
    """One reason to look again.

    severity: hard blocks signing, ack needs a signed reason, info is shown. fix: the one click that mends it, None if
    there is none. release: who may let it pass (`fill_in`: nobody, the missing thing is to be recorded). step: the
    step it is about, None for the whole plan.
    """

    code: str
    severity: Severity
    words: str
    why: str
    fix: Fix | None = None
    release: Release = "nobody_needed"
    step: int | None = None

    @property
    def key(self) -> str:
        """The code, with the step where there is one: what an answer to it is stored under."""
        return self.code if self.step is None else f"{self.code}:{self.step}"


_FLAG_WORDS: Mapping[str, tuple[str, str, Fix | None]] = MappingProxyType(
    {
        "HARD_PREGNANCY_SPECIALIST": (
            "Pregnant: not without an obstetric specialist.",
            "Withdrawal can harm the pregnancy.",
            None,
        ),
        "HARD_OFFER_MOUD_FIRST": (
            "OUD criteria are met and no offer of medication is recorded.",
            "A taper alone raises the risk of overdose: offer medication first and record the answer.",
            "fill_in",
        ),
        "HARD_SUICIDE_RISK": (
            "C-SSRS risk is high.",
            "No taper starts before a new screen shows a lower risk.",
            None,
        ),
        "HARD_RAPID_NEEDS_SUPERVISED_SETTING": (
            "Faster than 40% in 28 days outside a supervised setting.",
            "A fall this fast needs people and monitoring at hand.",
            "slower",
        ),
        "ACK_FASTER_THAN_20PCT_PER_4_WEEKS": (
            "Faster than 20% in 28 days.",
            "Faster tapers go with more overdoses and mental-health crises.",
            "slower",
        ),
        "ACK_FASTER_THAN_10PCT_PER_MONTH_LONG_TERM": (
            "Faster than 10% in 28 days after a year or more of use.",
            "After long use 10% a month or slower is advised.",
            "slower",
        ),
        "ACK_BENZO_COORDINATE_ONE_TAPER": (
            "A benzodiazepine is taken every day.",
            "One taper at a time; coordinate with its prescriber, and never stop it abruptly.",
            None,
        ),
        "ACK_PREGNANCY_UNKNOWN": (
            "It is not known whether the person is pregnant.",
            "Unknown is not no: ask or test first.",
            "fill_in",
        ),
        "ACK_METHADONE_LONG_HALF_LIFE": (
            "Methadone leaves the body slowly.",
            "Withdrawal comes late: check in on day 4 and give each step time.",
            None,
        ),
        "ACK_BUPRENORPHINE_TAPER_RELAPSE_RISK": (
            "Buprenorphine is being reduced.",
            "Coming off it often leads back to use: talk about staying on it.",
            None,
        ),
    }
)


def review(plan: Plan, facts: ReviewFacts, products: Mapping[str, Product] = PRODUCTS) -> tuple[Concern, ...]:
    """Return every concern about a draft plan, hard ones first, each code once per step.

    A plan may be signed when no hard concern is open that is not released, and each ack has a reason.

    Args:
        plan: built with the same context as `facts.context`.
        facts: what is recorded beside it.
        products: the strengths in force, to see whether halves or a liquid could mend a coarse step.

    Source: clinical.md 4.2, 4.6, 7; screens.md 4.9.
    """
    found = (*_of_flags(plan), *_of_speed(plan, facts), *_of_steps(plan, facts, products), *_of_person(plan, facts))
    required = (*_of_records(facts), *_of_mail(facts))
    return tuple(sorted((*found, *required, *_shown(plan)), key=lambda concern: _ORDER[concern.severity]))


def _concern(
    code: str, severity: Severity, words: str, why: str, fix: Fix | None = None, *, step: int | None = None
) -> Concern:
    return Concern(code, severity, words, why, fix, _RELEASE[severity], step)


def _of_flags(plan: Plan) -> Iterator[Concern]:
    for code in plan.plan_flags:
        words, why, fix = _FLAG_WORDS[code]
        severity: Severity = "hard" if code.startswith("HARD_") else "ack"
        release: Release = "new_suicide_screen" if code == "HARD_SUICIDE_RISK" else _RELEASE[severity]
        yield Concern(code, severity, words, why, fix, release)


def _of_speed(plan: Plan, facts: ReviewFacts) -> Iterator[Concern]:
    """Yield what the steps really do in 28 days, when the asked-for speed has not already said it."""
    fall = plan.actual_28d_pct
    words = f"The steps really fall by {half_up(fall, 1)}% within 28 days."
    why = "Coarse strengths and short steps make a plan faster than it was asked to be."
    if above(fall, 40) and is_outpatient(facts.context or TaperContext()):
        if "HARD_RAPID_NEEDS_SUPERVISED_SETTING" not in plan.plan_flags:
            low = _is_low_start(plan, facts)
            yield _concern("ACTUAL_SPEED_OVER_40", "ack" if low else "hard", words, why, "slower")
    elif above(fall, 20) and "ACK_FASTER_THAN_20PCT_PER_4_WEEKS" not in plan.plan_flags:
        yield _concern("ACTUAL_SPEED_OVER_20", "ack", words, why, "slower")


def _is_low_start(plan: Plan, facts: ReviewFacts) -> bool:
    """Tell whether the start is known to be below 50 MME; the total over all opioids counts when it is higher."""
    known = [Fraction(mme) for mme in (plan.baseline.mme, facts.total_mme) if mme is not None]
    return plan.baseline.mme is not None and max(known) < LOW_START_MME


def _of_steps(plan: Plan, facts: ReviewFacts, products: Mapping[str, Product]) -> Iterator[Concern]:
    if not plan.steps and plan.stop_date is not None:
        fix = _finer(plan, products) or (None if _no_extension(plan, products) else "extend")
        yield _concern(
            "ABRUPT_STOP",
            "ack",
            "The plan stops at once, without a step.",
            "Nothing stops abruptly unless life is in danger.",
            fix,
        )
    for step in plan.steps:
        if step.step in plan.over_max_steps:
            yield _concern(
                "OVER_MAX",
                "ack",
                f"Step {step.step} cuts {half_up(step.pct_of_previous, 1)}%, more than the limit of a step.",
                "No smaller step can be made from these strengths.",
                _finer(plan, products) or (None if plan.stretch or plan.by_hand else "stretch"),
                step=step.step,
            )
        if None in step.dispense_per_dose and step.step not in facts.pieces_by_hand:
            yield replace(_missing("PIECES_MISSING", f"the pieces of step {step.step}"), step=step.step)


def _finer(plan: Plan, products: Mapping[str, Product]) -> Fix | None:
    """Return halves or liquid when the table has the same medicine in that form."""
    if f"{plan.product}_halves" in products:
        return "halves"
    return "liquid" if f"{plan.product.removesuffix('_halves')}_liquid" in products else None


def _no_extension(plan: Plan, products: Mapping[str, Product]) -> bool:
    product = products.get(plan.product)
    return plan.final == "extend" or product is None or product.is_liquid or product.is_patch


def _of_person(plan: Plan, facts: ReviewFacts) -> Iterator[Concern]:
    context = facts.context or TaperContext()
    if facts.age is not None and facts.age < 18:
        yield _concern("UNDER_18", "hard", "Under 18.", "This is a center for adults: a specialist plans this.")
    if facts.pain_excluded is True:
        yield _concern(
            "OUT_OF_SCOPE_PAIN",
            "hard",
            "Active cancer pain, palliative care or sickle cell disease.",
            "The guidance behind these plans does not cover it: a specialist plans this.",
        )
    if facts.methadone_program is True:
        yield _concern(
            "METHADONE_PROGRAM",
            "hard",
            "Methadone comes from another program.",
            "That program plans the dose: coordinate with it.",
        )
    if context.pregnancy is None:
        yield _unknown("PREGNANCY_NOT_ASKED", "Pregnancy has not been asked about.")
    if context.oud_criteria is None:
        yield _unknown("OUD_CRITERIA_UNKNOWN", "The OUD criteria have not been counted.")
    if context.benzo in (None, "unknown"):
        yield _unknown("BENZO_UNKNOWN", "It is not known whether a benzodiazepine is taken.")
    if facts.current_total is not None and plan.baseline.daily_total > Fraction(facts.current_total):
        yield _concern(
            "RAISE",
            "ack",
            "The plan starts above what is taken now.",
            "Tolerance may be lost: the old dose can be too much. Say so, and record it.",
        )
    last = 0 if facts.context is not None and facts.context.setting == "supervised" else SHORT_STEP_DAYS
    short = [step.step for step in plan.steps if step.days < last]
    if short:
        yield _concern(
            "STEP_TOO_SHORT",
            "ack",
            f"Steps shorter than {SHORT_STEP_DAYS} days: {_list(short)}.",
            "Daily steps are for supervised settings.",
            "slower",
        )


def _unknown(code: str, words: str) -> Concern:
    return _concern(code, "ack", words, "Unknown is not no: ask first.", "fill_in")


def _of_records(facts: ReviewFacts) -> Iterator[Concern]:
    """Yield what has to be recorded before a plan may start (clinical.md 4.2)."""
    context = facts.context or TaperContext()
    answered = context.oud_criteria is None or context.oud_criteria < 2 or context.moud_offered is not True
    for code, recorded, words in (
        ("MOUD_ANSWER_MISSING", answered or bool(facts.moud_answer), "the answer to the offer of medication for OUD"),
        ("NALOXONE_NOT_OFFERED", facts.naloxone_offered, "the offer of naloxone"),
        ("PDMP_NOT_CHECKED", facts.pdmp_checked_on, "the day the prescription monitoring program was checked"),
        ("GOALS_MISSING", facts.goals, "the person's own goals"),
        ("AGREEMENT_MISSING", facts.agreement, "the person's agreement"),
        ("PEG_MISSING", facts.peg, "a PEG score at the start"),
        ("PHQ9_MISSING", facts.phq9, "a PHQ-9 score at the start"),
        ("CSSRS_MISSING", facts.cssrs, "a C-SSRS screen at the start"),
        ("COWS_OR_SOWS_MISSING", facts.cows_or_sows, "a COWS or SOWS score at the start"),
        ("VITALS_MISSING", facts.vitals, "blood pressure and pulse at the start"),
        ("FOLLOW_UP_MISSING", facts.follow_up_on, "the day of the next visit"),
    ):
        if not recorded:
            yield _missing(code, words)


def _missing(code: str, what: str) -> Concern:
    why = "It has to be recorded before the plan starts."
    return Concern(code, "hard", f"Not recorded yet: {what}.", why, "fill_in", "fill_in")


def _of_mail(facts: ReviewFacts) -> Iterator[Concern]:
    if not facts.mail:
        return
    if not facts.born_on:
        yield _missing("BORN_ON_MISSING", "the date of birth, which opens the links in messages")
    for code, recorded, words in (
        ("EMAIL_NOT_VERIFIED", facts.email_verified, "The email address has not been verified."),
        ("EMAIL_NOT_CONSENTED", facts.email_consented, "There is no consent to email."),
    ):
        if not recorded:
            yield _concern(code, "ack", words, "No reminder is sent: staff call instead.", "without_mail")


def _shown(plan: Plan) -> Iterator[Concern]:
    """Yield what is shown and needs no answer."""
    large = [step.step for step in plan.steps if above(step.pct_of_previous, LARGE_CUT_PCT)]
    if large:
        yield _concern(
            "LARGE_CUT",
            "info",
            f"Cuts above {LARGE_CUT_PCT}% of the step before: {_list(large)}.",
            "Cuts counted from the first dose take ever larger shares of what is left.",
        )
    if plan.total_days > LONG_PLAN_DAYS:
        yield _concern(
            "LONGER_THAN_2_YEARS", "info", "The plan takes more than 2 years.", "Look at it again on the way."
        )
    if plan.final == "extend" and not any(step.frequency == "every_other_day" for step in plan.steps):
        yield _concern(
            "EXTENSION_NOT_MADE",
            "info",
            "There is no last interval of every second day.",
            "It does not exist for patches, liquids and plans that hold.",
        )
    if plan.steps:
        yield _concern(
            "TOLERANCE_LOST",
            "info",
            "Going back to the old dose after a week or more off it is dangerous.",
            "Tolerance falls with every step: say it at each one.",
        )


def _list(steps: list[int]) -> str:
    return ", ".join(map(str, steps))
