"""How the steps of a case are asked: questions as plain values, and the readers they share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from intake.actor import Actor, Role
from intake.beds import queries as beds
from intake.beds.models import UseKind
from intake.cases import codes
from intake.cases.models import Case, CaseState
from intake.db import id_text, id_value
from intake.fields import Reader
from intake.people import details, emergency
from intake.settings import queries as settings

WORDS = 2000
Pairs = Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Field:
    """One question of a step; `kind` is radio, select, line, area, day, time, tick, ticks or link.

    A link asks nothing: its options are addresses with their words.
    """

    name: str
    label: str
    kind: str
    options: Pairs = ()
    hint: str = ""
    required: bool = False


@dataclass(frozen=True)
class Step:
    """One thing that can be done with a case."""

    name: str
    title: str
    lead: str
    button: str
    roles: frozenset[Role]
    states: frozenset[CaseState]
    fields: Callable[[Case, Actor, datetime], list[Field]]
    act: Callable[[Case, Reader, Actor, datetime, int | None], None]
    also: Callable[[Case], bool] = lambda case: True
    main: bool = False


def pairs(table: dict[str, str]) -> Pairs:
    """The options of a table of codes."""
    return tuple(table.items())


def level(name: str = "level", *, required: bool = True) -> Field:
    """The question for a level of care."""
    return Field(name, "Level of care", "select", pairs(codes.LEVELS), required=required)


def moment(r: Reader, name: str, case: Case) -> datetime | None:
    """A local date and time (2026-11-25T17:00) in the center's zone."""
    raw = r.text(name, limit=40, required="Enter a date and time.")
    if not raw:
        return None
    try:
        local = datetime.fromisoformat(raw)
        if not 2000 <= local.year <= 2200:
            raise ValueError(raw)
    except ValueError:
        r.wrong(name, "Enter a date and time, like 2026-11-25 17:00.")
        return None
    zone: ZoneInfo = settings.zone(settings.site(case.site_id))
    return (local if local.tzinfo else local.replace(tzinfo=zone)).astimezone(UTC)


def free_beds(case: Case) -> Pairs:
    """The beds nobody is in, and the one kept for this case: id and words."""
    return tuple(
        (id_text(b.id), f"{b.unit}, {b.name}{'' if b.use is None else ' (kept)'}")
        for b in beds.beds(case.site_id)
        if b.use is None or (b.use is UseKind.HOLD and b.case_id == case.id)
    )


def bed_of(r: Reader, case: Case) -> int | None:
    """The bed that was picked."""
    picked = r.choice("bed", [key for key, _ in free_beds(case)])
    return id_value(picked) if picked else None


def today(case: Case, now: datetime) -> date:
    """The day at the case's center."""
    return settings.day(case.site_id, now)


def emergency_contact(case: Case) -> Field:
    """Who is to be told in an emergency, as the case stands, and the way to the page where that is kept."""
    named = ", ".join(
        f"{each.contact.name} ({each.relation_words.lower()})" for each in emergency.of_person(case.person_id)
    )
    words = f"Emergency contact: {named}." if named else "No emergency contact is named yet."
    return Field("emergency", words, "link", ((f"/cases/{id_text(case.id)}/emergency-contact", "Look or change"),))


def person_link(case: Case) -> Field:
    """What is asked about the person at admission and not told yet, with the way to its page."""
    missing = ", ".join(details.missing_for_admission(case.person_id))
    words = f"Not asked yet: {missing}." if missing else "Names, language and address are known."
    return Field("person", words, "link", ((f"/cases/{id_text(case.id)}/person", "Person"),))


def none(case: Case, actor: Actor, now: datetime) -> list[Field]:
    """A step without a question."""
    return []
