"""What one screening page shows: whose it is, the questions with their answers, the totals beside them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from intake.actor import CARE, Actor
from intake.clinical import instruments, oih
from intake.clinical.instruments import Instrument
from intake.clock import utcnow
from intake.db import db
from intake.people.models import Person
from intake.screening import queries, service
from intake.screening.findings import Findings, flat, is_started, rows, score_of
from intake.screening.lines import DRUGS, ROW_LIMITS, TABLES, UNKNOWN, Column, cell_name
from intake.screening.models import Screening
from intake.screening.panels import MmeView, PatternView, mme_view, pattern_view
from intake.screening.parts import COUNTED_BY_CARE, MORE, OIH, PARTS, REPEAT, SETS
from intake.screening.permits import is_offered
from intake.screening.questions import Block, Part, Question, item_name
from intake.screening.scores import ScoreView, shown
from intake.screening.subjects import Subject
from intake.settings import queries as settings
from intake.settings import scoring


@dataclass(frozen=True)
class Carried:
    """An earlier answer beside its question: the words, the day, and where it was told."""

    words: str
    at: datetime
    source: str


@dataclass(frozen=True)
class QuestionView:
    """One question with its answer as it stands on the page."""

    question: Question
    value: Any
    carried: Carried | None = None
    counts: tuple[str, str] = ("", "")


@dataclass(frozen=True)
class ItemView:
    """One item of an instrument: field name, words, (value, label, meaning) options, the picked value."""

    name: str
    number: int
    topic: str
    hint: str
    options: tuple[tuple[Any, ...], ...]
    value: Any
    low: int | None = None
    high: int | None = None


@dataclass(frozen=True)
class CellView:
    """One cell of a row of a table."""

    name: str
    column: Column
    value: Any
    error: str = ""


@dataclass(frozen=True)
class RowView:
    """One row of a table on the page, with what keeps it from being counted."""

    n: int
    main: tuple[CellView, ...]
    more: tuple[CellView, ...]
    is_new: bool
    open_more: bool


@dataclass(frozen=True)
class BlockView:
    """One card of a part."""

    block: Block
    questions: tuple[QuestionView, ...] = ()
    instrument: Instrument | None = None
    items: tuple[ItemView, ...] = ()
    rows: tuple[RowView, ...] = ()
    carried_rows: tuple[str, ...] = ()
    locked: bool = False
    is_open: bool = True
    is_shown: bool = True


@dataclass(frozen=True)
class Sheet:
    """One part of a screening as the page shows it."""

    version: int
    saved_at: datetime | None
    steps: tuple[tuple[str, str, str], ...]
    blocks: tuple[BlockView, ...]
    scores: tuple[ScoreView, ...]
    mme: MmeView | None
    pattern: PatternView | None
    sees_scores: bool
    zone: Any
    is_last: bool
    signs: str
    mode: str
    carried: Mapping[str, Any] = field(default_factory=dict)

    @property
    def counted(self) -> tuple[str, ...]:
        """The facts that have a cell "counts as" on this page."""
        return (*(q.name for q in OIH), "signs") if any(b.block.key == "oih" for b in self.blocks) else ()

    def counts(self, name: str) -> tuple[str, str]:
        """What an answer counts as in the pain pattern: words and tone of a tag."""
        fixed = {"new_pathology": "Checked by exam", "exposure_days": f"{oih.EXPOSURE_DAYS_NEEDED} days needed"}
        held = self.pattern.counts if self.pattern is not None and self.sees_scores else {}
        names = ("cows", "sows") if name == "signs" else (name,)
        return next((held[n] for n in names if n in held), (fixed.get(name, "–"), "line"))

    def told_before(self, table: str) -> str:
        """The carried rows of a table in words, for one look before they are taken over."""
        first = {"opioids": "drug", "substances": "what"}[table]
        words = dict(DRUGS)
        names = [
            str(v["value"]) for n, v in self.carried.items() if n.startswith(f"{table}-") and n.endswith(f"-{first}")
        ]
        return ", ".join(words.get(name, name) for name in names)


def sheet(part: Part, of: Subject, actor: Actor, *, typed: Mapping[str, Any] | None = None) -> Sheet:
    """Everything one part's page shows; `typed` stands in for stored answers after a refused save."""
    row = queries.draft(of.inquiry.id)
    document = {} if row is None else queries.document(row)
    carried = document.get("carried", {}) if row is not None else service.carried(of.inquiry, now=utcnow())
    values = flat(document)
    shown_values = {**values, **(typed or {})}
    person = db.session.get_one(Person, of.inquiry.person_id)
    found = queries.findings_from(values, person, without=row)
    sees = actor.may(*CARE)
    contexts = queries.contexts(person, without=row)
    earlier = queries.earlier_scores(person.id, before=row)
    site = settings.site(of.inquiry.site_id)
    pattern = pattern_view(found) if any(b.key == "oih" for b in part.blocks) else None
    offered = [b for b in part.blocks if is_offered(b, site.id)]
    return Sheet(
        version=0 if row is None else row.version,
        saved_at=None if row is None else row.saved_at,
        steps=_steps(part, document, _mode(part, row, of)),
        blocks=tuple(_block(b, shown_values, carried, pattern, found, actor, typed is not None) for b in offered),
        scores=tuple(
            shown(i, score_of(i, values, contexts.get(i.key)), values, earlier.get(i.key))
            for i in (() if scoring.is_off() else part.instruments([b.key for b in offered]))
            if is_started(i, values) or not _is_folded(part, i.key, values)
        ),
        mme=mme_view(found) if any(b.rows == "opioids" for b in part.blocks) else None,
        pattern=pattern,
        sees_scores=sees,
        zone=settings.zone(site),
        is_last=part.key in (SETS.get(_mode(part, row, of), SETS["full"])[-1], MORE.key),
        signs=_signs(found),
        mode=_mode(part, row, of),
        carried=carried,
    )


