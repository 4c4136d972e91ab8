"""The queue boards: one template for all queues, claims by form, live changes, a preview and a sheet for the shift."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from flask import flash, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from intake.actor import STAFF, Actor
from intake.audit import service as audit
from intake.cases import codes
from intake.cases import queries as cases
from intake.clinical.routing import RULES
from intake.clock import utcnow
from intake.db import id_text, transaction
from intake.desk import presence, previews
from intake.desk.listing import listed
from intake.desk.queries import Counts, counts
from intake.desk.routes import bp
from intake.errors import AlreadyDone, IntakeError, Missing, NotPermitted, RuleBroken
from intake.fields import Reader
from intake.guard import current_actor, requires
from intake.queues import counters, forms, queries
from intake.queues import service as queues
from intake.queues.queries import BOARDS, BoardPage, BoardRow
from intake.settings import queries as settings

NAMES = "now,detox,outpatient,callback,refer_out"
PARK_HOURS = (1, 4, 24, 72)
TITLES = {
    "now": (
        "Act now",
        "Emergency and clinician-now cases together. After first contact each goes on to its next queue.",
    ),
    "detox": ("Detox queue", ""),
    "outpatient": ("Outpatient queue", ""),
    "callback": ("Callback queue", "People who left a safety question open. We call; unknown never counts as “no”."),
    "refer_out": (
        "Refer-out queue",
        "People for whom another program fits better. Nobody is sent away without a name.",
    ),
}
RULE_WORDS = {rule.id: rule.sentence for rule in RULES}


@dataclass(frozen=True)
class Board:
    """Everything the board template reads."""

    name: str
    title: str
    words: str
    wanted: forms.Filter
    page: BoardPage
    counts: Counts
    total: int
    looking: dict[str, str]
    version: str
    actor: Actor
    after: str
    size: int
    rule_words: dict[str, str]

    @property
    def is_whole(self) -> bool:
        """True when the page holds the whole list, so that a row missing from a live answer is gone."""
        return self.page.after is None and not self.after

    def tags(self, row: BoardRow) -> list[tuple[str, str]]:
        """The signals of a row, without the one that the score column says already."""
        said = "Withdrawal now" if self.name == "detox" else ""
        return [tag for tag in row.tags if tag[0] != said]

    def alert_words(self, code: str) -> str:
        """The words of an alert."""
        return codes.words(code)

    def url(self, **more: Any) -> str:
        """The address of this board with its filter, and what `more` changes."""
        given = {"f": self.wanted.text or None, "n": self.size if self.size != queries.PAGE else None, **more}
        return url_for("desk.board", name=self.name, **given)

    def chips(self) -> list[tuple[str, str, bool, int | None]]:
        """The filter chips: label, address, whether on, count (None where counting would cost a scan)."""
        words = self.wanted.words
        late = self.counts.late if self.counts.late < 100 else None
        found: list[tuple[str, str, bool, int | None]] = [(_("All"), self.url(f=None), not words, self.total)]
        named: list[tuple[str, str, int | None]] = []
        if self.name == "now":
            named += [("emergency", _("Emergency"), None), ("now", _("Clinician now"), None)]
        named += [("unclaimed", _("Unclaimed"), self.counts.waiting), ("mine", _("Mine"), self.counts.mine_here)]
        named.append(("late", _("Past target"), late))
        if self.name in {"detox", "outpatient"}:
            named.append(("oih", "OIH", None))
        return found + [(label, self.url(f=self.wanted.toggled(w) or None), w in words, n) for w, label, n in named]


def _board(name: str, actor: Actor) -> Board:
    now = utcnow()
    wanted = forms.read(request.args.get("f", ""))
    after = request.args.get("after", "")
    size = _size(request.args.get("n", ""))
    found = counts(actor, BOARDS[name])
    looking = presence.lookers(actor, name)
    title, words = TITLES[name]
    return Board(
        name=name,
        title=_(title),
        words=_(words) if words else "",
        wanted=wanted,
        page=queries.board(actor, BOARDS[name], wanted, now=now, after=after, limit=size),
        counts=found,
        total=found.boards[name],
        looking=looking,
        version=_version(found.moved, looking),
        actor=actor,
        after=after,
        size=size,
        rule_words=RULE_WORDS,
    )


def _size(text: str) -> int:
    return int(text) if text in {"25", "50", "100", "200"} else queries.PAGE


def _version(moved: int, looking: dict[str, str]) -> str:
    # Waits are whole minutes, so a page that nothing moved on is still one minute older after a minute.
    minute = int(utcnow().timestamp() // 60)
    seen = zlib.crc32(repr(sorted(looking.items())).encode())
    return f"{moved}.{minute}.{seen:x}"


@bp.get(f"/queues/<any({NAMES}):name>")
@requires(*STAFF, rule="queue")
def board(name: str) -> ResponseReturnValue:
    """One queue in its fixed order."""
    actor = current_actor()
    listed(actor, f"queues/{name}", forms.read(request.args.get("f", "")).text, utcnow())
    found = _board(name, actor)
    last = None
    if not found.page.rows and not found.wanted:
        last = queries.last_left(actor.site_id, BOARDS[name])
    return make_response(
        render_template(
            "desk/board.html",
            board=found,
            last=last,
            now=utcnow(),
            zone=settings.zone(settings.site(actor.site_id)),
            page_count=found.total or None,
        )
    )


@bp.get(f"/queues/<any({NAMES}):name>/changes")
@requires(*STAFF, rule="queue")
def changes(name: str) -> ResponseReturnValue:
    """Whether a board moved since a version: 204, or its rows as a fragment. One statement when nothing moved."""
    actor = current_actor()
    presence.look(actor, name, request.args.get("look", ""))
    looking = presence.lookers(actor, name)
    if request.args.get("since") == _version(counters.moved(actor.site_id, BOARDS[name]), looking):
        return "", 204
    found = _board(name, actor)
    return render_template("desk/board_changes.html", board=found)


@bp.get(f"/queues/<any({NAMES}):name>/<id:entry_id>/preview")
@requires(*STAFF, rule="case")
def preview(name: str, entry_id: int) -> ResponseReturnValue:
    """One case beside the board, as a fragment; the read is written down."""
    actor, now = current_actor(), utcnow()
    row = _entry(name, entry_id)
    with transaction():
        case = cases.readable(actor, row.case_id)
        audit.looked(actor=actor, case_id=case.id, purpose="preview", now=now)
    pane = previews.pane(actor, row, now=now)
    return render_template("desk/preview.html", board_name=name, row=row, pane=pane, rule_words=RULE_WORDS)


def _entry(name: str, entry_id: int) -> BoardRow:
    row = queries.entry(current_actor(), entry_id, now=utcnow())
    if row.queue not in BOARDS[name]:
        raise Missing("There is no such case in this queue.")
    return row


def _answer(name: str, entry_id: int, done: str, *, undo: str = "", refused: IntakeError | None = None) -> Any:
    """After a claim or its like: a fragment for the script, else back to the board with a word about it."""
    if not request.headers.get("X-Fragment"):
        flash(refused.message if refused else done, "error" if refused else (f"undo:{undo}" if undo else "message"))
        return redirect(url_for("desk.board", name=name, f=request.form.get("f") or None))
    actor = current_actor()
    found = _one(name, entry_id, actor)
    body = render_template(
        "desk/board_answer.html", board=found, done="" if refused else done, undo=undo, refused=refused
    )
    return make_response(body, refused.status if refused else 200)


def _one(name: str, entry_id: int, actor: Actor) -> Board:
    found = counts(actor, BOARDS[name])
    try:
        rows: tuple[BoardRow, ...] = (_entry(name, entry_id),)
    except Missing:
        rows = ()
    return Board(
        name=name,
        title="",
        words="",
        wanted=forms.read(request.form.get("f", "")),
        page=BoardPage(rows, None),
        counts=found,
        total=found.boards[name],
        looking={},
        version="",
        actor=actor,
        after="",
        size=queries.PAGE,
        rule_words=RULE_WORDS,
    )


@bp.post(f"/queues/<any({NAMES}):name>/<id:entry_id>/claim")
@requires(*STAFF, rule="queue")
def claim(name: str, entry_id: int) -> ResponseReturnValue:
    """Claim a case; the one who was second reads who was first."""
    try:
        with transaction():
            row = queues.claim(entry_id, actor=current_actor(), now=utcnow())
            case_id, reference = row.case_id, row.reference
    except AlreadyDone as refused:
        answer: ResponseReturnValue = _answer(name, entry_id, "", refused=refused)
        return answer
    if request.form.get("then") == "open":
        return redirect(url_for("desk.case", case_id=case_id))
    undo = url_for("desk.release", name=name, entry_id=entry_id)
    answer = _answer(name, entry_id, _("You claimed %(number)s.", number=reference), undo=undo)
    return answer


@bp.post(f"/queues/<any({NAMES}):name>/<id:entry_id>/release")
@requires(*STAFF, rule="queue")
def release(name: str, entry_id: int) -> ResponseReturnValue:
    """Give a claim back, or undo it; wait and place are kept."""
    return _verb(name, entry_id, _("Given back. Its place is kept."), "release")


@bp.post(f"/queues/<any({NAMES}):name>/<id:entry_id>/unpark")
@requires(*STAFF, rule="queue")
def unpark(name: str, entry_id: int) -> ResponseReturnValue:
    """Take a case back that was set aside."""
    return _verb(name, entry_id, _("Back in the queue."), "unpark")


def _verb(name: str, entry_id: int, done: str, verb: str) -> ResponseReturnValue:
    try:
        with transaction():
            _do(verb, entry_id)
    except (AlreadyDone, NotPermitted, RuleBroken) as refused:
        answer: ResponseReturnValue = _answer(name, entry_id, "", refused=refused)
        return answer
    answer = _answer(name, entry_id, done)
    return answer


def _do(verb: str, entry_id: int) -> None:
    actor, now, r = current_actor(), utcnow(), Reader(request.form)
    if verb == "release":
        queues.release(entry_id, actor=actor, now=now)
    elif verb == "unpark":
        queues.unpark(entry_id, actor=actor, now=now)
    elif verb == "park":
        hours = r.choice("hours", [str(h) for h in PARK_HOURS], required=_("Pick for how long."))
        reason = r.text("reason", limit=200, required=_("Say why."))
        r.check()
        queues.park(entry_id, until=now + timedelta(hours=int(hours)), reason=reason, actor=actor, now=now)
    else:
        to = r.choice("staff", [id_text(s.id) for s in previews.colleagues(actor)], required=_("Pick a colleague."))
        r.check()
        found = next(s.id for s in previews.colleagues(actor) if id_text(s.id) == to)
        queues.assign(entry_id, staff_id=found, actor=actor, now=now)


@bp.post(f"/queues/<any({NAMES}):name>/<id:entry_id>/park")
@requires(*STAFF, rule="queue")
def park(name: str, entry_id: int) -> ResponseReturnValue:
    """Set a case aside for some hours, with the reason."""
    return _verb(name, entry_id, _("Set aside. Its wait goes on."), "park")


@bp.post(f"/queues/<any({NAMES}):name>/<id:entry_id>/assign")
@requires(*STAFF, rule="queue")
def assign(name: str, entry_id: int) -> ResponseReturnValue:
    """Hand a case to a colleague."""
    return _verb(name, entry_id, _("Handed over."), "assign")


@bp.post(f"/queues/<any({NAMES}):name>/next")
@requires(*STAFF, rule="queue")
def claim_next(name: str) -> ResponseReturnValue:
    """Claim the first unclaimed case of a queue and open it; a lost race tries the one after it."""
    actor, now = current_actor(), utcnow()
    page = queries.board(actor, BOARDS[name], forms.read("unclaimed"), now=now, limit=25)
    for row in page.rows:
        try:
            with transaction():
                queues.claim(row.id, actor=actor, now=now)
        except (AlreadyDone, Missing):
            continue
        return redirect(url_for("desk.case", case_id=row.case_id))
    flash(_("Nobody is waiting unclaimed here."))
    return redirect(url_for("desk.board", name=name))


@bp.get(f"/queues/<any({NAMES}):name>/sheet")
@requires(*STAFF, rule="queue")
def sheet(name: str) -> ResponseReturnValue:
    """The hand-off sheet of a shift: case numbers only, no names (rulings 12)."""
    actor, now = current_actor(), utcnow()
    with transaction():
        audit.looked_at_board(actor=actor, board=f"sheet/{name}", filter_words="print", now=now)
    page = queries.board(actor, BOARDS[name], forms.read(""), now=now, limit=queries.MOST)
    return render_template(
        "desk/sheet.html",
        name=name,
        title=_(TITLES[name][0]),
        rows=page.rows,
        more=page.after is not None,
        now=now.astimezone(settings.zone(settings.site(actor.site_id))),
        actor=actor,
        rule_words=RULE_WORDS,
    )
