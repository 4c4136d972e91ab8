"""Pages of the consents under a case: the list, a new one, its signature, its end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from zoneinfo import ZoneInfo

from flask import flash, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import force_locale
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from intake.accounts.once import once
from intake.audit import service as audit
from intake.cases import queries as cases
from intake.cases.models import Case
from intake.clock import utcnow
from intake.consents import binding, forms, queries, scope, service
from intake.consents.models import ConsentKind
from intake.consents.queries import ConsentView
from intake.db import transaction
from intake.errors import AlreadyDone, RuleBroken
from intake.fields import Reader
from intake.guard import current_actor, requires
from intake.people import queries as people
from intake.release.routes import SEES_CONSENTS, bp
from intake.release.service import case_for
from intake.settings import queries as settings

KINDS = {
    ConsentKind.DISCLOSURE.value: _l("Give facts to somebody"),
    ConsentKind.TREATMENT.value: _l("Treatment here"),
    ConsentKind.TELEHEALTH.value: _l("Visits by phone or video"),
    ConsentKind.MESSAGES.value: _l("Emails about visits and check-ins"),
}


def _zone() -> ZoneInfo:
    return settings.zone(settings.site(current_actor().site_id))


def look(case_id: int, purpose: str) -> Case:
    """Load a case and write the read down, in one short transaction.

    Raises:
        Missing: none that the actor may see.
    """
    actor = current_actor()
    with transaction():
        case = case_for(actor, case_id)
        audit.looked(actor=actor, case_id=case.id, purpose=purpose, now=utcnow())
    return case


def show(template: str, case: Case, status: int = 200, **more: Any) -> ResponseReturnValue:
    """A page under a case, with its number and what was typed."""
    errors = more.pop("errors", {})
    body = render_template(
        template, case=case, reference=cases.reference(case), zone=_zone(), now=utcnow(), scope=scope, errors=errors,
        typed=request.form, kinds=KINDS, **more,
    )  # fmt: skip
    return make_response(body, status)


@bp.get("/cases/<id:case_id>/consents")
@requires(*SEES_CONSENTS, rule="case")
def consents(case_id: int) -> ResponseReturnValue:
    """Every consent of the case's person."""
    case = look(case_id, "consents")
    return show("release/consents.html", case, consents=queries.of_person(case.person_id, _zone()))


@bp.get("/cases/<id:case_id>/consents/new")
@requires(*SEES_CONSENTS, rule="case")
def new_consent(case_id: int) -> ResponseReturnValue:
    """The form for a consent, on the words of the language that the person reads."""
    case = look(case_id, "consents")
    return show("release/consent_new.html", case, language=people.locale_of(case.person_id))


@bp.post("/cases/<id:case_id>/consents/new")
@requires(*SEES_CONSENTS, rule="case")
@once
def write_consent(case_id: int) -> ResponseReturnValue:
    """Write a consent down for signing; a broken rule shows the form again with what was typed."""
    actor, now = current_actor(), utcnow()
    site = settings.site(actor.site_id)
    case_for(actor, case_id)
    try:
        wanted = forms.wanted(
            Reader(request.form), today=now.astimezone(_zone()).date(), zone=_zone(), center=site.name
        )
        with transaction():
            case = case_for(actor, case_id)
            row = service.draft(people.person(case.person_id), wanted, actor=actor, now=now)
            consent_id = row.id
    except RuleBroken as refused:
        case = case_for(actor, case_id)
        return show("release/consent_new.html", case, refused.status, errors=refused.fields)
    flash(_("Written down. It counts once it is signed."))
    return redirect(url_for(".consent", case_id=case_id, consent_id=consent_id))


def _one(case_id: int, consent_id: int) -> tuple[Case, ConsentView]:
    actor = current_actor()
    case = case_for(actor, case_id)
    return case, queries.one(actor, consent_id, person_id=case.person_id, zone=_zone())


@bp.get("/cases/<id:case_id>/consents/<id:consent_id>")
@requires(*SEES_CONSENTS, rule="case")
def consent(case_id: int, consent_id: int) -> ResponseReturnValue:
    """One consent: its words, its signature, and how it ends."""
    look(case_id, "consents")
    case, view = _one(case_id, consent_id)
    return show("release/consent.html", case, consent=view)


