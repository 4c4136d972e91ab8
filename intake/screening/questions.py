"""What a part of a screening is made of: questions, cards, parts.

Names of questions are the names of the form's fields and of the stored answers.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from intake.clinical import instruments
from intake.clinical.instruments import Instrument
from intake.screening.lines import ROW_LIMITS, TABLES, Options, cell_name


@dataclass(frozen=True, slots=True)
class Question:
    """One question. `options` make it a choice; else a whole number from `low` to `high`, or text of at most `limit`.

    `state` marks what can change within days: it is never carried over from an earlier screening.
    """

    name: str
    words: str
    options: Options = ()
    hint: str = ""
    low: int | None = None
    high: int = 0
    unit: str = ""
    limit: int = 200
    long: bool = False
    state: bool = False


@dataclass(frozen=True, slots=True)
class Block:
    """A card of a part: questions, one instrument, or a table of rows (opioids, substances).

    `only_if` hides it until the named question has one of the answers; answers in it are kept all the same.
    """

    key: str
    title: str
    note: str = ""
    questions: tuple[Question, ...] = ()
    instrument: str = ""
    rows: str = ""
    only_if: tuple[str, tuple[str, ...]] | None = None
    optional: bool = False

    def names(self) -> Iterator[str]:
        """The names of all fields of the card, in order."""
        yield from (question.name for question in self.questions)
        if self.instrument:
            yield from (item_name(self.instrument, item.id) for item in instruments.get(self.instrument).items)
        if self.rows:
            for n in range(1, ROW_LIMITS[self.rows] + 1):
                yield from (cell_name(self.rows, n, column.name) for column in TABLES[self.rows])


@dataclass(frozen=True, slots=True)
class Part:
    """One page of a screening."""

    key: str
    title: str
    blocks: tuple[Block, ...]

    def questions(self) -> Iterator[Question]:
        """All single questions of the part, in order."""
        for block in self.blocks:
            yield from block.questions

    def instruments(self, blocks: Collection[str] | None = None) -> Iterator[Instrument]:
        """All instruments of the part, or of some of its cards, in order."""
        for block in self.blocks:
            if block.instrument and (blocks is None or block.key in blocks):
                yield instruments.get(block.instrument)

    def names(self, blocks: Collection[str] | None = None) -> tuple[str, ...]:
        """The names of all fields of the part, or of some of its cards, in the order of the page."""
        return tuple(n for block in self.blocks if blocks is None or block.key in blocks for n in block.names())

    def said(self, name: str, value: object) -> str:
        """The value of a field in the words of its page."""
        if value is None:
            return "nothing"
        for block in self.blocks:
            for question in block.questions:
                if question.name == name:
                    return dict(question.options).get(str(value), str(value))
            if block.instrument and name.startswith(f"{block.instrument}-"):
                item = instruments.get(block.instrument).item(name.removeprefix(f"{block.instrument}-"))
                return next((f"{o.value}, {o.label}" for o in item.options if o.value == value), str(value))
        return str(value)


def item_name(instrument: str, item: str) -> str:
    """The field name of one item of an instrument."""
    return f"{instrument}-{item}"
