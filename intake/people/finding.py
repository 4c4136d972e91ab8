"""Find people among sealed records: blind tokens bring candidates, only the best of them are opened and judged."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import func, literal, select, union_all

from intake import crypto
from intake.actor import Actor
from intake.db import db
from intake.people import likeness, matching
from intake.people.likeness import Traits
from intake.people.models import MatchKey, Person
from intake.people.queries import ContactView, PersonView, contact_points_of, opened_many, shown_to

MOST_FOUND = 120
MOST_LIKELY = 100
# What a token says. The sound and both beginnings of one word weigh less than the sounds of two words, so that those
# who answer to every word come first, however common one of the words is.
WEIGHTS = {"phone": 12, "phone7": 12, "email": 12, "start_born": 8, "sound_year": 7, "sound": 5}
BEGINNING = 2
REACHED = 12
LEAST_LIKENESS = 0.72


@dataclass(frozen=True)
class Likeness:
    """Somebody who may be the same human: a score of 0 to 100, the reasons, and whether it is all but certain."""

    person: PersonView
    score: int
    reasons: tuple[str, ...]
    suggested: bool = True
    same: bool = False


def _holders(
    site_id: int, keys: Iterable[matching.Key], limit: int, actor: Actor | None = None
) -> list[tuple[int, int]]:
    """Known people who hold any of the tokens, each with the weight of what they hold, the heaviest first."""
    # One part per token: each is read from the index alone, which an OR over the tokens would not be.
    parts = [
        select(MatchKey.person_id, literal(_weight(kind)).label("weight")).where(
            MatchKey.site_id == site_id, MatchKey.kind == kind, MatchKey.token == token
        )
        for kind, token in sorted(keys)
    ]
    if not parts:
        return []
    held = (union_all(*parts) if len(parts) > 1 else parts[0]).subquery()
    weight = func.sum(held.c.weight)
    rows = db.session.execute(
        select(held.c.person_id, weight)
        .where(shown_to(actor, held.c.person_id))
        .group_by(held.c.person_id)
        .order_by(weight.desc(), held.c.person_id)
        .limit(limit)
    )
    return [(person_id, int(found)) for person_id, found in rows]


def _weight(kind: str) -> int:
    return WEIGHTS.get(kind, BEGINNING)


def likely_same(
    *,
    site_id: int,
    name: str = "",
    born_on: date | None = None,
    age: int | None = None,
    phone: str = "",
    email: str = "",
    leave_out: Sequence[int] = (),
    limit: int = 5,
    actor: Actor | None = None,
) -> list[Likeness]:
    """Known people who may be the human described, best first, each with its reasons.

    `phone` in E.164, `email` normalised, `age` in years. A placeholder is never among them, nor, with `actor`,
    somebody whose restricted case the actor may not read.
    """
    keys = {k for k in matching.phone_keys(phone) if k[0] == "phone"} | matching.email_keys(email)
    keys |= matching.birth_keys([name], born_on)
    keys |= {k for k in matching.name_keys(name) if k[0] in {"sound", "name6", "name5"}}
    weights = {i: w for i, w in _holders(site_id, keys, MOST_LIKELY, actor) if i not in set(leave_out)}
    people = opened_many(weights)
    # Who holds the phone or email weighs at least as much; the contacts of all others need not be opened.
    points = contact_points_of(i for i, weight in weights.items() if weight >= REACHED)
    given, surname = likeness.split(name)
    asked = Traits(given, surname, _compact(born_on), age, phone, email.casefold())
    found = [_judged(p, points.get(p.id, ()), asked) for p in people.values()]
    return sorted((f for f in found if f.suggested), key=lambda f: (-f.score, f.person.id))[:limit]


def _compact(born_on: date | None) -> str:
    return born_on.strftime("%Y%m%d") if born_on else ""


def _judged(person: PersonView, points: Sequence[ContactView], asked: Traits) -> Likeness:
    """The best reading of somebody's names; a phone or email of theirs that is not the asked one says nothing."""
    held = {p.value.casefold() for p in points}
    phone = asked.phone if asked.phone in held else ""
    email = asked.email if asked.email in held else ""
    verdicts = []
    for name in {person.used_name, person.legal_name} - {""} or {""}:
        given, surname = likeness.split(name)
        theirs = Traits(given, surname, _compact(person.born_on), person.age, phone, email)
        verdicts.append(likeness.weigh(asked, theirs))
    best = max(verdicts, key=lambda v: v.points)
    reasons = tuple(r for r in best.reasons if not r.startswith("another")) or best.reasons
    # One phone in a house serves many; who else has it is always worth knowing.
    shown = best.suggests or bool(phone or email)
    return Likeness(person, best.score, reasons, suggested=shown, same=best.is_same)


