"""A bare stage for the templates: plain jinja2 with the globals the application gives them."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

ROOT = Path(__file__).resolve().parents[2]
TEMPLATES = ROOT / "templates"
STATIC = ROOT / "intake" / "static"

NAV = [
    ("inbox", "/inbox", "inbox", "Inbox", 12),
    ("now", "/queues/now", "now", "Act now", 4),
    ("detox", "/queues/detox", "detox", "Detox", 7),
    ("outpatient", "/queues/outpatient", "outpatient", "Outpatient", 8),
    ("callback", "/queues/callback", "phone", "Callback", 0),
    ("mine", "/mine", "folder", "My cases", 6),
    ("tasks", "/tasks", "task", "Tasks", 4),
    ("tapers", "/tapers", "taper", "Taper plans", None),
    ("reminders", "/reminders", "bell", "Reminders", None),
    ("reports", "/reports", "chart", "Reports", None),
    ("audit", "/audit", "audit", "Audit log", None),
    ("settings", "/settings/", "gear", "Settings", None),
]


def shell(current: str = "detox", **more: Any) -> SimpleNamespace:
    """What every staff page gets: the rail, its counts and the banners."""
    facts: dict[str, Any] = {
        "nav": current, "nav_items": NAV, "center_name": "Northlight Intake", "late_banner": None, "scoring_banner": None,
        "beds": ["14 of 16 beds in use", "Outpatient slots today: 5 open"], "counts": {}, "keys": "on",
    }  # fmt: skip
    return SimpleNamespace(**(facts | more))


SITE = SimpleNamespace(
    center_name="Northlight Intake", discreet_name="Northlight", phone="(555) 014-2200", phone_href="tel:+15550142200",
    leave_url="https://www.weather.gov/", reference_prefix="NL", other_lang_url="?lang=es",
)  # fmt: skip
ACTOR = SimpleNamespace(name="Dr. Amara Osei", role="prescriber", initials="AO")


def environment() -> Environment:
    """The templates with stub globals; an unknown name is an error, as a typing slip should be."""
    env = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=select_autoescape(), undefined=StrictUndefined)
    env.globals.update(
        _=lambda text, **kw: text % kw if kw else text,
        csrf_token=lambda: "token-of-the-session",
        url_for=lambda endpoint, filename="", **kw: f"/static/{filename}",
        current_actor=ACTOR, shell=shell(), site=SITE, errors={}, page_count=None, hide_names_on=False,
    )  # fmt: skip
    return env


def render(source: str, **context: Any) -> str:
    """Render a snippet as a page of the application would be rendered."""
    return environment().from_string(source).render(**context)
