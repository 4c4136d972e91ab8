"""Tables of the settings room."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import BigInteger, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from intake.db import Base, Id, Stamped, Versioned, ref


class Site(Base, Stamped, Versioned):
    """One center: what it is called inside, what it calls itself on calls and emails, and where it stands."""

    __tablename__ = "site"

    id: Mapped[Id]
    slug: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    discreet_name: Mapped[str]
    phone: Mapped[str]
    place_code: Mapped[str]
    email_from: Mapped[str]
    aliases: Mapped[list[Any]] = mapped_column(default=list)
    time_zone: Mapped[str]
    reference_prefix: Mapped[str]
    leave_url: Mapped[str]
    locale: Mapped[str] = mapped_column(default="en")
    is_demo: Mapped[bool] = mapped_column(default=False)


class Setting(Base, Stamped):
    """One value of one setting from a time on; the newest not in the future is in force."""

    __tablename__ = "setting"
    __table_args__ = (UniqueConstraint("site_id", "key", "valid_from"),)

    id: Mapped[Id]
    site_id: Mapped[int] = ref("site.id")
    key: Mapped[str]
    value: Mapped[dict[str, Any]]
    valid_from: Mapped[datetime]
    approver: Mapped[str] = mapped_column(default="")


class RuleSet(Base, Stamped):
    """A dated overlay on the coded routing rules (rulings 13); number 1 is the table as coded."""

    __tablename__ = "rule_set"
    __table_args__ = (UniqueConstraint("site_id", "n"),)

    id: Mapped[Id]
    site_id: Mapped[int] = ref("site.id")
    n: Mapped[int]
    overlay: Mapped[dict[str, Any]]
    active_from: Mapped[datetime | None]
    approved_on: Mapped[date | None]
    approver: Mapped[str] = mapped_column(default="")
    approver_id: Mapped[int | None] = mapped_column(BigInteger)


class EducationReview(Base, Stamped):
    """Who found one education text right, when, and until when; it holds for the words of `digest` only."""

    __tablename__ = "education_review"
    __table_args__ = (Index("education_review_text", "site_id", "topic", "locale", "created_at"),)

    id: Mapped[Id]
    site_id: Mapped[int] = ref("site.id", index=False)
    topic: Mapped[str]
    locale: Mapped[str]
    digest: Mapped[bytes]
    reviewer: Mapped[str]
    reviewed_on: Mapped[date]
    expires_on: Mapped[date]
    ends_at: Mapped[datetime]
    withdrawn_at: Mapped[datetime | None]
    withdrawn_by: Mapped[int | None] = mapped_column(BigInteger)