def find(text: str, site_id: int, limit: int = 20, actor: Actor | None = None) -> list[Likeness]:
    """Known people whose name (typos allowed), phone or email answers `text`, best first.

    Case numbers are found by the rooms that own them. At most 200 characters of `text` are read.
    """
    text = text[:200].strip()
    digits = [c for c in text if c.isdigit()]
    if len(digits) >= 7 and not any(c.isalpha() for c in text):
        return _find_by(site_id, {("phone7", crypto.blind("phone7", "".join(digits[-7:])))}, "phone", limit, actor)
    if "@" in text:
        return _find_by(site_id, matching.email_keys(text), "email", limit, actor)
    return _find_name(text, site_id, limit, actor)


def _find_by(site_id: int, keys: set[matching.Key], what: str, limit: int, actor: Actor | None) -> list[Likeness]:
    people = opened_many(i for i, _weight in _holders(site_id, keys, limit, actor))
    return [Likeness(p, 100, (what,)) for p in sorted(people.values(), key=lambda p: p.name)]


def _find_name(text: str, site_id: int, limit: int, actor: Actor | None) -> list[Likeness]:
    asked = matching.words(text)
    if not asked:
        return []
    of_words = [_name_keys(word) for word in asked]
    keys = set().union(*of_words)
    held = _holders(site_id, keys, MOST_FOUND, actor)
    whole = [sum(_weight(kind) for kind, _token in of_word) for of_word in of_words]
    if not held or held[0][1] <= sum(whole) - min(whole):
        # Nobody answers to every word, so one has a slip that even changes its sound: its first letters are right.
        held = _holders(site_id, keys | {matching.beginning(w) for w in asked}, MOST_FOUND, actor)
    names = _names_of([i for i, _weight in held])
    scored = [(max(_hit(asked, name) for name in theirs), theirs, i) for i, theirs in names.items()]
    good = sorted((-score, theirs, i) for score, theirs, i in scored if score >= LEAST_LIKENESS)[:limit]
    people = opened_many(i for _score, _names, i in good)
    return [Likeness(people[i], round(-100 * score), ("name",)) for score, _names, i in good]


def _name_keys(word: str) -> set[matching.Key]:
    """The sound and the longest beginnings of a word; three letters of a long word would bring half the center."""
    every = matching.name_keys(word)
    begun = max(kind for kind, _token in every if kind != "sound")
    return {key for key in every if key[0] in {"sound", "name5", begun}}


def _names_of(ids: Sequence[int]) -> dict[int, tuple[str, str]]:
    """Used and legal name of each, and nothing else of them opened."""
    rows = db.session.execute(select(Person.id, Person.used_name, Person.legal_name).where(Person.id.in_(ids))).all()
    crypto.prefetch(blob for row in rows for blob in row[1:])
    return {
        i: (
            crypto.open_(used, at="person.used_name", row=i),
            crypto.open_(legal, at="person.legal_name", row=i),
        )
        for i, used, legal in rows
    }


def _hit(asked: Sequence[str], name: str) -> float:
    """Each asked word against the best word of the name; a word begun counts as nearly there."""
    have = matching.words(name)
    if not have:
        return 0.0
    return sum(max(_begun(w, v) for v in have) for w in asked) / len(asked)


def _begun(word: str, full: str) -> float:
    return 0.97 if len(word) < len(full) and full.startswith(word) else matching.word_likeness(word, full)
