"""Staff see every message and why; people stop mail or choose a time by a link; a bounce reaches its message."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import dataclass

import pytest
from flask import Flask
from flask.testing import FlaskClient

from intake.audit.models import AuditEntry
from intake.clock import utcnow
from intake.crypto import link_token
from intake.db import db, id_text, transaction
from intake.messages import holding, ledger, queries, service
from intake.messages.models import MessageState, Suppression
from intake.people.models import Person
from intake.tasks.models import Task
from tests.messages.outbox import Outbox, outbox
from tests.screening.sitting import Browser
from tests.servers.mailsink import Fault, MailSink

S = MessageState


@dataclass
class Center:
    """One message of each fate, and what pages need to reach them."""

    app: Flask
    person: int
    sent: int
    owed: int
    doubtful: int


@pytest.fixture
def center(app_sqlite: Flask, mailsink: MailSink) -> Center:
    """Three messages of one person: sent, in doubt and held, owed."""
    with outbox(app_sqlite, mailsink.url) as box:
        person = box.person()
        sent = box.owe(person)
        box.run()
        doubtful = box.owe(person, "held_note")
        mailsink.script.append(Fault.DROP_AFTER_DOT)
        box.run()
        owed = box.owe(person)
    return Center(app_sqlite, person, sent, owed, doubtful)


def test_the_page_shows_what_waits_for_a_person_first(center: Center) -> None:
    page = Browser(center.app, "ada").get("/reminders").text

    assert "Delivery uncertain" in page
    assert "It may or may not have arrived" in page
    assert page.count('scope="row"') == 1
    assert "pat@mail.example" not in page


@pytest.mark.parametrize(("state", "rows"), [("owed", 2), ("sent", 1), ("unsent", 0), ("all", 3), ("nonsense", 1)])
def test_each_filter_shows_its_messages(center: Center, state: str, rows: int) -> None:
    page = Browser(center.app, "ada").get(f"/reminders?state={state}")

    assert page.status_code == 200
    assert page.text.count('scope="row"') == rows


def test_pages_go_on_where_the_last_one_ended(center: Center) -> None:
    with center.app.app_context():
        actor = Outbox.actor_of(center.app, "ada")
        first, place = queries.page(actor, which="all", most=2)
        second, end = queries.page(actor, which="all", after=place, most=2)
        assert [r.id for r in first + second] == [center.owed, center.doubtful, center.sent]
        assert end == ""
        assert len(queries.page(actor, which="all", after="' OR 1=1 --")[0]) == 3


def test_the_preview_is_the_exact_mail_in_a_frame_that_runs_nothing(center: Center) -> None:
    browser = Browser(center.app, "ada")
    page = browser.get(f"/reminders/{id_text(center.owed)}/preview").text
    frame = browser.get(f"/reminders/{id_text(center.owed)}/preview/mail")

    assert "p****@mail.example" in page
    assert "Message-ID: &lt;" in page
    assert "<iframe" in page
    assert " sandbox " in page
    assert "Hi Dana," in frame.text
    assert frame.headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert "sandbox" in frame.headers["Content-Security-Policy"]
    assert frame.headers["X-Frame-Options"] == "SAMEORIGIN"


def test_a_clinician_of_another_site_sees_none_of_it(center: Center) -> None:
    cora = Browser(center.app, "cora")
    assert cora.get("/reminders?state=all").text.count('scope="row"') == 0
    for path in ("preview", "preview/mail"):
        assert cora.get(f"/reminders/{id_text(center.owed)}/{path}").status_code == 404
    for verb in ("send", "hold", "leave"):
        assert cora.post(f"/reminders/{id_text(center.owed)}/{verb}", {}).status_code == 404


def test_the_privacy_officer_and_the_administrator_do_not_open_it(center: Center) -> None:
    assert Browser(center.app, "drew").get("/reminders").status_code == 403
    assert Browser(center.app, "alex").get("/reminders").status_code == 403


def state_of(center: Center, message_id: int) -> MessageState:
    """The state of a message."""
    with center.app.app_context():
        return queries.preview(message_id, Outbox.actor_of(center.app, "ada")).row.state


def test_staff_hold_a_message_let_it_go_and_settle_a_doubtful_one(center: Center) -> None:
    browser = Browser(center.app, "ada")
    path = f"/reminders/{id_text(center.owed)}"
    assert browser.post(f"{path}/hold", {}).status_code == 302
    assert "Held back by a colleague" in browser.get("/reminders").text
    assert browser.post(f"{path}/send", {}).status_code == 302
    assert "Held back by a colleague" not in browser.get("/reminders").text

    doubtful = f"/reminders/{id_text(center.doubtful)}"
    assert "Delivery uncertain" in browser.get(f"{doubtful}/preview").text
    assert browser.post(f"{doubtful}/leave", {"arrived": "yes"}).status_code == 302
    assert state_of(center, center.doubtful) is S.SENT
    assert browser.post(f"{doubtful}/leave", {"arrived": "yes"}).status_code == 409
    with center.app.app_context():
        open_ = db.session.query(Task).filter(Task.kind == "delivery_uncertain", Task.state == "open").count()
        assert open_ == 0
        verbs = {e.verb for e in db.session.query(AuditEntry).filter(AuditEntry.record == "message")}
        assert {"held", "sent_again", "said_arrived"} <= verbs


def links(center: Center) -> tuple[FlaskClient, str, str]:
    """A fresh phone and the two links of the person's mails."""
    with center.app.app_context():
        stop, prefs = link_token("stop", center.person), link_token("preferences", center.person)
    return center.app.test_client(), f"/u/{stop}", f"/p/{prefs}"


