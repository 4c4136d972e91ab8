"""Restricted records, and the door into them in an emergency: a reason, one hour, and a second person's review."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import exists, func, select

from intake import crypto
from intake.accounts.models import Staff
from intake.actor import STAFF, Actor, Role
from intake.audit import service as audit
from intake.cases.models import Case, Grant
from intake.cases.queries import GONE
from intake.cases.states import must
from intake.db import db, new_id
from intake.errors import AlreadyDone, Missing, NotPermitted, RuleBroken
from intake.inquiries.models import Inquiry
from intake.people import matching
from intake.people import queries as people
from intake.people.models import MatchKey, Person
from intake.queues import service as queues
from intake.tasks import service as tasks
from intake.tasks.models import Task, TaskState

ACCESS = timedelta(hours=1)
REVIEW = timedelta(hours=24)
SHORTEST_REASON = 10
LONGEST_REASON = 500
# Why a record is restricted or opened again (42 CFR 2.26 and the house's own reasons).
WHY: dict[str, str] = {
    "asked": "The person asked for it",
    "staff": "The person works here, or is related to somebody who does",
    "known": "The person is widely known",
    "safety": "Somebody may look for the person here",
    "order": "A court or another office asked for it",
    "over": "The reason is over",
}
VERDICTS: dict[str, str] = {
    "justified": "It was needed",
    "not_justified": "It was not needed",
    "unclear": "Talked about, still unclear",
}


def _here(case_id: int, actor: Actor) -> Case:
    row = db.session.scalar(
        select(Case)
        .where(Case.id == case_id, Case.site_id == actor.site_id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )
    if row is None:
        raise Missing(GONE)
    return row


def in_charge(actor: Actor, case_id: int) -> Case:
    """A case of the actor's center, for those who restrict records: supervisors and the privacy officer.

    Raises:
        NotPermitted: another role. Missing: none here.
    """
    must(actor, Role.SUPERVISOR, Role.PRIVACY)
    return _here(case_id, actor)


def restrict(
    case_id: int,
    *,
    on: bool,
    actor: Actor,
    now: datetime,
    why: str = "asked",
    words: str = "",
    version: int | None = None,
) -> Case:
    """Restrict a case to its owner and supervisors, or open it again; boards, find and lists follow at once.

    Raises:
        Missing. NotPermitted: neither supervisor nor privacy officer. RuleBroken: no reason of WHY.
        AlreadyDone: the case changed since `version`.
    """
    if why not in WHY:
        raise RuleBroken("Say why.", code="WHY", fields={"why": "Pick the reason."})
    case = in_charge(actor, case_id)
    if version is not None and case.version != version:
        raise AlreadyDone("This case changed while you were writing. Look at it again.", code="CHANGED")
    if case.restricted == on:
        return case
    case.restricted = on
    queues.restrict(case.id, on=on)
    verb = "restricted" if on else "unrestricted"
    audit.record(
        actor=actor, verb=verb, record="care_case", record_id=case.id, site_id=case.site_id, case_id=case.id,
        changed=("restricted",), before={"restricted": not on}, after={"restricted": on}, purpose=why, now=now,
    )  # fmt: skip
    audit.tell(
        kind=verb, actor=actor, now=now, case_id=case.id, params={"why": why}, words=words[:LONGEST_REASON],
        words_key_of=case.person_id,
    )  # fmt: skip
    return case


def case_of_number(actor: Actor, number: str) -> int:
    """The id of a case of the actor's center by the number people read; the newest of a request.

    Raises:
        Missing: none; said exactly like a case that cannot be opened.
    """
    wanted = "".join(number.upper().split())[:40]
    found = db.session.scalar(
        select(Case.id)
        .join(Inquiry, Inquiry.id == Case.opened_from)
        .where(Case.site_id == actor.site_id, func.upper(Inquiry.reference) == wanted)
        .order_by(Case.opened_at.desc())
        .limit(1)
    )
    if found is None:
        raise Missing(GONE)
    return found


def is_own(case: Case, actor: Actor) -> bool:
    """The case seems to be the actor's own: the same email address, or the same whole name."""
    staff = db.session.get(Staff, actor.id)
    if staff is None:
        return False
    tokens = [token for _kind, token in matching.email_keys(staff.email)]
    same = exists().where(
        MatchKey.person_id == case.person_id, MatchKey.kind == "email", MatchKey.token.in_(tokens or [0])
    )
    if db.session.scalar(select(same)):
        return True
    person = people.opened(db.session.get_one(Person, case.person_id))
    name = _bare(staff.name)
    return " " in name and name in {_bare(person.legal_name), _bare(person.used_name)}


