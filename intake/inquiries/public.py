"""The public form: eight questions, one idea a page, no account, no script needed. Danger comes first."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from flask import abort, make_response, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_babel import force_locale, format_date, get_locale

from intake import actor as actors
from intake.clock import utcnow
from intake.consents import texts
from intake.db import transaction
from intake.errors import RuleBroken
from intake.guard import is_public_area, make_link, public
from intake.inquiries import answers as a
from intake.inquiries import drafts, forms, service, summary
from intake.inquiries.models import Channel, InquiryDraft, Relation
from intake.inquiries.routes import bp
from intake.limits import limiter
from intake.settings import queries as settings
from intake.settings.models import Site

DRAFT = "draft"
SENT_HERE = "sent_here"
POSTS = "120/minute;1500/hour"
SENDS = "30/minute;120/hour"
# What may stand in the language link as the page to stay on: words only, so no secret and no other host.
PLAIN_ADDRESS = re.compile(r"(?:/[a-z-]{1,20}){1,4}/?")


@bp.get("/")
@public()
def root() -> ResponseReturnValue:
    """The front door is the public form."""
    return redirect(url_for(".start"))


@bp.get("/help/")
@public()
def start() -> ResponseReturnValue:
    """The first page asks about danger before anything else."""
    told, sent = _told()
    return _page("now", {} if sent else told)


@bp.route("/help/<any(now,who,you,use,pain,reach,feel,pay):name>", methods=["GET", "POST"])
@public()
@limiter.limit(POSTS, methods=["POST"])
def step(name: str) -> ResponseReturnValue:
    """One question: show it, or keep its answer and go on."""
    if request.method == "POST":
        return _keep(name)
    told, sent = _told()
    if sent:
        return redirect(url_for(".sent_open"))
    if name != "now" and "now" not in told.get("seen", ()):
        return redirect(url_for(".start"))
    return _page(name, told)


def _told() -> tuple[dict[str, Any], bool]:
    """The answers so far, and whether they were sent already."""
    draft = drafts.of_browser(str(session.get(DRAFT, "")))
    return ({}, False) if draft is None else (drafts.answers(draft), draft.sent_at is not None)


def _page(name: str, told: Mapping[str, Any], errors: Mapping[str, str] | None = None) -> ResponseReturnValue:
    steps, minutes = forms.STEPS, forms.MINUTES_LEFT[name]
    return question_page(
        name, told, errors, steps=steps, minutes=minutes, back=_back(name), action=url_for(".step", name=name)
    )


def question_page(
    name: str,
    told: Mapping[str, Any],
    errors: Mapping[str, str] | None,
    *,
    steps: Sequence[str],
    minutes: int,
    back: str,
    action: str,
) -> ResponseReturnValue:
    """One question among `steps`, with what was told before; 422 with `errors`. A mailed link shows it too."""
    body = render_template(
        f"inquiries/{name}.html",
        told=told,
        errors=errors or {},
        a=a,
        number=steps.index(name) + 1,
        of=len(steps),
        minutes_left=minutes,
        back=back,
        change=request.values.get("change", "")[:1],
        action=action,
    )
    return make_response(body, 422 if errors else 200)


def _back(name: str) -> str:
    at = forms.STEPS.index(name)
    if request.values.get("change"):
        return url_for(".check")
    return "" if at == 0 else url_for(".step", name=forms.STEPS[at - 1])


def _keep(name: str) -> ResponseReturnValue:
    now = utcnow()
    with transaction():
        site = settings.the_site()
        draft, told = _draft(site, now, fresh=name == "now")
        if draft.sent_at is not None:
            return redirect(url_for(".sent_open"))
        broken = _read_into(told, name)
        if broken is None:
            endangered = _keep_danger(draft, told, site, now)
            drafts.save(draft, told, now=now)
    if broken is not None:
        return _page(name, {**told, **forms.typed(request.form)}, broken.fields)
    if name == "now" and endangered:
        return redirect(url_for(".emergency"))
    if name == "reach" and told.get("call_me"):
        return _send({**told, "consent": "yes"})
    return redirect(_onward(name, told))


def _read_into(told: dict[str, Any], name: str) -> RuleBroken | None:
    """Lay the page's answers over the earlier ones, or say what is wrong and leave them alone."""
    try:
        told |= forms.read_step(name, request.form, told)
    except RuleBroken as broken:
        return broken
    told["seen"] = sorted({*told.get("seen", ()), name}, key=forms.STEPS.index)
    return None


def _draft(site: Site, now: datetime, *, fresh: bool) -> tuple[InquiryDraft, dict[str, Any]]:
    draft = drafts.of_browser(str(session.get(DRAFT, "")))
    if draft is None or (fresh and draft.sent_at is not None):
        session[DRAFT] = drafts.new_secret()
        draft = drafts.start(secret=session[DRAFT], channel=Channel.WEB, site_id=site.id, now=now)
    return draft, drafts.answers(draft)


def _keep_danger(draft: InquiryDraft, told: Mapping[str, Any], site: Site, now: datetime) -> bool:
    """Store a danger yes, and whatever is told after it, at once; the form may never be sent."""
    said = forms.values(told, locale=str(get_locale()))
    system = actors.system(site.id)
    if draft.inquiry_id is not None:
        service.complete(draft.inquiry_id, said, actor=system, now=now, site=site)
    elif said.in_danger:
        row = service.receive_danger(
            said, channel=Channel.WEB, actor=system, now=now, site=site, key=f"draft:{draft.id}"
        )
        draft.inquiry_id = row.id
    return said.in_danger


