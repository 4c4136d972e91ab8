"""Safe contact: what is allowed on each phone, email and postal address of somebody, and who else reads it.

Under a case it is the case's person, under a request the one who asks and the one it is about.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from flask import flash, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from intake.accounts.once import once
from intake.actor import STAFF
from intake.audit import service as audit
from intake.cases import queries as cases
from intake.cases.models import Case
from intake.clock import utcnow
from intake.db import id_text, id_value, transaction
from intake.errors import AlreadyDone, Missing, RuleBroken
from intake.fields import Reader
from intake.guard import current_actor, requires
from intake.inquiries import queries as inquiries
from intake.people import emergency, safe, service
from intake.people import queries as people
from intake.people.models import ContactKind
from intake.people.service import SafeUse
from intake.release.routes import bp
from intake.settings import queries as settings

MAY = ("may_call", "may_voicemail", "may_text", "may_email", "may_post", "may_name_center")
VERIFIED = {
    "said_by_person": "The person said so",
    "answered_mail": "They answered a mail there",
    "called_back": "We called and they answered",
}


@dataclass(frozen=True)
class Subject:
    """Whose contact points a page is about, and where it stands; `case` is None for a request without one."""

    base: str
    back: str
    reference: str
    person_ids: tuple[int, ...]
    case: Case | None = None


Load = Callable[[], Subject]


def _of_case(case_id: int) -> Load:
    def load() -> Subject:
        case = cases.readable(current_actor(), case_id)
        back = url_for("desk.case", case_id=case_id)
        named = tuple(each.contact.id for each in emergency.of_person(case.person_id))
        whose = tuple(dict.fromkeys((case.person_id, *named)))
        return Subject(url_for(".contact", case_id=case_id), back, cases.reference(case), whose, case)

    return load


def _of_inquiry(inquiry_id: int) -> Load:
    def load() -> Subject:
        row = inquiries.readable(current_actor(), inquiry_id)
        back = url_for("inquiries.inquiry", inquiry_id=inquiry_id)
        whose = tuple(dict.fromkeys((row.inquirer_id, row.person_id)))
        return Subject(url_for(".inquiry_contact", inquiry_id=inquiry_id), back, row.reference, whose)

    return load


@bp.get("/cases/<id:case_id>/contact")
@requires(*STAFF, rule="case")
def contact(case_id: int) -> ResponseReturnValue:
    """Every phone and address of the case's person with what is safe on it."""
    with transaction():
        case = cases.readable(current_actor(), case_id)
        audit.looked(actor=current_actor(), case_id=case.id, purpose="contact", now=utcnow())
    return _page(_of_case(case_id), {}, 200)


@bp.get("/inquiries/<id:inquiry_id>/contact")
@requires(*STAFF, rule="case")
def inquiry_contact(inquiry_id: int) -> ResponseReturnValue:
    """The same of a request: of the one who asks, and of the one it is about."""
    with transaction():
        row = inquiries.readable(current_actor(), inquiry_id)
        audit.looked(actor=current_actor(), case_id=row.id, record_name="inquiry", purpose="contact", now=utcnow())
    return _page(_of_inquiry(inquiry_id), {}, 200)


def _page(load: Load, errors: Mapping[str, str], status: int, wrong_id: int = 0) -> ResponseReturnValue:
    subject, now, site = load(), utcnow(), settings.site(current_actor().site_id)
    whose = [people.opened(people.person(each)) for each in subject.person_ids]
    points = [
        (p, _now(p, now, person.time_zone), person.name) for person in whose for p in people.contact_points(person.id)
    ]
    body = render_template(
        "release/contact.html", subject=subject, case=subject.case, reference=subject.reference, whose=whose,
        points=points, site=site, hours=safe.HOURS, scopes=safe.SCOPES, often=often_words(), verified=VERIFIED,
        errors=errors, wrong_id=wrong_id, typed=request.form,
    )  # fmt: skip
    return make_response(body, status)


def often_words() -> list[tuple[str, str]]:
    """How often somebody may be written to, for a select."""
    return [(str(days), str(text)) for days, text in safe.OFTEN.items()]


def _now(point: people.ContactView, now: datetime, zone: str) -> dict[str, str]:
    """What may be done with a contact point this minute, and why not."""
    return {
        channel: str(safe.WHY[why]) if why else ""
        for channel in safe.CHANNELS
        if (why := safe.why_not(point, channel, now=now, zone=zone)) != "other_kind"
    }


def _do(load: Load, done: str, verb: Callable[[Reader], None], contact_id: int = 0) -> ResponseReturnValue:
    try:
        with transaction():
            subject = load()
            known = {p.id for each in subject.person_ids for p in people.contact_points(each)}
            if contact_id and contact_id not in known:
                raise Missing(_("There is no such phone or address."))
            verb(Reader(request.form))
    except (RuleBroken, AlreadyDone) as refused:
        return _page(load, refused.fields or {"": refused.message}, refused.status, contact_id)
    flash(done)
    return redirect(subject.base)


