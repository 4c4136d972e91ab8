"""The page of one request, for admissions and care: what they told us, contact rules, attempts, promises, the end."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from flask import flash, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from intake.accounts.once import once
from intake.actor import CARE, Role
from intake.audit import service as audit
from intake.clock import utcnow
from intake.consents import queries as consents
from intake.db import id_value, transaction
from intake.errors import AlreadyDone, Missing, RuleBroken
from intake.fields import Reader
from intake.guard import current_actor, requires
from intake.inquiries import answers as a
from intake.inquiries import (
    directory,
    following,
    knowing,
    promises,
    queries,
    referral_values,
    referrals,
    referring_out,
    words,
)
from intake.inquiries.routes import bp
from intake.settings import queries as settings

DESK = (Role.ADMISSIONS, *CARE)
Verb = Callable[[Reader], None]


@bp.get("/inquiries/<id:inquiry_id>")
@requires(*DESK, rule="case")
def inquiry(inquiry_id: int) -> ResponseReturnValue:
    """One request; the read is written down."""
    actor, now = current_actor(), utcnow()
    with transaction():
        row = queries.readable(actor, inquiry_id)
        audit.looked(actor=actor, case_id=row.id, record_name="inquiry", purpose="inquiry", now=now)
    return _page(inquiry_id, {}, 200)


def _page(inquiry_id: int, errors: Mapping[str, str], status: int) -> ResponseReturnValue:
    actor = current_actor()
    row = queries.readable(actor, inquiry_id)
    body = render_template(
        "inquiries/inquiry.html",
        page=queries.page(row, now=utcnow(), actor=actor),
        zone=settings.site(actor.site_id).time_zone,
        may_tell=consents.may_be_told(row.person_id, settings.zone(settings.site(actor.site_id)), now=utcnow()),
        now=utcnow(),
        needs_decision=following.needs_decision(inquiry_id),
        referral=referrals.of_inquiry(inquiry_id),
        sent_on=referring_out.of_inquiry(inquiry_id),
        referring_out=referring_out,
        known_places=directory.choices(actor.site_id),
        referral_values=referral_values,
        decline_codes=referrals.DECLINE_CODES,
        errors=errors,
        typed=request.form if errors else {},
        a=a,
        w=words,
    )
    return make_response(body, status)


def _do(inquiry_id: int, done: str, verb: Verb) -> ResponseReturnValue:
    """Run one verb in one transaction; a broken rule shows the page again with what was typed."""
    reader = Reader(request.form)
    try:
        with transaction():
            queries.readable(current_actor(), inquiry_id)
            verb(reader)
    except (RuleBroken, AlreadyDone) as refused:
        return _page(inquiry_id, refused.fields or {"": refused.message}, refused.status)
    flash(done)
    return redirect(url_for(".inquiry", inquiry_id=inquiry_id))


@bp.post("/inquiries/<id:inquiry_id>/claim")
@requires(*DESK, rule="case")
def claim_inquiry(inquiry_id: int) -> ResponseReturnValue:
    """Take a request that nobody owns."""

    def verb(_r: Reader) -> None:
        following.claim(inquiry_id, actor=current_actor(), now=utcnow())

    return _do(inquiry_id, _("This request is yours."), verb)


@bp.post("/inquiries/<id:inquiry_id>/give-back")
@requires(*DESK, rule="case")
def give_back_inquiry(inquiry_id: int) -> ResponseReturnValue:
    """Give a request back to all."""

    def verb(_r: Reader) -> None:
        following.give_back(inquiry_id, actor=current_actor(), now=utcnow())

    return _do(inquiry_id, _("Given back."), verb)


@bp.post("/inquiries/<id:inquiry_id>/attempts")
@requires(*DESK, rule="case")
@once
def log_attempt(inquiry_id: int) -> ResponseReturnValue:
    """Log one try to reach them, with its outcome."""

    def verb(r: Reader) -> None:
        channel = r.choice("channel", a.codes(a.ATTEMPT_CHANNELS), required=_("Pick how you tried."))
        outcome = r.choice("outcome", a.codes(a.ATTEMPT_OUTCOMES), required=_("Pick what came of it."))
        note = r.text("words", limit=following.MOST_WORDS)
        r.check()
        following.attempt(inquiry_id, channel=channel, outcome=outcome, words=note, actor=current_actor(), now=utcnow())

    return _do(inquiry_id, _("Logged."), verb)


@bp.post("/inquiries/<id:inquiry_id>/promises")
@requires(*DESK, rule="case")
@once
def make_promise(inquiry_id: int) -> ResponseReturnValue:
    """Give a time to call back or to come."""

    def verb(r: Reader) -> None:
        kind = r.choice("kind", promises.PROMISE_KINDS, required=_("Pick a call or a visit."))
        due_at = _local_time(r, "due_at")
        r.check()
        assert due_at is not None
        promises.promise(inquiry_id, kind=kind, due_at=due_at, actor=current_actor(), now=utcnow())

    return _do(inquiry_id, _("Promised. It is on the task list."), verb)


def _local_time(r: Reader, name: str) -> datetime | None:
    """A date and time as the browser sends it (2026-11-25T17:00), in the center's zone."""
    raw = r.text(name, limit=40, required=_("Enter a date and time."))
    if not raw:
        return None
    try:
        local = datetime.fromisoformat(raw)
        if not 2000 <= local.year <= 2200:
            raise ValueError(raw)
    except ValueError:
        r.wrong(name, _("Enter a date and time, like 2026-11-25 17:00."))
        return None
    zone = ZoneInfo(settings.site(current_actor().site_id).time_zone)
    return (local if local.tzinfo else local.replace(tzinfo=zone)).astimezone(UTC)


