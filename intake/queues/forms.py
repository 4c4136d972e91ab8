"""The filter box of a board: `p1 cows>12 oih mine late unclaimed`, all words must hold."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field

LONGEST = 120
NUMBERS = {"cows": "cows", "mme": "mme", "pts": "priority", "age": "age_years"}
STATES = frozenset({"mine", "unclaimed", "claimed", "parked", "late", "alert"})
QUEUES = frozenset({"emergency", "now", "detox", "outpatient", "callback", "refer_out"})
_SUM = re.compile(r"([a-z]+)(>=|<=|>|<|=)(\d{1,5}(?:\.\d{1,2})?)", re.ASCII)
_RULE = re.compile(r"[a-z]\d{2}", re.ASCII)
_REFERENCE = re.compile(r"[a-z]{2,4}-[0-9a-z-]{1,12}", re.ASCII)
_SIGNAL = re.compile(r"[a-z][a-z0-9_]{1,30}", re.ASCII)


@dataclass(frozen=True)
class Filter:
    """What a board shows; `unknown` are the words nobody understood, shown back to the person."""

    words: tuple[str, ...] = ()
    acuities: tuple[int, ...] = ()
    sums: tuple[tuple[str, str, float], ...] = ()
    states: frozenset[str] = field(default_factory=frozenset)
    signals: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    queues: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The filter as it was typed, in its normal form."""
        return " ".join(self.words)

    def __bool__(self) -> bool:
        return bool(self.words)

    def toggled(self, word: str) -> str:
        """The filter text with a word added, or taken away when it is there."""
        words = [w for w in self.words if w != word]
        return " ".join(words if word in self.words else [*self.words, word])


def read(text: str) -> Filter:
    """Read a filter; words are separated by blanks, case does not matter, at most 120 signs are read.

    p1 to p4; cows, mme, pts and age with > >= < <= =; mine, unclaimed, claimed, parked, late, alert; a rule id (d01);
    a case number (nl-4h7k); any signal (oih, pregnant, benzo); on the act-now board emergency or now.
    """
    plain = "".join(c for c in unicodedata.normalize("NFKC", text)[:LONGEST] if unicodedata.category(c)[0] != "C")
    words = tuple(dict.fromkeys(plain.lower().split()))
    return Filter(
        words=words,
        acuities=tuple(int(w[1]) for w in words if w in {"p1", "p2", "p3", "p4"}),
        sums=tuple(s for w in words if (s := _sum(w))),
        states=frozenset(w for w in words if w in STATES),
        queues=tuple(w for w in words if w in QUEUES),
        rules=tuple(w.upper() for w in words if _RULE.fullmatch(w)),
        references=tuple(w.upper() for w in words if _REFERENCE.fullmatch(w)),
        signals=tuple(w for w in words if _is_signal(w)),
        unknown=tuple(w for w in words if not _known(w)),
    )


def _sum(word: str) -> tuple[str, str, float] | None:
    found = _SUM.fullmatch(word)
    if found is None or found[1] not in NUMBERS:
        return None
    return NUMBERS[found[1]], found[2], float(found[3])


def _is_signal(word: str) -> bool:
    taken = word in STATES or word in QUEUES or word in {"p1", "p2", "p3", "p4"} or _RULE.fullmatch(word)
    return not taken and _SIGNAL.fullmatch(word) is not None


def _known(word: str) -> bool:
    return bool(
        word in STATES
        or word in QUEUES
        or word in {"p1", "p2", "p3", "p4"}
        or _sum(word)
        or _RULE.fullmatch(word)
        or _REFERENCE.fullmatch(word)
        or _is_signal(word)
    )
