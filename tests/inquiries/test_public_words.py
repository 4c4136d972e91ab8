"""The public pages: easy words, no stigma, light, valid, nothing from elsewhere (screens.md 7, 8, 11)."""

from __future__ import annotations

import gzip
import html
import re

import html5lib
import pytest
from flask import Flask

from intake.clinical.language import grade, language_hits, words_a_sentence
from tests.inquiries.browser import FAMILY, SELF, Browser, fill, send, signed_in
from tests.people import Cast

PROFESSIONAL = {**FAMILY, "who": {"who": "professional"}, "you": {"inquirer": "Dr Osei", "organisation": "Mercy"}}
STEPS = tuple(f"/help/{step}" for step in SELF)
PAGES = (*STEPS, "/help/check", "/help/emergency", "/help/privacy", "/help/accessibility")
BLOCKS = (
    r"</?(?:p|h1|h2|li|dt|dd|div|legend|label|b|option|ol|ul|span|button|title|main|section|form|fieldset|select)"
    r"\b[^>]*>"
)


def text_of(page: str) -> str:
    """The words of a page, headings, items and answers as sentences of their own."""
    body = re.sub(r"<(script|style|svg|footer).*?</\1>", " ", page.split("<main", 1)[1], flags=re.S)
    plain = html.unescape(re.sub(r"<[^>]+>", "", re.sub(BLOCKS, "\n\n", body)))
    return re.sub(r"\(\d{3}\) \d{3}-\d{4}|42 CFR Part 2", "", plain)


def pages_of(app: Flask, answers: dict[str, dict[str, object]]) -> dict[str, str]:
    browser = Browser(app)
    fill(browser, answers)
    found = {path: browser.get(path).get_data(as_text=True) for path in PAGES}
    sender = Browser(app)
    found["sent"] = sender.get(send(sender, answers).headers["Location"], follow_redirects=True).get_data(as_text=True)
    found["change"] = sender.get("/help/sent/change").get_data(as_text=True)
    danger = Browser(app)
    danger.step("now", danger=["seizure_24h"])
    found["danger"] = danger.get("/help/emergency").get_data(as_text=True)
    found["error"] = danger.step("reach").get_data(as_text=True)
    return found


@pytest.mark.parametrize("answers", [SELF, FAMILY, PROFESSIONAL], ids=["self", "family", "professional"])
def test_every_public_page_reads_at_grade_six_in_short_sentences_without_stigma(
    app_sqlite: Flask, cast_sqlite: Cast, answers: dict[str, dict[str, object]]
) -> None:
    found = pages_of(app_sqlite, answers)
    for path, page in found.items():
        text = text_of(page)
        assert grade(text) <= 6.0, (path, round(grade(text), 2))
        assert words_a_sentence(text) <= 14, path
        assert language_hits(text) == (), path


def test_no_public_page_needs_a_script_an_inline_style_or_another_origin(app_sqlite: Flask, cast_sqlite: Cast) -> None:
    for path, page in pages_of(app_sqlite, SELF).items():
        assert not re.search(r"\sstyle=|\son\w+=|<style", page), path
        links = re.findall(r'(?:src|href|action)="(https?:[^"]+)"', page)
        assert set(links) <= {"https://www.weather.gov/"}, path
        assert len(gzip.compress(page.encode())) <= 20 * 1024, path


def test_every_page_of_the_front_door_is_valid_html(app_sqlite: Flask, cast_sqlite: Cast) -> None:
    found = pages_of(app_sqlite, FAMILY)
    ada = signed_in(app_sqlite, cast_sqlite.staff["ada"])
    call = str(ada.get("/calls/new").headers["Location"])
    found["call"] = ada.get(call).get_data(as_text=True)
    found["call wrong"] = ada.post(call, {"after": "later", "danger": ["none", "delirium"]}).get_data(as_text=True)
    saved = ada.post(call, {"relation": "self", "name": "M", "no_phone": "yes", "after": "later"})
    found["inquiry"] = ada.get(str(saved.headers["Location"])).get_data(as_text=True)
    for path, page in found.items():
        parser = html5lib.HTMLParser(strict=False)
        parser.parse(page)
        assert not parser.errors, (path, parser.errors[:3])
        ids = re.findall(r'\sid="([^"]+)"', page)
        assert len(ids) == len(set(ids)), (path, sorted({i for i in ids if ids.count(i) > 1}))
        for target in re.findall(r'<label[^>]* for="([^"]+)"', page):
            assert target in ids, (path, target)
        for target in re.findall(r'aria-(?:describedby|labelledby)="([^"]+)"', page):
            assert set(target.split()) <= set(ids), (path, target)


def test_nothing_is_picked_or_ticked_before_the_person_does(visitor: Browser) -> None:
    visitor.step("now", danger="none")
    for step in STEPS[1:]:
        page = visitor.get(step).get_data(as_text=True)
        assert not re.search(r"<input[^>]* checked|<option[^>]* selected", page), step
