"""Addresses of the case page and its tabs: timeline, notes, screens, messages, who looked."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from flask import flash, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from intake.accounts.once import once
from intake.actor import CARE, STAFF
from intake.audit import service as audit
from intake.cases import codes, forms
from intake.cases import queries as cases
from intake.cases import service as cases_service
from intake.cases.models import Case
from intake.checkins import queries as checkins
from intake.clock import from_micros, to_micros, utcnow
from intake.db import transaction
from intake.desk import case_page, case_scores, case_story, words
from intake.desk.routes import bp
from intake.errors import RuleBroken
from intake.fields import Reader
from intake.guard import current_actor, requires
from intake.messages import queries as messages
from intake.queues import service as queues
from intake.screening import told
from intake.settings import queries as settings
from intake.tapers import queries as tapers

NOTE_LENGTH = 10_000
MOST_OWED = 10


def _look(case_id: int, purpose: str) -> Case:
    """Load a case the actor may read, write the read down, and keep the actor's claim on it alive."""
    actor, now = current_actor(), utcnow()
    with transaction():
        case = cases.readable(actor, case_id)
        audit.looked(actor=actor, case_id=case.id, purpose=purpose, now=now)
        queues.active(case.id, actor=actor, now=now)
    return case


def _render(case_id: int, tab: str, status: int = 200, **more: Any) -> ResponseReturnValue:
    actor = current_actor()
    case = cases.readable(actor, case_id)
    steps = [(s.name, s.title) for s in forms.open_to(actor, case)]
    care = actor.may(*CARE)
    body = render_template(
        "desk/case.html",
        page=case_page.read(actor, case_id, now=utcnow(), steps=steps),
        tab=tab,
        errors=more.pop("errors", {}),
        words=words,
        told=told,
        codes=codes,
        main_steps={s.name for s in forms.STEPS if s.main},
        plan=tapers.live_of(case_id) if care else None,
        draft_plan=tapers.draft_of(case_id) if care else None,
        check_ins=checkins.of_case(case_id, limit=5) if care else [],
        care=care,
        now=utcnow(),
        **more,
    )
    return make_response(body, status)


@bp.get("/cases/<id:case_id>")
@requires(*STAFF, rule="case")
def case(case_id: int) -> ResponseReturnValue:
    """One case with its story; the read is written down."""
    row = _look(case_id, "case")
    zone = settings.zone(settings.site(row.site_id))
    shown = request.args.get("show", "")
    lines, older = case_story.timeline(row, zone, shown=shown, before=_before(request.args.get("before", "")))
    shown = shown if shown in case_story.SHOWN else ""
    return _render(case_id, "timeline", lines=lines, older=to_micros(older) if older else None, shown=shown)


def _before(text: str) -> datetime | None:
    return from_micros(int(text)) if text.isascii() and text.isdigit() and len(text) <= 16 else None


@bp.get("/cases/<id:case_id>/notes")
@requires(*STAFF, rule="case")
def notes(case_id: int) -> ResponseReturnValue:
    """The notes of a case and the form for the next one, with what was typed before."""
    row = _look(case_id, "notes")
    typed, saved_at, version = cases.draft(row.id, current_actor().id)
    return _notes(case_id, typed, saved_at, version, {}, 200)


def _notes(
    case_id: int, typed: str, saved_at: datetime | None, version: int, errors: Mapping[str, str], status: int
) -> ResponseReturnValue:
    # Whether the actor may read the case is asked before anything of it is.
    cases.readable(current_actor(), case_id)
    return _render(
        case_id, "notes", status, notes=cases.notes(case_id), typed=typed, saved_at=saved_at, draft_version=version,
        errors=errors,
    )  # fmt: skip


@bp.post("/cases/<id:case_id>/notes")
@requires(*STAFF, rule="case")
@once
def write_note(case_id: int) -> ResponseReturnValue:
    """Write a note; a broken rule shows the page again with the words."""
    r = Reader(request.form)
    try:
        text = r.text("words", limit=NOTE_LENGTH, required=_("Write something first."))
        r.check()
        with transaction():
            cases_service.note(case_id, words=text, actor=current_actor(), now=utcnow())
    except RuleBroken as refused:
        return _notes(case_id, request.form.get("words", ""), None, 0, refused.fields, refused.status)
    flash(_("Note saved."))
    return redirect(url_for("desk.notes", case_id=case_id))


@bp.post("/cases/<id:case_id>/notes/save")
@requires(*STAFF, rule="case")
def save_note(case_id: int) -> ResponseReturnValue:
    """Keep what is being typed (autosave)."""
    r = Reader(request.form)
    text = r.text("words", limit=NOTE_LENGTH)
    r.check()
    with transaction():
        row = cases_service.save_draft(case_id, words=text, actor=current_actor(), now=utcnow())
        version = row.version
    answer = make_response("", 204)
    answer.headers["X-Version"] = str(version)
    return answer


@bp.get("/cases/<id:case_id>/screens")
@requires(*STAFF, rule="case")
def screens(case_id: int) -> ResponseReturnValue:
    """The screenings and placements of a case."""
    row = _look(case_id, "screens")
    return _render(case_id, "screens", screens=case_scores.screens(row.id), placements=case_scores.placements(row))


@bp.get("/cases/<id:case_id>/messages")
@requires(*STAFF, rule="case")
def case_messages(case_id: int) -> ResponseReturnValue:
    """The next emails of a case, and what became of those before."""
    _look(case_id, "messages")
    owed, more = messages.page(current_actor(), which="owed", case_id=case_id, most=MOST_OWED)
    sent, _rest = messages.page(current_actor(), which="sent", case_id=case_id)
    unsent, _rest = messages.page(current_actor(), which="unsent", case_id=case_id)
    ended = sorted([*sent, *unsent], key=lambda row: row.due_at, reverse=True)
    return _render(case_id, "messages", owed=owed, more_owed=bool(more), ended=ended)


@bp.get("/cases/<id:case_id>/access")
@requires(*STAFF, rule="case")
def access(case_id: int) -> ResponseReturnValue:
    """Who looked at a case, when and for what."""
    _look(case_id, "access")
    return _render(case_id, "access", looks=case_story.looks(case_id))
