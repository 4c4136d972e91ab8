"""The steps that the workflows share: people, their pages, and a clock that moves. Everything goes through HTTP."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from intake import clock
from intake.cases.models import Case
from intake.cli.demo.answers import answers
from intake.cli.demo.people import PAIN_SLOW, STREET_MILD, Profile
from intake.clock import utcnow
from intake.db import db, id_text, id_value
from intake.inquiries.models import Inquiry
from intake.queues.models import QueueEntry
from intake.settings import queries as settings
from intake.tasks.models import Task
from intake.tasks.service import LIVE
from tests.cases.folk import center
from tests.desk.door import browser
from tests.people import Cast
from workers import upkeep

OUTPATIENT, DETOX = PAIN_SLOW, STREET_MILD
CALL: dict[str, Any] = {
    "relation": "self", "name": "Marcus Webb", "phone": "(555) 014-9021", "message": "yes", "best_time": "evening",
    "danger": "none", "age": "42", "takes": ["prescribed"], "last_use": "under_24h", "withdrawal": "no",
    "pregnant": "na", "consent": "yes", "own_words": "It hurts more the more I take.",
}  # fmt: skip
LEAVING = {
    "type": "against_advice", "reason": "I miss my kids", "naloxone": "accepted", "warned": "yes", "capacity": "full",
    "offered": ["pause", "outpatient"], "counselled_by": "Dr. Osei",
}  # fmt: skip


class Center:
    """A running center with its staff, one moveable clock, and the minute's round."""

    def __init__(self, app: Flask, cast: Cast) -> None:
        self.app, self.cast = app, cast
        self.moved = timedelta(0)
        self.doors: dict[str, FlaskClient] = {}

    def later(self, **length: float) -> None:
        """Let time pass, and let the house do its minute's round."""
        self.moved += timedelta(**length)
        clock.set_offset(self.moved)
        self.doors.clear()
        self.round()

    def round(self) -> None:
        """What upkeep does within a minute."""
        with self.app.app_context():
            upkeep.work()
            db.session.remove()

    def as_(self, who: str) -> FlaskClient:
        """A signed-in browser; after the clock moved everybody signs in again."""
        if who not in self.doors:
            self.doors[who] = browser(self.app, self.cast, who)
        return self.doors[who]

    def post(self, who: str, path: str, *, status: int = 302, **form: Any) -> TestResponse:
        """Send a form and say what should come of it."""
        answer = self.as_(who).post(path, data=form)
        assert answer.status_code == status, (path, answer.status_code, words(answer)[-1500:])
        return answer

    def page(self, who: str, path: str) -> str:
        """The words of a page."""
        answer = self.as_(who).get(path)
        assert answer.status_code == 200, (path, answer.status_code)
        return words(answer)

    @contextmanager
    def look(self) -> Iterator[Session]:
        """What is stored, read aside."""
        with self.app.app_context():
            yield db.session
            db.session.remove()

    def case(self, case_id: int) -> Case:
        """A case as stored."""
        with self.look() as session:
            row = session.get_one(Case, case_id)
            session.expunge(row)
            return row

    def inquiry(self, inquiry_id: int) -> Inquiry:
        """A request as stored."""
        with self.look() as session:
            row = session.get_one(Inquiry, inquiry_id)
            session.expunge(row)
            return row

    def owed(self, *, case_id: int = 0, inquiry_id: int = 0) -> dict[str, datetime]:
        """The live work of a case or request: kind and due time."""
        wanted = Task.case_id == case_id if case_id else Task.inquiry_id == inquiry_id
        with self.look() as session:
            rows = session.scalars(select(Task).where(wanted, Task.state.in_(LIVE)).order_by(Task.due_at.desc()))
            return {row.kind: row.due_at for row in rows}

    def waits_in(self, case_id: int) -> list[str]:
        """The queues a case waits in."""
        with self.look() as session:
            rows = session.scalars(
                select(QueueEntry.queue).where(QueueEntry.case_id == case_id, QueueEntry.left_at.is_(None))
            )
            return [queue.value for queue in rows]

    def task(self, case_id: int, kind: str) -> str:
        """The address of a live task."""
        with self.look() as session:
            row = session.scalars(
                select(Task).where(Task.case_id == case_id, Task.kind == kind, Task.state.in_(LIVE)).limit(1)
            ).one()
            return f"/tasks/{id_text(row.id)}"

    # What people do.

    def call(self, **told: Any) -> int:
        """Ada takes a call; returns the request."""
        ada = self.as_("ada")
        path = str(ada.get("/calls/new").headers["Location"])
        answer = ada.post(path, data={**CALL, "after": "later", **told})
        assert answer.status_code == 302, words(answer)[-1500:]
        return inquiry_of(answer)

    def screen(self, inquiry_id: int, profile: Profile = OUTPATIENT, *, who: str = "cleo") -> int:
        """Somebody asks every part of the screening and accepts where the rules point; returns the case."""
        here = f"/inquiries/{id_text(inquiry_id)}/screening"
        nurse = self.as_(who)
        for part, given in answers(profile, age=42).items():
            form = {name: str(value) for name, value in given.items()}
            answer = nurse.post(f"{here}/{part}", data={**form, "go": "complete" if part == "level" else "next"})
            assert answer.status_code == 302, (part, words(answer)[-1500:])
        page = self.as_("ada").get(str(answer.headers["Location"])).text
        accept = re.search(r'action="(/placements/\w+/accept)"', page)
        assert accept is not None, words_of(page)[-1500:]
        self.post("ada", accept[1])
        return self.case_of(inquiry_id)

    def case_of(self, inquiry_id: int) -> int:
        """The case that a request opened."""
        with self.look() as session:
            return session.scalars(select(Case.id).where(Case.opened_from == inquiry_id)).one()

    def step(self, who: str, case_id: int, name: str, *, status: int = 302, **form: Any) -> TestResponse:
        """One step of a case, by its form."""
        return self.post(who, f"/cases/{id_text(case_id)}/{name}", status=status, **form)

    def accept(self, case_id: int, level: str, who: str = "cleo") -> None:
        """A clinician accepts a case at a level and says who was told."""
        self.step(who, case_id, "decide", decision="accept", level=level, told_whom="person", reason="Fits.")

    def local(self, **ahead: float) -> str:
        """A time ahead as a form sends it, in the center's zone."""
        with self.look():
            zone = settings.zone(settings.the_site())
        return (utcnow() + timedelta(**ahead)).astimezone(zone).strftime("%Y-%m-%dT%H:%M")

    def accepted(self, level: str = "inpatient_detox", profile: Profile = DETOX, **told: Any) -> int:
        """Somebody called, was screened and accepted; returns the case."""
        case_id = self.screen(self.call(**told), profile)
        self.accept(case_id, level)
        return case_id

    def admitted(self, level: str = "inpatient_detox", profile: Profile = DETOX, bed: int | None = None) -> int:
        """Somebody is in care; returns the case."""
        case_id = self.accepted(level, profile)
        kept = {"bed": id_text(bed)} if bed else {}
        self.step("ada", case_id, "schedule", starts_at=self.local(hours=1), kind="admission", **kept)
        self.step("cleo", case_id, "admit", level=level)
        return case_id

    def ward(self, name: str, level: str, beds: int, kind: str = "bed") -> list[int]:
        """Sol sets up a unit and its beds; returns the ids of the beds."""
        self.post("sol", "/beds/units", unit_name=name, level=level, kind=kind)
        page = self.as_("sol").get("/beds").text
        unit = re.findall(rf"<h2>{name}</h2>.*?/beds/units/(\w+)/confirm", page, re.S)[0]
        for n in range(beds):
            self.post("sol", f"/beds/units/{unit}/add", name=f"{name[0]}{n + 1}", sex="any", payer="any")
        page = self.as_("sol").get("/beds").text
        part = page[page.index(f"<h2>{name}</h2>") :]
        return [id_value(key) for key in re.findall(r"/beds/(\w{13})/close", part.split("<h2>")[1])]

    def answer_transfer(self, who: str, case_id: int, word: str, *, status: int = 302, **form: Any) -> TestResponse:
        """Answer the open transfer of a case by its form."""
        page = self.as_(who).get(f"/cases/{id_text(case_id)}/answer-transfer").text
        value = re.search(rf'value="({word}:\w+)"', page)
        return self.step(
            who, case_id, "answer-transfer", status=status, answer=value[1] if value else f"{word}:", **form
        )


def words_of(text: str) -> str:
    """The words of a page without its markup."""
    found = re.sub(r"<(script|style).*?</\1>", " ", text, flags=re.S)
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", found)))


def words(answer: TestResponse) -> str:
    """The words of an answer."""
    return words_of(answer.get_data(as_text=True))


def inquiry_of(answer: TestResponse) -> int:
    """The request that an answer leads to."""
    found = re.search(r"/inquiries/(\w{13})", str(answer.headers["Location"]))
    assert found is not None, answer.headers["Location"]
    return id_value(found[1])


def open_center(app: Flask) -> Center:
    """The center on its first morning."""
    with center(app) as cast:
        pass
    app.config["RATELIMIT_ENABLED"] = False
    return Center(app, cast)


__all__ = ["CALL", "DETOX", "LEAVING", "OUTPATIENT", "Center", "open_center"]
