"""Tables of capacity; at most one live use per bed, by index on both engines (rulings 7)."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import Index, text
from sqlalchemy.orm import Mapped, mapped_column

from intake.db import Base, Id, Stamped, Versioned, coded, ref


class Unit(Base, Stamped):
    """A ward, or the outpatient clinic with its slots."""

    __tablename__ = "unit"

    id: Mapped[Id]
    site_id: Mapped[int] = ref("site.id")
    name: Mapped[str]
    level: Mapped[str]
    kind: Mapped[str] = mapped_column(default="bed")
    confirmed_at: Mapped[datetime | None]
    confirmed_by: Mapped[str] = mapped_column(default="")
    confirmed_in_use: Mapped[int | None]


class Bed(Base, Stamped):
    """One bed or one outpatient slot."""

    __tablename__ = "bed"

    id: Mapped[Id]
    unit_id: Mapped[int] = ref("unit.id")
    name: Mapped[str]
    sex: Mapped[str] = mapped_column(default="any")
    payer: Mapped[str] = mapped_column(default="any")
    closed_at: Mapped[datetime | None]


class UseKind(StrEnum):
    """Kept for somebody until a time, or lived in."""

    HOLD = "hold"
    STAY = "stay"


_LIVE = text("ended_at IS NULL")


class BedUse(Base, Stamped, Versioned):
    """A hold or a stay of one case in one bed."""

    __tablename__ = "bed_use"
    __table_args__ = (Index("bed_use_live", "bed_id", unique=True, postgresql_where=_LIVE, sqlite_where=_LIVE),)

    id: Mapped[Id]
    bed_id: Mapped[int] = ref("bed.id", index=False)
    case_id: Mapped[int] = ref("care_case.id")
    kind: Mapped[UseKind] = mapped_column(coded(UseKind))
    level: Mapped[str] = mapped_column(default="")
    starts_at: Mapped[datetime]
    until: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    outcome: Mapped[str] = mapped_column(default="")


class CapacityMark(Base, Stamped, Versioned):
    """One time that a site filled up to its notice limit: from when, until when, and whether the State was told."""

    __tablename__ = "capacity_mark"

    id: Mapped[Id]
    site_id: Mapped[int] = ref("site.id")
    reached_at: Mapped[datetime]
    notice_due_at: Mapped[datetime]
    in_use: Mapped[int]
    beds: Mapped[int]
    below_at: Mapped[datetime | None]
    told_at: Mapped[datetime | None]
