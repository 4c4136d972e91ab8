"""Consents, copies and restricted records of the demo center, told through the real services."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from sqlalchemy import select

from intake.actor import Actor
from intake.cases import circumstances
from intake.cases import service as cases
from intake.cases.models import Case, CaseState
from intake.cli.demo.scenes import Scenes
from intake.consents import service as consents
from intake.consents.models import ConsentKind
from intake.consents.service import Signature
from intake.consents.wanted import Wanted
from intake.db import db, transaction
from intake.people import details
from intake.people import queries as people
from intake.people import service as people_service
from intake.people.emergency import Naming
from intake.people.models import ContactKind
from intake.people.service import SafeUse
from intake.release import service as release
from intake.release.service import Ask

CLINIC = "Dr. Ana Ruiz, Lakeside Clinic"


class Privacy:
    """Writes the scenes; one transaction per outcome, like the pages do."""

    def __init__(self, s: Scenes, supervisor: Actor, officer: Actor) -> None:
        self.s, self.supervisor, self.officer = s, supervisor, officer
        self.clinician, self.admissions = s.team.clinician, s.team.admissions

    def agreed(self, case: Case, wanted: Wanted, *, hours: float, signed: bool = True) -> int:
        """A consent, signed some hours ago on paper."""
        at = self.s.ago(hours)
        with transaction():
            person = people.person(case.person_id)
            name = people.opened(person).name
            row = consents.draft(person, wanted, actor=self.admissions, now=at)
            consent_id = row.id
        if signed:
            with transaction():
                consents.sign(consent_id, Signature("paper", name, at), actor=self.admissions, now=at)
        return consent_id

    def facts(self, case: Case, recipient: str, purpose: str, *parts: str, hours: float, days: float = 180) -> int:
        """A consent to give facts to somebody."""
        wanted = Wanted(
            kind=ConsentKind.DISCLOSURE, discloser=self.s.site.name, recipient=recipient, parts=parts, purpose=purpose,
            expires_at=self.s.now + timedelta(days=days),
        )  # fmt: skip
        return self.agreed(case, wanted, hours=hours)

    def care(self, case: Case, *, hours: float) -> None:
        """Consent to treatment, until care ends."""
        wanted = Wanted(kind=ConsentKind.TREATMENT, discloser=self.s.site.name, end_event="my care here ends")
        self.agreed(case, wanted, hours=hours)

    def copy(self, case: Case, ask: Ask, *, by: Actor, hours: float, way: str = "print") -> None:
        """A copy asked for, and handed out when the gate allows it."""
        with transaction():
            row = release.authorize(case.id, ask, actor=by, now=self.s.ago(hours))
            allowed, disclosure_id = row.state.value == "authorized", row.id
        if allowed:
            with transaction():
                release.hand_out(disclosure_id, way=way, actor=by, now=self.s.ago(hours))


def tell(s: Scenes, supervisor: Actor, officer: Actor) -> None:
    """All of it, on the people in care."""
    p = Privacy(s, supervisor, officer)
    admitted = select(Case).where(Case.state == CaseState.ADMITTED).order_by(Case.opened_at)
    found = list(db.session.scalars(admitted))
    first, second, third, fourth, hidden = found[0], found[1], found[2], found[3], found[4]
    for case in found[:4]:
        p.care(case, hours=40)
    clinic = p.facts(first, CLINIC, "treatment", "presence", "medicines", "plan", hours=39)
    p.copy(first, Ask(("presence", "medicines", "plan"), consent_id=clinic), by=p.clinician, hours=0.3)
    p.copy(first, Ask(("presence", "screening"), consent_id=clinic), by=p.clinician, hours=0.2)
    family = p.facts(second, "Mia, sister", "family", "presence", "visits", hours=30)
    p.copy(second, Ask(("presence",), consent_id=family), by=p.admissions, hours=0.25)
    court = p.facts(third, "County probation office", "legal", "presence", "visits", hours=36)
    with transaction():
        consents.revoke(court, how="spoken", case_id=third.id, actor=p.admissions, now=s.ago(1))
    p.copy(third, Ask(("presence",), consent_id=court), by=p.admissions, hours=0.15)
    p.facts(fourth, "Blue River Health Plan", "payment", "presence", "decision", hours=34, days=9)
    p.agreed(
        fourth,
        Wanted(kind=ConsentKind.TELEHEALTH, discloser=s.site.name, end_event="my care here ends"),
        hours=2,
        signed=False,
    )
    p.copy(
        fourth,
        Ask(
            ("presence", "medicines"),
            ground="emergency",
            recipient="Dr. Li Wen",
            affiliation="Mercy General, emergency room",
            facts="Brought in unconscious; the doses are needed now and nobody can be asked.",
        ),
        by=p.clinician,
        hours=0.35,
    )
    _restricted(p, hidden)
    _told(p, first)
    _named(p, first, "Nora Whitfield", "sibling")
    _named(p, second, "Mia Whitfield", "sibling", consent_id=family)
    with transaction():
        person = people.person(first.person_id)
        people_service.add_contact(
            person,
            kind=ContactKind.POST,
            value="PO box 114, Lakeside",
            may_post=True,
            actor=p.admissions,
            now=s.ago(20),
        )


def _told(p: Privacy, case: Case) -> None:
    """Who somebody is and how they live, as they told it at admission."""
    person, at = people.person(case.person_id), p.s.ago(30)
    known = replace(
        details.of(person), legal_name=people.opened(person).name, pronouns="they/them", language="en", county="Lake",
        needs="Reads large print more easily.", allergies="Penicillin",
    )  # fmt: skip
    with transaction():
        details.save(person.id, known, version=person.version, case_id=case.id, actor=p.admissions, now=at)
    life = {"dependants": "A daughter, 6, at the grandmother’s.", "pets": "A dog", "transport": "Bus, 40 minutes."}
    with transaction():
        circumstances.save(case.id, circumstances.LIFE, life, version=None, actor=p.admissions, now=at)


def _named(p: Privacy, case: Case, name: str, relation: str, *, consent_id: int | None = None) -> None:
    """Whom a person wants told, by a phone that may be called; with a consent, what they may be told."""
    use = SafeUse(may_call=True, hours="evening")
    said = Naming(name=name, relation=relation, phone="+15550149231", use=use, may_be_told="Only that I am all right.")
    with transaction():
        person, at = people.person(case.person_id), p.s.ago(20)
        named = people_service.name_contact(person, said, case_id=case.id, actor=p.admissions, now=at)
        if consent_id is not None:
            people_service.bind_consent(
                named.id, person_id=person.id, consent_id=consent_id, case_id=case.id, actor=p.admissions, now=at
            )


def _restricted(p: Privacy, case: Case) -> None:
    with transaction():
        cases.restrict(case.id, on=True, why="staff", actor=p.supervisor, now=p.s.ago(20))
    for hours, reviewed in ((8.0, True), (0.4, False)):
        with transaction():
            grant = cases.break_glass(
                case.id,
                reason="Called by the emergency room about doses.",
                actor=p.s.team.colleague,
                now=p.s.ago(hours),
            )
            grant_id = grant.id
        if reviewed:
            with transaction():
                cases.review(grant_id, verdict="justified", words="", actor=p.officer, now=p.s.ago(hours - 2))
