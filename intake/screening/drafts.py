"""Start a screening and save its answers: per field as they are given, or a page at a time."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, select

from intake import crypto
from intake.actor import CARE, Actor, system
from intake.audit import service as audit
from intake.cases.models import Case
from intake.clock import db_now
from intake.db import db, new_id
from intake.errors import AlreadyDone, Missing, NotPermitted, RuleBroken
from intake.inquiries.models import Inquiry, InquiryState
from intake.screening import carrying, danger, queries
from intake.screening.findings import flat
from intake.screening.models import Screening, ScreeningState
from intake.screening.parts import COUNTED_BY_CARE, DANGER, SETS, get
from intake.screening.permits import is_offered
from intake.screening.questions import Part

OPEN_STATES = (InquiryState.NEW, InquiryState.CONTACTING)
# Twice the fourteen days that a mailed screening link lives.
DRAFT_LIFE = timedelta(days=28)
_LOCKED = (
    select(Screening)
    .where(Screening.id == bindparam("screening"), Screening.site_id == bindparam("site"))
    .with_for_update()
    .execution_options(populate_existing=True)
)
_INQUIRY = select(Inquiry.id).where(Inquiry.id == bindparam("inquiry")).with_for_update()


def start(of: Inquiry | Case, *, mode: str, actor: Actor, now: datetime, apart: bool = False) -> Screening:
    """Open a screening, or return the draft that is already open, unless this one is kept `apart` from it.

    `mode` names the set of parts that is asked (full, call, nurse, clinician, self); any other word means full.
    Answers of the last complete screening that may still hold stand beside their questions until confirmed.

    Raises:
        Missing: the inquiry or case is of another site.
    """
    inquiry = of if isinstance(of, Inquiry) else db.session.get_one(Inquiry, of.opened_from)
    if inquiry.site_id != actor.site_id:
        raise Missing("There is no such inquiry.")
    case = of if isinstance(of, Case) else queries.case_of(inquiry.id)
    # The inquiry's row is the lock that keeps two people from opening two drafts.
    db.session.scalars(_INQUIRY, {"inquiry": inquiry.id}).one()
    known = None if apart else queries.draft(inquiry.id)
    if known is not None:
        return known
    row = Screening(
        id=new_id(),
        site_id=inquiry.site_id,
        person_id=inquiry.person_id,
        inquiry_id=inquiry.id,
        case_id=None if case is None else case.id,
        rater_id=actor.id or None,
        mode=mode if mode in SETS else "full",
        state=ScreeningState.DRAFT,
        taken_at=now,
        saved_at=now,
        created_at=now,
        created_by=actor.id,
    )
    _keep(row, {"carried": carrying.over(inquiry, now=now)})
    db.session.add(row)
    db.session.flush()
    if inquiry.state in OPEN_STATES:
        inquiry.state = InquiryState.SCREENING
    _record("started", row, actor, now)
    return row


def _keep(row: Screening, document: Mapping[str, Any]) -> None:
    text = json.dumps(document, sort_keys=True, separators=(",", ":"))
    row.answers = crypto.seal(text, key_of=row.person_id, at="screening.answers", row=row.id)


def _record(verb: str, row: Screening, actor: Actor, now: datetime, changed: tuple[str, ...] = ()) -> None:
    audit.record(
        actor=actor,
        verb=verb,
        record="screening",
        record_id=row.id,
        site_id=row.site_id,
        case_id=row.case_id,
        changed=changed,
        now=now,
    )


def locked(screening_id: int, actor: Actor) -> Screening:
    """The draft, locked for this transaction.

    Raises:
        Missing: none here. AlreadyDone: it is complete and final.
    """
    row = db.session.scalar(_LOCKED, {"screening": screening_id, "site": actor.site_id})
    if row is None:
        raise Missing("There is no such screening.")
    if row.state is ScreeningState.EXPIRED:
        raise AlreadyDone("This screening was left open for too long. Start a new one.", code="SCREENING_EXPIRED")
    if row.state is not ScreeningState.DRAFT:
        raise AlreadyDone(
            "This screening is complete and final. Start a new one to correct it.", code="SCREENING_FINAL"
        )
    return row


def answer(
    screening_id: int,
    part: str,
    values: Mapping[str, Any],
    *,
    actor: Actor,
    now: datetime,
    read_version: int | None = None,
) -> Screening:
    """Save answers of one part; a blank (None) takes an answer away. A danger yes opens the case at once.

    `read_version` is the version the page was made from: a field that somebody else changed since then, to another
    value, is refused and nothing of this save is kept; a field the sender never touched keeps the newer answer.

    Raises:
        AlreadyDone: the screening is final (SCREENING_FINAL), or a field was changed meanwhile (CONFLICT, `fields`).
        NotPermitted: somebody outside the care roles counts OUD criteria.
        RuleBroken: a field that is not of this part, or of a scale that the center has no permission for.
    """
    page = get(part)
    row = locked(screening_id, actor)
    values = _allowed(page, values, actor, row.site_id)
    document = queries.document(row)
    changed = _merge(document, page, values, row.version, read_version)
    if not changed and not _confirm(document, values):
        return row
    document.setdefault("saved", {})[part] = now.isoformat()
    _keep(row, document)
    row.saved_at = now
    if not row.rater_id:
        row.rater_id = actor.id or None
    db.session.flush()
    if changed:
        _record("answered", row, actor, now, changed)
    newly = {n: values[n] for n in changed if n in DANGER}
    if newly:
        danger.told(row, newly, actor=actor, now=now)
    return row


def _allowed(page: Part, values: Mapping[str, Any], actor: Actor, site_id: int) -> Mapping[str, Any]:
    """The values the actor may give; a page without the clinician's card neither fills nor empties it."""
    if set(values) - set(page.names()):
        raise RuleBroken("This part has no such question.", code="UNKNOWN_FIELD")
    off = {name for b in page.blocks if not is_offered(b, site_id) for name in b.names()}
    if any(values.get(name) is not None for name in off):
        raise RuleBroken("This scale is off until the center has recorded the permission for it.", code="SCALE_OFF")
    values = {name: value for name, value in values.items() if name not in off}
    if actor.may(*CARE):
        return values
    closed = {name for block in page.blocks if block.instrument in COUNTED_BY_CARE for name in block.names()}
    if any(values.get(name) is not None for name in closed):
        raise NotPermitted("The criteria of opioid use disorder are counted by a clinician.")
    return {name: value for name, value in values.items() if name not in closed}


