"""Safe contact: what is not ticked is not done, by no page and no sender (product.md 5.5)."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from intake.audit.models import AuditEntry
from intake.clock import utcnow
from intake.db import db, id_text, transaction
from intake.errors import AlreadyDone, Missing, RuleBroken
from intake.inquiries import following
from intake.messages import kinds
from intake.messages.kinds import Refusal
from intake.messages.models import Message, MessageState
from intake.people import queries as people
from intake.people import safe, service
from intake.people.kinds import PersonMail
from intake.people.models import ContactKind, ContactPoint
from intake.people.service import SafeUse
from intake.tasks.models import Task
from tests.cases.folk import center, waiting
from tests.desk.door import browser
from tests.people import Cast

ROOT = Path(__file__).resolve().parents[2]
NOON = datetime(2026, 3, 3, 17, 0, tzinfo=UTC)
EVERYTHING = SafeUse(True, True, True, True, True, True)
# Mails to staff about their own account or work; every other kind is a mail to a person.
# Where the answer of somebody who asks for help is read, before it is a contact point.
TOLD = (
    "placing.py",
    "service.py",
    "sent.py",
    "summary.py",
    "calls.py",
    "live.py",
    "listed.py",
    "values.py",
    "forms.py",
    "queries.py",
)
TO_STAFF = {"invitation", "password_reset", "staff_alert", "task_alert"}


def point(cast: Cast, person_id: int, kind: ContactKind, value: str, **may: Any) -> int:
    with transaction():
        row = service.add_contact(
            people.person(person_id), kind=kind, value=value, actor=cast.ada, now=utcnow(), **may,
        )  # fmt: skip
        return row.id


def phone(cast: Cast, person_id: int, **may: Any) -> int:
    return point(cast, person_id, ContactKind.PHONE, "+15550142200", **may)


def view(person_id: int) -> people.ContactView:
    return people.contact_points(person_id)[-1]


def test_a_new_phone_or_address_allows_nothing(app_sqlite: Flask) -> None:
    with center(app_sqlite) as cast:
        case, _ = waiting(cast)
        for kind, value in (
            (ContactKind.PHONE, "+15550142200"), (ContactKind.EMAIL, "a@b.example"), (ContactKind.POST, "PO box 1"),
        ):  # fmt: skip
            point(cast, case.person_id, kind, value)
            found = view(case.person_id)
            for channel in safe.CHANNELS:
                assert safe.why_not(found, channel, now=NOON, zone="America/New_York")
            assert not found.may_name_center


@pytest.mark.parametrize(
    ("kind", "allowed"),
    [
        (ContactKind.PHONE, {"call", "voicemail", "text"}),
        (ContactKind.EMAIL, {"email"}),
        (ContactKind.POST, {"post"}),
    ],
)
def test_each_kind_of_contact_point_allows_only_what_it_can_do(
    app_sqlite: Flask, kind: ContactKind, allowed: set[str]
) -> None:
    with center(app_sqlite) as cast:
        case, _ = waiting(cast)
        contact_id = point(cast, case.person_id, kind, "+15550142200")
        with transaction():
            service.set_safe_use(contact_id, EVERYTHING, version=1, actor=cast.ada, now=utcnow())
        found = view(case.person_id)
        assert {c for c in safe.CHANNELS if not safe.why_not(found, c, now=NOON, zone="UTC")} == allowed


@pytest.mark.parametrize(
    ("hours", "local", "fine"),
    [
        ("morning", 9, True),
        ("morning", 12, False),
        ("afternoon", 13, True),
        ("evening", 16, False),
        ("evening", 18, True),
        ("evening", 21, False),
        ("any", 3, True),
    ],
)
def test_hours_hold_in_the_zone_of_the_person(app_sqlite: Flask, hours: str, local: int, fine: bool) -> None:
    with center(app_sqlite) as cast:
        case, _ = waiting(cast)
        phone(cast, case.person_id, may_call=True, hours=hours)
        # Los Angeles is eight hours behind UTC in winter.
        now = datetime(2026, 1, 5, tzinfo=UTC) + timedelta(hours=local + 8)
        why = safe.why_not(view(case.person_id), "call", now=now, zone="America/Los_Angeles")
        assert why == ("" if fine else "not_now")


def test_leave_to_leave_a_message_is_nothing_without_leave_to_call(app_sqlite: Flask) -> None:
    with center(app_sqlite) as cast:
        case, _ = waiting(cast)
        phone(cast, case.person_id, may_voicemail=True)
        assert safe.why_not(view(case.person_id), "voicemail", now=NOON, zone="UTC") == "not_allowed"


@pytest.mark.parametrize("scope", ["all", "visits"])
def test_who_agreed_to_mail_about_visits_only_gets_none_about_a_plan(app_sqlite: Flask, scope: str) -> None:
    with center(app_sqlite) as cast:
        case, _ = waiting(cast)
        contact_id = point(cast, case.person_id, ContactKind.EMAIL, "theo@mail.example", may_email=True)
        with transaction():
            row = db.session.get_one(ContactPoint, contact_id)
            row.verified_at = row.consented_at = utcnow()
            row.mail_scope = scope
        message = Message(id=1, recipient_id=case.person_id, recipient_type="person", subject_id=1, params={})
        told = {
            name: not isinstance(PersonMail.recipients(kind, [message])[1], Refusal)
            for name, kind in kinds.every().items()
            if isinstance(kind, PersonMail)
        }
        plan = {"reminder", "plan_changed", "screening_link"}
        assert {name for name, goes in told.items() if not goes} == (plan if scope == "visits" else set())


UNSAFE: dict[str, Callable[[ContactPoint], None]] = {
    "mail not allowed": lambda row: setattr(row, "may_email", False),
    "stopped": lambda row: setattr(row, "stopped_at", NOON),
    "mail comes back": lambda row: setattr(row, "bad_since", NOON),
    "not verified": lambda row: setattr(row, "verified_at", None),
    "consent withdrawn": lambda row: setattr(row, "consented_at", None),
}


def test_every_kind_of_mail_goes_to_staff_or_asks_for_safe_contact(app_sqlite: Flask) -> None:
    assert app_sqlite.name
    for name, kind in kinds.every().items():
        assert isinstance(kind, PersonMail) != (name in TO_STAFF), f"{name}: is it a mail to a person?"
        if isinstance(kind, PersonMail):
            # Whoever overrides the choice of the address takes the rule with it.
            assert type(kind)._fits is PersonMail._fits, name
            assert "recipient" not in vars(type(kind)), name


@pytest.mark.parametrize("unsafe", sorted(UNSAFE))
def test_p05_every_kind_of_mail_to_a_person_refuses_an_unsafe_address(app_sqlite: Flask, unsafe: str) -> None:
    with center(app_sqlite) as cast:
        case, _ = waiting(cast)
        contact_id = point(
            cast, case.person_id, ContactKind.EMAIL, "theo@mail.example", may_email=True,
            verified_how="said_by_person", consent=True,
        )  # fmt: skip
        mails = [k for n, k in kinds.every().items() if isinstance(k, PersonMail) and n not in TO_STAFF]
        assert len(mails) >= 4
        row = Message(id=1, recipient_id=case.person_id, recipient_type="person", subject_id=1, params={})
        for kind in mails:
            assert not isinstance(PersonMail.recipients(kind, [row])[1], Refusal), kind.name
        with transaction():
            UNSAFE[unsafe](db.session.get_one(ContactPoint, contact_id))
        for kind in mails:
            if not kind.needs_verified and unsafe in {"not verified", "consent withdrawn"}:
                continue
            found = PersonMail.recipients(kind, [row])[1]
            assert isinstance(found, Refusal), kind.name
            assert found.state is MessageState.SUPPRESSED


def test_a_number_to_call_stands_on_a_page_only_where_calling_is_allowed() -> None:
    # Every link that dials a person's number, and every place that shows one to be called.
    dialling = {}
    for path in sorted((ROOT / "templates").rglob("*.html")):
        for found in re.findall(r"\{%[^%]*%\}<a[^>]*href=\"tel:\{\{[^>]*>", path.read_text()):
            dialling[str(path.relative_to(ROOT))] = found
    assert set(dialling) == {"templates/inquiries/inquiry.html"}
    assert "c.may_call" in dialling["templates/inquiries/inquiry.html"]
    asking = {
        str(path.relative_to(ROOT))
        for path in sorted((ROOT / "intake").rglob("*.py"))
        if re.search(r"\.may_(call|voicemail|text|post)\b(?!\()", path.read_text())
    }
    # The rule itself, what stores and reads it, and the line that says it in words.
    assert asking - {"intake/inquiries/" + name for name in TOLD} == {
        "intake/people/safe.py", "intake/people/contacts.py", "intake/people/queries.py", "intake/desk/previews.py",
    }, asking  # fmt: skip
    assert "safe.to_call(points)" in (ROOT / "intake/desk/previews.py").read_text()


def test_the_newest_phone_that_may_be_called_is_the_one_shown(app_sqlite: Flask) -> None:
    with center(app_sqlite) as cast:
        case, _ = waiting(cast)
        first = phone(cast, case.person_id, may_call=True)
        point(cast, case.person_id, ContactKind.PHONE, "+15550142201")
        found = safe.to_call(people.contact_points(case.person_id))
        assert found is not None
        assert found.id == first
        with transaction():
            service.stop_contact(first, reason="asked", actor=cast.ada, now=utcnow())
        assert safe.to_call(people.contact_points(case.person_id)) is None


@pytest.mark.parametrize(
    ("channel", "outcome", "may", "unsafe"),
    [
        ("phone", "voicemail", {"may_call": True}, True),
        ("phone", "voicemail", {"may_call": True, "may_voicemail": True}, False),
        ("phone", "no_answer", {}, False),
        ("text", "no_answer", {"may_call": True}, True),
        ("text", "reached", {"may_text": True}, False),
        ("post", "no_answer", {"may_call": True}, True),
    ],
)
def test_a_message_left_where_it_was_not_safe_stays_logged_and_is_told(
    app_sqlite: Flask, channel: str, outcome: str, may: dict[str, bool], unsafe: bool
) -> None:
    with center(app_sqlite) as cast:
        case, _ = waiting(cast)
        phone(cast, case.person_id, **may)
        with transaction():
            following.attempt(case.opened_from, channel=channel, outcome=outcome, actor=cast.ada, now=utcnow())
        told = db.session.scalars(select(Task.role).where(Task.kind == "unsafe_contact")).all()
        assert told == (["privacy_officer"] if unsafe else [])
        entries = db.session.scalars(select(AuditEntry.actor_id).where(AuditEntry.verb == "unsafe_contact")).all()
        assert entries == ([cast.ada.id] if unsafe else [])


def test_d01_of_two_who_change_the_same_rules_the_second_is_told(app: Flask) -> None:
    with center(app) as cast:
        case, _ = waiting(cast)
        contact_id = phone(cast, case.person_id)
        with transaction():
            service.set_safe_use(contact_id, SafeUse(may_call=True), version=1, actor=cast.ada, now=utcnow())
        with pytest.raises(AlreadyDone), transaction():
            service.set_safe_use(contact_id, SafeUse(may_text=True), version=1, actor=cast.cleo, now=utcnow())
        assert view(case.person_id).may_call
        with pytest.raises(Missing), transaction():
            service.set_safe_use(contact_id, SafeUse(), version=2, actor=cast.cora, now=utcnow())
        with transaction():
            service.stop_contact(contact_id, reason="asked", actor=cast.ada, now=utcnow())
        with pytest.raises(RuleBroken), transaction():
            service.set_safe_use(contact_id, EVERYTHING, version=None, actor=cast.ada, now=utcnow())


def test_the_page_keeps_what_was_typed_and_belongs_to_one_person(app_sqlite: Flask) -> None:
    with center(app_sqlite) as cast:
        case, _ = waiting(cast)
        other, _ = waiting(cast, name="Ruth")
        contact_id = phone(cast, case.person_id)
    desk = browser(app_sqlite, cast, "ada")
    here = f"/cases/{id_text(case.id)}/contact"
    wrong = desk.post(f"{here}/add", data={"kind": "phone", "value": "12", "who_else": "My brother"})
    assert wrong.status_code == 422
    assert 'value="12"' in wrong.text
    assert "My brother" in wrong.text
    assert (
        desk.post(f"{here}/add", data={"kind": "email", "value": "T@Mail.example", "may_email": "yes"}).location == here
    )
    rules = {"may_call": "yes", "may_text": "yes", "hours": "evening", "who_else": "My sister", "version": "1"}
    assert desk.post(f"{here}/{id_text(contact_id)}", data=rules).location == here
    page = desk.get(here).text
    assert "My sister" in page
    assert "leave a message: not allowed" in page
    old = desk.post(f"{here}/{id_text(contact_id)}", data={**rules, "who_else": "Nobody"})
    assert old.status_code == 409
    assert "Nobody" in old.text
    elsewhere = f"/cases/{id_text(other.id)}/contact/{id_text(contact_id)}"
    assert desk.post(elsewhere, data=rules).status_code == 404
    assert desk.post(f"{here}/{id_text(contact_id)}/stop").location == here
    assert "stopped" in desk.get(here).text


def test_a_request_has_its_contact_rules_before_there_is_a_case(app_sqlite: Flask) -> None:
    with center(app_sqlite) as cast:
        case, _ = waiting(cast)
        other, _ = waiting(cast, name="Ruth")
        contact_id = phone(cast, case.person_id)
    desk = browser(app_sqlite, cast, "ada")
    here = f"/inquiries/{id_text(case.opened_from)}/contact"
    assert "Safe contact" in desk.get(here).text
    assert desk.post(f"{here}/{id_text(contact_id)}", data={"may_call": "yes", "version": "1"}).location == here
    assert desk.post(f"{here}/{id_text(contact_id)}/verify", data={}).status_code == 422
    assert desk.post(f"{here}/{id_text(contact_id)}/verify", data={"how": "called_back"}).location == here
    mail = {"kind": "email", "value": "t@mail.example", "may_call": "yes"}
    assert desk.post(f"{here}/add", data=mail).location == here
    with app_sqlite.app_context():
        first, second = people.contact_points(case.person_id)
        assert (first.may_call, first.verified_at is not None) == (True, True)
        assert (second.kind, second.may_call, second.may_email) == (ContactKind.EMAIL, False, False)
    elsewhere = f"/inquiries/{id_text(other.opened_from)}/contact/{id_text(contact_id)}"
    assert desk.post(elsewhere, data={"version": "3"}).status_code == 404
    assert browser(app_sqlite, cast, "cora").get(here).status_code == 404
