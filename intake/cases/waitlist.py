"""The waitlist by law: a fixed request date and number, interim services, two clocks, a weekly call, a kept place."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta

from sqlalchemy import func, select

from intake.actor import STAFF, Actor, Role
from intake.audit import service as audit
from intake.beds import service as beds
from intake.beds.models import UseKind
from intake.cases import alerts, reaching
from intake.cases.codes import CLOCK_CLASSES, INTERIM_SERVICES, WAIT_CLASSES, WAIT_OUTCOMES
from intake.cases.models import Case, CaseState
from intake.cases.states import locked, move, must
from intake.db import db
from intake.errors import AlreadyDone, RuleBroken
from intake.settings import queries as settings
from intake.tasks import service as tasks

# Owed while somebody waits; they end when the wait ends.
WHILE_WAITING = ("interim_service", "wait_contact", "offer_bed", "tell_state", "decide_place")
UNTIL_ADMITTED = ("wait_admit", "wait_longest")
AGAIN_NOT_REACHED = timedelta(days=1)
WAIT_DANGER = "WAIT_DANGER"


def _check_class(wait_class: str) -> None:
    if wait_class not in WAIT_CLASSES:
        raise RuleBroken("Pick the wait class.", code="WAIT_CLASS", fields={"wait_class": "Pick the wait class."})


def waitlist(
    case_id: int,
    *,
    wait_class: str,
    actor: Actor,
    now: datetime,
    request_on: date | None = None,
    version: int | None = None,
) -> Case:
    """Let an accepted case wait for a bed; its request date and number are given once and kept (invariant 14).

    Raises:
        Missing, NotPermitted, AlreadyDone (state), RuleBroken: an unknown class.
    """
    must(actor, *STAFF)
    _check_class(wait_class)
    case = locked(case_id, actor, version=version)
    move(case, CaseState.WAITLISTED, actor=actor, now=now, wait_class=wait_class)
    case.wait_class, case.waiting_from = wait_class, now
    case.request_on = case.request_on or request_on or settings.day(case.site_id, now)
    if case.wait_number is None:
        top = db.session.scalar(select(func.max(Case.wait_number)).where(Case.site_id == case.site_id))
        case.wait_number = int(top or 0) + 1
    beds.release(case.id, outcome="released", actor=actor, now=now)
    _owe_clocks(case, actor, now)
    return case


def has_clocks(case: Case) -> bool:
    """Whether the statutory clocks run: for the priority classes, or for everybody by the center's choice."""
    return case.wait_class in CLOCK_CLASSES or bool(settings.value(case.site_id, "wait_clocks_for_all"))


def limit(case: Case, key: str) -> datetime:
    """The end of the day on which a clock in days (a setting) runs out, from the fixed request date."""
    zone = settings.zone(settings.site(case.site_id))
    start = case.request_on or case.opened_at.astimezone(zone).date()
    return datetime.combine(start + timedelta(days=int(settings.value(case.site_id, key)) + 1), time(), tzinfo=zone)


def interim_due(case: Case) -> datetime:
    """When interim services are due: hours after the wait began."""
    return (case.waiting_from or case.opened_at) + timedelta(
        hours=int(settings.value(case.site_id, "wait_interim_hours"))
    )


def _owe(case: Case, kind: str, due_at: datetime, actor: Actor, now: datetime, role: Role = Role.ADMISSIONS) -> None:
    tasks.owe(
        site_id=case.site_id, kind=kind, key=f"{kind}:{case.id}", role=role, due_at=due_at, cause="waitlisted",
        case_id=case.id, actor=actor, now=now,
    )  # fmt: skip


def _owe_clocks(case: Case, actor: Actor, now: datetime) -> None:
    _owe(case, "wait_contact", now + _contact_every(case), actor, now)
    if not has_clocks(case):
        return
    if case.interim_at is None:
        _owe(case, "interim_service", interim_due(case), actor, now)
    _owe(case, "wait_admit", limit(case, "wait_admit_days"), actor, now)
    _owe(case, "wait_longest", limit(case, "wait_longest_days"), actor, now, Role.SUPERVISOR)
    if case.wait_class.startswith("pregnant"):
        # 45 CFR 96.131(c): no place for somebody pregnant is told to the State at once.
        _owe(case, "tell_state", now + timedelta(hours=24), actor, now)


def _contact_every(case: Case) -> timedelta:
    return timedelta(days=int(settings.value(case.site_id, "wait_contact_days")))


def end_wait(case: Case, *, reason: str, actor: Actor, now: datetime, kinds: Sequence[str] = WHILE_WAITING) -> None:
    """The wait is over, or the place is found: what was owed for it ends."""
    owed = (f"{kind}:{case.id}" for kind in kinds)
    tasks.cancel(*owed, site_id=case.site_id, reason=reason, actor=actor, now=now)


def _waiting(case_id: int, actor: Actor, version: int | None = None) -> Case:
    must(actor, *STAFF)
    case = locked(case_id, actor, version=version)
    if case.state is not CaseState.WAITLISTED:
        raise AlreadyDone(f"This case does not wait; it is {case.state.value.replace('_', ' ')}.")
    return case


