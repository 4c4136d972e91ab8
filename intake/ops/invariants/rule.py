"""One invariant: a key, a sentence, and how its breaks are found."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from sqlalchemy import Select

from intake.db import db, id_text

MOST = 5


@dataclass(frozen=True)
class Rule:
    """`find` yields a few words for each place where the sentence is not true."""

    key: str
    words: str
    find: Callable[[], Iterable[str]]

    def faults(self) -> list[str]:
        """The first faults."""
        return list(islice(self.find(), MOST))


def rows(name: str, statement: Callable[[], Select[Any]]) -> Callable[[], Iterator[str]]:
    """Every row that a statement finds is a fault, named by the id in its first column."""

    def find() -> Iterator[str]:
        for row in db.session.execute(statement().limit(MOST)):
            yield f"{name} {id_text(row[0])}"

    return find
