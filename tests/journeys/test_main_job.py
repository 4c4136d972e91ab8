"""The main job: form, inbox, screening, routing, queue, claim, decision, taper, email, check-in, alert.

Two signed-in people and one patient, in a real browser, over both databases, at any hour of the day. On SQLite the
broker is killed while the form is being sent: the form succeeds, and its mail comes when the broker is back.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from datetime import date, timedelta

import pytest
from playwright.sync_api import Browser, Page, ViewportSize, expect

from intake.cli.demo.answers import answers
from intake.cli.demo.people import PAIN_SLOW
from tests.journeys.house import House, running
from tests.journeys.steps import EMAIL, PHONE, fill_form, pick, send_form
from tests.servers.databases import Database
from tests.servers.mailsink import MailSink
from tests.servers.valkey import Valkey

pytestmark = pytest.mark.browser

DESK: ViewportSize = {"width": 1440, "height": 1000}
# Two ticks of the senders, and what a worker may need to find its broker again.
QUIET_SECONDS = 2
MAIL_SECONDS = 60


@pytest.fixture
def house(database: Database, valkey_url: str, mailsink: MailSink) -> Iterator[House]:
    """The whole product on one database."""
    with running(database, valkey_url, mailsink) as found:
        yield found


def screen(page: Page, number: str) -> None:
    """Ada opens the request from the inbox, screens the person, and accepts where the rules point."""
    page.get_by_role("link", name="Pat Reed").first.click()
    page.wait_for_url("**/inquiries/*")
    expect(page.locator("main")).to_contain_text(number)
    inquiry = page.url
    for part, given in answers(PAIN_SLOW, age=42).items():
        page.goto(f"{inquiry}/screening/{part}")
        page.evaluate("document.querySelectorAll('main details').forEach(e => { e.open = true })")
        for name, value in given.items():
            if page.locator(f'[name="{name}"]').count():
                pick(page, name, value)
        if part != "level":
            with page.expect_navigation():
                page.get_by_role("button", name="Next part").click()
    with page.expect_navigation():
        page.get_by_role("button", name="Save and complete").click()
    page.wait_for_url("**/routing")
    expect(page.locator("main")).to_contain_text("Outpatient")
    expect(page.locator("main")).to_contain_text("O03")
    page.get_by_role("button", name=re.compile("Send to outpatient")).click()
    page.wait_for_load_state()


def claim_and_decide(page: Page, house: House) -> str:
    """Petra claims the case with one key and accepts it; returns the case's address."""
    page.goto(f"{house.address}/queues/outpatient")
    expect(page.locator("tr[data-row]").first).to_contain_text("Pat Reed")
    page.keyboard.press("c")
    expect(page.locator("tr[data-row]").first).to_contain_text("You")
    page.goto(f"{house.address}/mine")
    page.get_by_role("link", name="Pat Reed").click()
    page.wait_for_url("**/cases/*")
    case = page.url
    page.goto(f"{case}/decide")
    pick(page, "decision", "accept")
    pick(page, "level", "outpatient")
    if page.locator('[name="told_whom"]').count():
        pick(page, "told_whom", "person")
    if page.locator('[name="reason"]').count():
        pick(page, "reason", "Fits our program.")
    page.locator("main form button.pri").first.click()
    page.wait_for_load_state()
    return case


def build_and_sign(page: Page, case: str, today: date) -> None:
    """Petra builds the plan of the picture, records what is needed, and signs."""
    page.goto(f"{case}/taper")
    start = (today + timedelta(days=2)).isoformat()
    for name, value in {
        "product": "oxycodone_er",
        "regimen": "30-30-30",
        "goal": "30",
        "rate_pct": "10",
        "interval_days": "28",
        "start_date": start,
    }.items():
        pick(page, name, value)
    page.get_by_role("button", name="Build the plan").click()
    expect(page.locator("#d1_0")).to_have_value("25")
    for name, value in {
        "naloxone": "accepted",
        "moud": "not_needed",
        "pdmp_checked_on": (today - timedelta(days=1)).isoformat(),
        "follow_up_on": (today + timedelta(days=14)).isoformat(),
        "goals": "Walk the dog again.",
    }.items():
        pick(page, name, value)
    page.locator('form:has([name="naloxone"]) [name="agreed"]').check()
    page.get_by_role("button", name="Save", exact=True).first.click()
    page.wait_for_load_state()
    reach = page.locator("#reach")
    reach.locator("details").evaluate("e => { e.open = true }")
    reach.locator('[name="email"]').fill(EMAIL)
    reach.locator('[name="born_on"]').fill("1984-07-03")
    reach.locator('[name="confirmed"]').check()
    reach.locator('[name="mail_agreed"]').check()
    reach.get_by_role("button", name="Save").click()
    page.wait_for_load_state()
    sign = page.locator("#sign")
    for box in sign.locator('input[name^="reason:"]').all():
        box.fill("Talked through with Pat.")
    sign.locator('[name="agreed"]').check()
    sign.get_by_role("button", name="Sign this plan").click()
    page.wait_for_url("**/tapers/*/v/1")
    expect(page.locator("main")).to_contain_text("Active")


