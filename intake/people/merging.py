"""Join two records of one human, reversibly: rows are re-pointed, the losing record becomes a tombstone (rulings 9)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime

from sqlalchemy import Column, Table, select, update

from intake.actor import Actor
from intake.audit import service as audit
from intake.db import Base, db, new_id
from intake.errors import AlreadyDone, Missing, RuleBroken
from intake.people.indexing import index_person
from intake.people.models import Person, PersonKind, PersonMerge

# Rooms above say why two people must not be joined now: each gets (loser id, survivor id), returns sentences.
before_merge: list[Callable[[int, int], Sequence[str]]] = []

_OWN = {"person", "person_merge", "match_key"}
Rows = dict[str, list[int]]


def _pointers() -> Iterator[tuple[str, Table, Column[int]]]:
    """Every column of the house that points at a person, by its name "table.column"."""
    for table in Base.metadata.sorted_tables:
        if table.name in _OWN:
            continue
        for column in table.columns:
            if any(key.target_fullname == "person.id" for key in column.foreign_keys):
                yield f"{table.name}.{column.name}", table, column


def _rows_of(person_id: int) -> Rows:
    found: Rows = {}
    for name, table, column in _pointers():
        ids = list(db.session.scalars(select(table.c.id).where(column == person_id).order_by(table.c.id)))
        if ids:
            found[name] = ids
    return found


def _point(rows: Mapping[str, Sequence[int]], *, at: int, away_from: int) -> None:
    for name, table, column in _pointers():
        ids = rows.get(name, ())
        if ids:
            db.session.execute(update(table).where(table.c.id.in_(ids), column == away_from).values({column.name: at}))


def _locked(one: int, other: int, actor: Actor) -> tuple[Person, Person]:
    # Both in the order of their ids: of two opposite merges the second waits, then finds a tombstone.
    found = {
        p.id: p
        for p in db.session.scalars(
            select(Person)
            .where(Person.id.in_((one, other)), Person.site_id == actor.site_id)
            .order_by(Person.id)
            .with_for_update()
            .execution_options(populate_existing=True)
        )
    }
    if one not in found or other not in found:
        raise Missing("There is no such person.")
    return found[one], found[other]


def merge(loser_id: int, survivor_id: int, *, reason: str, actor: Actor, now: datetime) -> PersonMerge:
    """Join `loser_id` into `survivor_id`: all that points at the loser points at the survivor from now on.

    Nothing is resealed; rows keep the data key they were sealed under. The snapshot kept makes `unmerge` exact.

    Raises:
        Missing: not both are people of this site. AlreadyDone: one of them was joined already.
        RuleBroken: SAME, they are one record; SURVIVOR, a placeholder cannot survive; REFUSED, with a list why.
    """
    if loser_id == survivor_id:
        raise RuleBroken("These are one and the same record.", code="SAME")
    loser, survivor = _locked(loser_id, survivor_id, actor)
    if PersonKind.TOMBSTONE in (loser.kind, survivor.kind):
        raise AlreadyDone("One of the two was joined with another record a moment ago.")
    if survivor.kind is not PersonKind.KNOWN:
        raise RuleBroken("The record that stays must be of somebody known.", code="SURVIVOR")
    why_not = [sentence for ask in before_merge for sentence in ask(loser_id, survivor_id)]
    if why_not:
        raise RuleBroken(" ".join(why_not), code="REFUSED")
    db.session.flush()
    row = PersonMerge(
        id=new_id(),
        site_id=loser.site_id,
        loser_id=loser.id,
        survivor_id=survivor.id,
        loser_kind=loser.kind,
        moved=_rows_of(loser.id),
        kept=_rows_of(survivor.id),
        reason=reason[:40],
        created_at=now,
        created_by=actor.id,
    )
    db.session.add(row)
    _point(row.moved, at=survivor.id, away_from=loser.id)
    loser.kind, loser.merged_into = PersonKind.TOMBSTONE, survivor.id
    _settle(loser, survivor)
    audit.record(
        actor=actor, verb="merged", record="person", record_id=loser.id, changed=("kind", "merged_into"), now=now
    )
    return row


def _settle(*people: Person) -> None:
    db.session.flush()
    db.session.expire_all()
    for person in people:
        index_person(person)


def merges_of(person_id: int) -> list[PersonMerge]:
    """The joins into a person that still stand, newest first."""
    return list(
        db.session.scalars(
            select(PersonMerge)
            .where(PersonMerge.survivor_id == person_id, PersonMerge.undone_at.is_(None))
            .order_by(PersonMerge.created_at.desc())
        )
    )


def new_rows(merge_id: int, *, actor: Actor) -> Rows:
    """What came to the survivor after the join: whose it is must be said before it can be undone.

    Raises:
        Missing: no such join here.
    """
    row = _merge(merge_id, actor)
    found: Rows = {}
    for name, ids in _rows_of(row.survivor_id).items():
        known = {*row.moved.get(name, ()), *row.kept.get(name, ())}
        fresh = [i for i in ids if i not in known]
        if fresh:
            found[name] = fresh
    return found


def _merge(merge_id: int, actor: Actor) -> PersonMerge:
    row = db.session.scalar(
        select(PersonMerge).where(PersonMerge.id == merge_id, PersonMerge.site_id == actor.site_id).with_for_update()
    )
    if row is None:
        raise Missing("There is no such join.")
    return row


def unmerge(merge_id: int, *, theirs: Mapping[str, bool], reason: str, actor: Actor, now: datetime) -> PersonMerge:
    """Take a join back: rows moved then return, and each row that came since goes where `theirs` says.

    `theirs` maps "table.column:id" of every new row to True when it belongs to the record that comes back.

    Raises:
        Missing: no such join here. AlreadyDone: undone already, or the survivor was joined on since.
        RuleBroken: UNDECIDED, with one field per new row of which nothing was said.
    """
    row = _merge(merge_id, actor)
    if row.undone_at is not None:
        raise AlreadyDone("This join was taken back already.")
    loser, survivor = _locked(row.loser_id, row.survivor_id, actor)
    if survivor.kind is PersonKind.TOMBSTONE:
        raise AlreadyDone("The record that stayed was joined on since. Take that back first.")
    fresh = [(name, i) for name, ids in new_rows(merge_id, actor=actor).items() for i in ids]
    open_ = {f"{name}:{i}": "Whose is this?" for name, i in fresh if f"{name}:{i}" not in theirs}
    if open_:
        raise RuleBroken("Say whose each new entry is.", code="UNDECIDED", fields=open_)
    back = {name: list(ids) for name, ids in row.moved.items()}
    for name, i in fresh:
        if theirs[f"{name}:{i}"]:
            back.setdefault(name, []).append(i)
    loser.kind, loser.merged_into = PersonKind(row.loser_kind), None
    _point(back, at=loser.id, away_from=survivor.id)
    row.undone_at, row.undone_by = now, actor.id
    _settle(loser, survivor)
    audit.record(
        actor=actor, verb="unmerged", record="person", record_id=loser.id, changed=("kind", "merged_into"),
        purpose=reason[:40], now=now,
    )  # fmt: skip
    return row


def all_of(person_id: int) -> list[int]:
    """A person and every record joined into them: whose data keys go when they are erased."""
    found, todo = {person_id}, [person_id]
    while todo:
        some = set(db.session.scalars(select(Person.id).where(Person.merged_into.in_(todo)))) - found
        found |= some
        todo = list(some)
    return sorted(found)


def living(person_id: int) -> int:
    """Whose record stands for an id: itself, or who it was joined into at last."""
    seen = {person_id}
    while True:
        into = db.session.scalar(select(Person.merged_into).where(Person.id == person_id))
        if into is None or into in seen:
            return person_id
        seen.add(into)
        person_id = into
