"""`verify pictures`: README's pictures and the tour of docs/tour.md, from the demo center, so they show what is."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from flask import Flask
from playwright.sync_api import Page, sync_playwright
from sqlalchemy import select

from intake.actor import Role
from intake.cases.models import Case
from intake.db import db, id_text
from intake.inquiries.models import Inquiry
from intake.messages.models import Message, MessagePart
from intake.tapers.models import PlanVersion, TaperPlan
from tests.browsers import chromium_path, launch
from tests.journeys import sweep
from tests.servers.mailsink import MailSink
from workers import engine

DOCS = Path(__file__).resolve().parents[2] / "docs"
PICTURES = DOCS / "pictures"
DESK = {"width": 1280, "height": 800}
PHONE = {"width": 390, "height": 780}


@dataclass(frozen=True)
class Stop:
    """One stop of the tour: its picture, where it is, who looks, and what to see there."""

    name: str
    title: str
    path: str
    role: Role | None
    size: dict[str, int]
    words: str
    dark: bool = False


STOPS = (
    Stop("inquiry-phone", "Somebody asks for help", "/help/now", None, PHONE,
         "Eight questions, one idea a page, on any phone and without script. Danger comes first, and a yes leads to "
         "911 and 988 at once. English and Spanish."),
    Stop("inbox", "Admissions sees who waits", "/inbox", Role.ADMISSIONS, DESK,
         "Every request with its own words, its signals, and the wait against the target. The priority is what the "
         "rules say about the answers known so far."),
    Stop("screening", "A screening that adds up by itself", "/cases/{planned}/screening/cows", Role.CLINICIAN, DESK,
         "One key an item. Each answer is saved as it is given; a total that is not complete says so, with its range."),
    Stop("routing", "The rules explain themselves", "/cases/{routed}/routing", Role.CLINICIAN, DESK,
         "Which rules matched, which answer each one read, and what would change the result. One key accepts; another "
         "choice needs a reason."),
    Stop("detox-queue", "The queue", "/queues/detox", Role.CLINICIAN, DESK,
         "Fixed order: urgency, points, arrival. `j` and `k` move, `c` claims, `z` takes it back. Changes of "
         "colleagues show within two seconds and never move what is under the cursor."),
    Stop("case", "The case", "/cases/{planned}", Role.PRESCRIBER, DESK,
         "Alerts, trends, medicines with the formula of their MME, tasks, consent, and who looked."),
    Stop("taper-builder", "The taper builder", "/cases/{drafted}/taper", Role.PRESCRIBER, DESK,
         "The generator fills a grid, and the grid is the truth. Every concern says why and offers its fix."),
    Stop("taper-calendar", "The sheet for the patient", "/tapers/{plan}/v/1/calendar", Role.PRESCRIBER, DESK,
         "One page of paper per step: times, pieces, check-in days, and when to call."),
    Stop("email", "What the email says", "/reminders/{message}/preview", Role.CLINICIAN, DESK,
         "Exactly what arrives, and nothing more: no dose, no medicine, no name of a program."),
    Stop("reports", "Numbers with words", "/reports", Role.SUPERVISOR, DESK,
         "Every chart has words, a table and a CSV; small counts are hidden in what leaves the house."),
    Stop("queue-phone", "On a phone, at night", "/queues/detox", Role.CLINICIAN, PHONE,
         "The same pages on a phone, and in the dark theme.", dark=True),
)  # fmt: skip


def names(app: Flask) -> dict[str, str]:
    """The ids that the addresses of the tour need."""
    with app.app_context():
        plans = select(TaperPlan).join(PlanVersion, PlanVersion.plan_id == TaperPlan.id)
        signed = db.session.scalars(plans.where(PlanVersion.signed_at.is_not(None), PlanVersion.n == 1).limit(1)).one()
        drafted = db.session.scalars(plans.where(PlanVersion.state == "draft").limit(1)).one()
        mail = select(Message.id).join(MessagePart, MessagePart.message_id == Message.id)
        return {
            "routed": id_text(db.session.scalars(select(Case.id).where(Case.state == "in_review").limit(1)).one()),
            "planned": id_text(signed.case_id),
            "plan": id_text(signed.id),
            "drafted": id_text(drafted.case_id),
            "message": id_text(db.session.scalars(mail.where(MessagePart.kind == "CHECKIN").limit(1)).one()),
            "inquiry": id_text(db.session.scalars(select(Inquiry.id).limit(1)).one()),
        }


def tour() -> str:
    """The text of docs/tour.md."""
    parts = [
        "# A tour\n\nEverything here is the demo center of `python3 manage.py run`; all people are invented. "
        "`python3 manage.py verify pictures` takes these pictures again.\n"
    ]
    for n, stop in enumerate(STOPS, start=1):
        width = 300 if stop.size == PHONE else 860
        picture = f'<img src="pictures/{stop.name}.png" width="{width}" alt="{stop.title}">'
        parts.append(f"## {n}. {stop.title}\n\n{stop.words}\n\n{picture}\n")
    return "\n".join(parts)


def take(page: Page, name: str) -> int:
    """Take one picture when nothing moves any more; its size in bytes."""
    page.wait_for_load_state("networkidle")
    page.evaluate("document.fonts.ready")
    file = PICTURES / f"{name}.png"
    page.screenshot(path=str(file))
    return file.stat().st_size


def main(argv: Sequence[str] | None = None) -> int:
    """Write docs/pictures and docs/tour.md; names after the command take only those pictures."""
    wanted = set(argv or ())
    path = chromium_path()
    if path is None:
        print("no Chromium on this machine")
        return 2
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        Path(folder, "copy").mkdir()
        sink = MailSink()
        with sweep.served(Path(folder), Path(folder, "copy"), SMTP_URL=sink.url, SMTP_STARTTLS="off") as center:
            browser = launch(playwright, path)
            known = names(center.app)
            with center.app.app_context():
                # As in the running product: what is due has gone out before anybody looks.
                engine.tick()
                while engine.deliver(1.0):
                    engine.tick()
            for stop in STOPS:
                if wanted and stop.name not in wanted:
                    continue
                scheme = "dark" if stop.dark else "light"
                context = center.window(browser, stop.role, viewport=stop.size, color_scheme=scheme)
                page = context.new_page()
                answer = page.goto(center.url + stop.path.format(**known))
                if answer is None or answer.status != 200:
                    print(f"{stop.name}: {stop.path} did not open")
                    return 1
                if stop.role is not None and "data-row" in page.content():
                    page.keyboard.press("j")
                print(f"{stop.name}: {take(page, stop.name) // 1024} KB")
                context.close()
            browser.close()
        sink.stop()
    (DOCS / "tour.md").write_text(tour(), encoding="utf-8")
    return 0
