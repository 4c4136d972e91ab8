"""The shape of what a screening page posts: flat names to checked values, a sentence for each that is not allowed."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from decimal import Decimal
from typing import Any

from werkzeug.datastructures import MultiDict

from intake.clinical import instruments
from intake.clinical.instruments import Item
from intake.errors import RuleBroken
from intake.fields import Reader
from intake.queues.models import Queue
from intake.screening.lines import ROW_LIMITS, TABLES, UNKNOWN, Column, cell_name
from intake.screening.questions import Block, Part, Question, item_name

Form = MultiDict[str, str]
Value = str | int | None
Take = Callable[[Reader], Value]

PICK = "Choose one of the answers on the page."
NOTE_LIMIT = 1000

OVERRIDE_CODES: tuple[tuple[str, str], ...] = (
    ("patients_choice", "Patient’s choice"),
    ("clinical_judgment", "Clinical judgment"),
    ("no_bed", "No bed"),
    ("cost_or_insurance", "Cost or insurance"),
    ("new_facts", "New facts"),
    ("other", "Something else"),
)


def read(part: Part, form: Form, *, blocks: Collection[str] | None = None, only: str = "") -> dict[str, Value]:
    """Return the posted answers of a part: name -> value, None where the field is blank now.

    Args:
        part: the page.
        form: what was posted; names that are not questions of the part (a client's totals, say) are ignored.
        blocks: the cards that stood on the page; None for all.
        only: a single name, when one field saves itself.

    Raises:
        RuleBroken: with a sentence per field that is not allowed; UNKNOWN_FIELD when `only` is no field of the part.
    """
    reader = Reader(form)
    known = dict(fields(part, blocks))
    if only:
        if only not in known:
            raise RuleBroken("This page has no such question. Load it again.", code="UNKNOWN_FIELD")
        known = {only: known[only]}
    values = {name: take(reader) for name, take in known.items()}
    reader.check()
    return values


def fields(part: Part, blocks: Collection[str] | None = None) -> Iterator[tuple[str, Take]]:
    """Every field of a part (or of some of its cards): its name and how its value is read."""
    for block in part.blocks:
        if blocks is None or block.key in blocks:
            yield from _block(block)


def _block(block: Block) -> Iterator[tuple[str, Take]]:
    for question in block.questions:
        yield question.name, _question(question)
    if block.instrument:
        for item in instruments.get(block.instrument).items:
            name = item_name(block.instrument, item.id)
            yield name, _item(name, item)
    if block.rows:
        for n in range(1, ROW_LIMITS[block.rows] + 1):
            for column in TABLES[block.rows]:
                name = cell_name(block.rows, n, column.name)
                yield name, _column(name, column)


def _question(question: Question) -> Take:
    name = question.name
    if question.options:
        allowed = {value for value, _ in question.options}
        return lambda r: r.choice(name, allowed) or None
    if question.low is not None:
        low, high = question.low, question.high
        return lambda r: r.whole(name, low=low, high=high)
    return lambda r: r.text(name, limit=question.limit) or None


def _item(name: str, item: Item) -> Take:
    """One item of an instrument: one of its values, or unknown; anything else is refused, never rounded."""

    def take(reader: Reader) -> Value:
        raw = reader.form.get(name, "").strip()
        if raw in ("", UNKNOWN):
            return raw or None
        if raw.isascii() and raw.isdigit() and len(raw) < 7 and str(int(raw)) == raw and item.allows(int(raw)):
            return int(raw)
        reader.wrong(name, f"{PICK} ({item.topic})")
        return None

    return take


def _column(name: str, column: Column) -> Take:
    if column.kind == "choice":
        allowed = {value for value, _ in column.options}
        return lambda r: r.choice(name, allowed) or None
    if column.kind == "box":
        return lambda r: "yes" if r.yes(name) else None
    if column.kind == "whole":
        return lambda r: r.whole(name, low=0, high=column.high)
    if column.kind == "decimal":
        return lambda r: _exact(r.decimal(name, low=Decimal(0), high=Decimal(column.high)))
    return lambda r: r.text(name, limit=column.limit) or None


def _exact(value: Decimal | None) -> str | None:
    return None if value is None else format(value, "f")


def read_override(form: Form) -> tuple[Queue, int, str, str]:
    """Return queue, acuity, reason code and note of an override.

    Raises:
        RuleBroken: with a sentence per field.
    """
    reader = Reader(form)
    queue = reader.choice("queue", [q.value for q in Queue], required="Choose where to send the person.")
    acuity = reader.whole("acuity", low=1, high=4)
    codes = [code for code, _ in OVERRIDE_CODES]
    code = reader.choice("code", codes, required="Choose a reason.")
    needed = "Say in a few words what the reason is." if code == "other" else ""
    note = reader.text("note", limit=NOTE_LIMIT, required=needed)
    reader.check()
    return Queue(queue), acuity or 0, code, note


def read_note(form: Form) -> str:
    """Return the note of a co-signature.

    Raises:
        RuleBroken: it is too long or cannot be stored.
    """
    reader = Reader(form)
    note = reader.text("note", limit=NOTE_LIMIT)
    reader.check()
    return note


def typed(form: Form, allowed: Collection[str]) -> dict[str, Any]:
    """Return what was typed in the named fields as it came, to show the page again without losing anything."""
    return {name: form[name] for name in allowed if name in form}
