"""`verify pictures`: take README's pictures and the tour from the demo center, so that they show what is there."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright
from sqlalchemy import select
from werkzeug.serving import make_server

from intake.actor import Role
from intake.cases.models import Case
from intake.db import db, id_text
from intake.tapers.models import PlanVersion, TaperPlan
from tests import world
from tests.browsers import chromium_path, launch

PICTURES = Path(__file__).resolve().parents[2] / "docs" / "pictures"
DESK = {"width": 1280, "height": 800}
PHONE = {"width": 390, "height": 780}
SHOTS: tuple[tuple[str, str, Role | None, dict[str, int]], ...] = (
    ("inquiry-phone", "/help/now", None, PHONE),
    ("detox-queue", "/queues/detox", Role.CLINICIAN, DESK),
    ("routing", "/cases/{routed}/routing", Role.CLINICIAN, DESK),
    ("case", "/cases/{planned}", Role.PRESCRIBER, DESK),
    ("taper-builder", "/cases/{drafted}/taper", Role.PRESCRIBER, DESK),
    ("reports", "/reports", Role.SUPERVISOR, DESK),
)


def _ids(app: Any) -> dict[str, str]:
    with app.app_context():
        signed = (
            select(TaperPlan.case_id)
            .join(PlanVersion, PlanVersion.plan_id == TaperPlan.id)
            .where(PlanVersion.signed_at.is_not(None))
        )
        open_draft = select(TaperPlan.case_id).join(PlanVersion, PlanVersion.plan_id == TaperPlan.id)
        return {
            "routed": id_text(db.session.scalars(select(Case.id).where(Case.state == "in_review").limit(1)).one()),
            "planned": id_text(db.session.scalars(signed.limit(1)).one()),
            "drafted": id_text(db.session.scalars(open_draft.where(PlanVersion.state == "draft").limit(1)).one()),
        }


def main(argv: Sequence[str] | None = None) -> int:
    """Write docs/pictures; 1 without a Chromium."""
    path = chromium_path()
    if path is None:
        print("no Chromium on this machine")
        return 1
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        app = world.application(world.copy(Path(folder), Path(folder)))
        server = make_server("localhost", 0, app, threaded=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://localhost:{server.server_port}"
        browser = launch(playwright, path)
        names = _ids(app)
        for name, where, role, size in SHOTS:
            context = browser.new_context(viewport=size)  # type: ignore[arg-type]
            if role is not None:
                cookie = world.sign_in(app, role).get_cookie("desk", domain="localhost", path="/")
                assert cookie is not None
                context.add_cookies([{"name": "desk", "value": cookie.value, "url": address}])
            page = context.new_page()
            page.goto(address + where.format(**names))
            page.wait_for_timeout(700)
            page.screenshot(path=str(PICTURES / f"{name}.png"))
            print(f"{name}: {(PICTURES / f'{name}.png').stat().st_size // 1024} KB")
            context.close()
        browser.close()
        server.shutdown()
    return 0
