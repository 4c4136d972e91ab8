"""The steps of somebody in care: the move to another level, leaving, and levels assessed or billed elsewhere."""

from __future__ import annotations

from datetime import datetime, timedelta

from intake.actor import CARE, STAFF, Actor, Role
from intake.cases import codes, service
from intake.cases.asking import (
    WORDS,
    Field,
    Pairs,
    Step,
    bed_of,
    emergency_contact,
    free_beds,
    level,
    moment,
    pairs,
    today,
)
from intake.cases.leveling import BILLERS
from intake.cases.models import Case, CaseState, Transfer, TransferState
from intake.cases.queries import open_transfers, place_of
from intake.cases.stays import Leaving
from intake.db import id_text, id_value
from intake.fields import Reader
from intake.people import emergency
from intake.settings import queries as settings
from intake.visits import queries as visits
from intake.visits.models import AppointmentState

S = CaseState
IN_CARE = frozenset({S.ADMITTED, S.TRANSFER_PENDING})
ANSWERS = {"accepted": "Accept", "rejected": "Reject", "withdrawn": "Take the request back"}
VISIT_OUTCOMES = {"kept": "The person came", "moved": "Moved to another time", "cancelled": "Cancelled"}
# What another center said is written down here.
THEIRS = {"accepted": "They accept", "rejected": "They say no"}
ARRIVALS = {"arrived": "The person arrived", "cancelled": "Cancel"}


def _ask_fields(case: Case, actor: Actor, now: datetime) -> list[Field]:
    ready = codes.READINESS
    return [
        level("to_level"),
        Field(
            "place",
            "If to another center: which",
            "line",
            hint="Their answer is written down here. What they get passes the gate.",
        ),
        Field("reason", "Why now, medicines and risks, and where in the taper", "area", required=True),
        Field("withdrawal", "Withdrawal", "radio", pairs(ready["withdrawal"])),
        Field("vitals", "Vital signs", "radio", pairs(ready["vitals"])),
        Field("moud", "Medication for opioid use disorder", "radio", pairs(ready["moud"])),
        Field("follow_up_on", "Next visit there", "day"),
    ]


def _ask(case: Case, r: Reader, actor: Actor, now: datetime, version: int | None) -> None:
    to_level = r.choice("to_level", codes.LEVELS, required="Pick the level of care.")
    reason = r.text("reason", limit=WORDS, required="Say why.")
    place = r.text("place", limit=200)
    ready = {
        name: r.choice(name, table, required="Answer this, so that the receiver can decide.")
        for name, table in codes.READINESS.items()
    }
    day = today(case, now)
    follow_up = r.day("follow_up_on", earliest=day, latest=day + timedelta(days=90))
    r.check()
    service.ask_transfer(
        case.id, to_level=to_level, reason=reason, readiness=ready, follow_up_on=follow_up, place=place, actor=actor,
        now=now,
    )  # fmt: skip


def _none_accepted(case: Case) -> bool:
    return not any(t.state is TransferState.ACCEPTED for t in open_transfers(case.id))


def _may_answer(actor: Actor, row: Transfer) -> list[str]:
    outside = row.to_outside is not None
    if row.state is TransferState.ACCEPTED:
        return ["cancelled"] if outside else list(ARRIVALS)
    if outside:
        return list(ANSWERS)
    return ["withdrawn"] if row.asked_by == actor.id else ["accepted", "rejected", "withdrawn"]


def _answers(case: Case, actor: Actor) -> list[tuple[str, str]]:
    """Each open request with what may be answered: "accepted:id" and its words."""
    words = {**ANSWERS, **ARRIVALS}
    found = []
    for row in open_transfers(case.id):
        place = place_of(row)
        said = {**words, **THEIRS} if place else words
        found += [
            (f"{answer}:{id_text(row.id)}", f"{said[answer]}: {place or codes.words(row.to_level)}")
            for answer in _may_answer(actor, row)
        ]
    return found


