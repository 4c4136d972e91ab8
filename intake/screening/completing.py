"""Complete a screening: score it, explain it, store what it says, and propose where the person should go."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, select

from intake import crypto
from intake.actor import Actor
from intake.audit import service as audit
from intake.cases import service as cases
from intake.clinical import instruments, oih
from intake.clinical.instruments import Score
from intake.db import db, new_id
from intake.errors import RuleBroken
from intake.inquiries.models import Inquiry
from intake.people.models import Person
from intake.queues import service as queues
from intake.screening import placements, queries
from intake.screening.drafts import locked
from intake.screening.findings import Findings, blank_items, flat, is_started, opioid_use, rows
from intake.screening.lines import UNKNOWN
from intake.screening.models import OpioidLine, Placement, Screening, ScreeningState, Vitals
from intake.screening.parts import PARTS, REPEAT, SELF
from intake.screening.questions import item_name
from intake.screening.short import in_short
from intake.settings import scoring

# Score alerts that call a person at once when the case is open; the words stand in the cases room.
URGENT = ("SUICIDE_HIGH", "SUICIDE_MODERATE", "SUICIDE_ITEM", "COWS_SEVERE", "CIWA_SEVERE")
_INQUIRY = select(Inquiry).where(Inquiry.id == bindparam("inquiry")).with_for_update()
_TOLD_BEFORE = select(OpioidLine).where(OpioidLine.person_id == bindparam("person"), OpioidLine.ended_at.is_(None))


def open_points(values: Mapping[str, Any]) -> dict[str, str]:
    """What keeps a screening from being completed: field -> sentence; empty when nothing does.

    An instrument that was begun needs every item answered or marked unknown. The pain pattern needs a withdrawal scale
    of the same sitting, or the reason why none was done (invariant 9).
    """
    found: dict[str, str] = {}
    for part in PARTS:
        for instrument in part.instruments():
            for item in blank_items(instrument, values):
                words = instrument.item(item).topic
                found[item_name(instrument.key, item)] = f"{instrument.short}: answer “{words}”, or mark it unknown."
    asked = any(values.get(name) not in (None, UNKNOWN) for name in oih.SYMPTOMS)
    scales = [instruments.get(key) for key in ("cows", "sows")]
    scored = any(is_started(i, values) for i in scales)
    if asked and not scored and not values.get("no_scale_reason"):
        found["no_scale_reason"] = "Pain pattern: do a COWS or SOWS at this sitting, or say why it is not done."
    return found


def complete(screening_id: int, *, actor: Actor, now: datetime, read_version: int | None = None) -> Placement:
    """Make a screening final and store the placement its facts give.

    Scores, explanation and MME come from the stored answers alone. Danger or an urgent result enters its queue at once,
    marked provisional; any other result waits for a person to accept it, with a task.

    Raises:
        Missing: no such screening. AlreadyDone: it is final already.
        RuleBroken: SCREENING_OPEN, with a sentence per field that still needs an answer.
        Unavailable: scoring is off.
    """
    scoring.required()
    row = locked(screening_id, actor)
    answers = flat(queries.document(row))
    problems = open_points(answers)
    if problems:
        raise RuleBroken("Some answers are still needed.", code="SCREENING_OPEN", fields=problems)
    inquiry = db.session.scalars(_INQUIRY, {"inquiry": row.inquiry_id}).one()
    person = db.session.get_one(Person, row.person_id)
    found = _with_earlier(row, queries.findings_from(answers, person, without=row))
    _fill(row, found, answers, now)
    _store_opioids(row, answers, actor, now)
    _store_vitals(row, answers, actor, now)
    audit.record(
        actor=actor,
        verb="completed",
        record="screening",
        record_id=row.id,
        site_id=row.site_id,
        case_id=row.case_id,
        changed=("state", "scores", "explanation", "mme"),
        now=now,
    )
    audit.tell(
        kind="screening_completed",
        actor=actor,
        now=now,
        case_id=row.case_id,
        inquiry_id=row.inquiry_id,
        params=_told(found),
    )
    placement = placements.propose(row, inquiry, found, actor=actor, now=now)
    db.session.flush()
    _refresh_board(row, found, actor, now)
    _call_for_help(row, found, actor, now)
    return placement


def _with_earlier(row: Screening, found: Findings) -> Findings:
    """In a sitting that asks only some, the facts it did not ask for stay as the inquiry's last placement had them."""
    if row.mode not in (REPEAT, SELF):
        return found
    before = queries.newest_placement(row.inquiry_id)
    return found if before is None else replace(found, facts=queries.over(queries.facts_of(before), found.facts))


