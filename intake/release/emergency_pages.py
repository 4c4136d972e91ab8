"""Emergency contacts of a case: who they are, what they may be told, and telling them through the gate."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from intake.accounts.once import once
from intake.actor import STAFF
from intake.cases import queries as cases
from intake.cases.models import Case
from intake.clock import utcnow
from intake.consents import forms, scope
from intake.consents import queries as consents
from intake.consents.models import DisclosureState
from intake.consents.queries import ConsentView
from intake.db import id_text, transaction
from intake.errors import AlreadyDone, RuleBroken
from intake.fields import Reader
from intake.guard import current_actor, requires
from intake.inquiries import queries as inquiries
from intake.people import emergency, safe, service
from intake.people import queries as people
from intake.people.emergency import Naming
from intake.people.queries import PersonView
from intake.people.service import SafeUse
from intake.release import contacts, telling
from intake.release.consent_pages import look, show
from intake.release.routes import bp
from intake.release.service import WHY
from intake.release.telling import Target, Terms
from intake.settings import queries as settings

MOST = 300


def _asked_by(case: Case) -> PersonView | None:
    """Who asked for help for the person, when it was somebody else and not a professional."""
    inquiry = inquiries.readable(current_actor(), case.opened_from)
    if inquiry.inquirer_id == case.person_id or inquiry.relation != "family":
        return None
    return people.opened(people.person(inquiry.inquirer_id))


def _page(case: Case, errors: Mapping[str, str], status: int = 200, wrong: str = "") -> ResponseReturnValue:
    actor, now = current_actor(), utcnow()
    zone = settings.zone(settings.site(actor.site_id))
    named = emergency.of_person(case.person_id)
    agreed = {c.id: c for c in consents.of_person(case.person_id, zone)}
    asked_by = _asked_by(case)
    targets = {each.id: contacts.target_of(case.id, each, now=now) for each in named}
    known = {each.contact.id for each in named}
    return show(
        "release/emergency.html", case, status, errors=errors, wrong=wrong, named=named, agreed=agreed,
        asked_by=asked_by if asked_by is not None and asked_by.id not in known else None,
        relations=emergency.RELATIONS, hours=safe.HOURS, targets=targets,
        opened={key: telling.open_of(case.id, target, actor=actor) for key, target in targets.items()},
        grounds={code: g for code, g in scope.GROUNDS.items() if actor.may(*g.roles) and g.parts & scope.FAMILY_PARTS},
        family=[(code, str(scope.PARTS[code])) for code in scope.parts_in_order(scope.FAMILY_PARTS)],
        living={key: _signed(case.person_id, target, now) for key, target in targets.items()},
    )  # fmt: skip


def _signed(person_id: int, target: Target, now: datetime) -> list[ConsentView]:
    """The living consents for family that name this contact."""
    zone = settings.zone(settings.site(current_actor().site_id))
    return [c for c in consents.may_be_told(person_id, zone, now=now) if telling.may_carry(target, c)]


@bp.get("/cases/<id:case_id>/emergency-contact")
@requires(*STAFF, rule="case")
def emergency_contact(case_id: int) -> ResponseReturnValue:
    """Who is to be told in an emergency, what each may be told, and the forms to change it and to tell them."""
    return _page(look(case_id, "emergency_contact"), {})


def _do(case_id: int, done: str, verb: Callable[[Case, Reader, datetime], None], wrong: str) -> ResponseReturnValue:
    try:
        with transaction():
            verb(cases.readable(current_actor(), case_id), Reader(request.form), utcnow())
    except (RuleBroken, AlreadyDone) as refused:
        case = cases.readable(current_actor(), case_id)
        return _page(case, refused.fields or {"": refused.message}, refused.status, wrong)
    flash(done)
    return redirect(url_for(".emergency_contact", case_id=case_id))


@bp.post("/cases/<id:case_id>/emergency-contact/add")
@requires(*STAFF, rule="case")
@once
def name_contact(case_id: int) -> ResponseReturnValue:
    """Name somebody: a new person, or the one who asked for help; nothing is allowed but what is ticked."""

    def verb(case: Case, r: Reader, now: datetime) -> None:
        said = _naming(r, _asked_by(case))
        r.check()
        person = people.person(case.person_id)
        service.name_contact(person, said, case_id=case.id, actor=current_actor(), now=now)

    return _do(case_id, _("Saved. They may be told only what a signed consent names."), verb, "add")


def _naming(r: Reader, asked_by: PersonView | None) -> Naming:
    same = asked_by is not None and r.yes("asked_by")
    return Naming(
        name="" if same else r.text("name", limit=100, required=_("Write the name of the one to be told.")),
        relation=r.choice("relation", tuple(emergency.RELATIONS), required=_("Say how they are related.")),
        contact_id=asked_by.id if asked_by is not None and same else None,
        phone=r.phone("phone"),
        email=r.email("email"),
        use=SafeUse(
            may_call=r.yes("may_call"),
            may_voicemail=r.yes("may_voicemail"),
            may_email=r.yes("may_email"),
            may_name_center=r.yes("may_name_center"),
            hours=r.choice("hours", tuple(safe.HOURS), default="any"),
        ),
        may_be_told=r.text("may_be_told", limit=MOST),
    )


@bp.post("/cases/<id:case_id>/emergency-contact/none")
@requires(*STAFF, rule="case")
@once
def name_nobody(case_id: int) -> ResponseReturnValue:
    """The person was asked and wants nobody told."""

    def verb(case: Case, _r: Reader, now: datetime) -> None:
        service.refuse_contact(case.id, site_id=case.site_id, actor=current_actor(), now=now)

    return _do(case_id, _("Written down."), verb, "none")


@bp.post("/cases/<id:case_id>/emergency-contact/<id:named_id>")
@requires(*STAFF, rule="case")
def change_named(case_id: int, named_id: int) -> ResponseReturnValue:
    """Change how they are related, and the person's words on what may be told."""

    def verb(case: Case, r: Reader, now: datetime) -> None:
        relation = r.choice("relation", tuple(emergency.RELATIONS), required=_("Say how they are related."))
        words = r.text("may_be_told", limit=MOST)
        version = r.whole("version", low=1, high=10**9)
        r.check()
        service.change_contact(
            named_id, person_id=case.person_id, relation=relation, may_be_told=words, version=version, case_id=case.id,
            actor=current_actor(), now=now,
        )  # fmt: skip

    return _do(case_id, _("Saved."), verb, f"change-{id_text(named_id)}")


