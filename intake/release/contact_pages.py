"""Safe contact of one person: what is allowed on each phone, email and postal address, and who else reads it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from flask import flash, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from intake.accounts.once import once
from intake.actor import STAFF
from intake.audit import service as audit
from intake.cases import queries as cases
from intake.clock import utcnow
from intake.db import transaction
from intake.errors import AlreadyDone, Missing, RuleBroken
from intake.fields import Reader
from intake.guard import current_actor, requires
from intake.people import queries as people
from intake.people import safe, service
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


@bp.get("/cases/<id:case_id>/contact")
@requires(*STAFF, rule="case")
def contact(case_id: int) -> ResponseReturnValue:
    """Every phone and address of the person with what is safe on it."""
    with transaction():
        case = cases.readable(current_actor(), case_id)
        audit.looked(actor=current_actor(), case_id=case.id, purpose="contact", now=utcnow())
    return _page(case_id, {}, 200)


def _page(case_id: int, errors: Mapping[str, str], status: int, wrong_id: int = 0) -> ResponseReturnValue:
    actor, now = current_actor(), utcnow()
    case = cases.readable(actor, case_id)
    person, site = people.opened(people.person(case.person_id)), settings.site(actor.site_id)
    body = render_template(
        "release/contact.html", case=case, reference=cases.reference(case), person=person, site=site,
        points=[(p, _now(p, now, person.time_zone)) for p in people.contact_points(case.person_id)], hours=safe.HOURS,
        verified=VERIFIED, errors=errors, wrong_id=wrong_id, typed=request.form, zone=settings.zone(site),
    )  # fmt: skip
    return make_response(body, status)


def _now(point: people.ContactView, now: datetime, zone: str) -> dict[str, str]:
    """What may be done with a contact point this minute, and why not."""
    return {
        channel: str(safe.WHY[why]) if why else ""
        for channel in safe.CHANNELS
        if (why := safe.why_not(point, channel, now=now, zone=zone)) != "other_kind"
    }


def _do(case_id: int, done: str, verb: Callable[[Reader], None], contact_id: int = 0) -> ResponseReturnValue:
    try:
        with transaction():
            case = cases.readable(current_actor(), case_id)
            if contact_id and contact_id not in {p.id for p in people.contact_points(case.person_id)}:
                raise Missing(_("There is no such phone or address."))
            verb(Reader(request.form))
    except (RuleBroken, AlreadyDone) as refused:
        return _page(case_id, refused.fields or {"": refused.message}, refused.status, contact_id)
    flash(done)
    return redirect(url_for(".contact", case_id=case_id))


@bp.post("/cases/<id:case_id>/contact/add")
@requires(*STAFF, rule="case")
@once
def add_contact(case_id: int) -> ResponseReturnValue:
    """Add a phone, email or postal address; nothing is allowed on it until somebody says so."""

    def verb(r: Reader) -> None:
        kind = r.choice("kind", [k.value for k in ContactKind], required=_("Pick phone, email or post."))
        if kind == ContactKind.POST:
            value = r.text("value", limit=300, required=_("Type the address."))
        else:
            read = r.email if kind == ContactKind.EMAIL else r.phone
            value = read("value", required=_("Type the number or address."))
        use = _use(r)
        r.check()
        case = cases.readable(current_actor(), case_id)
        service.add_contact(
            people.person(case.person_id), kind=ContactKind(kind), value=value, may_call=use.may_call,
            may_voicemail=use.may_voicemail, may_text=use.may_text, may_email=use.may_email, may_post=use.may_post,
            may_name_center=use.may_name_center, hours=use.hours, who_else=use.who_else, actor=current_actor(),
            now=utcnow(),
        )  # fmt: skip

    return _do(case_id, _("Added."), verb)


def _use(r: Reader) -> SafeUse:
    may = {name: r.yes(name) for name in MAY}
    return SafeUse(
        **may,
        hours=r.choice("hours", tuple(safe.HOURS), default="any"),
        who_else=r.text("who_else", limit=200),
    )


@bp.post("/cases/<id:case_id>/contact/<id:contact_id>")
@requires(*STAFF, rule="case")
def change_contact(case_id: int, contact_id: int) -> ResponseReturnValue:
    """Change what is safe; a mail that is being prepared looks again before it goes."""

    def verb(r: Reader) -> None:
        use, version = _use(r), r.whole("version", low=1, high=10**9)
        r.check()
        service.set_safe_use(contact_id, use, version=version, actor=current_actor(), now=utcnow())

    return _do(case_id, _("Saved. It holds from now on."), verb, contact_id)


@bp.post("/cases/<id:case_id>/contact/<id:contact_id>/verify")
@requires(*STAFF, rule="case")
def verify_contact(case_id: int, contact_id: int) -> ResponseReturnValue:
    """Record that it is the person's own, and whether they agreed to reminders there."""

    def verb(r: Reader) -> None:
        how = r.choice("how", tuple(VERIFIED), required=_("Say how you know."))
        r.check()
        service.verify_contact(contact_id, how=how, consent=r.yes("consent"), actor=current_actor(), now=utcnow())

    return _do(case_id, _("Checked."), verb, contact_id)


@bp.post("/cases/<id:case_id>/contact/<id:contact_id>/stop")
@requires(*STAFF, rule="case")
def stop_contact(case_id: int, contact_id: int) -> ResponseReturnValue:
    """Stop all use of it, at once and for good."""

    def verb(_r: Reader) -> None:
        service.stop_contact(contact_id, reason="staff", actor=current_actor(), now=utcnow())

    return _do(case_id, _("Stopped. Nobody calls or writes there any more."), verb, contact_id)
