"""The steps of somebody who waits or cannot be reached: interim services, weekly call, class, place, try."""

from __future__ import annotations

from datetime import datetime

from intake.actor import STAFF, Actor
from intake.beds import queries as beds
from intake.beds.models import UseKind
from intake.cases import codes, reaching, service
from intake.cases.asking import WORDS, Field, Pairs, Step, pairs
from intake.cases.models import Case, CaseState
from intake.fields import Reader
from intake.inquiries import answers as a

S = CaseState
WAITS = frozenset({S.WAITLISTED})


def _said(options: a.Options) -> Pairs:
    return tuple((code, str(words)) for code, words in options)


def _channels(case: Case) -> Pairs:
    safe = reaching.safe_channels(case.person_id)
    return tuple((code, words) for code, words in _said(a.ATTEMPT_CHANNELS) if code in safe)


def _interim_fields(case: Case, actor: Actor, now: datetime) -> list[Field]:
    return [
        Field("services", "What was given", "ticks", pairs(codes.INTERIM_SERVICES)),
        Field("words", "Note", "area"),
    ]


def _interim(case: Case, r: Reader, actor: Actor, now: datetime, version: int | None) -> None:
    given = r.choices("services", codes.INTERIM_SERVICES, required="Pick what was given.")
    words = r.text("words", limit=WORDS)
    r.check()
    service.interim(case.id, services=given, words=words, version=version, actor=actor, now=now)


def _weekly_fields(case: Case, actor: Actor, now: datetime) -> list[Field]:
    return [
        Field("channel", "How", "radio", _channels(case), hint="Only ways that are safe for the person."),
        Field("outcome", "What came of it", "radio", pairs(codes.WAIT_OUTCOMES)),
        Field("words", "What changed", "area"),
    ]


def _weekly(case: Case, r: Reader, actor: Actor, now: datetime, version: int | None) -> None:
    channel = r.choice("channel", [c for c, _ in _channels(case)], required="Pick how.")
    outcome = r.choice("outcome", codes.WAIT_OUTCOMES, required="Pick what came of it.")
    words = r.text("words", limit=WORDS)
    r.check()
    service.weekly(case.id, channel=channel, outcome=outcome, words=words, version=version, actor=actor, now=now)


def _rank_fields(case: Case, actor: Actor, now: datetime) -> list[Field]:
    return [
        Field("wait_class", "Wait class", "radio", pairs(codes.WAIT_CLASSES), required=True),
        Field("reason", "Why", "area", required=True),
    ]


def _rank(case: Case, r: Reader, actor: Actor, now: datetime, version: int | None) -> None:
    wait_class = r.choice("wait_class", codes.WAIT_CLASSES, required="Pick the wait class.")
    reason = r.text("reason", limit=WORDS, required="Say why.")
    r.check()
    service.rank(case.id, wait_class=wait_class, reason=reason, version=version, actor=actor, now=now)


def _refuse_fields(case: Case, actor: Actor, now: datetime) -> list[Field]:
    return [Field("reason", "Why, in the person’s words", "area", required=True)]


def _refuse(case: Case, r: Reader, actor: Actor, now: datetime, version: int | None) -> None:
    reason = r.text("reason", limit=WORDS, required="Say why, in the person’s words.")
    r.check()
    service.refuse_place(case.id, reason=reason, version=version, actor=actor, now=now)


def _has_place(case: Case) -> bool:
    found = beds.of_case(case.id)
    return found is not None and found[0].kind is UseKind.HOLD


def _try_fields(case: Case, actor: Actor, now: datetime) -> list[Field]:
    outcomes = _said(a.ATTEMPT_OUTCOMES)
    if not reaching.may_voicemail(case.person_id):
        outcomes = tuple(o for o in outcomes if o[0] != "voicemail")
    return [
        Field("channel", "How", "radio", _channels(case), hint="Only ways that are safe for the person."),
        Field("outcome", "What came of it", "radio", outcomes),
        Field("words", "Note", "area"),
    ]


def _try(case: Case, r: Reader, actor: Actor, now: datetime, version: int | None) -> None:
    channel = r.choice("channel", a.codes(a.ATTEMPT_CHANNELS), required="Pick how you tried.")
    outcome = r.choice("outcome", a.codes(a.ATTEMPT_OUTCOMES), required="Pick what came of it.")
    words = r.text("words", limit=WORDS)
    r.check()
    service.attempt(case.id, channel=channel, outcome=outcome, words=words, version=version, actor=actor, now=now)


STEPS: tuple[Step, ...] = (
    Step(
        "try", "Log a call", "A neutral call on a safe way. A conversation ends the calls that only try to reach them.",
        "Log it", STAFF, frozenset(S) - {S.CLOSED}, _try_fields, _try,
    ),
    Step(
        "interim", "Interim services", "What somebody gets while there is no place for them.",
        "Save", STAFF, WAITS, _interim_fields, _interim, main=True,
    ),
    Step(
        "weekly", "Weekly call", "Still wants the place? Anything new? New danger calls a clinician at once.",
        "Save the call", STAFF, WAITS, _weekly_fields, _weekly, main=True,
    ),
    Step(
        "rank", "Change the wait class", "Request date and number stay as they are.",
        "Change", STAFF, WAITS, _rank_fields, _rank,
    ),
    Step(
        "refuse-place", "Does not take the place", "It goes to the next person; this person keeps theirs in line.",
        "Record", STAFF, WAITS, _refuse_fields, _refuse, _has_place,
    ),
)  # fmt: skip