def _answer_fields(case: Case, actor: Actor, now: datetime) -> list[Field]:
    asked = open_transfers(case.id)
    outside = any(row.to_outside is not None for row in asked)
    inside = any(row.to_outside is None for row in asked)
    return [
        *([_packet(case)] if outside else []),
        Field("answer", "Answer", "radio", _answers(case, actor), required=True),
        Field("code", "If rejected: why", "select", pairs(codes.TRANSFER_DECLINES)),
        *([Field("bed", "Bed or slot", "select", free_beds(case))] if inside else []),
    ]


def _packet(case: Case) -> Field:
    words = "What the other center gets needs the person’s consent, or a legal ground."
    return Field("packet", words, "link", ((f"/cases/{id_text(case.id)}/disclosures/new", "Give out a copy"),))


def _answer(case: Case, r: Reader, actor: Actor, now: datetime, version: int | None) -> None:
    picked = r.choice("answer", [key for key, _ in _answers(case, actor)], required="Pick the answer.")
    code = r.choice("code", codes.TRANSFER_DECLINES)
    answer, _, key = picked.partition(":")
    if answer == "rejected" and not code:
        r.wrong("code", "Pick the reason.")
    bed_id = bed_of(r, case)
    r.check()
    service.answer_transfer(
        case.id, answer=answer, code=code, bed_id=bed_id, transfer_id=id_value(key), actor=actor, now=now
    )


def _discharge_fields(case: Case, actor: Actor, now: datetime) -> list[Field]:
    return [
        Field("type", "How the stay ended", "radio", pairs(codes.DISCHARGE_TYPES), required=True),
        Field("at_end", "How the person is now, against the goals", "select", pairs(codes.DISCHARGE_STATUS)),
        Field("reason", "Reason, in the person’s own words", "area"),
        Field("naloxone", "Naloxone offered", "radio", pairs(codes.NALOXONE_ANSWERS)),
        Field("warned", "Loss of tolerance and overdose risk explained; 911 and 988 named", "tick"),
        Field("moud", "Medication for opioid use disorder offered", "radio", pairs(codes.MOUD_ANSWERS)),
        Field("why", "Against advice: the main reason", "radio", pairs(codes.LEAVING_REASONS)),
        Field("capacity", "Against advice: can the person decide now?", "radio", pairs(codes.CAPACITY)),
        Field("offered", "Against advice: what was offered", "ticks", pairs(codes.LEAVING_OFFERS)),
        Field("reconciled", "Against advice: medicines gone through with them", "tick"),
        Field("follow_up", "Against advice: next appointment", "radio", pairs(codes.FOLLOW_UPS)),
        Field("counselled_by", "Against advice: who talked with them", "line"),
        emergency_contact(case),
        *([_TELL] if emergency.has_one(case.person_id) else []),
    ]


_TELL = Field(
    "tell_contact", "They ask us to tell their emergency contact", "tick",
    hint="A task within four hours. Nothing is told without their consent or a legal ground.",
)  # fmt: skip


def _discharge(case: Case, r: Reader, actor: Actor, now: datetime, version: int | None) -> None:
    how = r.choice("type", codes.DISCHARGE_TYPES, required="Pick how the stay ended.")
    reason = r.text("reason", limit=WORDS)
    answers = {
        "naloxone": r.choice("naloxone", codes.NALOXONE_ANSWERS),
        "moud": r.choice("moud", codes.MOUD_ANSWERS),
        "status": r.choice("at_end", codes.DISCHARGE_STATUS),
    }
    said = Leaving(
        capacity=r.choice("capacity", codes.CAPACITY),
        counselled_by=r.text("counselled_by", limit=100) or actor.name,
        offered=r.choices("offered", codes.LEAVING_OFFERS),
        why=r.choice("why", codes.LEAVING_REASONS),
        tell_contact=r.yes("tell_contact"),
        follow_up=r.choice("follow_up", codes.FOLLOW_UPS),
        reconciled=r.yes("reconciled"),
    )
    if how == "against_advice":
        if not said.capacity:
            r.wrong("capacity", "Say whether the person can decide now.")
        if not said.offered:
            r.wrong("offered", "Say what was offered, also when it was nothing.")
    r.check()
    service.discharge(
        case.id, type=how, reason=reason, warned=r.yes("warned"), leaving=said, on=today(case, now), version=version,
        actor=actor, now=now, **answers,
    )  # fmt: skip


