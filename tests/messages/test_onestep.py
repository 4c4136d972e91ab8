"""A 250 and the next gate in one statement: what is written is the same, and the audit chain never breaks."""

from __future__ import annotations

import pytest
from sqlalchemy import select
from sqlalchemy.dialects import registry

from intake.actor import system
from intake.audit import chains
from intake.audit import service as audit
from intake.audit.models import AuditEntry
from intake.clock import utcnow
from intake.db import db, transaction
from intake.messages import delivery, kinds, onestep
from intake.messages.models import MessageState
from intake.messages.render import Rendered
from intake.messages.skeleton import Skeletons
from intake.people import merging
from intake.people.models import Person
from tests.messages.outbox import Outbox
from tests.servers.mailsink import MailSink
from workers.round import Round

S = MessageState


def sent_entries(box: Outbox) -> list[AuditEntry]:
    """The audit entries of mails that went out, in the order of their chain."""
    db.session.rollback()
    return list(
        db.session.scalars(
            select(AuditEntry)
            .where(AuditEntry.verb == "sent", AuditEntry.site_id == box.site.id)
            .order_by(AuditEntry.seq)
        )
    )


def unbroken(box: Outbox) -> bool:
    """Every entry of the site's chain follows the one before it and has the right hash."""
    db.session.rollback()
    before, number = chains.GENESIS, 0
    for entry in db.session.scalars(
        select(AuditEntry).where(AuditEntry.chain_id == box.site.id).order_by(AuditEntry.seq)
    ):
        if (entry.seq, entry.prev_hash) != (number + 1, before) or entry.hash != chains.entry_hash(entry):
            return False
        before, number = entry.hash, entry.seq
    return number > 0


def test_a_batch_leaves_one_attempt_and_one_entry_each_in_an_unbroken_chain(box: Outbox) -> None:
    owed = [box.owe(box.person(f"p{n}@mail.example")) for n in range(4)]
    assert box.run() == 4
    assert [box.attempts(o) for o in owed] == [["accepted"]] * 4
    assert [e.record_id for e in sent_entries(box)] == owed
    assert unbroken(box)


def test_somebody_who_writes_into_the_same_chain_meanwhile_costs_neither_an_entry_nor_a_mail(
    box: Outbox, mailsink: MailSink
) -> None:
    owed = [box.owe(box.person(f"p{n}@mail.example")) for n in range(4)]
    ask = Round._pass

    def beside(work: Round, mail: Rendered) -> bool:
        with transaction():
            audit.record(actor=system(box.site.id), verb="looked_in", record="site", record_id=1, now=utcnow())
        return ask(work, mail)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Round, "_pass", beside)
        assert box.run() == 4
    assert len(mailsink.arrived) == 4
    assert [box.attempts(o) for o in owed] == [["accepted"]] * 4
    assert len(sent_entries(box)) == 4
    assert unbroken(box)


def test_the_cap_of_a_day_holds_between_two_mails_of_one_batch_to_one_address(box: Outbox) -> None:
    owed = [box.owe(box.person("shared@mail.example")) for _ in range(5)]
    assert box.run() == 3
    assert [box.state(o) for o in owed].count(S.SCHEDULED) == 2


def test_a_mail_owed_to_a_record_that_was_joined_goes_to_the_one_it_was_joined_with(
    box: Outbox, mailsink: MailSink
) -> None:
    gone, stays = box.person("old@mail.example"), box.person("new@mail.example")
    owed = [box.owe(gone), box.owe(stays), box.owe(stays, "urgent_note")]
    with transaction():
        merging.merge(gone, stays, reason="same", actor=box.cast.ada, now=utcnow())
    assert db.session.get_one(Person, gone).merged_into == stays
    for _ in owed:
        box.run()
    assert {box.state(o) for o in owed} == {S.SENT}
    assert len(mailsink.arrived) == 3


def test_a_kind_whose_condition_cannot_be_made_ready_goes_the_long_way_and_stops_nobody(
    box: Outbox, mailsink: MailSink
) -> None:
    people = [box.person(f"p{n}@mail.example") for n in range(4)]
    owed = [box.owe(people[n], kind) for n, kind in enumerate(("note", "listed_note", "note", "listed_note"))]
    assert box.run() == 4
    assert {box.state(o) for o in owed} == {S.SENT}
    assert len(mailsink.arrived) == 4
    assert unbroken(box)


def test_the_gate_of_every_kind_can_be_asked_in_one_step(app_sqlite: object) -> None:
    ours = {name: kind for name, kind in kinds.every().items() if type(kind).__module__.startswith("intake.")}
    assert len(ours) >= 10
    for name, kind in ours.items():
        ready = onestep._both(delivery._gate(kind), True, registry.load("postgresql.psycopg")())
        assert "message_attempt" in ready.text, name
        assert "POSTCOMPILE" not in ready.text, name


@pytest.mark.parametrize("name", ["", "Dana", "O'Neill & <b>Söhne</b>", "\x02first_name\x03"])
@pytest.mark.parametrize("template", ["reminder", "plan_changed", "visit_reminder", "visit_changed"])
def test_a_text_filled_in_is_the_text_worked_out_anew(box_sqlite: Outbox, template: str, name: str) -> None:
    env, kept = box_sqlite.app.jinja_env, Skeletons(20)
    for locale in ("", ".es"):
        found = tuple(
            env.get_template(f"email/{template}/{stem}{locale}.{end}")
            for stem, end in (("subject", "txt"), ("body", "txt"), ("body", "html"))
        )
        said = {
            "center": {"name": "Lark", "phone": "1", "phone_href": "tel:1", "line_988": True},
            "lang": locale[1:] or "en", "parts": ["CHECKIN"], "asks": True, "off": False, "link_until": "Monday",
            "visits": [{"at": "May 5", "place": "A2"}],
        }  # fmt: skip
        for round_ in range(2):
            alone = {
                "first_name": name,
                "check_in_url": f"https://a.example/c/{round_}?x=1&y=2",
                "stop_url": f"https://a.example/u/{round_}",
                "preferences_url": f"https://a.example/p/{round_}",
            }
            subject, text, html = kept.of((found[0], found[1], found[2]), said, alone).fill(alone)
            assert text == found[1].render({**said, **alone}).strip() + "\n"
            assert html == found[2].render({**said, **alone, "subject": subject})