def read_mail(house: House, subject: str) -> str:
    """The link of the newest mail with this subject, from the relay's own record; it says nothing it should not."""
    until = time.monotonic() + 90
    while time.monotonic() < until:
        mails = [m for m in house.sink.accepted if m.message["Subject"] == subject]
        if mails:
            break
        time.sleep(0.3)
    else:
        raise AssertionError(f"no mail {subject!r} among {[str(m.message['Subject']) for m in house.sink.accepted]}")
    mail = mails[-1]
    assert "oxycodone" not in mail.text.lower() + mail.html.lower()
    assert mail.message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    link = re.search(r"http://\S+/c/[0-9a-f]{64}", mail.text)
    assert link is not None
    assert link[0] in mail.html
    return link[0]


def ask_while_the_broker_is_away(browser: Browser, house: House, broker: Valkey) -> str:
    """Pat sends the form while nobody can be told of its mail; it comes once they can. Returns the number."""
    page = fill_form(browser, house)
    broker.kill()
    number = send_form(page)
    time.sleep(QUIET_SECONDS)
    assert house.sink.accepted == []
    broker.start()
    until = time.monotonic() + MAIL_SECONDS
    while not house.sink.accepted and time.monotonic() < until:
        time.sleep(0.2)
    assert [(mail.recipients, number in mail.text) for mail in house.sink.accepted] == [((EMAIL,), True)]
    return number


def test_a_request_becomes_a_signed_plan_whose_mail_is_read(
    house: House, chromium: Browser, valkey: Valkey, database: Database
) -> None:
    if database.engine == "sqlite":
        number = ask_while_the_broker_is_away(chromium, house, valkey)
    else:
        number = send_form(fill_form(chromium, house))
    ada = house.sign_in(chromium.new_context(viewport=DESK), "ada")
    screen(ada, number)
    petra = house.sign_in(chromium.new_context(viewport=DESK), "petra")
    case = claim_and_decide(petra, house)
    build_and_sign(petra, case, house.today)
    read_mail(house, "A message from your care team")
    house.jump(timedelta(days=5))
    answer_badly(chromium, house, read_mail(house, "A quick check-in"))
    petra = house.sign_in(chromium.new_context(viewport=DESK), "petra")
    petra.goto(f"{house.address}/queues/now")
    expect(petra.locator("tr[data-row]").first).to_contain_text("Pat Reed")
    petra.goto(case)
    expect(petra.locator("main")).to_contain_text("Thoughts of not wanting to live")


def answer_badly(browser: Browser, house: House, link: str) -> None:
    """Pat opens the mail's link on a phone without script and answers in at most eight taps."""
    phone = browser.new_context(viewport=PHONE, java_script_enabled=False).new_page()
    phone.goto(link)
    assert phone.url == f"{house.address}/c/"
    phone.fill("#born_on", "July 3, 1984")
    phone.get_by_role("button", name="Go on").click()
    phone.wait_for_url("**/c/feelings")
    taps = 0
    for name, value in {"feelings": "sleep", "dose": "yes"}.items():
        pick(phone, name, value)
        taps += 1
    phone.get_by_role("button", name="Next").click()
    phone.wait_for_url("**/c/feelings")
    for name, value in {"pain": "6", "used": "no", "thoughts": "yes"}.items():
        pick(phone, name, value)
        taps += 1
    phone.get_by_role("button", name="Send my answers").click()
    phone.wait_for_url("**/c/done")
    assert taps + 2 <= 8
    expect(phone.get_by_role("link", name=re.compile("988")).first).to_be_visible()
    expect(phone.locator("h1")).to_have_text("Please talk to someone now")