def _external_fields(case: Case, actor: Actor, now: datetime) -> list[Field]:
    return [
        level(),
        Field("tool", "Tool or program", "line", required=True),
        Field("on", "Day", "day", hint="Empty means today."),
    ]


def _external(case: Case, r: Reader, actor: Actor, now: datetime, version: int | None) -> None:
    found = r.choice("level", codes.LEVELS, required="Pick the level of care.")
    tool = r.text("tool", limit=80, required="Name the tool or program.")
    day = today(case, now)
    on = r.day("on", earliest=day - timedelta(days=366), latest=day)
    r.check()
    service.external_level(case.id, level=found, tool=tool, on=on or day, version=version, actor=actor, now=now)


def _bill(case: Case, r: Reader, actor: Actor, now: datetime, version: int | None) -> None:
    found = r.choice("level", codes.LEVELS, required="Pick the level.")
    r.check()
    service.bill(case.id, level=found, version=version, actor=actor, now=now)


def _booked(case: Case) -> Pairs:
    zone = settings.zone(settings.site(case.site_id))
    return tuple(
        (id_text(v.id), f"{v.kind.replace('_', ' ').capitalize()}, {v.starts_at.astimezone(zone):%b %-d, %H:%M}")
        for v in visits.of_case(case.id)
        if v.state is AppointmentState.BOOKED
    )


def _settle_fields(case: Case, actor: Actor, now: datetime) -> list[Field]:
    return [
        Field("visit", "Which visit", "radio", _booked(case), required=True),
        Field("outcome", "What became of it", "radio", pairs(VISIT_OUTCOMES), required=True),
        Field("starts_at", "If moved: when", "time"),
    ]


def _settle(case: Case, r: Reader, actor: Actor, now: datetime, version: int | None) -> None:
    picked = r.choice("visit", [key for key, _ in _booked(case)], required="Pick the visit.")
    outcome = r.choice("outcome", VISIT_OUTCOMES, required="Pick what became of it.")
    starts_at = moment(r, "starts_at", case) if outcome == "moved" else None
    r.check()
    service.settle_visit(
        case.id, appointment_id=id_value(picked), outcome=outcome, starts_at=starts_at, actor=actor, now=now
    )


STEPS: tuple[Step, ...] = (
    Step(
        "settle-visit", "Visit: came, moved or cancelled", "Reminders follow the new time.",
        "Save", STAFF, frozenset(S) - {S.CLOSED}, _settle_fields, _settle, lambda case: bool(_booked(case)),
    ),
    Step(
        "answer-transfer", "Answer the transfer", "Until the person arrives nothing moves, and the sender stays owner.",
        "Save the answer", CARE, frozenset({S.TRANSFER_PENDING}), _answer_fields, _answer,
        lambda case: bool(open_transfers(case.id)), True,
    ),
    Step(
        "transfer", "Ask for a transfer", "The receiver answers within hours; silence goes to the supervisor.",
        "Ask", CARE, IN_CARE, _ask_fields, _ask, _none_accepted,
    ),
    Step(
        "discharge", "Discharge", "Plan messages stop and the bed is free in the same moment.",
        "Discharge", CARE, IN_CARE, _discharge_fields, _discharge,
    ),
    Step(
        "external-level", "Level assessed elsewhere", "By another tool or program, kept beside our own decision.",
        "Save", CARE, frozenset(S) - {S.CLOSED}, _external_fields, _external,
    ),
    Step(
        "billed-level", "Level that is billed", "Kept apart; clinicians do not see it.",
        "Save", frozenset({*BILLERS, Role.SUPERVISOR}), frozenset(S) - {S.IN_REVIEW}, lambda c, a, n: [level()], _bill,
    ),
)  # fmt: skip
