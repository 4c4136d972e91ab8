"""An alert never depends on mail: it stands on the page, and mail goes to whoever is on duty, without details."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import select

from intake.accounts.models import Staff
from intake.cases import service as cases
from intake.clock import utcnow
from intake.db import db, transaction
from intake.messages.models import Message, MessageState
from tests.messages.test_reminders import Plan, plan_sqlite
from tests.servers.mailsink import MailSink
from workers import engine

S = MessageState
__all__ = ["plan_sqlite"]


def sign_in(*names: str) -> None:
    """These signed in just now."""
    with transaction():
        for name in names:
            staff = db.session.scalars(select(Staff).where(Staff.email.startswith(f"{name}@"))).one()
            staff.last_sign_in_at = utcnow()


def raise_alert(plan: Plan) -> int:
    """Something in a check-in needs a person now."""
    with transaction():
        return cases.raise_alert(plan.told.case_id, code="SUICIDE", triggers=["THOUGHTS"], now=utcnow()).id


def to(mailsink: MailSink) -> set[str]:
    """Who got an alert mail."""
    return {m.recipients[0] for m in mailsink.accepted if "look at your list" in m.message["Subject"]}


def send(plan: Plan) -> None:
    """Tick and send."""
    engine.tick()
    plan.sender.deliver()


def test_everybody_on_duty_gets_a_mail_without_any_detail(plan_sqlite: Plan, mailsink: MailSink) -> None:
    sign_in("cleo", "cyrus", "sol")
    raise_alert(plan_sqlite)
    send(plan_sqlite)

    assert to(mailsink) == {"cleo@northlight.example", "cyrus@northlight.example"}
    mail = next(m for m in mailsink.accepted if "list" in m.message["Subject"])
    assert mail.sender in ("", "<>"), "a system notice has no return path, so nothing answers it"
    for secret in ("Pat", "SUICIDE", "THOUGHTS", "NL-"):
        assert secret not in mail.raw.decode()


def test_with_nobody_on_duty_it_goes_to_the_supervisors(plan_sqlite: Plan, mailsink: MailSink) -> None:
    raise_alert(plan_sqlite)
    send(plan_sqlite)

    assert to(mailsink) == {"sol@northlight.example"}


def test_an_alert_that_somebody_has_seen_is_not_mailed(plan_sqlite: Plan, mailsink: MailSink) -> None:
    sign_in("cleo")
    alert = raise_alert(plan_sqlite)
    with transaction():
        cases.acknowledge(alert, outcome="Called Pat.", actor=plan_sqlite.told.cast.cleo, now=utcnow())
    send(plan_sqlite)

    assert to(mailsink) == set()
    row = db.session.scalars(select(Message).where(Message.kind == "staff_alert")).one()
    assert (row.state, row.cancel_reason) == (S.CANCELLED, "alert_seen")


def test_an_alert_nobody_saw_in_time_goes_to_the_next_person_as_a_new_mail(
    plan_sqlite: Plan, mailsink: MailSink
) -> None:
    sign_in("cleo", "sol")
    raise_alert(plan_sqlite)
    send(plan_sqlite)
    plan_sqlite.go_to(utcnow() + timedelta(minutes=11))
    with transaction():
        assert cases.escalate(now=utcnow()) == 1
        assert cases.escalate(now=utcnow()) == 0
    send(plan_sqlite)

    assert to(mailsink) == {"cleo@northlight.example", "sol@northlight.example"}
