"""How likely two descriptions are the same human: points for and against, each with its reason. Pure.

Agreement of a rare thing (birth date, phone) counts more than of a common one (state); a blank counts nothing either
way. Two limits: from SUGGEST on a person is shown to staff, from SAME on a second record is not made without a word.
Measured by `bench duplicates`.
"""

from __future__ import annotations

from dataclasses import dataclass

import jellyfish

from intake.people.matching import phonetic, words

SUGGEST = 4.0
SAME = 9.0
CLOSE = 0.88
# Where a hundred stands when points are shown as a score.
FULL = 16.0


@dataclass(frozen=True)
class Traits:
    """What tells people apart; "" when not known. `born` is YYYYMMDD, even when it is no real date."""

    given: str = ""
    surname: str = ""
    born: str = ""
    age: int | None = None
    phone: str = ""
    email: str = ""
    number: str = ""
    street: str = ""
    place: str = ""
    suburb: str = ""
    postcode: str = ""
    state: str = ""


@dataclass(frozen=True)
class Verdict:
    """The points of a pair and why; `score` is 0 to 100 for people to read."""

    points: float
    reasons: tuple[str, ...]
    beyond_names: bool

    @property
    def score(self) -> int:
        """0 to 100."""
        return max(0, min(100, round(self.points / FULL * 100)))

    @property
    def suggests(self) -> bool:
        """Worth showing to staff."""
        return self.points >= SUGGEST

    @property
    def is_same(self) -> bool:
        """So alike, and not by name alone, that a second record needs a reason."""
        return self.points >= SAME and self.beyond_names


def split(name: str) -> tuple[str, str]:
    """Given name and surname of a name as people say it: its first word, and its last when there are more."""
    parts = words(name)
    return (parts[0] if parts else "", parts[-1] if len(parts) > 1 else "")


def blocks(of: Traits) -> set[str]:
    """Keys of which two descriptions of one human share at least one; only such pairs are weighed."""
    found = set()
    for name in {of.given, of.surname} - {""}:
        if of.born:
            found.add(f"sound and year|{phonetic(name)}|{of.born[:4]}")
            found.add(f"start and date|{name[:3]}|{of.born}")
        if of.postcode:
            found.add(f"postcode and initial|{of.postcode}|{name[0]}")
    if of.given and of.surname:
        found.add("names|" + "|".join(sorted((phonetic(of.given), phonetic(of.surname)))))
    if of.number and of.street:
        found.add(f"address|{of.number}|{phonetic(of.street.split()[0])}")
    found |= {f"{kind}|{value}" for kind, value in (("phone", of.phone), ("email", of.email)) if value}
    return found


def weigh(one: Traits, other: Traits) -> Verdict:
    """Weigh two descriptions against each other."""
    named, why = _names(one, other)
    rest = [
        _exact("same phone", one.phone, other.phone, 8.0, -1.0),
        _exact("same email", one.email, other.email, 8.0, -0.5),
        _born(one, other),
        _digits("postcode", one.postcode, other.postcode, 4.0, 2.0, -1.5),
        _digits("street number", one.number, other.number, 3.0, 0.5, -1.0),
        _text("suburb", one.suburb, other.suburb, 4.0, 3.0, -1.5),
        _text("street", one.street, other.street, 5.0, 4.0, -2.0),
        _text("place", one.place, other.place, 3.0, 2.0, -0.5),
        _exact("same state", one.state, other.state, 0.8, -0.8),
    ]
    points = named + sum(p for p, _reason in rest)
    reasons = [*why, *(reason for p, reason in rest if reason and abs(p) >= 1)]
    return Verdict(round(points, 2), tuple(reasons), beyond_names=any(p > 0 for p, _reason in rest))


Part = tuple[float, str]


def _names(one: Traits, other: Traits) -> tuple[float, list[str]]:
    given = _text("given name", one.given, other.given, 4.0, 2.5, -2.0)
    surname = _text("surname", one.surname, other.surname, 5.0, 3.0, -2.5)
    points = given[0] + surname[0]
    crossed = min(_close(one.given, other.surname), _close(one.surname, other.given))
    if crossed > 0.9 and points < 7.0:
        return 7.0, ["names the other way round"]
    if given[1].startswith("same") and surname[1].startswith("same"):
        return points, ["same name"]
    return points, [reason for _points, reason in (given, surname) if reason]


def _close(one: str, other: str) -> float:
    return jellyfish.jaro_winkler_similarity(one, other) if one and other else 0.0


def _text(what: str, one: str, other: str, same: float, alike: float, other_one: float) -> Part:
    if not one or not other:
        return 0.0, ""
    if one == other:
        return same, f"same {what}"
    if _close(one, other) >= CLOSE or phonetic(one) == phonetic(other):
        return alike, f"{what} sounds alike"
    return other_one, f"another {what}"


def _exact(why: str, one: str, other: str, same: float, differs: float) -> Part:
    if not one or not other:
        return 0.0, ""
    return (same, why) if one == other else (differs, why.replace("same", "another"))


def _digits(what: str, one: str, other: str, same: float, near: float, differs: float) -> Part:
    if not one or not other:
        return 0.0, ""
    if one == other:
        return same, f"same {what}"
    return (near, f"{what} nearly the same") if _slipped(one, other) else (differs, f"another {what}")


def _slipped(one: str, other: str) -> bool:
    """One digit wrong, or digits in another order: a slip of the hand."""
    return len(one) == len(other) and (
        sum(a != b for a, b in zip(one, other, strict=True)) <= 1 or sorted(one) == sorted(other)
    )


def _born(one: Traits, other: Traits) -> Part:
    if one.born and other.born:
        if one.born == other.born:
            return 8.0, "same birth date"
        parts = ((one.born[a:b], other.born[a:b]) for a, b in ((0, 4), (4, 6), (6, 8)))
        if _slipped(one.born, other.born) or sum(a != b for a, b in parts) == 1:
            return 4.0, "birth date differs in one part"
        return -4.0, "another birth date"
    if one.age is not None and other.age is not None:
        return (2.0, "same age") if abs(one.age - other.age) <= 1 else (-2.0, "another age")
    return 0.0, ""
