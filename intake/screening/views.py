"""Pages of screening and routing: the same views serve an inquiry before its case exists and the case afterwards."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import flash, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from intake.actor import CARE, Role
from intake.audit import service as audit
from intake.clock import utcnow
from intake.db import transaction
from intake.errors import IntakeError, RuleBroken
from intake.guard import current_actor, requires
from intake.screening import asking, explained, forms, link_pages, pages, parts, service, subjects
from intake.screening.lines import TABLES
from intake.screening.questions import Part
from intake.screening.routes import bp
from intake.screening.subjects import Subject
from intake.settings import queries as settings

__all__ = ["asking", "bp", "link_pages"]


def _subject(*, inquiry_id: int | None, case_id: int | None) -> Subject:
    return subjects.subject(current_actor(), inquiry_id=inquiry_id, case_id=case_id)


def _looked(subject: Subject, purpose: str) -> None:
    if subject.case_id is not None:
        with transaction():
            audit.looked(actor=current_actor(), case_id=subject.case_id, purpose=purpose, now=utcnow())


@bp.get("/inquiries/<id:inquiry_id>/screening", defaults={"case_id": None})
@bp.get("/cases/<id:case_id>/screening", defaults={"inquiry_id": None})
@requires(Role.ADMISSIONS, *CARE, rule="case")
def resume(inquiry_id: int | None, case_id: int | None) -> ResponseReturnValue:
    """Go to the first part that is not filled in yet."""
    subject = _subject(inquiry_id=inquiry_id, case_id=case_id)
    return redirect(url_for(".part", part=pages.next_part(subject), **subject.at))


@bp.route("/inquiries/<id:inquiry_id>/screening/<part>", methods=["GET", "POST"], defaults={"case_id": None})
@bp.route("/cases/<id:case_id>/screening/<part>", methods=["GET", "POST"], defaults={"inquiry_id": None})
@requires(Role.ADMISSIONS, *CARE, rule="case")
def part(part: str, inquiry_id: int | None, case_id: int | None) -> ResponseReturnValue:
    """Show one part, save it whole, save a single field of it, or take over an earlier answer."""
    page = parts.get(part)
    subject = _subject(inquiry_id=inquiry_id, case_id=case_id)
    if request.method == "POST":
        return _save(page, subject)
    _looked(subject, "screening")
    return _page(page, _subject(inquiry_id=inquiry_id, case_id=case_id))


def _page(
    page: Part,
    subject: Subject,
    errors: Mapping[str, str] | None = None,
    typed: Mapping[str, Any] | None = None,
    still: Mapping[str, str] | None = None,
) -> str:
    return render_template(
        "screening/part.html",
        sheet=pages.sheet(page, subject, current_actor(), typed=typed),
        subject=subject,
        part=page,
        part_of=pages.part_of,
        asked=asking.asked(subject.inquiry) if page is parts.PARTS[0] else None,
        zone=settings.zone(settings.site(subject.inquiry.site_id)),
        errors=dict(errors or {}),
        still=dict(still or {}),
    )


def _save(page: Part, subject: Subject) -> ResponseReturnValue:
    """Save what was posted; a refused value changes nothing, and everything typed stays on the page."""
    only = request.form.get("_field", "") if _is_autosave() else ""
    blocks = tuple(request.form.getlist("_block")) or None
    try:
        values = forms.read(page, request.form, blocks=None if only else blocks, only=only)
        _write(page, subject, values)
    except IntakeError as refused:
        if only:
            return _refused(refused)
        if not refused.fields:
            raise
        # After a conflict the page carries the newer version, so that saving again is a decision between both answers.
        typed = forms.typed(request.form, page.names())
        fresh = subjects.again(subject, current_actor())
        return make_response(_page(page, fresh, refused.fields, typed), refused.status)
    if only:
        return _fragment(page, subject)
    if request.form.get("go") == "complete":
        return _complete(subject)
    if request.form.get("go") == "later":
        flash("Saved. You can go on with it at any time.")
        return redirect(subject.home)
    onward = pages.part_after(page, subject) if request.form.get("go") == "next" else page.key
    return redirect(url_for(".part", part=onward, **subject.at))


def _is_autosave() -> bool:
    return "_field" in request.form


def _write(page: Part, subject: Subject, values: Mapping[str, Any]) -> None:
    actor, now = current_actor(), utcnow()
    same = _taken_over()
    with transaction():
        row = service.start(subject.of, mode=request.values.get("mode", "full"), actor=actor, now=now)
        service.answer(row.id, page.key, values, actor=actor, now=now, read_version=_version())
        if same:
            service.confirm(row.id, same, actor=actor, now=now)


def _taken_over() -> tuple[str, ...]:
    """The earlier answers somebody confirmed: single ones, or all rows of a table."""
    tables = tuple(f"{table}-" for table in request.form.getlist("same_rows") if table in TABLES)
    rows = [name for name in request.form.getlist("_carried") if tables and name.startswith(tables)]
    return tuple(dict.fromkeys([*request.form.getlist("same"), *rows]))


def _version() -> int | None:
    raw = request.form.get("version", "")
    return int(raw) if raw.isascii() and raw.isdigit() and len(raw) < 10 else None


def _refused(refused: IntakeError) -> ResponseReturnValue:
    message = next(iter(refused.fields.values()), refused.message)
    body = render_template("screening/refused.html", message=message)
    return make_response(body, refused.status)


def _fragment(page: Part, subject: Subject) -> ResponseReturnValue:
    """What changed on the page after one field was saved: the totals, and nothing under the cursor."""
    fresh = subjects.again(subject, current_actor())
    sheet = pages.sheet(page, fresh, current_actor())
    answer = make_response(render_template("screening/totals.html", sheet=sheet, subject=fresh, part=page))
    answer.headers["X-Version"] = str(sheet.version)
    return answer


@bp.post("/inquiries/<id:inquiry_id>/screening/complete", defaults={"case_id": None})
@bp.post("/cases/<id:case_id>/screening/complete", defaults={"inquiry_id": None})
@requires(Role.ADMISSIONS, *CARE, rule="case")
def complete(inquiry_id: int | None, case_id: int | None) -> ResponseReturnValue:
    """Make the screening final and go on to where the person should go."""
    return _complete(_subject(inquiry_id=inquiry_id, case_id=case_id))


def _complete(subject: Subject) -> ResponseReturnValue:
    actor, now = current_actor(), utcnow()
    try:
        with transaction():
            row = service.start(subject.of, mode="full", actor=actor, now=now)
            service.complete(row.id, actor=actor, now=now)
    except RuleBroken as refused:
        page = parts.get(pages.part_of(next(iter(refused.fields), "")))
        body = _page(page, subjects.again(subject, actor), still=refused.fields)
        return make_response(body, refused.status)
    return redirect(url_for(".routing", **subject.at))


@bp.get("/inquiries/<id:inquiry_id>/routing", defaults={"case_id": None})
@bp.get("/cases/<id:case_id>/routing", defaults={"inquiry_id": None})
@requires(Role.ADMISSIONS, *CARE, rule="case")
def routing(inquiry_id: int | None, case_id: int | None) -> ResponseReturnValue:
    """Where the person should go, why, and what would change it."""
    subject = _subject(inquiry_id=inquiry_id, case_id=case_id)
    _looked(subject, "routing")
    return _routing_page(_subject(inquiry_id=inquiry_id, case_id=case_id))


def _routing_page(subject: Subject, errors: Mapping[str, str] | None = None) -> str:
    return render_template(
        "screening/routing.html",
        subject=subject,
        routed=explained.routed(subject, current_actor()),
        codes=forms.OVERRIDE_CODES,
        errors=dict(errors or {}),
        typed=request.form,
    )


@bp.post("/placements/<id:placement_id>/accept")
@requires(Role.ADMISSIONS, *CARE, rule="case")
def accept(placement_id: int) -> ResponseReturnValue:
    """Send the person where the rules propose."""
    subject = subjects.subject_of_placement(current_actor(), placement_id)
    with transaction():
        case = service.accept(placement_id, actor=current_actor(), now=utcnow())
    flash(f"{subject.name} is sent to {explained.queue_words(case.id)}.")
    return redirect(url_for(".routing", case_id=case.id))


@bp.post("/placements/<id:placement_id>/override")
@requires(Role.ADMISSIONS, *CARE, rule="case")
def override(placement_id: int) -> ResponseReturnValue:
    """Send the person elsewhere, with a reason."""
    subject = subjects.subject_of_placement(current_actor(), placement_id)
    try:
        queue, acuity, code, note = forms.read_override(request.form)
        with transaction():
            case = service.override(
                placement_id,
                queue=queue,
                acuity=acuity,
                code=code,
                reason=note,
                actor=current_actor(),
                now=utcnow(),
            )
    except RuleBroken as refused:
        return make_response(_routing_page(subject, refused.fields), refused.status)
    flash(f"{subject.name} is sent to {explained.queue_words(case.id)}.")
    return redirect(url_for(".routing", case_id=case.id))


@bp.post("/placements/<id:placement_id>/cosign")
@requires(*CARE, rule="case")
def cosign(placement_id: int) -> ResponseReturnValue:
    """A clinician answers for a lower level of care than the rules proposed."""
    subject = subjects.subject_of_placement(current_actor(), placement_id)
    answer = request.form.get("answer", "")
    if answer not in {"agree", "as_proposed"}:
        return make_response(_routing_page(subject, {"answer": "Say whether you agree."}), 422)
    reason = forms.read_note(request.form)
    with transaction():
        service.cosign(placement_id, agree=answer == "agree", reason=reason, actor=current_actor(), now=utcnow())
    return redirect(url_for(".routing", **subject.at))
