"""What a patient meets behind mailed links: living, answered, replaced and ended ones, every page of each in turn."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta

from flask import Flask
from playwright.sync_api import Page
from sqlalchemy import select

from intake.cases.models import Case
from intake.clock import utcnow
from intake.db import db, new_id, transaction
from intake.guard import make_link
from intake.messages.models import Message, MessagePart
from intake.messages.service import PREFERENCES, STOP
from intake.people.models import Person
from intake.people.queries import opened
from intake.screening import by_link
from intake.screening.models import ScreeningLink
from intake.tapers.models import PlanState, PlanVersion, TaperPlan

CALM = {"feelings": "none", "dose": "yes", "pain": "3", "used": "no", "thoughts": "no"}


@dataclass(frozen=True)
class Links:
    """Addresses behind mails of the demo center, and the birth date that opens them."""

    check_in: str
    news: str
    replaced: str
    ended: str
    preferences: str
    stop: str
    questions: str
    born: str


def links(app: Flask, turn: int = 0) -> Links:
    """Living links of somebody whose plan is in force, one of an older plan, and one whose days are over.

    Each `turn` takes another check-in, because one is answered once.
    """
    now = utcnow()
    with app.app_context(), transaction():
        person, asks = _mail(PlanState.ACTIVE, "CHECKIN", turn)
        questions = _questions(person)
        _, tells = _mail(PlanState.ACTIVE, "STEP_EVE", 0, person)
        other, old = _mail(PlanState.SUPERSEDED, "CHECKIN", 0)
        born = opened(person).born_on
        assert born is not None

        def made(purpose: str, subject: int, whose: Person, days: int = 5) -> str:
            ends = now + timedelta(days=days)
            return make_link(purpose, subject, person_id=whose.id, expires_at=ends)

        return Links(
            check_in="/c/" + made("check_in", asks, person),
            news="/c/" + made("check_in", tells, person),
            replaced="/c/" + made("check_in", old, other),
            ended="/p/" + made(PREFERENCES, other.id, other, -1),
            preferences="/p/" + made(PREFERENCES, person.id, person),
            stop="/u/" + made(STOP, person.id, person),
            questions="/help/questions/" + made(by_link.PURPOSE, questions, person),
            born=f"{born:%B %-d, %Y}",
        )


def _questions(person: Person) -> int:
    """A link to the questions, as staff send it to somebody with an address."""
    case = db.session.scalars(select(Case).where(Case.person_id == person.id).limit(1)).one()
    row = ScreeningLink(
        id=new_id(), site_id=case.site_id, person_id=person.id, inquiry_id=case.opened_from,
        expires_at=utcnow() + by_link.LIFE, created_at=utcnow(),
    )  # fmt: skip
    db.session.add(row)
    db.session.flush()
    return row.id


def _mail(state: PlanState, part: str, turn: int, person: Person | None = None) -> tuple[Person, int]:
    found = (
        select(Case.person_id, Message.id)
        .join(TaperPlan, TaperPlan.case_id == Case.id)
        .join(PlanVersion, PlanVersion.plan_id == TaperPlan.id)
        .join(Message, Message.plan_version_id == PlanVersion.id)
        .join(MessagePart, MessagePart.message_id == Message.id)
        .where(PlanVersion.state == state, MessagePart.kind == part)
        .order_by(Message.due_at.desc())
    )
    if person is not None:
        found = found.where(Case.person_id == person.id)
    row = db.session.execute(found.offset(turn).limit(1)).one()
    return db.session.get_one(Person, row.person_id), row.id


def choose(page: Page, name: str) -> None:
    """Give the calm answer to one question."""
    page.locator(f'main [name="{name}"][value="{CALM[name]}"]').first.check(force=True)


def press(page: Page) -> None:
    """Press the page's main button."""
    with page.expect_navigation():
        page.locator("main form button.pri").first.click()


def speak(page: Page, url: str, language: str) -> None:
    """Choose a language, as the link at the foot of every page does."""
    page.goto(f"{url}/help/language?to={language}&at=help/privacy", wait_until="domcontentloaded")


def walk(page: Page, url: str, to: Links, language: str = "en") -> Iterator[str]:
    """Go through every page in turn; yields a name of each while the page shows it."""
    speak(page, url, language)
    for name, step in _steps(page, url, to, language):
        step()
        yield name


def _steps(page: Page, url: str, to: Links, language: str) -> Iterator[tuple[str, Callable[[], None]]]:
    def go(path: str, *, elsewhere: bool = False) -> Callable[[], None]:
        def step() -> None:
            if elsewhere:
                page.context.clear_cookies()
                speak(page, url, language)
            page.goto(url + path, wait_until="domcontentloaded")

        return step

    def answer(*names: str) -> Callable[[], None]:
        def step() -> None:
            for name in names:
                choose(page, name)
            press(page)

        return step

    def born(typed: str) -> Callable[[], None]:
        def step() -> None:
            page.fill("#born_on", typed)
            press(page)

        return step

    def in_danger() -> None:
        page.locator('main [name="danger"][value="delirium"]').check(force=True)
        press(page)

    def keep_time() -> None:
        page.select_option("#time", "12:30")
        press(page)

    yield "gate", go(to.check_in)
    yield "gate, another date", born("May 1, 1901")
    yield "feelings", born(to.born)
    yield "feelings, nothing given", answer()
    yield "safety", answer("feelings", "dose")
    yield "safety, nothing given", answer()
    yield "done", answer("pain", "used", "thoughts")
    yield "more", go("/c/more/sows")
    yield "used", go(to.check_in, elsewhere=True)
    yield "gate of a mail that asks nothing", go(to.news)
    yield "news", born(to.born)
    yield "replaced", go(to.replaced)
    yield "gate of the questions", go(to.questions)
    yield "question of danger", born(to.born)
    yield "danger told behind a link", in_danger
    yield "answers to send", go("/help/questions/check")
    yield "answers sent", answer()
    yield "preferences", go(to.preferences)
    yield "preferences, nothing given", answer()
    yield "preferences kept", keep_time
    yield "stop", go(to.stop)
    yield "stopped", answer()
    yield "ended", go(to.ended)
