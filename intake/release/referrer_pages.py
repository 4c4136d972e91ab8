"""The referrer of a case: what they may hear, and telling them through the gate."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

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
from intake.db import id_text, transaction
from intake.errors import Missing, RuleBroken
from intake.fields import Reader
from intake.guard import current_actor, requires
from intake.inquiries import answers as a
from intake.inquiries import referral_values, referrals
from intake.inquiries.referrals import Opened
from intake.people import queries as people
from intake.release import referrers, telling
from intake.release.consent_pages import look, show
from intake.release.routes import bp
from intake.release.service import WHY
from intake.release.telling import Terms
from intake.settings import queries as settings


def _page(case: Case, errors: Mapping[str, str], status: int = 200, wrong: str = "") -> ResponseReturnValue:
    actor, now = current_actor(), utcnow()
    zone = settings.zone(settings.site(actor.site_id))
    found = referrers.referral_of(case)
    if found is None:
        return show("release/referrer.html", case, status, found=None)
    target = referrers.target_of(case.id, found)
    agreed = [c for c in consents.of_person(case.person_id, zone) if c.kind.value == "disclosure"]
    return show(
        "release/referrer.html", case, status, errors=errors, wrong=wrong, found=found,
        target=target, source=a.label(referral_values.SOURCES, found.row.source),
        answer=a.label(referral_values.ANSWERS, found.row.answer), opened=telling.open_of(case.id, target, actor=actor),
        consent=next((c for c in agreed if c.id == found.row.consent_id), None),
        living=[c for c in agreed if c.live(now) and telling.may_carry(target, c)],
        grounds={code: g for code, g in scope.GROUNDS.items() if actor.may(*g.roles)},
        parts=[(code, str(scope.PARTS[code])) for code in scope.parts_in_order(referrers.WIDEST)],
    )  # fmt: skip


def _of(case: Case) -> Opened:
    found = referrers.referral_of(case)
    if found is None:
        raise Missing(_("Nobody referred this person."))
    return found


@bp.get("/cases/<id:case_id>/referrer")
@requires(*STAFF, rule="case")
def referrer(case_id: int) -> ResponseReturnValue:
    """Who sent the person, what they may hear, and the forms to agree to it and to tell them."""
    return _page(look(case_id, "referrer"), {})


@bp.post("/cases/<id:case_id>/referrer/consent")
@requires(*STAFF, rule="case")
@once
def agree_referrer(case_id: int) -> ResponseReturnValue:
    """Write the consent for the sender, to be signed on its own page, or bind one that is signed already."""
    actor, now, r = current_actor(), utcnow(), Reader(request.form)
    zone = settings.zone(settings.site(actor.site_id))
    try:
        with transaction():
            case = cases.readable(actor, case_id)
            found = _of(case)
            known = consents.of_person(case.person_id, zone)
            target = referrers.target_of(case.id, found)
            carry = [c for c in known if c.kind.value == "disclosure" and telling.may_carry(target, c)]
            signed = {id_text(c.id): c.id for c in carry if c.live(now)}
            consent_id = signed.get(r.choice("signed", tuple(signed)), 0)
            written = not consent_id
            if written:
                terms = _terms(r, people.locale_of(case.person_id))
                consent_id = telling.agree(case.id, target, terms, actor=actor, now=now).id
            referrals.bind_consent(found.row.id, consent_id=consent_id, case_id=case.id, actor=actor, now=now)
    except RuleBroken as refused:
        return _page(cases.readable(actor, case_id), refused.fields, refused.status, "consent")
    flash(_("Written down."))
    if written:
        return redirect(url_for(".consent", case_id=case_id, consent_id=consent_id))
    return redirect(url_for(".referrer", case_id=case_id))


def _terms(r: Reader, language: str) -> Terms:
    zone = settings.zone(settings.site(current_actor().site_id))
    today = utcnow().astimezone(zone).date()
    parts = r.choices("parts", tuple(scope.PARTS), required=_("Tick what they may be told."))
    ends_on = r.day("ends_on", earliest=today, latest=today + timedelta(days=scope.MOST_DAYS))
    event = r.text("end_event", limit=300)
    r.check()
    return Terms(parts, forms.end_of(ends_on, zone) if ends_on else None, event, language)


@bp.post("/cases/<id:case_id>/referrer/tell")
@requires(*STAFF, rule="case")
@once
def tell_referrer(case_id: int) -> ResponseReturnValue:
    """Ask the gate; what it decides is written down before a word is said, refusals too."""
    actor, r = current_actor(), Reader(request.form)
    parts = r.choices("parts", tuple(scope.PARTS), required=_("Tick what is told."))
    ground = r.choice("ground", tuple(scope.GROUNDS))
    facts = r.text("facts", limit=1000)
    if ground and not facts:
        r.wrong("facts", _("Write down the facts that make this ground hold."))
    try:
        r.check()
        with transaction():
            target = referrers.target_of(case_id, _of(cases.readable(actor, case_id)))
            row = telling.ask(case_id, target, parts=parts, ground=ground, facts=facts, actor=actor, now=utcnow())
            state, reason = row.state, row.reason
    except RuleBroken as refused:
        return _page(cases.readable(actor, case_id), refused.fields, refused.status, "tell")
    if state is DisclosureState.REFUSED:
        return _refused(case_id, "parts", reason, "tell")
    return redirect(url_for(".referrer", case_id=case_id))


def _refused(case_id: int, field: str, reason: str, here: str) -> ResponseReturnValue:
    why = f"{WHY[reason]} {_('Say nothing. The refusal was written down.')}"
    return _page(cases.readable(current_actor(), case_id), {field: why}, 422, here)


@bp.post("/cases/<id:case_id>/referrer/told/<id:disclosure_id>")
@requires(*STAFF, rule="case")
def told_referrer(case_id: int, disclosure_id: int) -> ResponseReturnValue:
    """What came of the call; a consent taken back since it was allowed makes it refused, and says so."""
    actor, here, r = current_actor(), f"told-{id_text(disclosure_id)}", Reader(request.form)
    how, outcome = r.text("how", limit=40), r.choice("outcome", telling.OUTCOMES)
    try:
        with transaction():
            target = referrers.target_of(case_id, _of(cases.readable(actor, case_id)))
            handed = telling.told(case_id, target, disclosure_id, how=how, outcome=outcome, actor=actor, now=utcnow())
    except RuleBroken as refused:
        return _page(cases.readable(actor, case_id), refused.fields, refused.status, here)
    if outcome == "told" and handed.copy is None:
        return _refused(case_id, "", handed.why, here)
    flash(_("Written down."))
    return redirect(url_for(".referrer", case_id=case_id))