def _fill(row: Screening, found: Findings, answers: Mapping[str, Any], now: datetime) -> None:
    row.state, row.completed_at, row.saved_at = ScreeningState.COMPLETE, now, now
    row.scores = [_stored(score, answers) for score in found.scores.values()]
    row.scorer_version = instruments.SCORER_VERSION
    if found.explanation is not None:
        row.explanation = stored_explanation(found.explanation)
    if found.mme is not None:
        row.mme = found.mme.as_dict()


def _stored(score: Score, answers: Mapping[str, Any]) -> dict[str, object]:
    more: dict[str, object] = {}
    if score.instrument == "peg" and not score.missing:
        more["sum"] = sum(answers[item_name("peg", item.id)] for item in instruments.get("peg").items)
    return {"instrument": score.instrument, "version": score.version, **score.as_dict(), **more}


def stored_explanation(found: oih.Explanation) -> dict[str, Any]:
    """An explanation as plain values: class, reason, confidence, scores and each contribution; never free words."""
    return {
        **found.as_dict(),
        "version": found.version,
        "label": found.label,
        "contributions": [
            {"fact": c.fact, "answer": c.answer, "scale": c.scale, "points": c.points} for c in found.contributions
        ],
    }


def _told(found: Findings) -> dict[str, Any]:
    """What the timeline says of a screening: bands, not single answers."""
    bands = {key: s.band or s.risk for key, s in found.scores.items() if (s.band or s.risk) is not None}
    alerts = sorted({alert for s in found.scores.values() for alert in s.alerts})
    pattern = None if found.explanation is None else found.explanation.class_
    return {"bands": bands, "alerts": alerts, "pain_pattern": pattern}


def _store_opioids(row: Screening, answers: Mapping[str, Any], actor: Actor, now: datetime) -> None:
    """The lines told now replace the earlier ones; a sitting that did not ask leaves them as they are."""
    told = rows("opioids", answers)
    if not told and opioid_use(answers) != "none":
        return
    for line in db.session.scalars(_TOLD_BEFORE, {"person": row.person_id}):
        line.ended_at = now
    for content in told.values():
        if content.get("drug"):
            line = OpioidLine(
                id=new_id(), person_id=row.person_id, screening_id=row.id, created_at=now, created_by=actor.id
            )
            text = json.dumps(content, sort_keys=True)
            line.content = crypto.seal(text, key_of=row.person_id, at="opioid_line.content", row=line.id)
            db.session.add(line)


def _store_vitals(row: Screening, answers: Mapping[str, Any], actor: Actor, now: datetime) -> None:
    measured = {name: answers.get(name) for name in ("systolic", "diastolic", "pulse")}
    if any(value is not None for value in measured.values()):
        db.session.add(
            Vitals(
                id=new_id(),
                person_id=row.person_id,
                screening_id=row.id,
                at=row.taken_at,
                created_at=now,
                created_by=actor.id,
                **measured,
            )
        )


def _refresh_board(row: Screening, found: Findings, actor: Actor, now: datetime) -> None:
    """The live queue entries carry the newest readings, in the same transaction (rulings 8)."""
    if row.case_id is not None:
        cows = found.scores.get("cows")
        queues.refresh(
            row.case_id,
            cows=cows.score if cows is not None and isinstance(cows.score, int) else None,
            mme=placements.shown_mme(found),
            signals=placements.signals(found),
            summary=in_short(found),
            actor=actor,
            now=now,
        )


def _call_for_help(row: Screening, found: Findings, actor: Actor, now: datetime) -> None:
    """Urgent scores on an open case go to a person with a time to acknowledge them, never to a mail alone."""
    if row.case_id is None:
        return
    for code in _urgent(found):
        cases.raise_alert(row.case_id, code=code, triggers=[code], now=now, actor=actor)


def _urgent(found: Findings) -> Iterator[str]:
    fired = {alert for score in found.scores.values() for alert in score.alerts}
    screened = found.scores.get("cssrs_screen")
    for code in URGENT:
        # Item 9 calls for the screener; once that is done its own risk speaks.
        if code in fired and not (code == "SUICIDE_ITEM" and screened is not None and screened.risk is not None):
            yield code