@bp.post("/cases/<id:case_id>/emergency-contact/<id:named_id>/end")
@requires(*STAFF, rule="case")
def end_named(case_id: int, named_id: int) -> ResponseReturnValue:
    """Take somebody off."""

    def verb(case: Case, _r: Reader, now: datetime) -> None:
        service.end_contact(named_id, person_id=case.person_id, case_id=case.id, actor=current_actor(), now=now)

    return _do(case_id, _("Taken off. Nobody tells them anything any more."), verb, "end")


@bp.post("/cases/<id:case_id>/emergency-contact/<id:named_id>/consent")
@requires(*STAFF, rule="case")
@once
def agree_contact(case_id: int, named_id: int) -> ResponseReturnValue:
    """Write the consent for a contact, to be signed on its own page, or bind one that is signed already."""
    written: list[int] = []

    def verb(case: Case, r: Reader, now: datetime) -> None:
        actor, zone = current_actor(), settings.zone(settings.site(case.site_id))
        target = contacts.target_of(case.id, contacts.contact_of(case.id, named_id, actor), now=now)
        signed = {id_text(c.id): c.id for c in _signed(case.person_id, target, now)}
        picked = r.choice("signed", tuple(signed))
        if picked:
            service.bind_consent(
                named_id, person_id=case.person_id, consent_id=signed[picked], case_id=case.id, actor=actor, now=now
            )
            return
        parts = r.choices("parts", tuple(scope.FAMILY_PARTS), required=_("Tick what they may be told."))
        today = now.astimezone(zone).date()
        ends_on = r.day("ends_on", earliest=today, latest=today + timedelta(days=scope.MOST_DAYS))
        event = r.text("end_event", limit=MOST)
        r.check()
        terms = Terms(
            parts, expires_at=forms.end_of(ends_on, zone) if ends_on else None, end_event=event,
            language=people.locale_of(case.person_id),
        )  # fmt: skip
        row = telling.agree(case.id, target, terms, actor=actor, now=now)
        service.bind_consent(
            named_id, person_id=case.person_id, consent_id=row.id, case_id=case.id, actor=actor, now=now
        )
        written.append(row.id)

    answer = _do(case_id, _("Written down."), verb, f"consent-{id_text(named_id)}")
    return redirect(url_for(".consent", case_id=case_id, consent_id=written[0])) if written else answer


@bp.post("/cases/<id:case_id>/emergency-contact/<id:named_id>/tell")
@requires(*STAFF, rule="case")
@once
def tell_contact(case_id: int, named_id: int) -> ResponseReturnValue:
    """Ask the gate; what it decides is written down before a word is said, refusals too."""
    actor, here = current_actor(), f"tell-{id_text(named_id)}"
    case = cases.readable(actor, case_id)
    r = Reader(request.form)
    parts = r.choices("parts", tuple(scope.FAMILY_PARTS), required=_("Tick what is told."))
    ground = r.choice("ground", tuple(scope.GROUNDS))
    facts = r.text("facts", limit=1000)
    if ground and not facts:
        r.wrong("facts", _("Write down the facts that make this ground hold."))
    if r.errors:
        return _page(case, r.errors, 422, here)
    now = utcnow()
    with transaction():
        target = contacts.target_of(case_id, contacts.contact_of(case_id, named_id, actor), now=now)
        row = telling.ask(case_id, target, parts=parts, ground=ground, facts=facts, actor=actor, now=now)
        state, reason = row.state, row.reason
    if state is DisclosureState.REFUSED:
        return _refused(case_id, "parts", reason, here)
    return redirect(url_for(".emergency_contact", case_id=case_id))


def _refused(case_id: int, field: str, reason: str, here: str) -> ResponseReturnValue:
    why = f"{WHY[reason]} {_('Say nothing. The refusal was written down.')}"
    return _page(cases.readable(current_actor(), case_id), {field: why}, 422, here)


@bp.post("/cases/<id:case_id>/emergency-contact/<id:named_id>/told/<id:disclosure_id>")
@requires(*STAFF, rule="case")
def told_contact(case_id: int, named_id: int, disclosure_id: int) -> ResponseReturnValue:
    """What came of the call; a consent taken back since it was allowed makes it refused, and says so."""
    actor, here = current_actor(), f"told-{id_text(disclosure_id)}"
    r = Reader(request.form)
    how, outcome = r.text("how", limit=40), r.choice("outcome", telling.OUTCOMES)
    try:
        with transaction():
            now = utcnow()
            target = contacts.target_of(case_id, contacts.contact_of(case_id, named_id, actor), now=now)
            handed = telling.told(case_id, target, disclosure_id, how=how, outcome=outcome, actor=actor, now=now)
    except RuleBroken as refused:
        return _page(cases.readable(actor, case_id), refused.fields, refused.status, here)
    if outcome == "told" and handed.copy is None:
        return _refused(case_id, "", handed.why, here)
    flash(_("Written down."))
    return redirect(url_for(".emergency_contact", case_id=case_id))