def may_email(center: Center) -> bool:
    """Whether the person may still be written to."""
    with center.app.app_context():
        return Outbox.contact_of(center.person).may_email


def test_one_click_stops_at_once_without_cookies_and_without_redirect(center: Center) -> None:
    phone, stop, _ = links(center)
    answer = phone.post(stop, data={"List-Unsubscribe": "One-Click"})

    assert answer.status_code == 200
    assert not may_email(center)
    with center.app.app_context():
        assert db.session.query(Task).filter(Task.kind == "call_about_mail").count() == 1
    assert phone.post(stop, data={"List-Unsubscribe": "One-Click"}).status_code == 200, "twice is fine"


def test_p03_get_and_head_and_a_bare_post_change_nothing(center: Center) -> None:
    phone, stop, prefs = links(center)
    for _ in range(20):
        for path in (stop, prefs):
            assert phone.get(path, follow_redirects=True).status_code == 200
            phone.head(path, follow_redirects=True)
    assert phone.post(stop).status_code == 422
    assert phone.post("/u/", data={}).status_code in (400, 419)
    assert may_email(center)


def form(phone: FlaskClient, path: str, **fields: str) -> str:
    """Open a page and send its form; the answer's text."""
    page = phone.get(path, follow_redirects=True).text
    token = re.search(r'name="csrf_token" value="([^"]+)"', page)
    assert token is not None
    clean = "/u/" if path.startswith("/u") else "/p/"
    return phone.post(clean, data={"csrf_token": token[1], **fields}).text


def test_the_page_behind_the_stop_link_stops_and_takes_it_back(center: Center) -> None:
    phone, stop, _ = links(center)
    assert "These emails have stopped" in form(phone, stop)
    assert not may_email(center)
    assert "The emails go on as before" in form(phone, stop, undo="yes")
    assert may_email(center)


def test_the_person_chooses_a_time_and_quiet_hours_are_not_offered(center: Center) -> None:
    phone, _, prefs = links(center)
    assert "Saved" in form(phone, prefs, time="18:30")
    with center.app.app_context():
        assert db.session.get_one(Person, center.person).reminder_hour == 18
    for wrong in ("21:00", "7:30", "", "x" * 5000, "18:30\x00"):
        assert "Choose a time from the list" in form(phone, prefs, time=wrong)


def test_p04_a_guessed_or_foreign_link_opens_nothing(center: Center) -> None:
    phone, stop, prefs = links(center)
    for path in ("/u/" + "0" * 64, prefs.replace("/p/", "/u/"), stop.upper().replace("/U/", "/u/"), stop[:-1]):
        assert phone.post(path, data={"List-Unsubscribe": "One-Click"}).status_code == 410
    assert may_email(center)


BEARER = {"Authorization": "Bearer bounce-secret"}


def bounced(center: Center, message_id: int) -> str:
    """The Message-ID of a message."""
    with center.app.app_context():
        return service.header_id(message_id)


def test_a_bounce_report_marks_the_message_suppresses_the_address_and_asks_for_a_call(center: Center) -> None:
    Outbox.set_config(center.app, bounce_token="bounce-secret")
    phone = center.app.test_client()
    report = {"message_id": f"<{bounced(center, center.sent)}>", "code": "5.1.1", "kind": "hard"}
    assert phone.post("/hooks/bounces", json=report, headers=BEARER).status_code == 204
    assert phone.post("/hooks/bounces", json=report, headers=BEARER).status_code == 204

    with center.app.app_context():
        assert db.session.query(Suppression).count() == 1
        assert db.session.query(Task).filter(Task.kind == "call_about_mail", Task.cause == "bounced").count() == 1
        assert Outbox.contact_of(center.person).bad_since is not None
    assert "it came back" in Browser(center.app, "ada").get("/reminders").text


