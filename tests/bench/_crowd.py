"""A million invented people in a PostgreSQL database, sealed and indexed as the product does it, brought in by COPY."""

from __future__ import annotations

import random
import secrets
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, cast

import psycopg
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from flask import current_app
from sqlalchemy import Table, select, text

from intake import crypto
from intake.actor import system
from intake.clock import utcnow
from intake.crypto import DataKey
from intake.db import Base, db, transaction
from intake.people import matching
from intake.people import service as people
from intake.people.models import ContactKind, ContactPoint, MatchKey, Person, PersonKind
from intake.settings.models import Site

ONSETS = (*"mjsdbcrlkhtgwpnfv", "br", "ch", "st", "z", "y")
VOWELS = ("a", "e", "i", "o", "u", "ai", "ea", "oo", "ie")
ENDS = ("n", "r", "s", "l", "nd", "th", "ck", "rt", "m", "d", "", "", "")
LAST = ("son", "man", "ez", "er", "ley", "ton", "ard", "field", "wood", "ska", "berg", "ell", "")
CHUNK = 5_000
NAME_BITS = (1 << 32) - 1
BIRTHS = (date(1930, 1, 1), 28_000)


@dataclass(frozen=True)
class Somebody:
    """One of the crowd."""

    id: int
    given: str
    surname: str
    born_on: date
    phone: str

    @property
    def name(self) -> str:
        """Both names."""
        return f"{self.given} {self.surname}"


def _names(rng: random.Random, count: int, endings: Sequence[str]) -> list[str]:
    """So many different names that can be spoken, the commonest first; first sounds are as uneven as in life."""
    found: dict[str, None] = {}
    weights = [1 / (rank + 1) for rank in range(len(ONSETS))]
    while len(found) < count:
        syllables = "".join(
            rng.choices(ONSETS, weights)[0] + rng.choice(VOWELS) + rng.choice(ENDS)
            for _ in range(rng.choice((1, 2, 2)))
        )
        name = (syllables + rng.choice(endings)).capitalize()
        if 3 <= len(name) <= 12:
            found[name] = None
    return list(found)


def invent(count: int, seed: int) -> Iterator[Somebody]:
    """People whose commonest surname is that of one in a hundred, the commonest given name that of one in forty."""
    rng = random.Random(seed)
    given = _names(rng, 3_000, ("", "", "", "a", "y"))
    surnames = _names(rng, 60_000, LAST)
    first = [1 / (rank + 6) ** 1.0 for rank in range(len(given))]
    last = [1 / (rank + 12) ** 0.95 for rank in range(len(surnames))]
    numbers = rng.sample(range(2_000_000_000, 9_999_999_999), count)
    base = secrets.randbits(61)
    for start in range(0, count, CHUNK):
        size = min(CHUNK, count - start)
        firsts, lasts = rng.choices(given, first, k=size), rng.choices(surnames, last, k=size)
        for n in range(size):
            born = BIRTHS[0] + timedelta(days=rng.randrange(BIRTHS[1]))
            yield Somebody(base + start + n, firsts[n], lasts[n], born, f"+1{numbers[start + n]}")


class Sealer:
    """Seals like `intake.crypto`, without a session; a test of one of the crowd opens it by the product's own way."""

    def __init__(self, somebody: Somebody, master: bytes) -> None:
        raw = AESGCM.generate_key(bit_length=256)
        self.id = somebody.id
        self.key = AESGCM(raw)
        nonce = secrets.token_bytes(crypto.NONCE)
        self.wrapped = nonce + AESGCM(master).encrypt(nonce, raw, b"data_key|%d" % self.id)

    def seal(self, words: str, at: str) -> str:
        """A sealed column, as COPY reads it."""
        nonce = secrets.token_bytes(crypto.NONCE)
        sealed = self.key.encrypt(nonce, words.encode(), f"{at}|{self.id}".encode())
        return f"\\\\x{crypto.FORMAT.hex()}{self.id:016x}{nonce.hex()}{sealed.hex()}"


class Tokens:
    """The blind tokens of a person as COPY reads them; what many share is worked out once."""

    def __init__(self) -> None:
        self.digests = {k: crypto.digester(f"blind|{k}") for k in ("sound_year", "start_born", "phone", "phone7")}
        self.words: dict[str, tuple[list[str], str, str]] = {}
        self.years: dict[tuple[str, int], str] = {}

    def of(self, somebody: Somebody) -> list[str]:
        """What `intake.people.indexing` writes for them: kind, tab, token."""
        born, year = somebody.born_on.isoformat(), somebody.born_on.year
        found: list[str] = []
        for word in (somebody.given, somebody.surname):
            if word not in self.words:
                keys = [f"{kind}\t{token}" for kind, token in matching.name_keys(word)]
                self.words[word] = (keys, matching.phonetic(word.lower()), word[:3].lower())
            keys, sound, start = self.words[word]
            found += keys
            if (sound, year) not in self.years:
                self.years[sound, year] = self._token("sound_year", f"{sound}|{year}", NAME_BITS)
            found.append(self.years[sound, year])
            found.append(self._token("start_born", f"{start}|{born}", NAME_BITS))
        found.append(self._token("phone", somebody.phone))
        found.append(self._token("phone7", somebody.phone[-7:]))
        return list(dict.fromkeys(found))

    def _token(self, kind: str, value: str, bits: int = -1) -> str:
        return f"{kind}\t{int.from_bytes(self.digests[kind](value.encode())[:8], 'big') >> 1 & bits}"

    def check(self, somebody: Somebody) -> None:
        """These are the tokens of the product."""
        keys = matching.name_keys(somebody.name) | matching.birth_keys([somebody.name], somebody.born_on)
        assert set(self.of(somebody)) == {f"{k}\t{t}" for k, t in keys | matching.phone_keys(somebody.phone)}


