"""Emergency contacts as targets of the gate: what they may be told, and by which phone."""

from __future__ import annotations

from datetime import datetime

from intake.actor import Actor
from intake.cases import queries as cases
from intake.consents import scope
from intake.errors import Missing
from intake.people import emergency, safe
from intake.people.emergency import Named
from intake.release.telling import IN_PERSON, Target


def contact_of(case_id: int, named_id: int, actor: Actor) -> Named:
    """An emergency contact of the person of a case.

    Raises:
        Missing: no such case for the actor, or none of this person.
    """
    case = cases.readable(actor, case_id)
    found = next((each for each in emergency.of_person(case.person_id) if each.id == named_id), None)
    if found is None:
        raise Missing(emergency.GONE)
    return found


def target_of(case_id: int, named: Named, *, now: datetime) -> Target:
    """An emergency contact as somebody to tell: no more than family, by a phone that is safe now or face to face."""
    zone = named.contact.time_zone
    phones = [p for p in named.points if not safe.why_not(p, "call", now=now, zone=zone)]
    return Target(
        name=named.contact.name, affiliation=named.relation_words.lower(), purpose="family",
        consent_id=named.consent_id, widest=scope.FAMILY_PARTS,
        ways=[*((str(p.id), p.shown) for p in phones), (IN_PERSON, "")], told="contact_told",
        ends=f"{emergency.TELL_TASK}:{case_id}",
    )  # fmt: skip