def _merge(
    document: dict[str, Any], page: Part, values: Mapping[str, Any], version: int, read_version: int | None
) -> tuple[str, ...]:
    """Lay the new values over the stored ones and return the names that changed."""
    stored: dict[str, Any] = document.setdefault(page.key, {})
    marks: dict[str, list[Any]] = document.setdefault("marks", {})
    conflicts: dict[str, str] = {}
    changed: list[str] = []
    for name, value in values.items():
        before = stored.get(name)
        if value == before:
            continue
        at, was = marks.get(name, [0, None])
        if read_version is not None and at > read_version:
            if value != was:
                conflicts[name] = (
                    f"Somebody else answered “{page.said(name, before)}” here while you had the page open."
                )
            continue
        marks[name] = [version + 1, before]
        changed.append(name)
        if value is None:
            stored.pop(name, None)
        else:
            stored[name] = value
    if conflicts:
        raise AlreadyDone(
            "Somebody else changed an answer on this page. Look at both, then save yours or theirs.",
            code="CONFLICT",
            fields=conflicts,
        )
    _confirm(document, {name: values[name] for name in changed})
    return tuple(changed)


def _confirm(document: dict[str, Any], values: Mapping[str, Any]) -> bool:
    """Whoever answers a question has settled what was carried over for it."""
    carried = document.get("carried", {})
    settled = [name for name, value in values.items() if value is not None and carried.pop(name, None) is not None]
    return bool(settled)


def confirm(screening_id: int, names: tuple[str, ...], *, actor: Actor, now: datetime) -> Screening:
    """Take over carried answers as they are; only then do they count.

    Raises:
        Missing, AlreadyDone: as `locked`. RuleBroken: nothing is carried over for a name.
    """
    row = locked(screening_id, actor)
    document = queries.document(row)
    carried = document.get("carried", {})
    for name in names:
        if name not in carried:
            raise RuleBroken("There is no earlier answer to this question.", code="NOT_CARRIED")
        found = carried.pop(name)
        document.setdefault(found["part"], {})[name] = found["value"]
        document.setdefault("marks", {})[name] = [row.version + 1, None]
    _keep(row, document)
    row.saved_at = now
    db.session.flush()
    _record("confirmed", row, actor, now, names)
    signs = {n: flat(document).get(n) for n in names if n in DANGER}
    if signs:
        danger.told(row, signs, actor=actor, now=now)
    return row


def expire(*, now: datetime, limit: int = 200) -> int:
    """Upkeep: a draft nobody touched for `DRAFT_LIFE` tells nothing of today any more; returns how many ended.

    Its answers stay where they are; a new screening starts from the last complete one.
    """
    rows = db.session.scalars(
        select(Screening)
        .where(Screening.state == ScreeningState.DRAFT, Screening.saved_at <= db_now(-DRAFT_LIFE))
        .order_by(Screening.saved_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).all()
    for row in rows:
        row.state = ScreeningState.EXPIRED
        _record("expired", row, system(row.site_id), now, ("state",))
    return len(rows)
