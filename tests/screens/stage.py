"""A bare stage for the templates: plain jinja2 with the globals the application gives them."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

ROOT = Path(__file__).resolve().parents[2]
TEMPLATES = ROOT / "templates"
STATIC = ROOT / "intake" / "static"
PAGES = Path(__file__).parent / "pages"

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

BOARD = [
    ("a", "Theo B.", 33, "Fentanyl, last use 15 h", 2, 55, 22, 6, [("Benzo daily", "red")], 64, 60, True),
    ("b", "Luis F.", 37, "Heroin, last use 30 h", 2, 30, 19, -3, [("Returning", "line")], 41, 60, False),
    ("c", "Dana R.", 42, "Oxycodone ER 90 mg/day", 2, 25, 15, 6, [("OIH features", "violet")], 22, 60, False),
    ("d", "Ruth A.", 64, "Hydrocodone, 60 mg/day", 1, 20, 13, None, [("Fall risk", "amber")], 12, 15, False),
    ("e", "Joan P.", 51, "Heroin, two tries this year", 3, 15, 5, 0, [("OUD 4 of 11", "line")], 125, 1440, False),
    ("f", "Eli M.", 46, "Asks for a rapid taper", 3, 10, 2, None, [("200 MME", "line")], 220, 1440, False),
    ("g", "Sam W.", 29, "Kratom and tramadol", 4, 10, 8, -1, [("Unstable housing", "amber")], 3000, 4320, False),
]  # fmt: skip

ERRORS = {
    "tel": "Enter a phone number with 10 digits, like 555 014 2200",
    "vm": "Tell us if we can leave a voice message",
}

SITE = SimpleNamespace(
    center_name="Northlight Intake",
    discreet_name="Northlight",
    phone="(555) 014-2200",
    phone_href="tel:+15550142200",
    leave_url="https://www.weather.gov/",
    reference_prefix="NL",
    other_lang_url="?lang=es",
)
ACTOR = SimpleNamespace(name="Dr. Amara Osei", role="prescriber", initials="AO")
KEPT: dict[str, Any] = {
    "kept": [("Name", "Dana"), ("In your words", "Two lines,\n<b>kept</b> as typed")],
    "again": [("name", "Dana"), ("words", "Two lines,\n<b>kept</b> as typed")],
    "action": "/help/name",
    "request_id": "4F2A-77",
}
CLASH: dict[str, Any] = {
    "heading": "Rosa saved this 20 seconds before you",
    "conflicts": [("Phone", "phone", "(555) 014-7734", "Rosa, today 15:04:10", "(555) 014-7743")],
    "again": [("best_time", "After 5 pm")],
    "version": 15,
    "current_url": "/cases/4h7k",
}
SYSTEM = [
    "400",
    "422",
    "403",
    "404",
    "409",
    "413",
    "419",
    "429",
    "500",
    "503",
    "offline",
    "maintenance",
    "emergency_static",
]


def shell(current: str = "detox", **more: Any) -> SimpleNamespace:
    """What every staff page gets: the rail, its counts and the banners."""
    facts: dict[str, Any] = {
        "nav": current,
        "nav_items": NAV,
        "center_name": "Northlight Intake",
        "late_banner": None,
        "scoring_banner": None,
        "beds": ["14 of 16 beds in use", "Outpatient slots today: 5 open"],
        "counts": {},
        "keys": "on",
    }
    return SimpleNamespace(**(facts | more))


def gettext(text: str, **values: Any) -> str:
    """English as written; fills the named places as flask-babel does."""
    return text % values if values else text


def url_for(endpoint: str, filename: str = "", **_: Any) -> str:
    """Addresses of the static files; no other address is asked for by the layouts."""
    return f"/{endpoint}/{filename}"


def environment() -> Environment:
    """The templates with stub globals; an unknown name is an error, as a typing slip should be."""
    env = Environment(
        loader=FileSystemLoader([TEMPLATES, PAGES]), autoescape=select_autoescape(), undefined=StrictUndefined
    )
    env.globals.update(
        _=gettext,
        csrf_token=lambda: "token-of-the-session",
        url_for=url_for,
        current_actor=ACTOR,
        shell=shell(),
        site=SITE,
        errors={},
        page_count=None,
        hide_names_on=False,
    )
    return env


def render(source: str, **context: Any) -> str:
    """Render a snippet as a page of the application would be rendered."""
    return environment().from_string(source).render(**context)


def macro(file: str, call: str, **context: Any) -> str:
    """Render one macro call; `file` is its name in templates/parts without the ending."""
    name = call.split("(", 1)[0]
    return render(f'{{% from "parts/{file}.html" import {name} %}}{{{{ {call} }}}}', **context)


def gallery() -> dict[str, str]:
    """Every layout and part on a few pages, and every system page in both skins: name -> HTML."""
    env = environment()
    late = shell("mine", late_banner="Reminders are late: the oldest was due 14 min ago.")
    pages = {
        "board": env.get_template("board.html").render(rows=BOARD, page_count=7),
        "everything": env.get_template("everything.html").render(shell=late),
        "public": env.get_template("public.html").render(errors=ERRORS),
        "auth": env.get_template("auth.html").render(),
        "sheet": env.get_template("sheet.html").render(),
        "clash": env.get_template("system/409.html").render(area="staff", **CLASH),
    }
    for name in SYSTEM:
        for area in ("staff", "public"):
            pages[f"{name}-{area}"] = env.get_template(f"system/{name}.html").render(area=area, **KEPT)
    return pages
