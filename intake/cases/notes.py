"""Notes and their drafts, and flags."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select

from intake import crypto
from intake.actor import STAFF, Actor
from intake.audit import service as audit
from intake.cases.models import Case, Note, NoteDraft
from intake.cases.states import locked, must
from intake.db import db, new_id
from intake.errors import RuleBroken
from intake.queues import service as queues

LONGEST_NOTE = 10_000


def note(case_id: int, *, words: str, actor: Actor, now: datetime) -> Note:
    """Write a note on the case's timeline, sealed under its person; the author's draft ends.

    Raises:
        Missing, NotPermitted. RuleBroken: nothing written, or longer than 10,000 signs.
    """
    must(actor, *STAFF)
    text = words.strip()
    if not text or len(text) > LONGEST_NOTE:
        raise RuleBroken(
            "Write something first." if not text else f"A note has at most {LONGEST_NOTE} signs.",
            code="NOTE",
            fields={"words": "Write the note here."},
        )
    case = locked(case_id, actor)
    row = Note(id=new_id(), case_id=case.id, author_name=actor.name, created_at=now, created_by=actor.id)
    row.words = crypto.seal(text, key_of=case.person_id, at="note.words", row=row.id)
    db.session.add(row)
    kept = _draft(case.id, actor)
    if kept is not None:
        db.session.delete(kept)
    queues.active(case.id, actor=actor, now=now)
    audit.record(
        actor=actor, verb="noted", record="note", record_id=row.id, site_id=case.site_id, case_id=case.id, now=now
    )
    audit.tell(
        kind="note", actor=actor, now=now, case_id=case.id, params={"note_id": row.id}, words=text,
        words_key_of=case.person_id,
    )  # fmt: skip
    return row


def _draft(case_id: int, actor: Actor) -> NoteDraft | None:
    return db.session.scalar(
        select(NoteDraft).where(NoteDraft.case_id == case_id, NoteDraft.author_id == actor.id).with_for_update()
    )


def save_draft(case_id: int, *, words: str, actor: Actor, now: datetime) -> NoteDraft:
    """Keep what somebody is typing, so that nothing is lost; one draft per author and case.

    Raises:
        Missing, NotPermitted. RuleBroken: longer than 10,000 signs.
    """
    must(actor, *STAFF)
    if len(words) > LONGEST_NOTE:
        raise RuleBroken(f"A note has at most {LONGEST_NOTE} signs.", code="NOTE", fields={"words": "Too long."})
    case = locked(case_id, actor)
    row = _draft(case.id, actor)
    if row is None:
        row = NoteDraft(id=new_id(), case_id=case.id, author_id=actor.id, saved_at=now)
        db.session.add(row)
    row.saved_at = now
    row.words = crypto.seal(words, key_of=case.person_id, at="note_draft.words", row=row.id) if words else None
    db.session.flush()
    return row


def flag(case_id: int, *, code: str, on: bool, actor: Actor, now: datetime) -> Case:
    """Set or clear a standing fact that changes what we do.

    Raises:
        Missing, NotPermitted.
    """
    must(actor, *STAFF)
    case = locked(case_id, actor)
    before = set(case.flags)
    after = before | {code} if on else before - {code}
    if after != before:
        case.flags = sorted(after)
        audit.record(
            actor=actor, verb="flagged" if on else "unflagged", record="care_case", record_id=case.id,
            case_id=case.id, purpose=code, now=now,
        )  # fmt: skip
    return case
