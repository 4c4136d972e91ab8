"""A placement explained: the rules that matched with the answers they read, and what would change it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from intake import crypto
from intake.accounts.models import Staff
from intake.actor import CARE, Actor
from intake.clinical import mme, routing
from intake.clinical.routing.facts import FACT_WORDS
from intake.db import db
from intake.people.models import Person
from intake.queues.models import Queue, QueueEntry
from intake.screening import answering, queries
from intake.screening.forms import OVERRIDE_CODES
from intake.screening.models import Placement, PlacementState, Screening
from intake.screening.phrases import (
    FLAG_WORDS,
    PLACES,
    QUEUE_HINTS,
    QUEUE_ICONS,
    QUEUE_TONES,
    QUEUE_WORDS,
    VALUE_WORDS,
    said,
)
from intake.screening.subjects import Subject
from intake.settings import queries as settings
from intake.settings import scoring
from intake.settings.models import RuleSet
from intake.tasks import service as tasks
from intake.tasks.models import Task

LANGUAGES = {"en": "English", "es": "Spanish"}


@dataclass(frozen=True)
class Answer:
    """One fact as read by a rule, with the place of its answer."""

    words: str
    part: str
    field: str
    anchor: str


@dataclass(frozen=True)
class Matched:
    """One matched rule with the answers it read."""

    id: str
    words: str
    answers: tuple[Answer, ...]
    queue: str
    tone: str
    acuity: int


@dataclass(frozen=True)
class Choice:
    """One queue an override can name, with the urgency it would get."""

    value: str
    words: str
    hint: str
    is_lower: bool


@dataclass(frozen=True)
class Routed:
    """Everything the routing page shows."""

    placement: Placement | None
    placed: routing.Placement
    queue: str
    icon: str
    target: str
    points: str
    matched: tuple[Matched, ...]
    unmatched: tuple[tuple[str, str, str], ...]
    rules_total: int
    rules_line: str
    flags: tuple[tuple[str, str], ...]
    missing: tuple[Answer, ...]
    changes: tuple[str, ...]
    more_changes: tuple[str, ...]
    choices: tuple[Choice, ...]
    safety: tuple[tuple[str, str], ...]
    state: str
    answered: str
    needs_cosign: bool
    may_cosign: bool
    is_provisional: bool
    note: str


def routed(of: Subject, actor: Actor) -> Routed:
    """The newest placement of a subject explained, or where they would stand now when none is stored yet.

    An old placement is explained from its own facts and the rules it was made with, so it always reads the same.

    Raises:
        Unavailable: scoring is off.
    """
    scoring.required()
    row = queries.newest_placement(of.inquiry.id)
    screening = None if row is None or row.screening_id is None else db.session.get(Screening, row.screening_id)
    if row is None:
        n, rules = settings.rule_set(of.inquiry.site_id)
        facts = queries.facts(inquiry=of.inquiry)
    else:
        n, rules = row.rules_version, settings.rule_set_numbered(row.site_id, row.rules_version)
        facts = queries.facts_of(row)
    placed = routing.place(facts, rules)
    changes = tuple(_change(c) for c in routing.what_would_change(facts, rules) if c.is_fired)
    others = tuple(_change(c) for c in routing.what_would_change(facts, rules) if not c.is_fired)
    return Routed(
        placement=row,
        placed=placed,
        queue=QUEUE_WORDS[placed.queue],
        icon=QUEUE_ICONS[placed.queue],
        target=_minutes(placed.target_minutes),
        points=_points(placed),
        matched=tuple(_matched(rule, of, screening) for rule in placed.fired),
        unmatched=_unmatched(placed, rules, facts),
        rules_total=len(rules.rules),
        rules_line=_rules_line(of.inquiry.site_id, n),
        flags=tuple(_flag(flag, facts) for flag in placed.flags),
        missing=tuple(_answer(name, getattr(facts, name), of, screening) for name in placed.missing),
        changes=changes[:5],
        more_changes=changes[5:] + others,
        choices=_choices(row),
        safety=_safety(of, facts, placed, screening),
        state="" if row is None else row.state.value,
        answered=_answered(row, of),
        needs_cosign=row is not None and _is_owed(row),
        may_cosign=row is not None and actor.may(*CARE) and actor.id != row.answered_by,
        is_provisional=row is None,
        note=_note(row),
    )


def _matched(rule: routing.FiredRule, of: Subject, screening: Screening | None) -> Matched:
    answers = tuple(_answer(name, value, of, screening) for name, value in rule.reads.items())
    words = rule.words[:1].upper() + rule.words[1:]
    return Matched(rule.id, words, answers, QUEUE_WORDS[rule.queue], QUEUE_TONES[rule.queue], rule.acuity)


def _answer(name: str, value: object, of: Subject, screening: Screening | None) -> Answer:
    part, field = PLACES[name]
    words = f"{FACT_WORDS[name]}: {said(value)}"
    if name in ("cows", "sows", "ciwa", "auditc", "mme") and value is not None:
        unit = " MME a day" if name == "mme" else ""
        words = f"{said(value)}{unit}" if name == "mme" else f"{FACT_WORDS[name]} {said(value)}"
    if name == "mme" and screening is not None and screening.mme.get("is_lower_bound"):
        words = f"at least {words}"
    if name == "mme" and value is not None and of.person.id:
        words += _medicines(of.person.id)
    if name == "oih" and screening is not None and screening.explanation:
        scores = screening.explanation["scores"]
        words += f" (OIH {scores['oih']}, tolerance {scores['tolerance']}, withdrawal {scores['withdrawal']})"
    return Answer(words, part, FACT_WORDS[name], field)


def _medicines(person_id: int) -> str:
    lines = [view.line for view in queries.opioid_lines(person_id)]
    if not lines or len(lines) > 3:
        return ""
    daily = mme.total([line for line in lines if not line.illicit], extended=True).lines
    named = ", ".join(f"{line.drug.replace('_', ' ')} {float(line.daily_dose):g}" for line in daily)
    return f" ({named} a day)" if named else ""


def _unmatched(
    placed: routing.Placement, rules: routing.RuleSet, facts: routing.Facts
) -> tuple[tuple[str, str, str], ...]:
    left = set(placed.unmatched)
    return tuple(
        (
            rule.id,
            rule.sentence,
            ", ".join(f"{FACT_WORDS[name]}: {said(getattr(facts, name))}" for name in rule.reads[:3]),
        )
        for rule in rules.rules
        if rule.id in left
    )


def _flag(code: str, facts: routing.Facts) -> tuple[str, str]:
    """A flag and why it stands."""
    words, why = FLAG_WORDS[code]
    if code == "OFFER_NALOXONE":
        reasons = (
            ("50 MME or more", facts.mme is not None and facts.mme >= 50),
            ("opioids with a benzodiazepine", facts.any_opioid and facts.benzo in ("daily", "prn")),
            ("OUD criteria", facts.oud_criteria is not None and facts.oud_criteria >= 2),
            ("an overdose", facts.overdose_24h is True or facts.overdose_90d is True),
            ("street opioids", facts.street_opioids),
        )
        why = ", ".join(reason for reason, holds in reasons if holds)
    return words, why


def _minutes(n: int) -> str:
    return f"{n} min" if n <= 60 else f"{n // 60} h"


def _points(placed: routing.Placement) -> str:
    """“25 priority points: COWS gives 15, MME a day gives 10.”"""
    parts = ", ".join(f"{part.words} gives {part.points}" for part in placed.priority_parts)
    return f"{placed.priority} priority points" + (f": {parts}." if parts else ".")


def _rules_line(site_id: int, n: int) -> str:
    row = db.session.scalar(select(RuleSet).where(RuleSet.site_id == site_id, RuleSet.n == n))
    if row is None or not row.approver:
        return f"Rule set {n}, as coded, not yet approved by a named clinician"
    on = f", {row.approved_on:%b} {row.approved_on.day}, {row.approved_on.year}" if row.approved_on else ""
    return f"Rule set {n}, approved by {row.approver}{on}"


def _change(change: routing.Change) -> str:
    after = f", then {QUEUE_WORDS[change.next_queue].lower()}" if change.next_queue else ""
    words = change.words
    for code, plain in VALUE_WORDS.items():
        words = words.replace(code.replace("_", " "), plain) if "_" in code else words
    return f"{words} gives {QUEUE_WORDS[change.queue]}, P{change.acuity}, {_minutes(change.target_minutes)}{after}"


def _choices(row: Placement | None) -> tuple[Choice, ...]:
    if row is None:
        return ()
    found = []
    for queue in Queue:
        if queue != row.queue:
            acuity = answering.usual_acuity(queue, row)
            minutes = _minutes(settings.target_minutes(row.site_id, acuity))
            lower = answering.is_lower(row, queue, acuity)
            words = f"{QUEUE_WORDS[queue]}, P{acuity}"
            found.append(Choice(queue.value, words, f"{minutes}. {QUEUE_HINTS[queue]}", lower))
    return tuple(found)


def _safety(
    of: Subject, facts: routing.Facts, placed: routing.Placement, screening: Screening | None
) -> tuple[tuple[str, str], ...]:
    given = queries.values(screening)
    person = db.session.get_one(Person, of.inquiry.person_id)
    consent = of.inquiry.contact_consent_at
    return (
        ("Naloxone at home", said({"yes": True, "no": False}.get(given.get("naloxone_at_home", "")))),
        ("Allergies", of.person.allergies or "not recorded"),
        ("Suicide screen", f"C-SSRS {facts.cssrs}" if facts.cssrs else "not done"),
        ("Pregnancy", said(facts.pregnancy)),
        ("Missing answers", str(len(placed.missing)) if placed.missing else "None"),
        ("Contact consent", "given" if consent else "not recorded"),
        ("Language", LANGUAGES.get(person.locale, person.locale)),
    )


def _answered(row: Placement | None, of: Subject) -> str:
    """Who answered the proposal, and with what."""
    if row is None or row.answered_by is None or row.state is PlacementState.PROPOSED:
        return ""
    who = db.session.scalar(select(Staff.name).where(Staff.id == row.answered_by)) or "The system"
    when = _local(row.answered_at, of)
    if row.state is PlacementState.ACCEPTED:
        return f"Accepted by {who}, {when}."
    reason = dict(OVERRIDE_CODES).get(row.override_code, row.override_code)
    where = f"{QUEUE_WORDS[row.override_queue]}, P{row.override_acuity}"
    return f"Sent to {where} instead by {who}, {when}: {reason}."


def _local(at: datetime | None, of: Subject) -> str:
    if at is None:
        return ""
    local = at.astimezone(settings.zone(settings.site(of.inquiry.site_id)))
    return f"{local:%b} {local.day}, {local:%H:%M}"


def _note(row: Placement | None) -> str:
    return "" if row is None else crypto.open_(row.override_reason, at="placement.override_reason", row=row.id)


def _is_owed(row: Placement) -> bool:
    wanted = select(Task.id).where(
        Task.site_id == row.site_id, Task.key == f"cosign:{row.id}", Task.state.in_(tasks.LIVE)
    )
    return db.session.scalar(wanted) is not None


def queue_words(case_id: int) -> str:
    """The words of the queue a case waits in now."""
    queue = db.session.scalar(
        select(QueueEntry.queue)
        .where(QueueEntry.case_id == case_id, QueueEntry.left_at.is_(None))
        .order_by(QueueEntry.entered_at.desc())
        .limit(1)
    )
    return "no queue" if queue is None else QUEUE_WORDS[Queue(queue).value]
