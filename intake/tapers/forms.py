"""The shape of what a prescriber types: the generator, the grid, the checklist, the pause."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

from werkzeug.datastructures import MultiDict

from intake.clinical.products import PRODUCTS
from intake.errors import RuleBroken
from intake.fields import Reader
from intake.tapers.plans import Ask, Steps
from intake.tapers.schedule import REFILL_DAYS
from intake.tapers.service import Checklist

MODES = ("exponential", "linear", "hybrid30")
FINALS = ("stop", "extend")
MOST_SLOTS = 6
HIGHEST = Decimal(2000)
NALOXONE = ("accepted", "declined", "has")
MOUD = ("accepted", "declined", "has", "not_needed")
SETTINGS = ("outpatient", "supervised")
PAUSE_REASONS = (
    "withdrawal",
    "pain",
    "mood",
    "life_event",
    "pregnancy",
    "surgery_or_acute_pain",
    "persons_wish",
    "review",
)
STOP_REASONS = ("moud_chosen", "persons_wish", "another_plan", "not_safe", "left_care")
YEARS_AHEAD = 2
MOST_SUPPLY_DAYS = 90


def _doses(reader: Reader, name: str, text: str) -> tuple[Decimal, ...]:
    parts = [p for p in text.replace("/", "-").replace(" ", "-").split("-") if p]
    found: list[Decimal] = []
    for part in parts:
        value = _dose(part)
        if value is None:
            reader.wrong(name, "Type the doses of a day with a line between, like 30-30-30.")
            return ()
        found.append(value)
    if len(found) > MOST_SLOTS:
        reader.wrong(name, f"At most {MOST_SLOTS} doses a day.")
    if found and not any(found):
        reader.wrong(name, "At least one dose must be above 0.")
    return tuple(found)


def _dose(text: str) -> Decimal | None:
    plain = text.strip().replace(",", ".")
    if (
        not plain
        or len(plain) > 8
        or not plain.replace(".", "", 1).isascii()
        or not plain.replace(".", "", 1).isdigit()
    ):
        return None
    value = Decimal(plain)
    return value if value <= HIGHEST else None


def read_ask(form: MultiDict[str, str], *, today: date) -> Ask:
    """The generator's fields.

    Raises:
        RuleBroken: with a sentence per field.
    """
    reader = Reader(form)
    product = reader.choice("product", PRODUCTS, required="Choose a medicine.")
    regimen = _doses(reader, "regimen", reader.text("regimen", limit=80, required="Type the doses of a day."))
    rate = _rate(reader)
    interval = reader.whole("interval_days", low=1, high=180, required="How many days does a step last?")
    starts = reader.day(
        "start_date",
        earliest=today,
        latest=today + timedelta(days=366 * YEARS_AHEAD),
        required="When does step 1 start?",
    )
    goal = reader.decimal("goal", low=Decimal(0), high=HIGHEST)
    limit = reader.decimal("max_step_pct", low=Decimal(1), high=Decimal(100))
    mode = reader.choice("mode", MODES, default="exponential")
    final = reader.choice("final", FINALS, default="stop")
    reader.check()
    if interval is None or starts is None:
        raise RuleBroken("Look at the marked answers.", code="FORM")
    return Ask(
        product=product,
        regimen=regimen,
        start_date=starts,
        rate_pct=rate,
        interval_days=interval,
        mode=mode,
        goal=goal or Decimal(0),
        max_step_pct=limit or Decimal(20),
        final=final,
        stretch=reader.yes("stretch"),
    )


def _rate(reader: Reader) -> Fraction:
    text = reader.text("rate_pct", limit=12, required="How much is cut at each step, in percent?").rstrip("% ")
    try:
        rate = Fraction(text)
    except (ValueError, ZeroDivisionError):
        rate = Fraction(0)
    if not 0 < rate <= 100 or "e" in text.lower():
        reader.wrong("rate_pct", "Type a share from above 0 to 100 percent, like 10 or 12.5.")
        return Fraction(10)
    return rate


def read_grid(form: MultiDict[str, str], ask: Ask) -> Ask:
    """The edited grid: days and doses per step; an empty row is left out.

    Raises:
        RuleBroken: with a sentence per cell.
    """
    reader = Reader(form)
    slots = len(ask.regimen)
    steps: list[tuple[tuple[Decimal, ...], int]] = []
    for row in range(1, 402):
        names = [f"d{row}_{slot}" for slot in range(slots)]
        if f"days{row}" not in form:
            break
        texts = [form.get(n, "").strip() for n in names]
        if not any(texts):
            continue
        days = reader.whole(f"days{row}", low=1, high=400, required="How many days?")
        doses = [_dose(t or "0") for t in texts]
        for name, dose in zip(names, doses, strict=True):
            if dose is None:
                reader.wrong(name, f"Step {row}: type a dose from 0 to {HIGHEST}, like 15.")
        if days is not None and None not in doses:
            steps.append((tuple(d for d in doses if d is not None), days))
    if not steps:
        reader.wrong("d1_0", "Keep at least one step.")
    reader.check()
    grid: Steps = tuple(steps)
    return replace(ask, by_hand=grid, then_hold=ask.goal > 0 or ask.then_hold)


def fixed(ask: Ask, fix: str) -> Ask:
    """The same request with one fix of the review applied.

    Raises:
        RuleBroken: no such fix for this medicine.
    """
    plain = replace(ask, by_hand=(), then_hold=False)
    if fix == "stretch":
        return replace(plain, stretch=True)
    if fix == "extend":
        return replace(plain, final="extend")
    if fix == "slower":
        return replace(plain, rate_pct=ask.rate_pct / 2)
    if fix in {"halves", "liquid"} and f"{ask.product}_{fix}" in PRODUCTS:
        return replace(plain, product=f"{ask.product}_{fix}")
    raise RuleBroken("There is no such fix for this medicine.", code="NO_SUCH_FIX")


def read_checklist(form: MultiDict[str, str], *, today: date) -> Checklist:
    """What must be recorded before signing.

    Raises:
        RuleBroken: with a sentence per field.
    """
    reader = Reader(form)
    found = Checklist(
        naloxone=reader.choice("naloxone", NALOXONE),
        moud=reader.choice("moud", MOUD),
        pdmp_checked_on=reader.day("pdmp_checked_on", earliest=today - timedelta(days=365), latest=today),
        goals=reader.text("goals", limit=2000),
        agreed=reader.yes("agreed"),
        risks_discussed=reader.yes("risks_discussed"),
        follow_up_on=reader.day("follow_up_on", earliest=today, latest=today + timedelta(days=366)),
        setting=reader.choice("setting", SETTINGS, default="outpatient"),
        standing_approval=reader.yes("standing_approval"),
        co_therapies=reader.text("co_therapies", limit=2000),
        # Emptied is an answer; a form without the field leaves what is usual.
        refill_days=(
            reader.whole("refill_days", low=1, high=MOST_SUPPLY_DAYS) if "refill_days" in form else REFILL_DAYS
        ),
    )
    reader.check()
    return found


def read_pause(form: MultiDict[str, str], *, today: date) -> tuple[str, str, date, str]:
    """Reason code, words, review date and who agreed with the person: one form of four fields.

    Raises:
        RuleBroken: with a sentence per field.
    """
    reader = Reader(form)
    reason = reader.choice("reason", PAUSE_REASONS, required="Why does the plan pause?")
    words = reader.text("words", limit=1000)
    review_by = reader.day(
        "review_by", earliest=today, latest=today + timedelta(days=180), required="When is the pause looked at again?"
    )
    agreed_by = reader.text("agreed_by", limit=100)
    reader.check()
    return reason, words, review_by or today, agreed_by


@dataclass(frozen=True)
class Reach:
    """How reminders may reach the person: what was said and confirmed, and the birth date that opens the links."""

    email: str
    born_on: date | None
    hour: int
    confirmed: bool
    agreed: bool


def read_reach(form: MultiDict[str, str], *, today: date, born_known: bool) -> Reach:
    """The form about reminder emails; both confirmations are needed.

    Raises:
        RuleBroken: with a sentence per field.
    """
    reader = Reader(form)
    email = reader.email("email", required="Type the email address as the person says it.")
    born_on = reader.day("born_on", earliest=date(1900, 1, 1), latest=today)
    if born_on is None and not born_known:
        reader.wrong("born_on", "Type the birth date; it opens the links in the emails.")
    hour = reader.whole("hour", low=8, high=20)
    confirmed, agreed = reader.yes("confirmed"), reader.yes("mail_agreed")
    if not confirmed:
        reader.wrong("confirmed", "Read the address back to the person first.")
    if not agreed:
        reader.wrong("mail_agreed", "Reminders need the person’s yes.")
    reader.check()
    return Reach(email, born_on, 10 if hour is None else hour, confirmed, agreed)