def dsn(message_id: str) -> bytes:
    """What a mail server writes when an address does not exist."""
    return (
        "From: MAILER-DAEMON@relay.example\nMessage-ID: <dsn-1@relay.example>\n"
        'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\n\n--b\n'
        "Content-Type: message/delivery-status\n\nReporting-MTA: dns; relay.example\n\n"
        "Final-Recipient: rfc822; pat@mail.example\nAction: failed\nStatus: 5.1.1\n\n--b\n"
        f"Content-Type: message/rfc822\n\nMessage-ID: <{message_id}>\n\nHi\n--b--\n"
    ).encode()


def test_a_report_may_come_through_a_pipe_of_the_mail_server(center: Center) -> None:
    runner = center.app.test_cli_runner()
    pipe = ["intake", "messages", "bounce"]
    assert runner.invoke(args=pipe, input=dsn(bounced(center, center.sent))).exit_code == 0
    with center.app.app_context():
        assert db.session.query(Suppression).count() == 1
        assert db.session.query(Task).filter(Task.kind == "call_about_mail", Task.cause == "bounced").count() == 1

    for bad in (dsn(f"{'0' * 32}@elsewhere.example"), b"", b"Hello", b"\xff\x00" * 50):
        assert runner.invoke(args=pipe, input=bad).exit_code == 65


def test_a_delivery_status_notification_is_read(center: Center) -> None:
    Outbox.set_config(center.app, bounce_token="bounce-secret")
    report = dsn(bounced(center, center.doubtful))
    answer = center.app.test_client().post("/hooks/bounces", data=report, content_type="message/rfc822", headers=BEARER)

    assert answer.status_code == 204
    assert state_of(center, center.doubtful) is S.FAILED_PERMANENT


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        ({"message_id": "<" + "0" * 32 + "@x>", "code": "5.1.1", "kind": "hard"}, BEARER, 404),
        ({"message_id": "<nobody@x>", "code": "5.1.1", "kind": "hard"}, BEARER, 422),
        ({"message_id": 7, "code": [], "kind": None}, BEARER, 422),
        ([], BEARER, 422),
        ({}, {"Authorization": "Bearer wrong"}, 404),
        ({}, {}, 404),
    ],
)
def test_i09_a_forged_or_broken_bounce_is_refused(
    center: Center, body: object, headers: dict[str, str], status: int
) -> None:
    Outbox.set_config(center.app, bounce_token="bounce-secret")
    answer = center.app.test_client().post("/hooks/bounces", json=body, headers=headers)

    assert answer.status_code == status
    with center.app.app_context():
        assert db.session.query(Suppression).count() == 0


def test_three_soft_bounces_in_a_week_suppress_an_address(box_sqlite: Outbox, mailsink: MailSink) -> None:
    box = box_sqlite
    Outbox.set_config(box.app, bounce_token="bounce-secret")
    person = box.person()
    for n in range(3):
        owed = box.owe(person, "urgent_note")
        box.run()
        report = {"message_id": box.message(owed).message_id, "code": "4.2.2", "kind": "soft"}
        assert box.app.test_client().post("/hooks/bounces", json=report, headers=BEARER).status_code == 204
        assert box.count(Suppression) == (1 if n == 2 else 0)


def test_the_ledger_lists_every_message_without_an_address(center: Center) -> None:
    runner = center.app.test_cli_runner()
    done = runner.invoke(args=["intake", "messages", "ledger", "--csv"])
    rows = list(csv.DictReader(io.StringIO(done.output)))

    assert done.exit_code == 0
    assert list(rows[0]) == list(ledger.COLUMNS)
    assert [r["state"] for r in rows] == ["sent", "uncertain", "scheduled"]
    assert [r["order_no"] for r in rows] == ["1", "2", "3"]
    assert len({r["recipient"] for r in rows}) == 1
    assert "mail.example" not in done.output
    assert all(re.fullmatch("[0-9a-f]{32}", r["key"]) for r in rows)


def test_the_command_holds_everything_and_lets_it_go(center: Center) -> None:
    runner = center.app.test_cli_runner()
    assert "1 messages are held" in runner.invoke(args=["intake", "messages", "hold"]).output
    with center.app.app_context(), transaction():
        assert holding.hold_all(now=utcnow()) == 0
    assert "1 were already due" in runner.invoke(args=["intake", "messages", "release"]).output
    assert state_of(center, center.owed) is S.UNCERTAIN
