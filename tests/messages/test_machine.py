"""Any order of owing, sending, crashing, cancelling, pausing, withdrawing and waiting keeps every promise."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from flask import Flask
from flask.ctx import AppContext
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from sqlalchemy import delete, select

from config import Config
from intake import create_app
from intake.audit.models import AuditEntry
from intake.clock import utcnow
from intake.db import db, id_text, transaction
from intake.messages import claims, delivery, holding, kinds, outcomes, render, service
from intake.messages.claims import Batch
from intake.messages.models import Message, MessageState, Suppression
from intake.messages.outcomes import Outcome
from intake.messages.render import Rendered
from intake.messages.states import EDGES, FINAL
from intake.tasks.models import Task
from tests.conftest import process_environment
from tests.depth import worlds
from tests.messages.outbox import Outbox, outbox
from tests.messages.test_outcomes import result
from tests.servers.databases import Database
from tests.servers.mailsink import MailSink
from workers import engine

S = MessageState
KINDS = ("note", "held_note", "urgent_note")
OUTCOMES = (
    Outcome.ACCEPTED,
    Outcome.ACCEPTED,
    Outcome.IN_DOUBT,
    Outcome.REFUSED_TEMPORARY,
    Outcome.REFUSED_PERMANENT,
    Outcome.CONNECT_FAILED,
)


class Machine(RuleBasedStateMachine):
    """A model of what may happen to a few mails of three people, with senders that may die at any point."""

    app: Flask
    box: Outbox
    context: AppContext

    def __init__(self) -> None:
        super().__init__()
        self.context = self.app.app_context()
        self.context.push()
        self.box = type(self).box
        self.people = [self.box.person(f"p{n}@mail.example", name=f"Dana{n}") for n in range(3)]
        self.owed: list[int] = []
        self.flying: list[tuple[Batch, Rendered]] = []
        self.claims: list[tuple[Batch, Rendered]] = []
        self.seen: dict[int, MessageState] = {}
        self.forbidden: set[int] = set()
        self.left: Counter[int] = Counter()
        self.doubted: set[int] = set()

    def teardown(self) -> None:
        """Cancel what is left, so that the next world's claims find only their own."""
        with transaction():
            for person in self.people:
                service.cancel(reason="end", now=utcnow(), recipient_id=person)
        with transaction():
            db.session.execute(delete(Suppression))
        self.box.later(hours=25)
        engine.tick()
        db.session.remove()
        self.context.pop()

    @rule(
        who=st.integers(0, 2),
        kind=st.sampled_from(KINDS),
        wait=st.sampled_from([0, 0, 0, 5, 40]),
        width=st.integers(1, 300),
    )
    def owe(self, who: int, kind: str, wait: int, width: int) -> None:
        """Owe a mail, due within 40 minutes."""
        due = utcnow() + timedelta(minutes=wait)
        self.owed.append(self.box.owe(self.people[who], kind, due=due, window_end=due + timedelta(minutes=width)))

    @rule(minutes=st.sampled_from([0.1, 1.0, 3.0, 30.0, 400.0]))
    def wait(self, minutes: float) -> None:
        """Let time pass; leases and windows may end."""
        self.box.later(minutes=minutes)

    @rule()
    def tick(self) -> None:
        """One of many ticks."""
        engine.tick()

    @precondition(lambda self: self.owed)
    @rule()
    def claim(self) -> None:
        """A sender takes a mail and prepares it."""
        with transaction():
            batch = claims.claim(1, lease=timedelta(seconds=120))
        if not batch.messages:
            return
        (words,) = render.read(batch.messages)
        made = render.render(words)
        if isinstance(made, Rendered):
            self.claims.append((batch, made))
            return
        with transaction():
            delivery.turn_away(batch.messages[0], batch.token, made)

    @precondition(lambda self: self.claims)
    @rule(index=st.integers(0, 9))
    def gate(self, index: int) -> None:
        """A sender asks for permission, perhaps long after its claim."""
        batch, mail = self.claims.pop(index % len(self.claims))
        before = self.box.message(mail.message.id)
        # Plain values: the row itself is refreshed by the gate.
        state, window_start = before.state, before.window_start
        with transaction():
            passed = delivery.gate(mail, batch.token, now=batch.now)
            if not passed:
                delivery.refuse(mail, batch.token, now=batch.now)
        if passed:
            assert mail.message.id not in self.forbidden, "a committed reason beats every later send"
            assert state is S.CLAIMED
            assert window_start <= utcnow() + timedelta(seconds=2)
            self.flying.append((batch, mail))

    @precondition(lambda self: self.flying)
    @rule(index=st.integers(0, 9), outcome=st.sampled_from(OUTCOMES))
    def answer(self, index: int, outcome: Outcome) -> None:
        """The relay answers, perhaps after the lease ended; the sender records it."""
        batch, mail = self.flying.pop(index % len(self.flying))
        if outcome in (Outcome.ACCEPTED, Outcome.IN_DOUBT):
            self.left[mail.message.id] += 1
        with transaction():
            outcomes.record(result(self.box, mail.message.id, batch.token, outcome, mail.digest))

    @precondition(lambda self: self.flying)
    @rule(index=st.integers(0, 9), arrived=st.booleans())
    def crash_in_flight(self, index: int, arrived: bool) -> None:
        """A sender dies between gate and record."""
        _, mail = self.flying.pop(index % len(self.flying))
        if arrived:
            self.left[mail.message.id] += 1

    @precondition(lambda self: self.claims)
    @rule()
    def crash_before_gate(self) -> None:
        """A sender dies with a claim."""
        self.claims.pop()

    @precondition(lambda self: self.owed)
    @rule(index=st.integers(0, 30))
    def cancel(self, index: int) -> None:
        """The reason of one mail is withdrawn."""
        # Half of the time the mail that a sender holds just now: there the race is.
        held = [mail.message.id for _, mail in self.claims] if index % 2 else []
        some = held or self.owed
        owed = some[index % len(some)]
        with transaction():
            if service.cancel_these([owed], reason="rule", now=utcnow()):
                self.forbidden.add(owed)

    @rule(who=st.integers(0, 5))
    def stop(self, who: int) -> None:
        """A person stops their mail; half of the time one whose mail a sender holds just now."""
        held = [mail.message.recipient_id for _, mail in self.claims] if who > 2 else []
        person = held[0] if held else self.people[who % 3]
        with transaction():
            kinds.get("note").stop(person, now=utcnow())
            self.forbidden |= set(db.session.scalars(select(Message.id).where(Message.recipient_id == person)))

    @rule(who=st.integers(0, 5))
    def withdraw_consent(self, who: int) -> None:
        """A person no longer agrees to mail; half of the time one whose mail a sender holds just now."""
        held = [mail.message.recipient_id for _, mail in self.claims] if who > 2 else []
        person = held[0] if held else self.people[who % 3]
        with transaction():
            self.box.contact(person).consented_at = None
            service.touch(recipient_id=person)
            self.forbidden |= set(db.session.scalars(select(Message.id).where(Message.recipient_id == person)))

    @rule(who=st.integers(0, 2))
    def pause(self, who: int) -> None:
        """The plan of a person is paused: everything that is owed is taken back at once."""
        with transaction():
            opens = select(Message.id).where(Message.recipient_id == self.people[who], Message.cancelled_at.is_(None))
            owed = set(db.session.scalars(opens.where(Message.state.not_in(FINAL))))
            service.cancel(reason="paused", now=utcnow(), recipient_id=self.people[who])
            self.forbidden |= owed

    @precondition(lambda self: self.owed)
    @rule(index=st.integers(0, 30), back=st.booleans())
    def hold(self, index: int, back: bool) -> None:
        """Staff hold a mail back, or let it go at once."""
        row = self.box.message(self.owed[index % len(self.owed)])
        if row.state in (S.SCHEDULED, S.UNCERTAIN) and row.window_end > utcnow():
            with transaction():
                (holding.send_again if back else holding.hold)(row.id, actor=self.box.cast.ada, now=utcnow())

    @precondition(lambda self: self.owed)
    @rule(index=st.integers(0, 30), arrived=st.booleans())
    def decide(self, index: int, arrived: bool) -> None:
        """Staff settle a mail that waits for a person."""
        row = self.box.message(self.owed[index % len(self.owed)])
        if row.state is S.UNCERTAIN and row.next_try_at is None:
            with transaction():
                holding.leave(row.id, arrived=arrived, actor=self.box.cast.ada, now=utcnow())

    @invariant()
    def only_legal_moves(self) -> None:
        """Every observed change of state is a path of the table, and final states never change."""
        rows = self._rows()
        for row in rows:
            before = self.seen.get(row.id, S.SCHEDULED)
            if row.state is not before:
                assert row.state in reachable(before), f"{before} -> {row.state}"
            self.seen[row.id] = row.state

    @invariant()
    def leases_belong_to_work(self) -> None:
        """A row has a token exactly while somebody works on it; a final row has no next try."""
        for row in self._rows():
            working = row.state in (S.CLAIMED, S.SENDING)
            assert (row.lease_token is not None) == working
            assert (row.lease_until is not None) == working
            if row.state in FINAL:
                assert row.next_try_at is None

    @invariant()
    def what_left_is_known_or_in_doubt(self) -> None:
        """A mail that left once too often was in doubt first; a mail called sent did leave, or staff said so."""
        for row in self._rows():
            if self.left[row.id] > 1:
                assert row.in_doubt_count > 0

    @invariant()
    def outcomes_are_audited(self) -> None:
        """Every final message has an entry, and every one given up or held has a task."""
        finals = {row.id for row in self._rows() if row.state in FINAL}
        told = set(
            db.session.scalars(
                select(AuditEntry.record_id).where(AuditEntry.record == "message", AuditEntry.record_id.in_(finals))
            )
        )
        several = select(AuditEntry.changed).where(AuditEntry.record == "message", AuditEntry.record_id.is_(None))
        together = {text for changed in db.session.scalars(several) for text in changed}
        assert {n for n in finals - told if id_text(n) not in together} == set()
        held = [r.id for r in self._rows() if r.state is S.UNCERTAIN and r.next_try_at is None]
        keys = {f"delivery_uncertain:{i}" for i in held} | {f"message_held:{i}" for i in held}
        known = set(db.session.scalars(select(Task.key).where(Task.key.in_(keys))))
        assert len(known) >= len(held)

    def _rows(self) -> list[Any]:
        db.session.rollback()
        return list(
            db.session.scalars(
                select(Message).where(Message.id.in_(self.owed)).execution_options(populate_existing=True)
            )
        )


def reachable(state: MessageState) -> set[MessageState]:
    """All states that the table leads to from a state, in any number of moves."""
    found: set[MessageState] = set()
    todo = [state]
    while todo:
        for after in EDGES[todo.pop()] - found:
            found.add(after)
            todo.append(after)
    return found


def test_no_order_of_events_breaks_a_promise(box_sqlite: Outbox, app_sqlite: Flask) -> None:
    run(app_sqlite, box_sqlite, examples=worlds(12), steps=40)


def test_nor_on_postgresql(postgres_database: Database, mailsink: MailSink) -> None:
    app = create_app(Config.read(process_environment(postgres_database)))
    with outbox(app, mailsink.url) as box:
        run(app, box, examples=worlds(6), steps=40)
        db.engine.dispose()


def run(app: Flask, box: Outbox, *, examples: int, steps: int) -> None:
    """Run the machine in an open outbox."""
    machine: Callable[[], Machine] = type("World", (Machine,), {"app": app, "box": box})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