def _add(load: Load) -> ResponseReturnValue:
    def verb(r: Reader) -> None:
        subject = load()
        whose = r.choice("whose", [id_text(i) for i in subject.person_ids], default=id_text(subject.person_ids[0]))
        kind = r.choice("kind", [k.value for k in ContactKind], required=_("Pick phone, email or post."))
        if kind == ContactKind.POST:
            value = r.text("value", limit=300, required=_("Type the address."))
        else:
            read = r.email if kind == ContactKind.EMAIL else r.phone
            value = read("value", required=_("Type the number or address."))
        use = _use(r)
        r.check()
        # Added with nothing allowed, then allowed what this kind of contact point can do.
        row = service.add_contact(
            people.person(id_value(whose)), kind=ContactKind(kind), value=value, actor=current_actor(), now=utcnow()
        )
        service.set_safe_use(row.id, use, version=None, actor=current_actor(), now=utcnow())

    return _do(load, _("Added."), verb)


def _use(r: Reader) -> SafeUse:
    may = {name: r.yes(name) for name in MAY}
    return SafeUse(
        **may,
        hours=r.choice("hours", tuple(safe.HOURS), default="any"),
        who_else=r.text("who_else", limit=200),
        mail_scope=r.choice("mail_scope", tuple(safe.SCOPES), default="all"),
        mail_every=_often(r),
    )


def _often(r: Reader) -> int:
    return int(r.choice("mail_every", [str(days) for days in safe.OFTEN], default="0") or 0)


def _change(load: Load, contact_id: int) -> ResponseReturnValue:
    def verb(r: Reader) -> None:
        use, version = _use(r), r.whole("version", low=1, high=10**9)
        r.check()
        service.set_safe_use(contact_id, use, version=version, actor=current_actor(), now=utcnow())

    return _do(load, _("Saved. It holds from now on."), verb, contact_id)


def _verify(load: Load, contact_id: int) -> ResponseReturnValue:
    def verb(r: Reader) -> None:
        how = r.choice("how", tuple(VERIFIED), required=_("Say how you know."))
        often = _often(r)
        r.check()
        service.verify_contact(
            contact_id, how=how, consent=r.yes("consent"), mail_every=often, actor=current_actor(), now=utcnow()
        )

    return _do(load, _("Checked."), verb, contact_id)


def _stop(load: Load, contact_id: int) -> ResponseReturnValue:
    def verb(_r: Reader) -> None:
        service.stop_contact(contact_id, reason="staff", actor=current_actor(), now=utcnow())

    return _do(load, _("Stopped. Nobody calls or writes there any more."), verb, contact_id)


@bp.post("/cases/<id:case_id>/contact/add")
@requires(*STAFF, rule="case")
@once
def add_contact(case_id: int) -> ResponseReturnValue:
    """Add a phone, email or postal address; nothing is allowed on it but what is ticked."""
    return _add(_of_case(case_id))


@bp.post("/inquiries/<id:inquiry_id>/contact/add")
@requires(*STAFF, rule="case")
@once
def add_inquiry_contact(inquiry_id: int) -> ResponseReturnValue:
    """The same for a request."""
    return _add(_of_inquiry(inquiry_id))


@bp.post("/cases/<id:case_id>/contact/<id:contact_id>")
@requires(*STAFF, rule="case")
def change_contact(case_id: int, contact_id: int) -> ResponseReturnValue:
    """Change what is safe; a mail that is being prepared looks again before it goes."""
    return _change(_of_case(case_id), contact_id)


@bp.post("/inquiries/<id:inquiry_id>/contact/<id:contact_id>")
@requires(*STAFF, rule="case")
def change_inquiry_contact(inquiry_id: int, contact_id: int) -> ResponseReturnValue:
    """The same for a request."""
    return _change(_of_inquiry(inquiry_id), contact_id)


@bp.post("/cases/<id:case_id>/contact/<id:contact_id>/verify")
@requires(*STAFF, rule="case")
def verify_contact(case_id: int, contact_id: int) -> ResponseReturnValue:
    """Record that it is the person's own, and whether they agreed to reminders there."""
    return _verify(_of_case(case_id), contact_id)


@bp.post("/inquiries/<id:inquiry_id>/contact/<id:contact_id>/verify")
@requires(*STAFF, rule="case")
def verify_inquiry_contact(inquiry_id: int, contact_id: int) -> ResponseReturnValue:
    """The same for a request."""
    return _verify(_of_inquiry(inquiry_id), contact_id)


@bp.post("/cases/<id:case_id>/contact/<id:contact_id>/stop")
@requires(*STAFF, rule="case")
def stop_contact(case_id: int, contact_id: int) -> ResponseReturnValue:
    """Stop all use of it, at once and for good."""
    return _stop(_of_case(case_id), contact_id)


@bp.post("/inquiries/<id:inquiry_id>/contact/<id:contact_id>/stop")
@requires(*STAFF, rule="case")
def stop_inquiry_contact(inquiry_id: int, contact_id: int) -> ResponseReturnValue:
    """The same for a request."""
    return _stop(_of_inquiry(inquiry_id), contact_id)