def _signs(found: Findings) -> str:
    """The withdrawal totals of this sitting; of an open one the range."""
    given = [found.scores[k] for k in ("cows", "sows") if k in found.scores]
    words = [f"{s.instrument.upper()} {s.score if s.low is None else f'{s.low} to {s.high}'}" for s in given]
    return ", ".join(words) or "Not done"


def _mode(part: Part, row: Screening | None, of: Subject) -> str:
    """What a first save starts: a repeat, when withdrawal or pain is opened after a complete screening."""
    if row is not None:
        return row.mode
    again = part.key in SETS[REPEAT] and queries.newest_placement(of.inquiry.id) is not None
    return REPEAT if again else "full"


def _wanted(row: Screening | None) -> tuple[str, ...]:
    """The parts asked in the situation a screening was started for."""
    return SETS["full"] if row is None else SETS.get(row.mode, SETS["full"])


def _steps(part: Part, document: Mapping[str, Any], mode: str) -> tuple[tuple[str, str, str], ...]:
    """(key, title, state) of each part: now, done when it holds an answer, or neither."""
    wanted = SETS.get(mode, SETS["full"])
    found = []
    for each in PARTS:
        state = "now" if each.key == part.key else "done" if document.get(each.key) else ""
        if each.key in wanted or state or each is MORE:
            found.append((each.key, each.title, state))
    return tuple(found)


def _is_folded(part: Part, instrument: str, values: Mapping[str, Any]) -> bool:
    block = next(b for b in part.blocks if b.instrument == instrument)
    return block.optional or not _is_asked(block, values)


def _is_asked(block: Block, values: Mapping[str, Any]) -> bool:
    return block.only_if is None or values.get(block.only_if[0]) in block.only_if[1]


def _block(
    block: Block,
    values: Mapping[str, Any],
    carried: Mapping[str, Any],
    pattern: PatternView | None,
    found: Findings,
    actor: Actor,
    is_typed: bool,
) -> BlockView:
    instrument = instruments.get(block.instrument) if block.instrument else None
    counts = pattern.counts if pattern is not None and block.key == "oih" else {}
    started = instrument is not None and is_started(instrument, values)
    return BlockView(
        block=block,
        questions=tuple(
            QuestionView(q, values.get(q.name), _carried(q, carried, values), counts.get(q.name, ("", "")))
            for q in block.questions
        ),
        instrument=instrument,
        items=() if instrument is None else _items(instrument, values),
        rows=_rows(block.rows, values, found, is_typed) if block.rows else (),
        carried_rows=_carried_rows(block.rows, carried, values) if block.rows else (),
        locked=block.instrument in COUNTED_BY_CARE and not actor.may(*CARE),
        is_open=started or bool(rows(block.rows, values) if block.rows else False) or not block.optional,
        is_shown=started or _is_asked(block, values),
    )


