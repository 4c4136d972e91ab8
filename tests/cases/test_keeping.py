"""Records are kept as long as the center says, held ones longer; the purge is an erasure that leaves its own entry."""

from __future__ import annotations

from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import select, update

from intake.accounts import sessions
from intake.accounts.models import KnownDevice, StaffSession
from intake.actor import Role
from intake.audit import service as audit
from intake.audit import verify
from intake.audit.models import AuditEntry
from intake.cases import erasing, keeping
from intake.cases.models import Case, CaseState
from intake.clock import utcnow
from intake.consents.models import Consent, ConsentKind, ConsentState, Disclosure, DisclosureState
from intake.crypto import ERASED
from intake.db import db, id_text, new_id, transaction
from intake.errors import AlreadyDone, Missing, RuleBroken
from intake.inquiries.models import Inquiry, InquiryState
from intake.ops import erased
from intake.ops.rounds import JOBS
from intake.people import queries as people
from intake.people.models import Person
from intake.settings import service as settings
from tests import world
from tests.accounts.door import later
from tests.cases.folk import center, inquiry_of, waiting
from tests.people import Cast

YEAR = 366


def keep(cast: Cast, **years: int) -> None:
    with transaction():
        settings.change(
            cast.site.id,
            keeping.KEY,
            years,
            approver="Dr. Osei",
            actor=cast.alex,
            now=utcnow(),
        )


def ended(cast: Cast, name: str) -> Case:
    """Somebody whose case has ended today."""
    case, _ = waiting(cast, name=name)
    with transaction():
        row = db.session.get_one(Case, case.id)
        row.state = CaseState.CLOSED
        inquiry = db.session.get_one(Inquiry, row.opened_from)
        inquiry.state, inquiry.ended_at = InquiryState.ACCEPTED, utcnow()
    return case


def name_of(person_id: int) -> str:
    db.session.expire_all()
    db.session.remove()
    return people.opened(db.session.get_one(Person, person_id)).used_name


def purge() -> int:
    with transaction():
        return keeping.purge(now=utcnow())


def test_nothing_is_purged_unless_the_center_says_so(app: Flask) -> None:
    with center(app) as cast:
        case = ended(cast, "Theo")
        later(days=60 * YEAR)
        assert purge() == 0
        assert name_of(case.person_id) == "Theo"


def test_a_record_is_purged_when_its_years_are_over_and_leaves_entries(app: Flask) -> None:
    with center(app) as cast:
        keep(cast, case=7)
        case = ended(cast, "Theo")
        waiting(cast, name="Mara")
        later(days=6 * YEAR)
        assert purge() == 0
        later(days=YEAR)
        assert purge() == 1, "one has ended; the other is still open"
        assert name_of(case.person_id) == ERASED
        said = db.session.execute(
            select(AuditEntry.verb, AuditEntry.purpose).where(AuditEntry.verb.in_(("purged", "erased")))
        ).all()
        assert ("purged", "case 1") in [tuple(row) for row in said]
        assert sum(row.verb == "erased" for row in said) == 2, "in the chain of the case and of the center"
        assert verify.walk().ok
        with transaction():
            assert erased.note(now=utcnow()) == 1
        assert erased.read(erased.path()).keys() == {case.person_id}
        later(days=2)
        assert purge() == 0, "once is enough"


def test_the_years_run_from_the_last_thing_that_happened_and_looking_is_nothing(app: Flask) -> None:
    with center(app) as cast:
        keep(cast, case=6)
        seen, called = ended(cast, "Theo"), ended(cast, "Mara")
        later(days=5 * YEAR)
        for case, verb in ((seen, "looked"), (called, "noted")):
            with transaction():
                audit.record(
                    actor=cast.sol, verb=verb, record="care_case", record_id=case.id, case_id=case.id, now=utcnow()
                )
        later(days=2 * YEAR)
        assert purge() == 1
        assert (name_of(seen.person_id), name_of(called.person_id)) == (ERASED, "Mara")


def test_people_who_only_asked_have_years_of_their_own(app: Flask) -> None:
    with center(app) as cast:
        keep(cast, inquiry=2)
        in_care = ended(cast, "Theo")
        with transaction():
            asked = inquiry_of(cast.site, cast.ada, name="Rosa")
            asked.state, asked.ended_at = InquiryState.UNREACHABLE, utcnow()
            open_one = inquiry_of(cast.site, cast.ada, name="Kim").person_id
            rosa = asked.person_id
        later(days=3 * YEAR)
        assert purge() == 1
        assert [name_of(each) for each in (rosa, open_one, in_care.person_id)] == [ERASED, "Kim", "Theo"]


def test_a_year_typed_by_mistake_takes_no_record_of_care_before_six_years(app_sqlite: Flask) -> None:
    with center(app_sqlite) as cast:
        keep(cast, case=1)
        ended(cast, "Theo")
        later(days=5 * YEAR)
        assert purge() == 0