def _bare(name: str) -> str:
    return " ".join(w for w in name.casefold().split() if not w.endswith("."))


def break_glass(case_id: int, *, reason: str, actor: Actor, now: datetime) -> Grant:
    """Give oneself emergency access to a restricted case of the own center for one hour; the privacy officer is told.

    On what seems to be one's own record nothing opens (`until` is now), but the try is kept, told and reviewed.

    Raises:
        Missing: no such case on this site. NotPermitted: the role sees no records. RuleBroken: no reason.
    """
    must(actor, *STAFF)
    if len(reason.strip()) < SHORTEST_REASON:
        raise RuleBroken("Say why you need it now.", code="REASON", fields={"reason": "Write at least a few words."})
    case = _here(case_id, actor)
    own = is_own(case, actor)
    row = Grant(
        id=new_id(), case_id=case.id, staff_id=actor.id, until=now if own else now + ACCESS, created_at=now,
        created_by=actor.id,
    )  # fmt: skip
    row.reason = crypto.seal(reason.strip()[:LONGEST_REASON], key_of=case.person_id, at="case_grant.reason", row=row.id)
    db.session.add(row)
    audit.record(
        actor=actor, verb="denied" if own else "broke_glass", record="care_case", record_id=case.id,
        site_id=case.site_id, case_id=case.id, purpose="own_record" if own else "emergency", now=now,
    )  # fmt: skip
    audit.tell(kind="emergency_access", actor=actor, now=now, case_id=case.id)
    tasks.owe(
        site_id=case.site_id, kind="emergency_access", key=_key(row.id), role=Role.PRIVACY, due_at=now + REVIEW,
        cause="own_record" if own else "broke_glass", case_id=case.id, actor=actor, now=now,
    )  # fmt: skip
    return row


def _key(grant_id: int) -> str:
    return f"emergency_access:{grant_id}"


def opened(grant: Grant) -> bool:
    """The access was given; False for a try on one's own record."""
    return grant.until > grant.created_at


def note_refused(*, actor: Actor, now: datetime, purpose: str) -> None:
    """Write down a try at the emergency door that opened nothing and named no case."""
    audit.record(actor=actor, verb="denied", record="care_case", record_id=None, purpose=purpose, now=now)


def review(
    grant_id: int, *, verdict: str, words: str, actor: Actor, now: datetime, version: int | None = None
) -> Grant:
    """A second person's word on one use of emergency access; its task ends.

    Raises:
        NotPermitted: neither privacy officer nor supervisor, or one's own access. Missing: none here.
        AlreadyDone: reviewed. RuleBroken: no verdict, or no words on one that was not needed.
    """
    must(actor, Role.SUPERVISOR, Role.PRIVACY)
    found = db.session.execute(
        select(Grant, Case)
        .join(Case, Case.id == Grant.case_id)
        .where(Grant.id == grant_id, Case.site_id == actor.site_id)
        .with_for_update(of=Grant)
    ).one_or_none()
    if found is None:
        raise Missing("There is no such access.")
    row, case = found
    if row.staff_id == actor.id:
        raise NotPermitted("Somebody else reviews your own access.")
    if row.reviewed_at is not None or (version is not None and row.version != version):
        raise AlreadyDone("This access was reviewed a moment ago.", code="REVIEWED")
    if verdict not in VERDICTS:
        raise RuleBroken("Say what you found.", code="VERDICT", fields={"verdict": "Pick one."})
    if verdict != "justified" and not words.strip():
        raise RuleBroken("Say what follows.", code="VERDICT", fields={"words": "Write what follows from it."})
    row.reviewed_at, row.reviewed_by, row.review = now, actor.id, verdict
    if words.strip():
        row.review_words = crypto.seal(
            words.strip()[:LONGEST_REASON], key_of=case.person_id, at="case_grant.review_words", row=row.id
        )
    audit.record(
        actor=actor, verb="reviewed", record="case_grant", record_id=row.id, site_id=case.site_id, case_id=case.id,
        purpose=verdict, now=now,
    )  # fmt: skip
    owed = db.session.scalar(
        select(Task.id).where(
            Task.site_id == case.site_id, Task.key == _key(row.id), Task.state.in_((TaskState.OPEN, TaskState.CLAIMED))
        )
    )
    if owed is not None:
        tasks.finish(owed, actor=actor, outcome=verdict, now=now)
    return row