@bp.post("/inquiries/<id:inquiry_id>/hand-over")
@requires(*DESK, rule="case")
def hand_over_inquiry(inquiry_id: int) -> ResponseReturnValue:
    """Record who took over after an emergency sign."""

    def verb(r: Reader) -> None:
        outcome = r.choice("hand_over", a.codes(a.HAND_OVER), required=_("Pick who took over."))
        note = r.text("hand_over_words", limit=following.MOST_WORDS)
        r.check()
        following.hand_over(inquiry_id, outcome=outcome, words=note, actor=current_actor(), now=utcnow())

    return _do(inquiry_id, _("Hand-over recorded."), verb)


@bp.post("/inquiries/<id:inquiry_id>/close")
@requires(*DESK, rule="case")
def close_inquiry(inquiry_id: int) -> ResponseReturnValue:
    """End a request with a reason and a next contact or the person's choice."""

    def verb(r: Reader) -> None:
        state = r.choice("state", a.codes(a.CLOSING), required=_("Pick how it ends."))
        reason = r.text("reason", limit=following.MOST_WORDS, required=_("Say why it ends."))
        following_contact = r.text("next_contact", limit=following.MOST_WORDS)
        site_id = current_actor().site_id
        picked = r.choices("known_places", [code for code, _words in directory.choices(site_id)])
        r.check()
        following.close(
            inquiry_id,
            state=state,
            reason=reason,
            next_contact=following_contact,
            places=directory.named(site_id, picked),
            actor=current_actor(),
            now=utcnow(),
        )

    return _do(inquiry_id, _("Closed."), verb)


@bp.post("/inquiries/<id:inquiry_id>/referral-more")
@requires(*DESK, rule="case")
def complete_by_hand(inquiry_id: int) -> ResponseReturnValue:
    """Fill in what the referrer told since; what was told before stays."""

    def verb(r: Reader) -> None:
        actor, now = current_actor(), utcnow()
        today = settings.day(actor.site_id, now)
        told = referral_values.read_form(r.form, today=today, more=True)
        referrals.add(inquiry_id, told, actor=actor, now=now)

    return _do(inquiry_id, _("Written down."), verb)


@bp.post("/inquiries/<id:inquiry_id>/elsewhere/<id:out_id>")
@requires(*DESK, rule="case")
def heard_elsewhere(inquiry_id: int, out_id: int) -> ResponseReturnValue:
    """What became of somebody who was sent on to another place."""

    def verb(r: Reader) -> None:
        outcome = r.choice("elsewhere", a.codes(referring_out.OUTCOMES), required=_("Say what became of them."))
        code = r.choice("elsewhere_code", a.codes(referring_out.REASONS))
        note = r.text("elsewhere_words", limit=following.MOST_WORDS)
        r.check()
        referring_out.record(
            out_id, inquiry_id=inquiry_id, outcome=outcome, code=code, words=note, actor=current_actor(), now=utcnow()
        )

    return _do(inquiry_id, _("Written down."), verb)


@bp.post("/inquiries/<id:inquiry_id>/reopen")
@requires(*DESK, rule="case")
def reopen_inquiry(inquiry_id: int) -> ResponseReturnValue:
    """Open an ended request again, with a reason."""

    def verb(r: Reader) -> None:
        reason = r.text("reopen_reason", limit=following.MOST_WORDS, required=_("Say why it opens again."))
        r.check()
        following.reopen(inquiry_id, reason=reason, actor=current_actor(), now=utcnow())

    return _do(inquiry_id, _("Open again."), verb)


@bp.post("/inquiries/<id:inquiry_id>/agreed")
@requires(*DESK, rule="case")
def contact_agreed(inquiry_id: int) -> ResponseReturnValue:
    """The person asked about got in touch or agreed to be contacted: from now on they are known."""

    def verb(r: Reader) -> None:
        how = r.text("how", limit=200, required=_("Say how they agreed, and who said so."))
        name = r.text("person_name", limit=100)
        phone = r.phone("person_phone")
        r.check()
        knowing.agreed(inquiry_id, how=how, name=name, phone=phone, actor=current_actor(), now=utcnow())

    return _do(inquiry_id, _("They are known now, and may be contacted."), verb)


@bp.post("/inquiries/<id:inquiry_id>/join")
@requires(*DESK, rule="case")
def join_person(inquiry_id: int) -> ResponseReturnValue:
    """The person of this request is somebody we know: join the two records."""

    def verb(r: Reader) -> None:
        chosen = _id(r.text("person", limit=20))
        knowing.join(inquiry_id, person_id=chosen, actor=current_actor(), now=utcnow())

    return _do(inquiry_id, _("Joined. It can be taken back."), verb)


@bp.post("/inquiries/<id:inquiry_id>/unjoin")
@requires(*DESK, rule="case")
def unjoin_person(inquiry_id: int) -> ResponseReturnValue:
    """Take a join back; what came since is asked about one by one."""

    def verb(r: Reader) -> None:
        theirs = {name: r.form.get(name) == "theirs" for name in r.form if ":" in name}
        knowing.unjoin(
            inquiry_id, merge_id=_id(r.text("merge", limit=20)), theirs=theirs, actor=current_actor(), now=utcnow()
        )

    return _do(inquiry_id, _("Taken back. There are two records again."), verb)


def _id(text: str) -> int:
    try:
        return id_value(text)
    except ValueError:
        raise Missing(_("There is no such record.")) from None
