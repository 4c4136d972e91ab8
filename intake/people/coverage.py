"""Who pays: several coverages a person, each checked by somebody, with a result and an end; self-pay too."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import func, select
from werkzeug.datastructures import MultiDict

from intake import crypto
from intake.actor import Actor, Role
from intake.audit import service as audit
from intake.db import db, new_id
from intake.errors import AlreadyDone, Missing, NotPermitted, RuleBroken
from intake.fields import Reader
from intake.people.models import CheckState, Coverage, CoverageCheck, CoverageKind, Person

SEEN_BY = (Role.ADMISSIONS, Role.SUPERVISOR)
MOST = 6
S = CheckState
# product.md 2.2; an expired or denied coverage is asked about anew as a new one.
MOVES: Mapping[CheckState, frozenset[CheckState]] = {
    S.PENDING: frozenset({S.VERIFIED, S.PARTIAL, S.DENIED}),
    S.VERIFIED: frozenset({S.EXPIRED}),
    S.PARTIAL: frozenset({S.EXPIRED}),
    S.DENIED: frozenset(),
    S.EXPIRED: frozenset(),
}
RESULTS = (S.VERIFIED, S.PARTIAL, S.DENIED)
KINDS: dict[str, str] = {
    "private": "Private insurance",
    "medicaid": "Medicaid",
    "medicare": "Medicare",
    "military": "Military or veterans",
    "state_funded": "State or block-grant money",
    "scholarship": "Scholarship of the center",
    "self_pay": "Pays for it",
    "other": "Other",
}
# What is asked of each path: an insurer and a number, a program, or what was agreed.
INSURED = frozenset({"private", "medicaid", "medicare", "military", "other"})
TEXTS = {"payer": 100, "holder": 100, "policy": 60, "group": 60, "phone": 40, "authorization": 60, "agreed": 500}


@dataclass(frozen=True)
class Asked:
    """A coverage as typed: its kind, its place among several, and the sealed fields by name."""

    kind: CoverageKind
    order: int
    content: Mapping[str, str]


@dataclass(frozen=True)
class CheckView:
    """One check with its words opened."""

    row: CoverageCheck
    words: str


@dataclass(frozen=True)
class CoverageView:
    """A coverage opened, with its checks, newest first."""

    row: Coverage
    content: dict[str, str]
    checks: list[CheckView]

    @property
    def words(self) -> str:
        """Its kind in words."""
        return KINDS[self.row.kind.value]


def read(form: MultiDict[str, str]) -> Asked:
    """Read a coverage.

    Raises:
        RuleBroken: by field; insurance needs payer and policy, state money its program, self-pay what was agreed.
    """
    r = Reader(form)
    kind = r.choice("kind", KINDS, required="Pick who pays.")
    order = r.whole("order", low=1, high=9) or 1
    content = {name: r.text(name, limit=limit) for name, limit in TEXTS.items()}
    if kind in INSURED:
        for name, words in (("payer", "Enter the insurer."), ("policy", "Enter the number on the card.")):
            if not content[name]:
                r.wrong(name, words)
    elif kind == "state_funded" and not content["payer"]:
        r.wrong("payer", "Enter the program that pays.")
    elif kind in {"self_pay", "scholarship"} and not content["agreed"]:
        r.wrong("agreed", "Write what was agreed.")
    r.check()
    return Asked(CoverageKind(kind), order, {name: text for name, text in content.items() if text})


def _must(actor: Actor) -> None:
    if not actor.may(*SEEN_BY):
        raise NotPermitted("Your role does not see who pays.")


def add(person_id: int, asked: Asked, *, actor: Actor, now: datetime) -> Coverage:
    """Add a coverage; its check is pending.

    Raises:
        NotPermitted: the role. Missing: no such person here. RuleBroken: there are six already.
    """
    _must(actor)
    person = db.session.scalar(
        select(Person).where(Person.id == person_id, Person.site_id == actor.site_id).with_for_update()
    )
    if person is None:
        raise Missing("There is no such person.")
    live = db.session.scalar(
        select(func.count(Coverage.id)).where(Coverage.person_id == person_id, Coverage.ended_at.is_(None))
    )
    if (live or 0) >= MOST:
        raise RuleBroken(
            f"There are {MOST} already. End one first.", code="COVERAGES", fields={"kind": "End one first."}
        )
    row = Coverage(
        id=new_id(), site_id=person.site_id, person_id=person.id, kind=asked.kind, order=asked.order,
        state=CheckState.PENDING, created_at=now, created_by=actor.id,
    )  # fmt: skip
    text = json.dumps(dict(asked.content), sort_keys=True)
    row.content = crypto.seal(text, key_of=person.id, at="coverage.content", row=row.id)
    db.session.add(row)
    db.session.flush()
    _record(row, "added", actor, now)
    return row


def _record(row: Coverage, verb: str, actor: Actor, now: datetime, **after: Any) -> None:
    audit.record(
        actor=actor, verb=verb, record="coverage", record_id=row.id, site_id=row.site_id, purpose=row.kind.value,
        after=after, now=now,
    )  # fmt: skip


def locked(coverage_id: int, person_id: int, actor: Actor) -> Coverage:
    """A living coverage of a person, locked.

    Raises:
        NotPermitted: the role. Missing: none of this person here. AlreadyDone: it has ended.
    """
    _must(actor)
    row = db.session.scalar(
        select(Coverage)
        .where(Coverage.id == coverage_id, Coverage.person_id == person_id, Coverage.site_id == actor.site_id)
        .with_for_update()
    )
    if row is None:
        raise Missing("There is no such coverage.")
    if row.ended_at is not None:
        raise AlreadyDone("This coverage has ended.")
    return row


def check(
    coverage_id: int, person_id: int, *, result: str, words: str, expires_on: date | None, actor: Actor, now: datetime
) -> Coverage:
    """Write down a check: who asked, when, what came of it, until when it holds.

    Raises:
        NotPermitted, Missing. AlreadyDone: it was checked before; ask anew instead.
        RuleBroken: an unknown result, no end of what was verified, or a partial or denied one without words (by field).
    """
    row = locked(coverage_id, person_id, actor)
    wrong: dict[str, str] = {}
    if result not in {r.value for r in RESULTS}:
        wrong["result"] = "Pick what came of it."
    elif result == "denied":
        expires_on = None
    elif expires_on is None:
        wrong["expires_on"] = "Enter until when this holds."
    if result in {"partial", "denied"} and not words.strip():
        wrong["words"] = "Say what is covered, or why not."
    if wrong:
        raise RuleBroken("This check is not complete.", code="COVERAGE_CHECK", fields=wrong)
    to = CheckState(result)
    if to not in MOVES[row.state]:
        raise AlreadyDone(f"This coverage is {row.state.value}. Ask anew to check it again.")
    row.state, row.expires_on = to, expires_on
    _note(row, to, words, actor, now)
    _record(row, "checked", actor, now, state=to.value)
    return row


def _note(row: Coverage, state: CheckState, words: str, actor: Actor, now: datetime) -> None:
    made = CoverageCheck(
        id=new_id(), coverage_id=row.id, at=now, by=actor.id, by_name=actor.name, state=state,
        expires_on=row.expires_on, created_at=now, created_by=actor.id,
    )  # fmt: skip
    if words.strip():
        made.words = crypto.seal(words.strip(), key_of=row.person_id, at="coverage_check.words", row=made.id)
    db.session.add(made)


def ask_anew(coverage_id: int, person_id: int, *, actor: Actor, now: datetime) -> Coverage:
    """End a coverage and begin the same one again, with its check pending; the old one and its checks stay.

    Raises:
        NotPermitted, Missing, AlreadyDone: as `locked`; also while its check is still pending.
    """
    old = locked(coverage_id, person_id, actor)
    if old.state is CheckState.PENDING:
        raise AlreadyDone("The check of this coverage is still owed.")
    content = json.loads(crypto.open_(old.content, at="coverage.content", row=old.id))
    end(coverage_id, person_id, actor=actor, now=now)
    return add(person_id, Asked(old.kind, old.order, content), actor=actor, now=now)


def end(coverage_id: int, person_id: int, *, actor: Actor, now: datetime) -> Coverage:
    """Take a coverage out of use; it stays on file.

    Raises:
        NotPermitted, Missing, AlreadyDone: as `locked`.
    """
    row = locked(coverage_id, person_id, actor)
    row.ended_at = now
    _record(row, "ended", actor, now)
    db.session.flush()
    return row


def expire(row: Coverage, *, actor: Actor, now: datetime) -> None:
    """Its time is over: verified or partial becomes expired."""
    row.state = CheckState.EXPIRED
    _note(row, CheckState.EXPIRED, "", actor, now)
    _record(row, "expired", actor, now)


def of_person(person_id: int) -> list[CoverageView]:
    """Every coverage of a person, living ones first by place, with all checks opened."""
    rows = db.session.scalars(
        select(Coverage)
        .where(Coverage.person_id == person_id)
        .order_by(Coverage.ended_at.is_not(None), Coverage.order, Coverage.created_at)
    ).all()
    checks: dict[int, list[CoverageCheck]] = {}
    for each in db.session.scalars(
        select(CoverageCheck)
        .where(CoverageCheck.coverage_id.in_([row.id for row in rows]))
        .order_by(CoverageCheck.at.desc(), CoverageCheck.id)
    ):
        checks.setdefault(each.coverage_id, []).append(each)
    crypto.prefetch(row.content for row in rows)
    return [_opened(row, checks.get(row.id, [])) for row in rows]


def _opened(row: Coverage, checks: list[CoverageCheck]) -> CoverageView:
    text = crypto.open_(row.content, at="coverage.content", row=row.id)
    content = json.loads(text) if text and text != crypto.ERASED else {}
    views = [CheckView(c, crypto.open_(c.words, at="coverage_check.words", row=c.id)) for c in checks]
    return CoverageView(row, content, views)