def _onward(name: str, told: Mapping[str, Any]) -> str:
    if request.form.get("change"):
        # Another person needs another set of questions, so these two are asked again.
        return url_for(".step", name="you", change=1) if name == "who" else url_for(".check")
    at = forms.STEPS.index(name) + 1
    following = forms.STEPS[at] if at < len(forms.STEPS) else forms.first_open(told)
    return url_for(".step", name=following) if following else url_for(".check")


@bp.route("/help/check", methods=["GET", "POST"])
@public()
@limiter.limit(SENDS, methods=["POST"])
def check() -> ResponseReturnValue:
    """All answers with a Change link each; nothing is sent before the button at the end."""
    told, sent = _told()
    if sent:
        return redirect(url_for(".sent_open"))
    missing = next((s for s in forms.NEEDED if s not in told.get("seen", ())), None)
    if missing:
        return redirect(url_for(".step", name=missing) if told else url_for(".start"))
    if request.method != "POST":
        return _check_page(told, {})
    try:
        return _send({**told, **forms.read_consent(request.form, told)})
    except RuleBroken as broken:
        return _check_page(told, broken.fields)


def _check_page(told: Mapping[str, Any], errors: Mapping[str, str]) -> ResponseReturnValue:
    about, going_on = summary.rows(told)
    body = render_template("inquiries/check.html", about=about, going_on=going_on, told=told, errors=errors)
    return make_response(body, 422 if errors else 200)


def _send(told: Mapping[str, Any]) -> ResponseReturnValue:
    """Make the draft an inquiry once; of two parallel sends the second finds the first."""
    now = utcnow()
    with transaction():
        site = settings.the_site()
        draft = drafts.of_browser(str(session.get(DRAFT, "")))
        if draft is None:
            return redirect(url_for(".start"))
        if draft.sent_at is None:
            said = forms.values(told, locale=str(get_locale()))
            system = actors.system(site.id)
            if draft.inquiry_id is None:
                by_professional = said.relation is Relation.PROFESSIONAL
                row = service.receive(
                    said,
                    channel=Channel.REFERRAL if by_professional else Channel.WEB,
                    actor=system,
                    now=now,
                    site=site,
                    key=f"draft:{draft.id}",
                )
            else:
                row = service.complete(draft.inquiry_id, said, actor=system, now=now, site=site, sent=True)
            drafts.finish(draft, row.id, now=now)
            make_link("sent", row.id, person_id=row.inquirer_id, expires_at=now + service.LINK_LIFE)
        inquiry_id = draft.inquiry_id or 0
        token = make_link("sent", inquiry_id, person_id=0, expires_at=now + service.LINK_LIFE)
    session[SENT_HERE] = str(inquiry_id)
    return redirect(url_for(".sent", token=token))


@bp.route("/help/emergency", methods=["GET", "POST"])
@public()
@limiter.limit(POSTS, methods=["POST"])
def emergency() -> ResponseReturnValue:
    """911 and 988 first; then go on, be called back, or say it was a mistake."""
    told, _sent = _told()
    endangered = bool(told) and forms.values(told, locale="en").in_danger
    if request.method != "POST" or not endangered:
        return render_template("inquiries/emergency.html", endangered=endangered, told=told, errors={})
    answer = request.form.get("next", "")
    if answer == "change":
        return redirect(url_for(".start"))
    if answer == "on":
        return redirect(url_for(".step", name=forms.first_open(told) or "who"))
    if answer != "call":
        errors = {"next": summary.pick_one()}
        return render_template("inquiries/emergency.html", endangered=True, told=told, errors=errors), 422
    if told.get("phone"):
        return _send({**told, "consent": "yes"})
    with transaction():
        draft, told = _draft(settings.the_site(), utcnow(), fresh=False)
        drafts.save(draft, {**told, "call_me": "yes"}, now=utcnow())
    return redirect(url_for(".step", name="reach"))


@bp.route("/help/leave", methods=["GET", "POST"])
@public()
def leave() -> ResponseReturnValue:
    """Forget what was typed and go to a harmless page; a danger already told stays with the center."""
    site = settings.the_site()
    with transaction():
        draft = drafts.of_browser(str(session.get(DRAFT, "")))
        if draft is not None:
            drafts.discard(draft)
    session.clear()
    if request.method == "POST":
        return "", 204
    answer = make_response(redirect(site.leave_url))
    answer.headers["Referrer-Policy"] = "no-referrer"
    answer.headers["Clear-Site-Data"] = '"cache"'
    return answer


@bp.get("/help/language")
@public()
def language() -> ResponseReturnValue:
    """Switch between English and Spanish and stay on the page."""
    to = request.args.get("to", "")
    if to not in {"en", "es"}:
        abort(404)
    session["locale"] = to
    at = "/" + request.args.get("at", "")
    return redirect(at if PLAIN_ADDRESS.fullmatch(at) and is_public_area(at) else url_for(".start"))


@bp.get("/help/privacy")
@public()
def privacy() -> ResponseReturnValue:
    """What happens with the answers, in plain words."""
    return render_template("inquiries/privacy.html")


@bp.get("/help/notice/<any(en,es):language>")
@public()
def notice(language: str) -> ResponseReturnValue:
    """The notice of 42 CFR 2.22 as a sheet that the center hands out, in the language of the address."""
    with force_locale(language):
        since = format_date(texts.PATIENT_NOTICE_SINCE, "long")
        return render_template(
            "inquiries/notice.html", lang=language, other="en" if language == "es" else "es", since=since,
            version=texts.PATIENT_NOTICE_VERSION,
        )  # fmt: skip


@bp.get("/help/accessibility")
@public()
def accessibility() -> ResponseReturnValue:
    """How to use these pages, and whom to tell when something is in the way."""
    return render_template("inquiries/accessibility.html")
