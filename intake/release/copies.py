"""Pages of what goes out of a case: ask for a copy, fetch it, and the accounting of all of them."""

from __future__ import annotations

from flask import Response, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from intake.accounts import login
from intake.accounts.once import once
from intake.actor import Actor
from intake.audit import service as audit
from intake.cases.models import Case
from intake.clock import utcnow
from intake.consents import queries as consents
from intake.consents import scope
from intake.consents.models import DisclosureState
from intake.consents.queries import ConsentView
from intake.db import id_text, id_value, transaction
from intake.errors import NotPermitted, RuleBroken
from intake.fields import Reader
from intake.guard import current_actor, requires
from intake.people import queries as people
from intake.release import queries, service, written
from intake.release.consent_pages import look, show
from intake.release.routes import SEES_CONSENTS, SEES_DISCLOSURES, bp
from intake.release.service import WHY, Ask, Copy, case_for
from intake.settings import queries as settings

FORMATS = ("print", "json", "csv")


@bp.get("/cases/<id:case_id>/disclosures")
@requires(*SEES_DISCLOSURES, rule="case")
def disclosures(case_id: int) -> ResponseReturnValue:
    """The accounting of one case: what went out, to whom, why, and what was refused."""
    case = look(case_id, "disclosures")
    return show("release/disclosures.html", case, rows=queries.accounting(case))


@bp.get("/cases/<id:case_id>/disclosures/print")
@requires(*SEES_DISCLOSURES, rule="case")
def print_disclosures(case_id: int) -> ResponseReturnValue:
    """The accounting on paper for the person, who may ask for it (42 CFR 2.25): an audited print."""
    actor, now = current_actor(), utcnow()
    with transaction():
        case = case_for(actor, case_id)
        audit.record(
            actor=actor, verb="printed", record="disclosure", record_id=None, case_id=case.id,
            purpose="accounting_for_person", now=now,
        )  # fmt: skip
    person = people.opened(people.person(case.person_id))
    rows, site = queries.given(case), settings.site(actor.site_id)
    return show("release/accounting_paper.html", case, rows=rows, person=person, site=site)


def _bases(case: Case, actor: Actor) -> tuple[list[ConsentView], dict[str, scope.Ground]]:
    zone = settings.zone(settings.site(actor.site_id))
    now = utcnow()
    living = [c for c in consents.of_person(case.person_id, zone) if c.kind.value == "disclosure" and c.live(now)]
    return living, {code: g for code, g in scope.GROUNDS.items() if actor.may(*g.roles)}


def _ask_page(case: Case, status: int = 200, errors: dict[str, str] | None = None) -> ResponseReturnValue:
    """First the basis is picked, then the facts that this basis can carry."""
    living, grounds = _bases(case, current_actor())
    basis = request.values.get("basis", "")
    consent = next((c for c in living if basis == f"consent-{id_text(c.id)}"), None)
    ground = grounds.get(basis.removeprefix("ground-")) if basis.startswith("ground-") else None
    parts = list(consent.parts) if consent else []
    if ground is not None:
        parts = [(c, str(scope.PARTS[c])) for c in scope.parts_in_order(ground.parts)]
    return show(
        "release/ask.html", case, status, errors=errors or {}, living=living, grounds=grounds, basis=basis,
        consent=consent, ground=ground, parts=parts, ticked=request.form.getlist("parts"),
    )  # fmt: skip


@bp.get("/cases/<id:case_id>/disclosures/new")
@requires(*SEES_CONSENTS, rule="case")
def ask_copy(case_id: int) -> ResponseReturnValue:
    """Pick consent or legal ground, then what goes out."""
    return _ask_page(look(case_id, "disclosures"))


