"""Tables of staff, their sessions and recovery codes."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, LargeBinary, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from intake.actor import Role
from intake.db import Base, Id, Stamped, Versioned, coded, ref


class Staff(Base, Stamped, Versioned):
    """One member of staff with exactly one role on one site."""

    __tablename__ = "staff"
    __table_args__ = (UniqueConstraint("email"),)

    id: Mapped[Id]
    site_id: Mapped[int] = ref("site.id")
    email: Mapped[str]
    name: Mapped[str]
    role: Mapped[Role] = mapped_column(coded(Role))
    password_hash: Mapped[str] = mapped_column(default="")
    totp_sealed: Mapped[bytes | None]
    totp_last_step: Mapped[int] = mapped_column(BigInteger, default=0)
    second_factor_at: Mapped[datetime | None]
    is_active: Mapped[bool] = mapped_column(default=True)
    is_demo: Mapped[bool] = mapped_column(default=False)
    keys_off: Mapped[bool] = mapped_column(default=False)
    hide_names: Mapped[bool] = mapped_column(default=False)
    last_sign_in_at: Mapped[datetime | None]
    failures: Mapped[int] = mapped_column(default=0)
    retry_at: Mapped[datetime | None]
    invited_at: Mapped[datetime | None]
    switched_off_at: Mapped[datetime | None]


class StaffSession(Base):
    """One signed-in browser; the cookie holds an opaque secret whose digest stands here."""

    __tablename__ = "staff_session"

    id: Mapped[Id]
    digest: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    staff_id: Mapped[int] = ref("staff.id")
    created_at: Mapped[datetime]
    seen_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]
    second_factor: Mapped[bool] = mapped_column(default=False)
    step_up_at: Mapped[datetime | None]
    challenge: Mapped[bytes | None] = mapped_column(LargeBinary)
    browser: Mapped[str] = mapped_column(default="")


class RecoveryCode(Base):
    """One hashed recovery code, good once."""

    __tablename__ = "recovery_code"

    id: Mapped[Id]
    staff_id: Mapped[int] = ref("staff.id")
    digest: Mapped[bytes] = mapped_column(LargeBinary)
    used_at: Mapped[datetime | None]


class Passkey(Base):
    """A key that a member of staff's device keeps; only its public half is here."""

    __tablename__ = "passkey"

    id: Mapped[Id]
    staff_id: Mapped[int] = ref("staff.id")
    credential: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    public_key: Mapped[bytes] = mapped_column(LargeBinary)
    sign_count: Mapped[int] = mapped_column(BigInteger, default=0)
    name: Mapped[str]
    created_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class KnownDevice(Base):
    """A browser that signed in before: its owner is never slowed down by tries made elsewhere."""

    __tablename__ = "known_device"

    id: Mapped[Id]
    staff_id: Mapped[int] = ref("staff.id")
    digest: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    seen_at: Mapped[datetime]


class Tries(Base):
    """Failed tries under one digest (of an address on the network, or of an email as it was typed)."""

    __tablename__ = "sign_in_tries"

    digest: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    failures: Mapped[int]
    last_at: Mapped[datetime]
    retry_at: Mapped[datetime | None]


class SentForm(Base):
    """One form that was sent with a key: what it held (a digest), and the answer it got. Kept for a day."""

    __tablename__ = "sent_form"

    digest: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    body: Mapped[bytes]
    at: Mapped[datetime] = mapped_column(index=True)
    status: Mapped[int]
    location: Mapped[str]


class ApiToken(Base, Stamped, Versioned):
    """A bearer token of another system: only its SHA-256 is kept; it ends by its time or is withdrawn."""

    __tablename__ = "api_token"

    id: Mapped[Id]
    site_id: Mapped[int] = ref("site.id")
    name: Mapped[str]
    digest: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    scopes: Mapped[list[Any]] = mapped_column(default=list)
    expires_at: Mapped[datetime]
    last_used_at: Mapped[datetime | None]
    withdrawn_at: Mapped[datetime | None]
    withdrawn_by: Mapped[int | None] = mapped_column(BigInteger)