def _text(value: Any) -> str:
    """A value as COPY reads it."""
    if value is None:
        return "\\N"
    if isinstance(value, bool):
        return "t" if value else "f"
    if isinstance(value, bytes):
        return f"\\\\x{value.hex()}"
    if isinstance(value, datetime):
        return value.isoformat()
    return "[]" if value == [] else str(value)


class Writer:
    """One table filled by COPY on a connection of its own; what is the same in every row is taken from a real row."""

    def __init__(self, url: str, table: Table, model: dict[str, Any], changing: Sequence[str]) -> None:
        self.connection = psycopg.connect(url)
        self.connection.execute("SET session_replication_role = replica")
        same = [name for name in model if name not in changing]
        self.same = "".join(f"\t{_text(model[name])}" for name in same)
        columns = ", ".join(f'"{name}"' for name in (*changing, *same))
        self.cursor = self.connection.cursor()
        self.entering = self.cursor.copy(f'COPY "{table.name}" ({columns}) FROM STDIN')
        self.copy = self.entering.__enter__()
        self.lines: list[str] = []

    def add(self, line: str) -> None:
        """One row: what changes, as COPY reads it."""
        self.lines.append(line + self.same)

    def send(self) -> None:
        """What was gathered."""
        if self.lines:
            self.copy.write("\n".join(self.lines) + "\n")
            self.lines.clear()

    def end(self) -> None:
        """Commit."""
        self.send()
        self.entering.__exit__(None, None, None)
        self.connection.commit()
        self.connection.close()


def _model(site_id: int) -> dict[type[Base], dict[str, Any]]:
    """A real person with a phone, as rows."""
    with transaction():
        site = db.session.get_one(Site, site_id)
        person = people.add_person(
            site=site, kind=PersonKind.KNOWN, used_name="Zuzu", legal_name="Zuzu Zz", born_on=date(1990, 1, 1),
            actor=system(site_id), now=utcnow(),
        )  # fmt: skip
        people.add_contact(
            person, kind=ContactKind.PHONE, value="+12025550123", may_call=True, may_voicemail=False, may_text=False,
            may_email=False, may_name_center=False, actor=system(site_id), now=utcnow(),
        )  # fmt: skip
    found: dict[type[Base], dict[str, Any]] = {}
    tests = {
        Person: Person.id == person.id, ContactPoint: ContactPoint.person_id == person.id,
        DataKey: DataKey.owner_id == person.id, MatchKey: MatchKey.person_id == person.id,
    }  # fmt: skip
    for table, test in tests.items():
        row = db.session.execute(select(_table(table)).where(test).limit(1)).mappings().one()
        found[table] = {name: value.value if hasattr(value, "value") else value for name, value in row.items()}
    db.session.rollback()
    return found


CHANGING: dict[type[Base], tuple[str, ...]] = {
    Person: ("id", "used_name", "legal_name", "born_on"),
    ContactPoint: ("id", "person_id", "value"),
    DataKey: ("id", "owner_id", "wrapped"),
    MatchKey: ("id", "person_id", "kind", "token"),
}


def _table(model: type[Base]) -> Table:
    return cast(Table, model.__table__)


def settle(site_id: int, url: str, count: int, *, seed: int, keep: int) -> list[Somebody]:
    """Bring `count` people in; returns `keep` of them, evenly spread. Prints what it took."""
    began = time.perf_counter()
    model = _model(site_id)
    indexes = [index for table in CHANGING for index in _table(table).indexes]
    with db.engine.begin() as connection:
        for index in indexes:
            index.drop(connection)
    kept = _copy(url, model, count, seed, max(1, count // keep))
    copied = time.perf_counter()
    with db.engine.begin() as connection:
        connection.execute(text("SET maintenance_work_mem = '1GB'"))
        for index in indexes:
            index.create(connection)
    with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE person, contact_point, data_key, match_key"))
    ended = time.perf_counter()
    print(f"{count:,} people: copied in {copied - began:.0f} s, indexed in {ended - copied:.0f} s", file=sys.stderr)
    return kept


def _copy(url: str, model: dict[type[Base], dict[str, Any]], count: int, seed: int, step: int) -> list[Somebody]:
    tokens, master, kept = Tokens(), current_app.extensions["intake.config"].master_key, []
    next_key = secrets.randbits(60)
    with ExitStack() as stack:
        writers = {t: Writer(url, _table(t), model[t], CHANGING[t]) for t in CHANGING}
        for writer in writers.values():
            stack.callback(writer.end)
        keys, persons, contacts, matches = (writers[t] for t in (DataKey, Person, ContactPoint, MatchKey))
        for number, one in enumerate(invent(count, seed)):
            box, name = Sealer(one, master), one.name
            keys.add(f"{one.id}\t{one.id}\t\\\\x{box.wrapped.hex()}")
            used, legal = box.seal(one.given, "person.used_name"), box.seal(name, "person.legal_name")
            persons.add(f"{one.id}\t{used}\t{legal}\t{box.seal(one.born_on.isoformat(), 'person.born_on')}")
            contacts.add(f"{one.id}\t{one.id}\t{box.seal(one.phone, 'contact_point.value')}")
            for token in tokens.of(one):
                matches.add(f"{next_key}\t{one.id}\t{token}")
                next_key += 1
            if number == 0:
                tokens.check(one)
            if number % step == 0:
                kept.append(one)
            if number % CHUNK == 0:
                for writer in writers.values():
                    writer.send()
    return kept
