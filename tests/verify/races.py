"""`verify races [--wide 50] [--rounds N]`: many people do the same thing at the same moment, in several processes.

Double submit gives one inquiry, a claim one winner, two signatures one plan, stale edits one change. On both engines.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import multiprocessing
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace

from flask import Flask
from sqlalchemy import func, select

from intake.actor import Actor
from intake.audit import verify as audit
from intake.audit.models import AuditEntry
from intake.clock import utcnow
from intake.db import db, transaction
from intake.errors import IntakeError
from intake.inquiries.models import Inquiry
from intake.messages.models import Message
from intake.queues import service as queues
from intake.settings import forms
from intake.settings import service as settings
from intake.settings.models import Site
from intake.tapers import service as tapers
from intake.tapers import signing
from intake.tapers.models import PlanVersion
from tests import figures
from tests.cases.folk import waiting
from tests.inquiries.browser import Browser, fill
from tests.people import Cast, make_cast
from tests.tapers import story
from tests.verify._rig.engines import ENGINES, engines, house

WIDE, ROUNDS, PROCESSES = 50, 10, 5
DONE = "done"
Act = Callable[[int], str]
Race = Callable[[Flask, Cast, int, int], bool]


def at_once(app: Flask, wide: int, act: Act, *, processes: int = 1) -> Counter[str]:
    """Let `wide` threads, spread over processes, do `act(number)` at one moment; counts the words that come back."""
    if processes == 1:
        return _threads(app, range(wide), act, threading.Barrier(wide))
    with app.app_context():
        # A forked child must not share a connection.
        db.session.remove()
        db.engine.dispose()
    context = multiprocessing.get_context("fork")
    start, answers = context.Barrier(wide), context.SimpleQueue()

    def child(numbers: range) -> None:
        answers.put(dict(_threads(app, numbers, act, start)))

    family = [context.Process(target=child, args=(range(n, wide, processes),)) for n in range(processes)]
    for each in family:
        each.start()
    found: Counter[str] = Counter()
    for _ in family:
        found.update(answers.get())
    for each in family:
        each.join()
    return found


def _threads(app: Flask, numbers: range, act: Act, start: threading.Barrier) -> Counter[str]:
    found: list[str] = []

    def run(number: int) -> None:
        with app.app_context():
            start.wait(60)
            try:
                found.append(act(number))
            except IntakeError as refused:
                found.append(type(refused).__name__)
            finally:
                db.session.remove()

    threads = [threading.Thread(target=run, args=(n,)) for n in numbers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return Counter(found)


def submit(app: Flask, cast: Cast, wide: int, processes: int) -> bool:
    """One public form sent by `wide` tabs at once: one inquiry, and every tab is led to its confirmation."""
    browser = Browser(app)
    fill(browser)
    browser.get("/help/check")
    cookie = browser.client.get_cookie("visit")
    assert cookie is not None
    with app.app_context():
        before = db.session.scalar(select(func.count(Inquiry.id))) or 0
        db.session.remove()

    def act(_: int) -> str:
        twin = Browser(app)
        twin.client.set_cookie("visit", cookie.value)
        answer = twin.post("/help/check", {"consent": "yes", "csrf_token": browser.token})
        return f"{answer.status_code} {answer.headers.get('Location', '')}"

    found = at_once(app, wide, act, processes=processes)
    with app.app_context():
        after = db.session.scalar(select(func.count(Inquiry.id))) or 0
        db.session.remove()
    # A tab that comes when all is done is led to the confirmation without its link.
    told = sum(count for words, count in found.items() if words.startswith("302 /help/sent"))
    return after - before == 1 and told == wide


def claim(app: Flask, cast: Cast, wide: int, processes: int) -> bool:
    """One case claimed by `wide` people: one winner, everybody else is told who."""
    with app.app_context():
        _, entry = waiting(cast)
        entry_id, ada = entry.id, cast.ada
        db.session.remove()

    def act(number: int) -> str:
        actor = replace(ada, id=1000 + number, name=f"Racer {number}")
        with transaction():
            queues.claim(entry_id, actor=actor, now=utcnow())
        return DONE

    return at_once(app, wide, act, processes=processes) == Counter({DONE: 1, "AlreadyDone": wide - 1})


def sign(app: Flask, cast: Cast, wide: int, processes: int) -> bool:
    """One plan signed `wide` times at once: one signature, one entry in the audit, each mail owed once."""
    with app.app_context():
        pat = story.begin(app, cast=cast)
        version = story.draft(pat)
        reasons = {c.key: "Talked through with Pat." for c in tapers.concerns(version, pat.case)}
        version_id, plan_id, petra = version.id, version.plan_id, pat.cast.petra
        db.session.remove()

    def act(_: int) -> str:
        with transaction():
            signing.sign(version_id, signing.Signing(reasons), actor=petra, now=utcnow())
        return DONE

    found = at_once(app, wide, act, processes=processes)
    with app.app_context():
        days = db.session.execute(
            select(func.count(Message.id), func.count(Message.local_date.distinct())).where(
                Message.plan_id == plan_id, Message.kind == "reminder"
            )
        ).one()
        signed = db.session.scalar(
            select(func.count(AuditEntry.id)).where(AuditEntry.record_id == version_id, AuditEntry.verb == "signed")
        )
        stands = db.session.scalar(select(PlanVersion.signed_at).where(PlanVersion.id == version_id))
        db.session.remove()
    return found[DONE] == 1 and sum(found.values()) == wide and signed == 1 and days[0] == days[1] > 0 and bool(stands)


def edit(app: Flask, cast: Cast, wide: int, processes: int) -> bool:
    """One record edited by `wide` people who all read the same version: one change, everybody else is told."""
    with app.app_context():
        row = db.session.get_one(Site, cast.site.id)
        version, alex = row.version, cast.alex
        asked = forms.Center(
            name=row.name, discreet_name=row.discreet_name, aliases=tuple(map(str, row.aliases)), phone=row.phone,
            email_from=row.email_from, time_zone=row.time_zone, leave_url=row.leave_url,
        )  # fmt: skip
        db.session.remove()

    def act(number: int) -> str:
        with transaction():
            wanted = replace(asked, name=f"Northlight {version} {number}")
            settings.change_site(wanted, version=version, actor=_as(alex, number), now=utcnow())
        return DONE

    return at_once(app, wide, act, processes=processes) == Counter({DONE: 1, "AlreadyDone": wide - 1})


def _as(actor: Actor, number: int) -> Actor:
    return replace(actor, name=f"Racer {number}")


RACES: dict[str, Race] = {
    "double submit: one inquiry": submit,
    "claim: one winner": claim,
    "signatures: one plan": sign,
    "stale edits: one change": edit,
}


def main(arguments: list[str]) -> int:
    """Run every race on both engines and print how many rounds ended as they must."""
    parser = argparse.ArgumentParser(prog="manage.py verify races", description=__doc__)
    parser.add_argument("--wide", type=int, default=WIDE, help=f"how many at once ({WIDE})")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"rounds of each race ({ROUNDS})")
    parser.add_argument("--figures", action="store_true", help="write docs/figures.md")
    given = parser.parse_args(arguments)
    rows: list[tuple[str, ...]] = []
    print(f"{'race':32}{'engine':12}{'wide':>6}{'rounds':>8}{'right':>7}{'seconds':>9}")
    with engines() as both:
        for engine in ENGINES:
            with house(both.empty(engine)) as app:
                rows += _engine(app, engine, given.wide, given.rounds)
    if given.figures:
        figures.write("verify races", figures.table(("race", "engine", "wide", "rounds", "right", "seconds"), rows))
    status = 0 if all(row[3] == row[4] for row in rows) else 1
    if importlib.util.find_spec("tests.verify.races_consent"):
        status |= importlib.import_module("tests.verify.races_consent").main([])
    return status


def _engine(app: Flask, engine: str, wide: int, rounds: int) -> list[tuple[str, ...]]:
    with app.app_context():
        with transaction():
            cast = make_cast()
        db.session.expunge_all()
        db.session.remove()
    rows: list[tuple[str, ...]] = []
    for name, race in RACES.items():
        began = time.monotonic()
        right = sum(race(app, cast, wide, PROCESSES) for _ in range(rounds))
        rows.append((name, engine, str(wide), str(rounds), str(right), f"{time.monotonic() - began:.0f}"))
        print(f"{name:32}{engine:12}{wide:>6}{rounds:>8}{right:>7}{rows[-1][5]:>9}", flush=True)
    with app.app_context():
        report = audit.walk()
        whole = str(int(report.ok))
        rows.append(("audit chains whole after them", engine, "-", "1", whole, f"{report.seconds:.0f}"))
        db.session.remove()
    print(f"{rows[-1][0]:32}{engine:12}{'-':>6}{'1':>8}{whole:>7}", flush=True)
    return rows