def _carried(question: Question, carried: Mapping[str, Any], values: Mapping[str, Any]) -> Carried | None:
    held = carried.get(question.name)
    if held is None or values.get(question.name) is not None:
        return None
    words = dict(question.options).get(str(held["value"]), str(held["value"]))
    return Carried(words, datetime.fromisoformat(held["at"]), held["source"])


def _carried_rows(table: str, carried: Mapping[str, Any], values: Mapping[str, Any]) -> tuple[str, ...]:
    if rows(table, values):
        return ()
    return tuple(name for name in carried if name.startswith(f"{table}-"))


def _items(instrument: Instrument, values: Mapping[str, Any]) -> tuple[ItemView, ...]:
    return tuple(
        ItemView(
            item_name(instrument.key, item.id),
            n,
            item.topic[:1].upper() + item.topic[1:],
            _hint(instrument, item),
            _options(item),
            _picked(values.get(item_name(instrument.key, item.id))),
            item.minimum,
            item.maximum,
        )
        for n, item in enumerate((i for i in instrument.items if not i.derived), 1)
    )


def _picked(value: Any) -> Any:
    return int(value) if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 7 else value


def _hint(instrument: Instrument, item: Any) -> str:
    if item.gate is None:
        return str(item.hint)
    asked = instrument.item(item.gate.item)
    words = next(o.label for o in asked.options if o.value == item.gate.value)
    return f"Ask when “{asked.topic}” is {words.lower()}"


def _options(item: Any) -> tuple[tuple[Any, ...], ...]:
    unknown = (UNKNOWN, "?", "Unknown")
    if len(item.options) == 2:
        return (*((o.value, o.label) for o in item.options), unknown)
    named = ((o.value, str(o.value), o.label) if o.label != str(o.value) else (o.value, o.label) for o in item.options)
    return (*named, unknown)


def _rows(table: str, values: Mapping[str, Any], found: Findings, is_typed: bool) -> tuple[RowView, ...]:
    """The filled rows and one new one, up to the table's limit."""
    filled = {
        n
        for n in range(1, ROW_LIMITS[table] + 1)
        if any(values.get(cell_name(table, n, c.name)) for c in TABLES[table])
    }
    problems = found.mme.problems if table == "opioids" and found.mme is not None and not is_typed else {}
    free = next((n for n in range(1, ROW_LIMITS[table] + 1) if n not in filled), None)
    return tuple(
        _row(table, n, values, problems.get(n, {}), n not in filled)
        for n in sorted(filled | ({free} if free else set()))
    )


def _row(table: str, n: int, values: Mapping[str, Any], problems: Mapping[str, str], is_new: bool) -> RowView:
    cells = [
        CellView(name, c, values.get(name), problems.get(c.name, ""))
        for c in TABLES[table]
        if (name := cell_name(table, n, c.name))
    ]
    more = tuple(c for c in cells if not c.column.main)
    return RowView(n, tuple(c for c in cells if c.column.main), more, is_new, any(c.value or c.error for c in more))


def next_part(of: Subject) -> str:
    """The first part without any answer; the first part of all when every one has some."""
    row = queries.draft(of.inquiry.id)
    held = {} if row is None else queries.document(row)
    wanted = _wanted(row)
    return next((key for key in wanted if not held.get(key)), wanted[0])


def part_after(part: Part, of: Subject) -> str:
    """The part that follows on the way through."""
    row = queries.draft(of.inquiry.id)
    wanted = _wanted(row)
    at = wanted.index(part.key) if part.key in wanted else -1
    return wanted[min(at + 1, len(wanted) - 1)]


def part_of(name: str) -> str:
    """The part a field stands in; the first part for an unknown name."""
    return next((p.key for p in PARTS if name in p.names()), PARTS[0].key)
