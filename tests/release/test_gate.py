"""The gate: no byte about a case goes out before its row stands, and none beyond what consent or law allow."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from intake import clock
from intake.actor import Role
from intake.audit.models import AuditEntry
from intake.cases import service as cases
from intake.cases.models import Case
from intake.clock import utcnow
from intake.consents import scope, texts
from intake.consents import service as consents
from intake.consents.models import Disclosure, DisclosureState
from intake.db import db, glance, transaction
from intake.errors import Missing, NotPermitted
from intake.release import queries, record, service, written
from intake.release.service import Ask, Copy
from intake.screening import told
from intake.tasks.models import Task
from tests.cases.folk import center, waiting
from tests.people import Cast
from tests.release.agreeing import CLINIC, agreed

S = DisclosureState
EMERGENCY = Ask(
    ("presence", "medicines"),
    ground="emergency",
    recipient="Dr. Li Wen",
    affiliation="Mercy General, emergency room",
    facts="Found unconscious; nobody can be asked.",
)


def allow(case: Case, ask: Ask, actor: Any) -> Disclosure:
    with transaction():
        row = service.authorize(case.id, ask, actor=actor, now=utcnow())
    db.session.expunge(row)
    return row


def fetch(row: Disclosure, actor: Any, way: str = "print") -> service.Handed:
    with transaction():
        return service.hand_out(row.id, way=way, actor=actor, now=utcnow())


def stored(row: Disclosure) -> Disclosure:
    with glance() as session:
        return session.get_one(Disclosure, row.id)


def test_p06_a_copy_under_consent_is_written_down_before_a_byte_of_the_record_is_read(app: Flask) -> None:
    with center(app) as cast:
        case, _ = waiting(cast)
        row = allow(case, Ask(("presence",), consent_id=agreed(cast, case)), cast.cleo)
        assert stored(row).state is S.AUTHORIZED
        verbs = db.session.scalars(select(AuditEntry.verb).where(AuditEntry.record == "disclosure")).all()
        assert verbs == ["disclosed"]
        copy = fetch(row, cast.cleo).copy
        assert copy is not None
        assert stored(row).state is S.DELIVERED
        verbs = db.session.scalars(
            select(AuditEntry.verb).where(AuditEntry.record == "disclosure").order_by(AuditEntry.seq)
        ).all()
        assert verbs == ["disclosed", "released"]


def test_a_copy_carries_the_notice_of_2_32_and_the_consent_and_only_the_facts_it_names(app_sqlite: Flask) -> None:
    with center(app_sqlite) as cast:
        case, _ = waiting(cast)
        with transaction():
            cases.note(case.id, words="Slept badly, cried.", actor=cast.cleo, now=utcnow())
        consent_id = agreed(cast, case, parts=("presence", "medicines"))
        copy = fetch(allow(case, Ask(("presence",), consent_id=consent_id), cast.cleo), cast.cleo).copy
        assert copy is not None
        assert copy.notice.startswith("42 CFR part 2 prohibits unauthorized use or disclosure of these records.")
        assert copy.notice_version == texts.NOTICE_VERSION
        assert "take this back at any time" in copy.consent_text
        assert (copy.recipient, [s.code for s in copy.sections]) == (CLINIC, ["presence"])
        assert "cried" not in written.as_json(copy)


def revoked(cast: Cast, case: Case) -> Ask:
    consent_id = agreed(cast, case)
    with transaction():
        consents.revoke(consent_id, how="spoken", actor=cast.ada, now=utcnow())
    return Ask(("presence",), consent_id=consent_id)


def over(cast: Cast, case: Case) -> Ask:
    consent_id = agreed(cast, case, expires_at=utcnow() + timedelta(minutes=5))
    clock.set_offset(timedelta(minutes=6))
    return Ask(("presence",), consent_id=consent_id)


REFUSED: dict[str, Callable[[Cast, Case], Ask]] = {
    "no_basis": lambda cast, case: Ask(("presence",)),
    "no_consent": lambda cast, case: Ask(("presence",), consent_id=17),
    "revoked": revoked,
    "expired": over,
    "wider": lambda cast, case: Ask(("presence", "plan"), consent_id=agreed(cast, case)),
    "unknown_ground": lambda cast, case: Ask(("presence",), ground="because"),
    "no_recipient": lambda cast, case: Ask(("presence",), ground="emergency", affiliation="a", facts="b"),
    "no_affiliation": lambda cast, case: Ask(("presence",), ground="emergency", recipient="a", facts="b"),
    "no_facts": lambda cast, case: Ask(("presence",), ground="emergency", recipient="a", affiliation="b"),
    "nothing": lambda cast, case: Ask((), ground="emergency", recipient="a", affiliation="b", facts="c"),
    "role": lambda cast, case: Ask(("presence",), ground="audit", recipient="a", affiliation="b", facts="c"),
}


def test_p06_a_refused_copy_is_written_down_too_and_gives_nothing(app: Flask) -> None:
    with center(app) as cast:
        for why, asking in REFUSED.items():
            case, _ = waiting(cast, name=why)
            row = allow(case, asking(cast, case), cast.cleo)
            kept = stored(row)
            assert (kept.state, kept.reason) == (S.REFUSED, why)
            assert fetch(row, cast.cleo).copy is None
            denied = db.session.scalars(
                select(AuditEntry.purpose).where(AuditEntry.verb == "denied", AuditEntry.case_id == case.id)
            ).all()
            assert set(denied) == {why}
            assert [d.why for d in queries.accounting(case)] == [service.WHY[why]]
            assert queries.given(case) == []
            clock.set_offset(timedelta(0))


def test_p06_notes_of_the_staff_go_out_under_no_legal_ground_but_a_court_order(app_sqlite: Flask) -> None:
    assert [code for code, ground in scope.GROUNDS.items() if scope.NOTES in ground.parts] == ["court_order"]
    with center(app_sqlite) as cast:
        case, _ = waiting(cast)
        row = allow(case, Ask(("notes",), ground="emergency", recipient="a", affiliation="b", facts="c"), cast.cleo)
        assert row.reason == "wider"


def test_p05_a_consent_taken_back_between_the_question_and_the_copy_gives_nothing(app: Flask) -> None:
    with center(app) as cast:
        case, _ = waiting(cast)
        consent_id = agreed(cast, case)
        row = allow(case, Ask(("presence",), consent_id=consent_id), cast.cleo)
        with transaction():
            consents.revoke(consent_id, how="spoken", case_id=case.id, actor=cast.ada, now=utcnow())
        assert fetch(row, cast.cleo) == service.Handed(None, "revoked")
        assert (stored(row).state, stored(row).reason) == (S.FAILED, "revoked")


def test_p05_a_copy_cannot_be_fetched_a_second_time_after_the_consent_is_gone(app_sqlite: Flask) -> None:
    with center(app_sqlite) as cast:
        case, _ = waiting(cast)
        consent_id = agreed(cast, case)
        row = allow(case, Ask(("presence",), consent_id=consent_id), cast.cleo)
        assert fetch(row, cast.cleo).copy is not None
        with transaction():
            consents.revoke(consent_id, how="spoken", actor=cast.ada, now=utcnow())
        assert fetch(row, cast.cleo).copy is None
        assert stored(row).state is S.DELIVERED


def test_a_copy_is_fetched_by_who_asked_for_it_and_within_half_an_hour(app: Flask) -> None:
    with center(app) as cast:
        case, _ = waiting(cast)
        row = allow(case, Ask(("presence",), consent_id=agreed(cast, case)), cast.cleo)
        assert fetch(row, cast.sol).why == "not_yours"
        assert stored(row).state is S.AUTHORIZED
        clock.set_offset(timedelta(minutes=31))
        assert fetch(row, cast.cleo).why == "too_late"
        assert stored(row).state is S.FAILED


def test_an_emergency_needs_who_where_and_what_and_owes_the_privacy_officer_a_look(app: Flask) -> None:
    with center(app) as cast:
        case, _ = waiting(cast)
        copy = fetch(allow(case, EMERGENCY, cast.cleo), cast.cleo).copy
        assert copy is not None
        assert copy.basis == "Without consent, under 42 CFR 2.51: Found unconscious; nobody can be asked."
        assert (copy.recipient, copy.affiliation, copy.by) == ("Dr. Li Wen", EMERGENCY.affiliation, "Cleo Park")
        task = db.session.scalars(select(Task).where(Task.kind == "review_disclosure")).one()
        assert task.role is Role.PRIVACY
        row = db.session.scalars(select(Disclosure)).one()
        assert row.facts is not None
        assert b"unconscious" not in row.facts


def test_a_legal_ground_is_open_to_its_roles_and_to_its_scope_and_to_nobody_else(app_sqlite: Flask) -> None:
    with center(app_sqlite) as cast:
        case, _ = waiting(cast)
        for ground, found in scope.GROUNDS.items():
            ask = Ask(tuple(found.parts), ground=ground, recipient="a", affiliation="b", facts="c")
            for actor in (cast.ada, cast.cleo, cast.petra, cast.sol, cast.drew):
                row = allow(case, ask, actor)
                assert (row.state is S.AUTHORIZED) == (actor.role in found.roles), (ground, actor.role)


def test_another_center_and_administrators_give_out_nothing(app_sqlite: Flask) -> None:
    with center(app_sqlite) as cast:
        case, _ = waiting(cast)
        with pytest.raises(Missing), transaction():
            service.authorize(case.id, EMERGENCY, actor=cast.cora, now=utcnow())
        with pytest.raises(NotPermitted), transaction():
            service.authorize(case.id, EMERGENCY, actor=cast.alex, now=utcnow())
        row = allow(case, EMERGENCY, cast.cleo)
        with pytest.raises(Missing):
            fetch(row, cast.cora)


def test_a_program_gets_a_copy_only_by_both_steps_and_a_refusal_is_kept(app: Flask) -> None:
    with center(app) as cast:
        case, _ = waiting(cast)
        consent_id = agreed(cast, case)
        copy = service.outward(
            case.id, Ask(("presence",), consent_id=consent_id, way="api"), actor=cast.cleo, now=utcnow()
        )
        assert [s.code for s in copy.sections] == ["presence"]
        with pytest.raises(NotPermitted, match="more than the consent names"):
            service.outward(case.id, Ask(("plan",), consent_id=consent_id, way="api"), actor=cast.cleo, now=utcnow())
        assert sorted(str(d.state) for d in db.session.scalars(select(Disclosure))) == ["delivered", "refused"]


def test_every_kind_of_facts_has_one_reader_and_an_empty_record_breaks_none(app_sqlite: Flask) -> None:
    assert list(record.READERS) == list(scope.PARTS)
    with center(app_sqlite) as cast:
        case, _ = waiting(cast)
        with transaction():
            cases.note(case.id, words="=HYPERLINK(1)", actor=cast.cleo, now=utcnow())
        found = record.sections(db.session.get_one(Case, case.id), list(scope.PARTS), clock_zone())
        assert [s.code for s in found] == list(scope.PARTS)
        assert dict(found[0].rows)["State"] == "In review"


def clock_zone() -> Any:
    return utcnow().tzinfo


@pytest.fixture
def copy_of_all(app_sqlite: Flask) -> Copy:
    """A copy of everything that one consent can name, with a note that begins like a formula."""
    with center(app_sqlite) as cast:
        case, _ = waiting(cast, name="=Theo")
        parts = tuple(code for code in scope.PARTS if code != scope.NOTES)
        return service.outward(
            case.id, Ask(parts, consent_id=agreed(cast, case, parts=parts)), actor=cast.cleo, now=utcnow()
        )


def test_i05_no_spreadsheet_takes_a_cell_of_a_copy_for_a_formula(copy_of_all: Copy) -> None:
    rows = list(csv.reader(io.StringIO(written.as_csv(copy_of_all))))
    assert rows[0] == ["part", "item", "value"]
    assert ["copy", "person", "'=Theo"] in rows
    assert all(not cell.startswith(("=", "+", "-", "@", "\t", "\r")) for row in rows for cell in row)
    assert [r[1] for r in rows[1:]][:11].index("notice") < len(rows)


def test_the_notice_and_the_ground_stand_before_the_facts_in_json(copy_of_all: Copy) -> None:
    found = json.loads(written.as_json(copy_of_all))
    assert list(found)[-1] == "facts"
    assert found["notice"] == texts.notice()
    assert found["basis"].startswith("With the person's consent")
    assert list(found["facts"]) == [code for code in scope.PARTS if code != scope.NOTES]


def test_the_database_refuses_to_rewrite_what_went_out(app: Flask) -> None:
    with center(app) as cast:
        case, _ = waiting(cast)
        row = allow(case, EMERGENCY, cast.cleo)
        fetch(row, cast.cleo)
        for change in ("scope = '[]'", "actor_id = 1", "state = 'authorized'", "legal_ground = 'audit'"):
            with pytest.raises(DBAPIError, match=r"can no longer change|illegal move"), transaction():
                db.session.execute(text(f"UPDATE disclosure SET {change}"))


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"drug": "oxycodone", "strength": "30", "freq": "tid", "units": "1"}, "30 mg, 1 at one time, 3 times a day"),
        ({"drug": "fentanyl_transdermal", "strength": "25", "patches": "1"}, "25 mcg/h, 1 patches at one time"),
        ({"drug": "fentanyl_nasal_mcg", "strength": "100", "per_day": "4"}, "100 mcg, 4 units a day"),
        (
            {"drug": "morphine", "strength": "15", "units": "1", "units_max": "2", "freq": "q6h", "prn": "yes"},
            "15 mg, 1 at one time, up to 2 at one time, every 6 h, as needed",
        ),
        ({"drug": "buprenorphine", "form": "patch", "strength": "10"}, "10 mcg/h"),
        ({"drug": "methadone", "mg_per_ml": "10", "ml": "3", "freq": "daily"}, "10 mg/mL, 3 mL, daily"),
    ],
)
def test_a_dose_in_a_copy_never_stands_without_its_unit(row: dict[str, str], words: str) -> None:
    assert told.opioid(row) == words