def test_a_held_record_is_neither_purged_nor_erased_until_it_is_released(app: Flask) -> None:
    with center(app) as cast:
        keep(cast, case=6)
        case = ended(cast, "Theo")
        number = db.session.scalar(select(Inquiry.reference).where(Inquiry.id == case.opened_from)) or ""
        later(days=7 * YEAR)
        with transaction():
            row = keeping.hold(f" {number.lower()} ", "Subpoena 12-345.", actor=cast.drew, now=utcnow())
        with pytest.raises(RuleBroken, match="held already"), transaction():
            keeping.hold(number, "Again.", actor=cast.drew, now=utcnow())
        assert [(h.reference, h.reason) for h in keeping.holds(cast.site.id)] == [(number, "Subpoena 12-345.")]
        assert purge() == 0
        with pytest.raises(RuleBroken, match="legal hold"), transaction():
            erasing.erase(case.person_id, actor=cast.drew, now=utcnow())
        with pytest.raises(Missing), transaction():
            keeping.release(row.id, actor=cast.cora, now=utcnow())
        with transaction():
            keeping.release(row.id, actor=cast.drew, now=utcnow())
        with pytest.raises(AlreadyDone), transaction():
            keeping.release(row.id, actor=cast.drew, now=utcnow())
        later(days=2)
        assert purge() == 1


def test_a_hold_needs_a_case_of_this_center_and_a_reason(app_sqlite: Flask) -> None:
    with center(app_sqlite) as cast:
        case, _ = waiting(cast, site=cast.other_site, actor=cast.cora)
        foreign = db.session.scalar(select(Inquiry.reference).where(Inquiry.id == case.opened_from)) or ""
        for number in (foreign, "NL-0000-00", "", "é"):
            with pytest.raises(Missing), transaction():
                keeping.hold(number, "Subpoena.", actor=cast.drew, now=utcnow())
        with pytest.raises(RuleBroken), transaction():
            keeping.hold(foreign, "  ", actor=cast.drew, now=utcnow())


def test_the_page_shows_classes_and_holds_and_reasons_to_the_privacy_officer_only(app_sqlite: Flask) -> None:
    with center(app_sqlite) as cast:
        keep(cast, case=7)
        case = ended(cast, "Theo")
        number = db.session.scalar(select(Inquiry.reference).where(Inquiry.id == case.opened_from)) or ""
        db.session.remove()
    app_sqlite.config["WTF_CSRF_ENABLED"] = False
    drew, alex = world.sign_in(app_sqlite, Role.PRIVACY), world.sign_in(app_sqlite, Role.ADMIN)
    bad = drew.post("/settings/records/holds", data={"number": "NL-0000-00", "reason": "<b>Why"})
    assert bad.status_code == 422
    assert "There is no case of this number here." in bad.text
    assert "&lt;b&gt;Why" in bad.text
    assert drew.post("/settings/records/holds", data={"number": "", "reason": ""}).status_code == 422
    assert drew.post("/settings/records/holds", data={"number": number, "reason": "Subpoena 7."}).status_code == 302
    assert alex.post("/settings/records/holds", data={"number": number, "reason": "x"}).status_code == 403
    page = drew.get("/settings/records").text
    assert "7 years after the last thing that happened" in page
    assert "Subpoena 7." in page
    shown = alex.get("/settings/records").text
    assert number in shown
    assert "Subpoena 7." not in shown
    with app_sqlite.app_context():
        (held,) = keeping.holds(case.site_id)
        db.session.remove()
    assert drew.post(f"/settings/records/holds/{id_text(held.id)}/release").status_code == 302
    assert "No holds" in drew.get("/settings/records").text


def test_ended_sessions_and_browsers_long_unseen_are_forgotten(app: Flask) -> None:
    with center(app) as cast:
        now = utcnow()
        with transaction():
            for n, ends in enumerate((now - timedelta(days=31), now - timedelta(days=29))):
                db.session.add(
                    StaffSession(
                        id=new_id(),
                        digest=bytes([n]) * 32,
                        staff_id=cast.ada.id,
                        created_at=now,
                        seen_at=now,
                        ends_at=ends,
                    )
                )
            db.session.add(KnownDevice(id=new_id(), staff_id=cast.ada.id, digest=b"d" * 32, seen_at=now))
        with transaction():
            assert sessions.sweep(now) == 1
            db.session.execute(update(KnownDevice).values(seen_at=now - timedelta(days=400)))
        with transaction():
            assert sessions.sweep(now) == 1


def test_the_rounds_of_the_house_purge_and_note() -> None:
    names = [name for name, _ in JOBS]
    assert names.index("records_purged") < names.index("erased_noted"), "the list outside follows the purge at once"


def test_nobody_is_purged_before_the_time_of_their_consents_and_of_what_was_given_out_is_over(
    app_sqlite: Flask,
) -> None:
    with center(app_sqlite) as cast:
        keep(cast, case=6, consent=8, disclosure=9)
        plain, agreed, told = (ended(cast, name) for name in ("Theo", "Mara", "Rosa"))
        now = utcnow()
        with transaction():
            signed = {"state": ConsentState.EXPIRED, "signed_at": now, "expires_at": now, "created_at": now}
            db.session.add(Consent(id=new_id(), person_id=agreed.person_id, kind=ConsentKind.DISCLOSURE, **signed))
            db.session.add(
                Disclosure(
                    id=new_id(), site_id=cast.site.id, case_id=told.id, actor_id=cast.drew.id, at=now, created_at=now,
                    state=DisclosureState.REFUSED,
                )
            )  # fmt: skip
        gone = []
        for years in (5, 1, 1, 1, 1):
            later(days=YEAR * years)
            purge()
            gone.append(sum(name_of(case.person_id) == ERASED for case in (plain, agreed, told)))
        assert gone == [0, 1, 1, 2, 3]
