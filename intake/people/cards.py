"""The picture of an insurance card: kept sealed without anything a camera adds, for those who see who pays."""

from __future__ import annotations

import base64
from collections.abc import Collection
from datetime import datetime

from sqlalchemy import select

from intake import crypto
from intake.actor import Actor
from intake.audit import service as audit
from intake.db import db, new_id
from intake.errors import Missing
from intake.people import coverage, pictures
from intake.people.models import Coverage, CoverageCard
from intake.people.pictures import Picture

_AT = "coverage_card.picture"


def keep(coverage_id: int, person_id: int, data: bytes, *, actor: Actor, now: datetime) -> CoverageCard:
    """Keep the picture of a card beside its coverage.

    Raises:
        NotPermitted, Missing, AlreadyDone: as `coverage.locked`. RuleBroken: no picture we keep.
    """
    of = coverage.locked(coverage_id, person_id, actor)
    picture = pictures.read(data)
    row = CoverageCard(
        id=new_id(), coverage_id=of.id, mimetype=picture.mimetype, created_at=now, created_by=actor.id
    )  # fmt: skip
    row.picture = crypto.seal(base64.b64encode(picture.data).decode(), key_of=person_id, at=_AT, row=row.id)
    db.session.add(row)
    audit.record(actor=actor, verb="added", record="coverage_card", record_id=row.id, site_id=of.site_id, now=now)
    return row


def with_card(coverage_ids: Collection[int]) -> set[int]:
    """Those of some coverages that have a picture."""
    asked = select(CoverageCard.coverage_id).where(CoverageCard.coverage_id.in_(coverage_ids))
    return set(db.session.scalars(asked))


def newest(coverage_id: int, person_id: int, actor: Actor) -> Picture:
    """The picture of a coverage's card.

    Raises:
        Missing: no such coverage of this person here, or no picture, or it was erased.
    """
    row = db.session.scalar(
        select(CoverageCard)
        .join(Coverage, Coverage.id == CoverageCard.coverage_id)
        .where(Coverage.id == coverage_id, Coverage.person_id == person_id, Coverage.site_id == actor.site_id)
        .order_by(CoverageCard.created_at.desc(), CoverageCard.id)
        .limit(1)
    )
    text = crypto.open_(row.picture, at=_AT, row=row.id) if row is not None else ""
    if row is None or not text or text == crypto.ERASED:
        raise Missing("There is no picture of this card.")
    return Picture(row.mimetype, base64.b64decode(text))