@bp.get("/cases/<id:case_id>/consents/<id:consent_id>/print")
@requires(*SEES_CONSENTS, rule="case")
def print_consent(case_id: int, consent_id: int) -> ResponseReturnValue:
    """The paper to sign or to keep: a copy for the person, an audited print (rulings 12)."""
    actor, now = current_actor(), utcnow()
    case, view = _one(case_id, consent_id)
    with transaction():
        audit.record(
            actor=actor, verb="printed", record="consent", record_id=consent_id, case_id=case.id, purpose="for_person",
            now=now,
        )  # fmt: skip
    person = people.opened(people.person(case.person_id))
    with force_locale(view.language):
        return show(
            "release/consent_paper.html", case, consent=view, person=person, site=settings.site(actor.site_id),
            lang=view.language,
        )  # fmt: skip


def _act(case_id: int, consent_id: int, done: str, verb: Any) -> ResponseReturnValue:
    case, view = _one(case_id, consent_id)
    errors: Mapping[str, str]
    try:
        with transaction():
            case_for(current_actor(), case_id)
            verb(Reader(request.form))
    except (RuleBroken, AlreadyDone) as refused:
        errors = refused.fields or {"": refused.message}
        case, view = _one(case_id, consent_id)
        return show("release/consent.html", case, refused.status, consent=view, errors=errors)
    flash(done)
    return redirect(url_for(".consents", case_id=case_id))


@bp.post("/cases/<id:case_id>/consents/<id:consent_id>/sign")
@requires(*SEES_CONSENTS, rule="case")
def sign_consent(case_id: int, consent_id: int) -> ResponseReturnValue:
    """Record the signature."""
    now = utcnow()

    def verb(r: Reader) -> None:
        service.sign(consent_id, forms.signature(r, now=now, zone=_zone()), actor=current_actor(), now=now)

    return _act(case_id, consent_id, _("Signed. It counts from now on."), verb)


@bp.post("/cases/<id:case_id>/consents/<id:consent_id>/revoke")
@requires(*SEES_CONSENTS, rule="case")
def revoke_consent(case_id: int, consent_id: int) -> ResponseReturnValue:
    """Take a consent back; from the next request on nothing goes out under it."""

    def verb(r: Reader) -> None:
        how = r.choice("revoked_how", tuple(scope.REVOKED), required=_("Say how it was taken back."))
        r.check()
        service.revoke(consent_id, how=how, case_id=case_id, actor=current_actor(), now=utcnow())

    return _act(case_id, consent_id, _("Taken back. Nothing goes out under it any more."), verb)


@bp.post("/cases/<id:case_id>/consents/<id:consent_id>/free")
@requires(*SEES_CONSENTS, rule="case")
def free_consent(case_id: int, consent_id: int) -> ResponseReturnValue:
    """Record that what bound a consent to a criminal case is over."""

    def verb(_r: Reader) -> None:
        binding.free(service.locked(consent_id, current_actor()), actor=current_actor(), now=utcnow())

    return _act(case_id, consent_id, _("Written down. The person may take it back from now on."), verb)


@bp.post("/cases/<id:case_id>/consents/<id:consent_id>/end")
@requires(*SEES_CONSENTS, rule="case")
def end_consent(case_id: int, consent_id: int) -> ResponseReturnValue:
    """Record that the event came at which it ends."""

    def verb(_r: Reader) -> None:
        service.end(consent_id, actor=current_actor(), now=utcnow())

    return _act(case_id, consent_id, _("It has ended."), verb)


@bp.post("/cases/<id:case_id>/consents/<id:consent_id>/discard")
@requires(*SEES_CONSENTS, rule="case")
def discard_consent(case_id: int, consent_id: int) -> ResponseReturnValue:
    """Throw away a draft nobody signed."""

    def verb(_r: Reader) -> None:
        service.discard(consent_id, actor=current_actor(), now=utcnow())

    return _act(case_id, consent_id, _("Thrown away."), verb)