def _read_ask(r: Reader) -> Ask:
    basis = r.text("basis", limit=60, required=_("Pick the consent or the legal ground."))
    kind, _dash, name = basis.partition("-")
    consent_id, ground = None, name if kind == "ground" else ""
    if kind == "consent":
        try:
            consent_id = id_value(name)
        except ValueError:
            r.wrong("basis", _("Pick one of the answers on the page."))
    parts = r.choices("parts", tuple(scope.PARTS), required=_("Tick which facts go out."))
    recipient, affiliation = r.text("recipient", limit=200), r.text("affiliation", limit=200)
    facts = r.text("facts", limit=1000)
    if ground:
        for name, value, sentence in (
            ("recipient", recipient, _("Name the person who gets the copy.")),
            ("affiliation", affiliation, _("Say where they work.")),
            ("facts", facts, _("Write down the facts that make this ground hold.")),
        ):
            if not value:
                r.wrong(name, sentence)
    r.check()
    return Ask(parts, consent_id=consent_id, ground=ground, recipient=recipient, affiliation=affiliation, facts=facts)


@bp.post("/cases/<id:case_id>/disclosures/new")
@requires(*SEES_CONSENTS, rule="case")
@once
def write_disclosure(case_id: int) -> ResponseReturnValue:
    """Let the gate decide; what it decided is written down before anything is read, refusals too."""
    actor = current_actor()
    case = case_for(actor, case_id)
    try:
        ask = _read_ask(Reader(request.form))
    except RuleBroken as broken:
        return _ask_page(case, broken.status, broken.fields)
    with transaction():
        row = service.authorize(case_id, ask, actor=actor, now=utcnow())
        state, reason, disclosure_id = row.state, row.reason, row.id
    if state is DisclosureState.REFUSED:
        return _ask_page(
            case_for(actor, case_id), 422, {"basis": f"{WHY[reason]} {_('The refusal was written down.')}"}
        )
    return redirect(url_for(".disclosure", case_id=case_id, disclosure_id=disclosure_id))


@bp.get("/cases/<id:case_id>/disclosures/<id:disclosure_id>")
@requires(*SEES_CONSENTS, rule="case")
def disclosure(case_id: int, disclosure_id: int) -> ResponseReturnValue:
    """One disclosure, with the buttons to fetch its copy while there is time."""
    actor, now = current_actor(), utcnow()
    case = case_for(actor, case_id)
    view = queries.one(actor, case_id, disclosure_id)
    open_ = view.state in (DisclosureState.AUTHORIZED, DisclosureState.DELIVERED) and now < view.at + service.COPY_FOR
    return show("release/disclosure.html", case, row=view, until=view.at + service.COPY_FOR if open_ else None)


@bp.post("/cases/<id:case_id>/disclosures/<id:disclosure_id>/copy")
@requires(*SEES_CONSENTS, rule="case")
@login.fresh_code
def fetch_copy(case_id: int, disclosure_id: int) -> ResponseReturnValue:
    """The copy itself, behind a fresh code; the gate checks again before a byte is read."""
    actor = current_actor()
    # A disclosure of another case is as good as none.
    queries.one(actor, case_id, disclosure_id)
    way = request.form.get("format", "print")
    if way not in FORMATS:
        raise RuleBroken(_("Pick print, JSON or CSV."), code="FORMAT")
    with transaction():
        handed = service.hand_out(disclosure_id, way=way, actor=actor, now=utcnow())
    if handed.copy is None:
        raise NotPermitted(WHY[handed.why], code=handed.why)
    return _answer(handed.copy, way, disclosure_id)


def _answer(copy: Copy, way: str, disclosure_id: int) -> ResponseReturnValue:
    if way == "print":
        zone = settings.zone(settings.site(current_actor().site_id))
        return make_response(render_template("release/copy.html", copy=copy, zone=zone))
    text = written.as_json(copy) if way == "json" else written.as_csv(copy)
    answer = Response(text, mimetype="application/json" if way == "json" else "text/csv")
    answer.headers["Content-Disposition"] = f"attachment; filename=copy-{id_text(disclosure_id)}.{way}"
    return answer
