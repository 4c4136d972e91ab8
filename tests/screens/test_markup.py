"""The markup of layouts, parts and system pages: valid, without inline style or script, every POST with its token."""

from __future__ import annotations

import re
from pathlib import Path

import html5lib
import pytest

from tests.screens.stage import KEPT, ROOT, SYSTEM, TEMPLATES, environment, gallery, render

GALLERY = gallery()
SOURCES = sorted(p for p in TEMPLATES.rglob("*.html") if "email" not in p.relative_to(TEMPLATES).parts)


def mistakes(html: str) -> list[str]:
    """The parse errors of a strict HTML parser, as (place, code)."""
    parser = html5lib.HTMLParser(strict=False)
    parser.parse(html)
    return [f"{place}: {code}" for place, code, _ in parser.errors]


@pytest.mark.parametrize("name", sorted(GALLERY))
def test_a_strict_parser_finds_no_mistake_on_any_page(name: str) -> None:
    assert mistakes(GALLERY[name]) == []


@pytest.mark.parametrize("name", sorted(GALLERY))
def test_no_id_stands_twice_on_a_page(name: str) -> None:
    ids = re.findall(r'\sid="([^"]+)"', GALLERY[name])
    assert sorted(ids) == sorted(set(ids))


@pytest.mark.parametrize("name", sorted(GALLERY))
def test_each_page_has_one_heading_of_the_first_level_and_a_title(name: str) -> None:
    html = GALLERY[name].replace('<div class="panel mt-32"><h1>', "<div><h2>")
    assert html.count("<h1>") == 1
    assert re.search(r"<title>[^<\s][^<]*</title>", html)


@pytest.mark.parametrize("name", sorted(GALLERY))
def test_every_link_inside_a_page_leads_to_an_id_of_that_page(name: str) -> None:
    html = GALLERY[name]
    targets = [t for t in re.findall(r'href="#([^"]+)"', html) if t]
    assert [t for t in targets if f'id="{t}"' not in html] == []


@pytest.mark.parametrize("name", sorted(GALLERY))
def test_every_label_and_description_points_at_something(name: str) -> None:
    html = GALLERY[name]
    pointed = re.findall(r'\sfor="([^"]+)"', html)
    for ids in re.findall(r'aria-(?:labelledby|describedby)="([^"]+)"', html):
        pointed += ids.split()
    assert [p for p in pointed if f'id="{p}"' not in html] == []


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(TEMPLATES)))
def test_no_template_has_inline_style_script_or_handler(path: Path) -> None:
    text = path.read_text()
    assert not re.search(r"\sstyle\s*=|<style\b", text)
    assert not re.search(r"<script\b(?![^>]*\bsrc=)", text)
    assert not re.search(r"""\son[a-z]+\s*=\s*["'{]""", text)
    assert "javascript:" not in text


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(TEMPLATES)))
def test_every_post_form_in_a_template_carries_the_token(path: Path) -> None:
    text = path.read_text()
    forms = re.findall(r"<form\b[^>]*method=\"post\".*?</form>", text, flags=re.S | re.I)
    assert [f[:80] for f in forms if "csrf" not in f] == []


@pytest.mark.parametrize("name", SYSTEM)
@pytest.mark.parametrize("area", ["staff", "public"])
def test_a_system_page_needs_nothing_but_its_area(name: str, area: str) -> None:
    html = environment().get_template(f"system/{name}.html").render(area=area)
    assert mistakes(html) == []
    assert "Traceback" not in html


@pytest.mark.parametrize("name", ["500", "503", "offline", "maintenance", "emergency_static"])
def test_the_plain_pages_render_when_no_session_site_or_shell_answers(name: str) -> None:
    env = environment()
    for gone in ("csrf_token", "current_actor", "shell", "site"):
        del env.globals[gone]
    html = env.get_template(f"system/{name}.html").render()
    assert mistakes(html) == []
    assert 'href="tel:911"' in html
    assert 'href="tel:988"' in html


@pytest.mark.parametrize("name", ["409", "419"])
@pytest.mark.parametrize("area", ["staff", "public"])
def test_what_was_typed_is_shown_again_and_escaped(name: str, area: str) -> None:
    html = environment().get_template(f"system/{name}.html").render(area=area, **KEPT)
    assert "Two lines,\n&lt;b&gt;kept&lt;/b&gt; as typed" in html


def test_an_expired_form_is_sent_again_with_a_fresh_token_and_the_same_answers() -> None:
    html = environment().get_template("system/419.html").render(area="public", **KEPT)
    form = re.search(r'<form method="post" action="/help/name">.*?</form>', html, flags=re.S)
    assert form
    assert 'name="csrf_token" value="token-of-the-session"' in form[0]
    assert '<input type="hidden" name="name" value="Dana">' in form[0]
    assert re.search(r'<textarea name="words" hidden>\nTwo lines,\n', form[0])


def test_crisis_help_is_on_every_public_page() -> None:
    for name, html in GALLERY.items():
        if name.endswith("-public") or name == "public":
            assert 'href="tel:911"' in html, name
            assert 'href="tel:988"' in html, name


def test_the_title_of_a_page_with_errors_says_so_and_a_count_stands_first() -> None:
    assert "<title>Error: How can we reach you? – Northlight</title>" in GALLERY["public"]
    assert "<title>(7) Detox queue – Northlight Intake</title>" in GALLERY["board"]


def test_a_staff_page_works_without_script() -> None:
    html = GALLERY["board"]
    assert re.search(
        r'<form class="find" role="search" method="post" action="/find"><input type="hidden" name="csrf_token"', html
    )
    assert re.search(r'<form method="post" action="/sign-out"><input type="hidden" name="csrf_token"', html)
    assert 'href="/calls/new"' in html
    assert html.count('aria-current="page"') == 1


def test_keys_can_be_off_and_names_hidden_from_the_first_byte() -> None:
    page = '{% extends "layout/staff.html" %}{% block title %}T{% endblock %}'
    from_server = render(page, shell=environment().globals["shell"], hide_names_on=True)
    assert '<html lang="en" class="hide-names">' in from_server


def test_the_guide_names_every_macro_as_it_is_written() -> None:
    guide = (ROOT / "docs" / "screens.md").read_text()
    missing = [
        f"{path.name}: {signature}"
        for path in sorted((TEMPLATES / "parts").glob("*.html"))
        if path.name != "nav.html"
        for signature in re.findall(r"{% macro (.+?\)) -%}", path.read_text())
        if f"`{signature}`" not in guide
    ]
    assert missing == []


def test_the_guide_names_every_data_attribute_the_scripts_read() -> None:
    guide = (ROOT / "docs" / "screens.md").read_text()
    script = "".join((ROOT / "intake" / "static" / n).read_text() for n in ("ui.js", "staff.js"))
    read = set(re.findall(r"\[data-([a-z-]+)", script))
    internal = {"dirty", "sent", "live-state", "say", "newbar-text", "newbar-show", "title", "full"}
    assert sorted(a for a in read - internal if f"data-{a}" not in guide) == []
