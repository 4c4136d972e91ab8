"""The catalogue: every string that a patient can meet has Spanish words, easy ones, without stigma."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_file
from babel.messages.mofile import read_mo
from babel.messages.pofile import read_po
from jinja2 import Environment, FileSystemLoader, meta

from intake.clinical import instruments
from intake.clinical.language import fernandez_huerta, language_hits
from tests.spanish.marked import WORDS

ROOT = Path(__file__).resolve().parents[2]
TEMPLATES = ROOT / "templates"
PLACE = ROOT / "intake" / "translations" / "es" / "LC_MESSAGES"
# A template that stands on one of these is read by patients; what it takes in is read by them too.
PATIENT_LAYOUTS = {"layout/public.html", "layout/plain.html"}
# Sheets that are handed to patients.
PAPERS = {"inquiries/notice.html", "release/consent_paper.html"}
# What only staff see of a page that serves both: the frame and parts of it.
STAFF_ONLY = {"layout/staff.html", "accounts/sign_in.html"}
SENTENCES = (
    "intake/fields.py",
    "intake/inquiries/forms.py",
    "intake/inquiries/summary.py",
    "intake/inquiries/sent.py",
    "intake/inquiries/referral_values.py",
    "intake/checkins/forms.py",
    "intake/people/born.py",
)
CALL_PAGE = "# What only the call page asks."
EXEMPT = {"Your account", "Read by %(who)s on %(day)s."}
PLACEHOLDER = re.compile(r"%\(\w+\)[sd]")


def catalogue() -> Catalog:
    """The Spanish catalogue as people edit it."""
    with (PLACE / "messages.po").open("rb") as file:
        return read_po(file, locale="es")


def strings(catalog: Catalog) -> dict[str, str]:
    """Each English string with its Spanish words; of a plural the first and the last."""
    found: dict[str, str] = {}
    for message in catalog:
        ids = message.id if isinstance(message.id, list | tuple) else (message.id,)
        words = message.string if isinstance(message.string, list | tuple) else (message.string,)
        found |= {key: words[min(at, len(words) - 1)] for at, key in enumerate(ids) if key}
    return found


ES = strings(catalogue())


def patient_templates() -> list[str]:
    """The templates that patients read, found by what they extend and take in."""
    environment = Environment(loader=FileSystemLoader(TEMPLATES), extensions=["jinja2.ext.i18n"])
    names = [p.relative_to(TEMPLATES).as_posix() for p in TEMPLATES.rglob("*.html") if "email" not in p.parts]
    uses = {
        name: {r for r in meta.find_referenced_templates(environment.parse((TEMPLATES / name).read_text())) if r}
        for name in names
    }

    def reached(name: str, seen: set[str]) -> set[str]:
        if name in seen or name not in uses:
            return seen
        seen.add(name)
        for other in uses[name]:
            reached(other, seen)
        return seen

    found = {n for n in names if n.startswith("system/")} | PAPERS
    for name in names:
        with_parts = reached(name, set())
        if with_parts & PATIENT_LAYOUTS:
            found |= with_parts
    return sorted(found - STAFF_ONLY)


def asked(path: Path, method: str) -> Iterator[str]:
    """The English strings of one file."""
    for _line, message, _comments, _context in extract_from_file(method, path):
        yield from message if isinstance(message, tuple) else (message,)


def said_to_patients() -> dict[str, str]:
    """English string -> the first file that says it."""
    found: dict[str, str] = {}
    for name in patient_templates():
        for text in asked(TEMPLATES / name, "jinja2.ext:babel_extract"):
            found.setdefault(text, name)
    for name in SENTENCES:
        for text in asked(ROOT / name, "python"):
            found.setdefault(text, name)
    answers = (ROOT / "intake/inquiries/answers.py").read_text().split(CALL_PAGE)[0]
    for text in re.findall(r'_\("([^"]+)"\)', answers):
        found.setdefault(text, "intake/inquiries/answers.py")
    pages = (ROOT / "intake/pages.py").read_text()
    for text in re.findall(r'^    \d{3}: "([^"]+)",$', pages, re.M):
        found.setdefault(text, "intake/pages.py")
    for key in ("peg", "sows"):
        for item in instruments.get(key).items:
            found.setdefault(item.topic, f"instrument {key}")
    return found


SAID = said_to_patients()


def test_many_templates_and_strings_are_found() -> None:
    assert len(patient_templates()) > 50
    assert len(SAID) > 350


def test_every_string_that_a_patient_can_meet_has_spanish_words() -> None:
    assert {text: where for text, where in SAID.items() if text not in EXEMPT and not ES.get(text)} == {}


def test_the_compiled_catalogue_is_that_of_the_words() -> None:
    compiled = strings(read_mo(io.BytesIO((PLACE / "messages.mo").read_bytes())))
    assert compiled == {key: words for key, words in ES.items() if words}


def test_words_that_no_extraction_finds_are_marked_by_hand() -> None:
    items = {item.topic for key in ("peg", "sows") for item in instruments.get(key).items}
    assert items <= set(WORDS)
    assert {word for word in WORDS if not ES.get(word)} == set()


@pytest.mark.parametrize("text", [t for t in ES if "%(" in t])
def test_a_translation_keeps_what_is_filled_in(text: str) -> None:
    assert set(PLACEHOLDER.findall(ES[text])) == set(PLACEHOLDER.findall(text))


def test_all_spanish_words_together_are_easy_and_none_carries_stigma() -> None:
    text = "\n\n".join(words for key, words in ES.items() if key in SAID)
    assert fernandez_huerta(text) >= 80
    assert language_hits(text, "es") == ()
    assert language_hits("\n\n".join(SAID)) == ()
