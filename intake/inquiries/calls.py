"""The call page: one page, saved as it is typed, with what it means for the queue beside it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import flash, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from intake.actor import CARE, Role
from intake.clock import utcnow
from intake.db import id_text, transaction
from intake.errors import RuleBroken
from intake.guard import current_actor, requires
from intake.inquiries import answers as a
from intake.inquiries import call_forms, drafts, following, live, service, words
from intake.inquiries.models import Channel, InquiryDraft
from intake.inquiries.routes import bp
from intake.inquiries.values import InquiryValues
from intake.settings import queries as settings

DESK = (Role.ADMISSIONS, *CARE)


@bp.get("/calls/new")
@requires(*DESK, rule="self")
def new_call() -> ResponseReturnValue:
    """Begin a call: its draft exists before the first key is pressed."""
    actor, now = current_actor(), utcnow()
    with transaction():
        draft = drafts.untouched_call(actor=actor)
        if draft is None:
            draft = drafts.start(
                secret=drafts.new_secret(),
                channel=Channel.PHONE,
                site_id=actor.site_id,
                taken_by=actor.id,
                now=now,
            )
        else:
            drafts.restart(draft, now=now)
        draft_id = draft.id
    return redirect(url_for(".call", draft_id=draft_id))


@bp.get("/calls/<id:draft_id>")
@requires(*DESK, rule="self")
def call(draft_id: int) -> ResponseReturnValue:
    """The call as far as it was typed; a saved one leads to its request."""
    draft = drafts.of_call(draft_id, actor=current_actor())
    if draft.sent_at is not None and draft.inquiry_id is not None:
        return redirect(url_for(".inquiry", inquiry_id=draft.inquiry_id))
    return _page(draft, drafts.answers(draft), {})


def _page(draft: InquiryDraft, told: Mapping[str, Any], errors: Mapping[str, str]) -> ResponseReturnValue:
    actor = current_actor()
    others = [d for d in drafts.open_calls(actor=actor) if d.id != draft.id]
    body = render_template(
        "inquiries/call.html",
        draft=draft,
        told=told,
        errors=errors,
        a=a,
        w=words,
        others=others,
        live=_live(draft, told),
        zone=settings.site(actor.site_id).time_zone,
    )
    return make_response(body, 422 if errors else 200)


def _live(draft: InquiryDraft, told: Mapping[str, Any]) -> live.LiveRead:
    return live.read(draft, told, actor=current_actor(), now=utcnow())


@bp.post("/calls/<id:draft_id>/save")
@requires(*DESK, rule="self")
def save_call(draft_id: int) -> ResponseReturnValue:
    """Keep one changed field as typed and answer with the live side."""
    actor, now = current_actor(), utcnow()
    with transaction():
        draft = drafts.of_call(draft_id, actor=actor)
        if draft.sent_at is not None:
            return "", 204
        told = drafts.answers(draft) | _changed()
        drafts.save(draft, told, now=now)
        _keep_danger(draft, call_forms.so_far(told, today=settings.day(actor.site_id, now)))
    return render_template("inquiries/call_live.html", draft=draft, told=told, a=a, w=words, live=_live(draft, told))


def _changed() -> dict[str, Any]:
    """The fields in the request; a box that was unticked comes as its name with no value."""
    found = call_forms.typed(request.form)
    field = request.form.get("_field", "")
    return found | ({field: [] if field in call_forms.MANY else ""} if field in call_forms.FIELDS - set(found) else {})


def _keep_danger(draft: InquiryDraft, said: InquiryValues) -> None:
    """A danger yes is stored, and its case opened, while the call goes on."""
    actor, now = current_actor(), utcnow()
    site = settings.site(actor.site_id)
    if draft.inquiry_id is not None:
        service.complete(draft.inquiry_id, said, actor=actor, now=now, site=site, spoken=True)
    elif said.in_danger:
        row = service.receive_danger(
            said, channel=Channel.PHONE, actor=actor, now=now, site=site, key=f"draft:{draft.id}", spoken=True
        )
        draft.inquiry_id = row.id


@bp.post("/calls/<id:draft_id>")
@requires(*DESK, rule="self")
def finish_call(draft_id: int) -> ResponseReturnValue:
    """Save the call: go on to screening, call back later, or only refresh the live side (without script)."""
    actor, now = current_actor(), utcnow()
    after = request.form.get("after", "")
    with transaction():
        draft = drafts.of_call(draft_id, actor=actor)
        if draft.sent_at is None:
            told = call_forms.whole(request.form)
            said, broken = _read()
            if said is None or after == "refresh":
                drafts.save(draft, told, now=now)
                _keep_danger(draft, call_forms.so_far(told, today=settings.day(actor.site_id, now)))
            else:
                _receive(draft, said)
    if draft.sent_at is None:
        return _page(draft, told, {} if after == "refresh" or broken is None else broken.fields)
    flash(_("Saved."))
    if after == "screen":
        return redirect(f"/inquiries/{id_text(draft.inquiry_id or 0)}/screening")
    return redirect(url_for(".inquiry", inquiry_id=draft.inquiry_id))


def _read() -> tuple[InquiryValues | None, RuleBroken | None]:
    try:
        return call_forms.read(request.form, today=settings.day(current_actor().site_id, utcnow())), None
    except RuleBroken as broken:
        return None, broken


def _receive(draft: InquiryDraft, said: InquiryValues) -> None:
    actor, now = current_actor(), utcnow()
    site = settings.site(actor.site_id)
    if draft.inquiry_id is None:
        row = service.receive(
            said, channel=Channel.PHONE, actor=actor, now=now, site=site, key=f"draft:{draft.id}", spoken=True
        )
    else:
        row = service.complete(draft.inquiry_id, said, actor=actor, now=now, site=site, spoken=True, sent=True)
    drafts.finish(draft, row.id, now=now)


@bp.post("/calls/<id:draft_id>/hand-over")
@requires(*DESK, rule="self")
def hand_over_call(draft_id: int) -> ResponseReturnValue:
    """Record who took over, without leaving the call."""
    actor, now = current_actor(), utcnow()
    with transaction():
        draft = drafts.of_call(draft_id, actor=actor)
        told = call_forms.whole(request.form) if draft.sent_at is None else {}
        if draft.sent_at is None:
            drafts.save(draft, told, now=now)
            _keep_danger(draft, call_forms.so_far(told, today=settings.day(actor.site_id, now)))
        refused = _hand_over(draft)
    if refused is not None:
        return _page(draft, told, refused.fields or {"hand_over": refused.message})
    flash(_("Hand-over recorded."))
    return redirect(url_for(".call", draft_id=draft_id))


def _hand_over(draft: InquiryDraft) -> RuleBroken | None:
    try:
        following.hand_over(
            draft.inquiry_id or 0, outcome=request.form.get("hand_over", ""), actor=current_actor(), now=utcnow()
        )
    except RuleBroken as refused:
        return refused
    return None


@bp.post("/calls/<id:draft_id>/discard")
@requires(*DESK, rule="self")
def discard_call(draft_id: int) -> ResponseReturnValue:
    """Throw an unsaved call away; a danger already told stays."""
    with transaction():
        draft = drafts.of_call(draft_id, actor=current_actor())
        drafts.discard(draft)
    flash(_("The draft is gone."))
    return redirect("/inbox")
