"""Read consents with their seals opened, in words."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from flask_babel import force_locale, format_date
from flask_babel import gettext as _
from sqlalchemy import select

from intake import crypto
from intake.actor import Actor
from intake.consents import binding, scope, texts
from intake.consents.models import Consent, ConsentKind, ConsentState
from intake.consents.service import GONE, form_of
from intake.db import db
from intake.errors import Missing
from intake.people.models import Person

SOON = timedelta(days=14)
STATE_TONES = {"draft": "amber", "active": "green", "revoked": "red", "expired": "line", "superseded": "line"}


@dataclass(frozen=True)
class ConsentView:
    """A consent in words; `parts` are pairs of code and words, `text` is what was or will be signed."""

    id: int
    version: int
    kind: ConsentKind
    state: ConsentState
    discloser: str
    recipient: str
    parts: Sequence[tuple[str, str]]
    purpose: str
    purpose_code: str
    end: str
    text: str
    text_version: str
    words_unchanged: bool
    signed_at: datetime | None
    signed_how: str
    signed_name: str
    guardian: str
    expires_at: datetime | None
    ends_by_event: bool
    ended_at: datetime | None
    revoked_at: datetime | None
    revoked_how: str
    needs_name: bool
    free: str
    bound_until: datetime | None
    bound_by_event: bool
    freed_at: datetime | None

    def bound(self, now: datetime) -> bool:
        """Given as a condition of a criminal case, and its time to be taken back has not come."""
        return bool(self.free) and self.freed_at is None and (self.bound_until is None or self.bound_until > now)

    @property
    def language(self) -> str:
        """The language of what is signed, `en` or `es`."""
        return texts.language_of(self.text_version)

    @property
    def tone(self) -> str:
        """The tone of its state."""
        return STATE_TONES[self.state.value]

    def ends_soon(self, now: datetime) -> bool:
        """Within two weeks of its day."""
        return self.state is ConsentState.ACTIVE and self.expires_at is not None and self.expires_at - SOON < now

    def live(self, now: datetime) -> bool:
        """Active and before its day."""
        return self.state is ConsentState.ACTIVE and (self.expires_at is None or self.expires_at > now)


def opened(row: Consent, zone: ZoneInfo) -> ConsentView:
    """One consent in words."""

    def clear(column: str) -> str:
        return crypto.open_(getattr(row, column), at=f"consent.{column}", row=row.id)

    form = form_of(row.kind, row.purpose, bound=binding.is_bound(row))
    with force_locale(texts.language_of(row.text_version)):
        facts, to, why, until = _in_words(row, clear, zone)
        text = texts.template(form, row.text_version).format(
            discloser=row.discloser, recipient=to, description="; ".join(words for _code, words in facts),
            purpose=why, end=until, free=_free(row, clear, zone),
        )  # fmt: skip
    parts, recipient, purpose, end = _in_words(row, clear, zone)
    return ConsentView(
        id=row.id, version=row.version, kind=row.kind, state=row.state, discloser=row.discloser, recipient=recipient,
        parts=parts, purpose=purpose, purpose_code=row.purpose, end=end, text=text, text_version=row.text_version,
        words_unchanged=row.text_hash == texts.digest(form, row.text_version), signed_at=row.signed_at,
        signed_how=row.signed_how, signed_name=clear("signed_name"), guardian=clear("guardian"),
        expires_at=row.expires_at, ends_by_event=row.end_event is not None, ended_at=row.ended_at,
        revoked_at=row.revoked_at, revoked_how=row.revoked_how, needs_name=row.recipient_kind == "tpo",
        free=_free(row, clear, zone), bound_until=row.bound_until, bound_by_event=row.bound_event is not None,
        freed_at=row.freed_at,
    )  # fmt: skip


def _in_words(row: Consent, clear: Callable[[str], str], zone: ZoneInfo) -> tuple[list[tuple[str, str]], str, str, str]:
    """Which facts, to whom, what for and until when, in the language that is set."""
    parts = [(code, str(scope.PARTS[code])) for code in row.description]
    recipient = clear("recipient") or (str(scope.RECIPIENTS["tpo"]) if row.recipient_kind == "tpo" else "")
    purpose = clear("purpose_words") or str(scope.PURPOSES.get(row.purpose, ""))
    return parts, recipient, purpose, _either(row.expires_at, clear("end_event"), zone)


def _free(row: Consent, clear: Callable[[str], str], zone: ZoneInfo) -> str:
    """From when a bound consent can be taken back; "" when nothing ever bound it."""
    return _either(row.bound_until, clear("bound_event"), zone)


def _either(at: datetime | None, event: str, zone: ZoneInfo) -> str:
    """A day, an event, or whichever comes first."""
    days = [format_date(at.astimezone(zone).date(), "long")] if at else []
    either = [*days, *([event] if event else [])]
    return str(_(" or when: ")).join(either) if days else "".join(either)


def of_person(person_id: int, zone: ZoneInfo) -> list[ConsentView]:
    """Every consent of a person, the newest first, drafts on top: two statements, whatever the number."""
    rows = list(
        db.session.scalars(
            select(Consent)
            .where(Consent.person_id == person_id)
            .order_by(
                Consent.state != ConsentState.DRAFT, Consent.state != ConsentState.ACTIVE, Consent.created_at.desc()
            )
        )
    )
    crypto.prefetch(blob for row in rows for blob in (row.recipient, row.signed_name))
    return [opened(row, zone) for row in rows]


def one(actor: Actor, consent_id: int, *, person_id: int, zone: ZoneInfo) -> ConsentView:
    """One consent of a person.

    Raises:
        Missing: it is another person's, another center's, or none.
    """
    row = db.session.scalar(
        select(Consent)
        .join(Person, Person.id == Consent.person_id)
        .where(Consent.id == consent_id, Consent.person_id == person_id, Person.site_id == actor.site_id)
    )
    if row is None:
        raise Missing(GONE)
    return opened(row, zone)


def may_be_told(person_id: int, zone: ZoneInfo, *, now: datetime) -> list[ConsentView]:
    """The living consents under which family or a friend may be told something: whom, and which facts."""
    return [v for v in of_person(person_id, zone) if v.purpose_code == "family" and v.live(now)]


def ending(person_ids: Collection[int] | None, site_id: int, *, before: datetime, limit: int = 100) -> list[Consent]:
    """Active consents of a center that end before a time, the soonest first; of some people, or of all."""
    wanted = [Consent.person_id.in_(person_ids)] if person_ids is not None else []
    return list(
        db.session.scalars(
            select(Consent)
            .join(Person, Person.id == Consent.person_id)
            .where(
                Person.site_id == site_id, Consent.state == ConsentState.ACTIVE, Consent.expires_at < before, *wanted
            )
            .order_by(Consent.expires_at, Consent.id)
            .limit(limit)
        )
    )