def interim(
    case_id: int, *, services: Sequence[str], actor: Actor, now: datetime, words: str = "", version: int | None = None
) -> Case:
    """Record the interim services that were given while somebody waits (45 CFR 96.121: counselling on infection and
    needle risks, and for pregnant people referral to prenatal care).

    Raises:
        Missing, NotPermitted, AlreadyDone (not waiting). RuleBroken: none picked, or prenatal care is left out.
    """
    case = _waiting(case_id, actor, version)
    given = [s for s in services if s in INTERIM_SERVICES]
    if not given:
        raise RuleBroken("Pick what was given.", code="INTERIM", fields={"services": "Pick what was given."})
    if case.wait_class.startswith("pregnant") and "prenatal" not in given:
        sentence = "Refer to prenatal care too."
        raise RuleBroken(sentence, code="PRENATAL", fields={"services": sentence})
    case.interim_at, case.interim = case.interim_at or now, sorted({*case.interim, *given})
    _finish(case, "interim_service", "given", actor, now)
    audit.record(
        actor=actor, verb="interim_given", record="care_case", record_id=case.id, case_id=case.id,
        after={"services": given}, now=now,
    )  # fmt: skip
    audit.tell(
        kind="interim_given", actor=actor, now=now, case_id=case.id, params={"services": given}, words=words,
        words_key_of=case.person_id,
    )  # fmt: skip
    return case


def _finish(case: Case, kind: str, outcome: str, actor: Actor, now: datetime) -> None:
    for row in tasks.live_of_key(f"{kind}:{case.id}", case.site_id):
        tasks.finish(row.id, actor=actor, outcome=outcome, now=now)


def weekly(
    case_id: int, *, channel: str, outcome: str, actor: Actor, now: datetime, words: str = "",
    version: int | None = None,
) -> Case:  # fmt: skip
    """Record the weekly call: still wants it, something changed, new danger, or not reached; the next one is owed.

    New danger raises an alert in the same transaction. Nobody leaves the list here.

    Raises:
        Missing, NotPermitted, AlreadyDone (not waiting). RuleBroken: an unknown outcome, or a change without words.
    """
    case = _waiting(case_id, actor, version)
    if outcome not in WAIT_OUTCOMES:
        raise RuleBroken("Pick what came of it.", code="OUTCOME", fields={"outcome": "Pick what came of it."})
    if outcome in {"changed", "danger"} and not words.strip():
        raise RuleBroken("Say what changed.", code="WORDS", fields={"words": "Say what changed."})
    reached = outcome != "not_reached"
    reaching.log(
        case, channel=channel, outcome="reached" if reached else "no_answer", words=words, actor=actor, now=now
    )
    _finish(case, "wait_contact", outcome, actor, now)
    db.session.flush()
    _owe(case, "wait_contact", now + (_contact_every(case) if reached else AGAIN_NOT_REACHED), actor, now)
    audit.tell(
        kind="wait_contact", actor=actor, now=now, case_id=case.id, params={"outcome": outcome}, words=words,
        words_key_of=case.person_id,
    )  # fmt: skip
    if outcome == "danger":
        alerts.raise_alert(case.id, code=WAIT_DANGER, triggers=("weekly_call",), actor=actor, now=now)
    if not reached:
        reaching.decide_if_used_up(case, actor=actor, now=now)
    return case


def rank(
    case_id: int, *, wait_class: str, reason: str, actor: Actor, now: datetime, version: int | None = None
) -> Case:
    """Put a waiting case into another wait class, with its reason on record; date and number stay.

    Raises:
        Missing, NotPermitted, AlreadyDone (not waiting). RuleBroken: an unknown class, or no reason.
    """
    _check_class(wait_class)
    if not reason.strip():
        raise RuleBroken("Say why.", code="REASON", fields={"reason": "Say why."})
    case = _waiting(case_id, actor, version)
    before, case.wait_class = case.wait_class, wait_class
    _owe_clocks(case, actor, now)
    audit.record(
        actor=actor, verb="ranked", record="care_case", record_id=case.id, case_id=case.id, changed=("wait_class",),
        before={"wait_class": before}, after={"wait_class": wait_class}, now=now,
    )  # fmt: skip
    audit.tell(
        kind="ranked", actor=actor, now=now, case_id=case.id, params={"from": before, "to": wait_class}, words=reason,
        words_key_of=case.person_id,
    )  # fmt: skip
    return case


def refuse_place(case_id: int, *, reason: str, actor: Actor, now: datetime, version: int | None = None) -> Case:
    """The person does not take the place that is kept for them: it goes on, and they keep theirs on the list.

    After the first time the place on the list simply stays; after each further one somebody decides what comes next.

    Raises:
        Missing, NotPermitted, AlreadyDone (not waiting, or nothing is kept). RuleBroken: no reason.
    """
    if not reason.strip():
        raise RuleBroken("Say why.", code="REASON", fields={"reason": "Say why, in the person's words."})
    case = _waiting(case_id, actor, version)
    if not beds.release(case.id, outcome="declined", kind=UseKind.HOLD, actor=actor, now=now):
        raise AlreadyDone("No place is kept for this person now.")
    case.offers_refused += 1
    case.offer_after = now + timedelta(hours=int(settings.value(case.site_id, "offer_pause_hours")))
    _finish(case, "offer_bed", "declined", actor, now)
    if case.offers_refused > 1:
        _owe(case, "decide_place", now + timedelta(hours=24), actor, now)
    audit.tell(
        kind="place_declined", actor=actor, now=now, case_id=case.id, params={"times": case.offers_refused},
        words=reason, words_key_of=case.person_id,
    )  # fmt: skip
    return case
