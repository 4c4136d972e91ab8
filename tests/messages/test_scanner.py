"""A mail scanner that opens every link of every mail, twenty at once, before the person does, changes nothing."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from urllib.parse import urlsplit

from flask import Flask
from sqlalchemy import select

from intake import clock
from intake.accounts import joining
from intake.clock import utcnow
from intake.db import Base, db, transaction
from intake.inquiries import service as inquiries
from intake.inquiries.models import Channel, Relation
from intake.inquiries.values import InquiryValues, Reach, danger_of
from intake.settings import queries as settings
from tests.messages.outbox import NOON
from tests.servers.mailsink import MailSink
from tests.tapers import story
from workers import engine
from workers.engine import Sender

SCANNERS = ("Mozilla/5.0 (compatible; SafeLinks)", "BarracudaCentral", "Proofpoint URL Defense", "GoogleImageProxy")
# What a page may note about itself; nothing of it is about a person, a link or a message.
NOT_OURS = {"heartbeat"}


def everything() -> dict[str, list[tuple[object, ...]]]:
    """Every row of every table."""
    db.session.rollback()
    found = {
        table.name: sorted((tuple(map(repr, row)) for row in db.session.execute(select(table))), key=repr)
        for table in Base.metadata.sorted_tables
        if table.name not in NOT_OURS
    }
    db.session.rollback()
    return found


def mailed_links(app: Flask, sink: MailSink) -> set[str]:
    """Live through a day of mails to patients, askers and staff; returns every link in them."""
    app.extensions["intake.config"] = replace(app.extensions["intake.config"], smtp_url=sink.url)
    clock.set_offset(NOON - clock.real_now())
    told = story.begin(app)
    story.sign(told, story.draft(told, starts_in=3))
    sender = Sender(app)
    for days in range(4):
        clock.set_offset(NOON + timedelta(days=days, minutes=5) - clock.real_now())
        engine.tick()
        sender.deliver()
    asked = InquiryValues(
        relation=Relation.SELF, danger=danger_of(["none"]), name="Robin", reach=Reach(email="robin@mail.example"),
        consent=True,
    )  # fmt: skip
    with transaction():
        inquiries.receive(asked, channel=Channel.WEB, actor=told.cast.ada, now=utcnow(), site=settings.the_site())
    with transaction():
        joining.ask_reset("cleo@northlight.example", address="127.0.0.1", now=utcnow())
    engine.tick()
    sender.deliver()
    sender.close()
    return {link for mail in sink.accepted for link in re.findall(r"https?://[^\s\"'<>]+", mail.text + mail.html)}


def test_p03_a_scanner_that_opens_every_mailed_link_twenty_at_once_changes_nothing(
    app: Flask, mailsink: MailSink
) -> None:
    with app.app_context():
        links = mailed_links(app, mailsink)
        paths = sorted(urlsplit(link).path for link in links)
        before = everything()
    assert {path.split("/")[1] for path in paths} >= {"c", "u", "p", "help", "sign-in"}

    def scan(path: str) -> list[int]:
        codes = []
        for n in range(20):
            phone = app.test_client()
            agent = {"User-Agent": SCANNERS[n % len(SCANNERS)]}
            answer = phone.open(path, method="HEAD" if n % 2 else "GET", headers=agent, follow_redirects=True)
            codes.append(answer.status_code)
        return codes

    with ThreadPoolExecutor(20) as pool:
        answers = dict(zip(paths, pool.map(scan, paths), strict=True))
    assert {path[:12]: set(codes) for path, codes in answers.items() if set(codes) != {200}} == {}
    with app.app_context():
        after = everything()
        assert {name for name in before if before[name] != after[name]} == set()
