"""The email filter: golden messages, every stem, both parts of a message, Spanish, and what must pass."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import FrozenInstanceError
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intake.clinical import wording
from intake.clinical.wording import check_email, check_html
from tests.clinical.vectors import by_id, vectors

VECTORS = vectors("email_vectors")


def hits(body: str, subject: str = "", aliases: tuple[str, ...] = (), locale: str = "en") -> tuple[str, ...]:
    found = check_email(subject, body, aliases, locale=locale)
    assert found.allowed == (not found.hits)
    return found.hits


@pytest.mark.parametrize("case", by_id(VECTORS["cases"]))
def test_every_golden_message_comes_out_as_written(case: dict[str, Any]) -> None:
    assert check_email(case["subject"], case["body"], case["center_aliases"]).as_dict() == case["expect"]


def test_the_sixty_three_stems_are_those_of_the_specification() -> None:
    assert len(wording.ENGLISH) == len(set(wording.ENGLISH)) == 63
    assert set(wording.ENGLISH) == set(VECTORS["stems"])


@pytest.mark.parametrize("stem", wording.ENGLISH)
def test_a_stem_is_found_in_subject_body_link_and_inside_a_word_in_any_case(stem: str) -> None:
    assert stem in hits(f"x{stem}x")
    assert stem in hits("", subject=stem.upper())
    assert stem in hits(f"https://portal.example.org/{stem}")


def test_two_words_over_a_line_break_or_a_wide_space_are_still_found() -> None:
    for blank in ("\n", "\r\n", "\u00a0", "  ", "\t"):
        assert hits(f"Your pain{blank}score") == ("pain score",)
    assert hits("score pain") == ()


def test_nothing_is_found_across_subject_and_body_but_a_line_break() -> None:
    assert hits("tox is here", subject="de") == ()
    assert hits("score", subject="pain") == ("pain score",)


class TestAmount:
    @pytest.mark.parametrize(
        "text",
        ["45 mg", "45mg", "4.5mg", "45\nmg", "45\u00a0mg", "(45 mg)", "x 45 MG.", "12mcg", "90 mme", "0.5 Mcg,",
         "-5 mg", ".5 mg", "1,000 mg"],
    )  # fmt: skip
    def test_a_number_with_a_unit_of_dose_is_held(self, text: str) -> None:
        assert hits(text) == ("amount",)

    @pytest.mark.parametrize(
        "text",
        ["45  mg", "a45 mg", "_45 mg", "45 mgx", "45 mg_", "45 mg2", "mg 45", "45 ml", "45", "45 m g", "٤٥ mg", "45.mg",
         "45 .mg"],
    )  # fmt: skip
    def test_anything_else_is_no_amount(self, text: str) -> None:
        assert hits(text) == ()

    def test_a_number_at_the_end_of_the_subject_and_a_unit_in_the_body_are_one_amount(self) -> None:
        assert hits("mg tomorrow", subject="Take 45") == ("amount",)


class TestCenter:
    def test_an_alias_is_found_in_any_case_and_named_as_configured(self) -> None:
        assert hits("at HARBOR house", aliases=("Harbor House",)) == ("center:Harbor House",)
        assert hits("", subject="harbor house", aliases=("Harbor House",)) == ("center:Harbor House",)

    def test_an_alias_is_trimmed_and_an_empty_one_ignored(self) -> None:
        assert hits("at Harbor House", aliases=("  Harbor House ", "", "   ", "\n")) == ("center:Harbor House",)

    def test_an_alias_broken_over_two_lines_is_found(self) -> None:
        assert hits("at Harbor\nHouse", aliases=("Harbor House",)) == ("center:Harbor House",)

    def test_an_alias_with_a_wide_gap_is_found_as_it_is_written(self) -> None:
        assert hits("at Harbor  House", aliases=("Harbor  House",)) == ("center:Harbor  House",)

    def test_each_alias_is_reported_once_and_hits_are_sorted_by_character_code(self) -> None:
        found = hits("Harbor House, Zebra, detox 5 mg", aliases=("Zebra", "Harbor House", "Zebra"))
        assert found == ("amount", "center:Harbor House", "center:Zebra", "detox")


class TestLinks:
    @pytest.mark.parametrize("link", ["http://a.example", "HTTP://a.example", "see:http://a.example"])
    def test_a_link_without_tls_is_held(self, link: str) -> None:
        assert hits(link) == ("insecure_url",)

    @pytest.mark.parametrize("name", ["name", "email", "mrn", "dob", "patient", "NAME", "Dob"])
    def test_a_link_that_names_a_person_is_held(self, name: str) -> None:
        assert hits(f"https://a.example/x?{name}=1") == ("url_identifies_patient",)
        assert hits(f"HTTPS://a.example/x?k=1&{name}=") == ("url_identifies_patient",)

    @pytest.mark.parametrize(
        "body",
        ["https://a.example/m/9f3c", "https://a.example/x?names=1", "https://a.example/x?xname=1", "https://a.example/x?name",
         "https://a.example/name=1", "https://a.example/x ?name=1", "https://a.example/x\u00a0?name=1", "?name=1",
         "ftp://a.example/?name=1", "http:/a.example"],
    )  # fmt: skip
    def test_other_links_pass(self, body: str) -> None:
        assert hits(body) == ()

    def test_a_link_in_the_subject_is_no_link_of_the_body(self) -> None:
        assert hits("", subject="http://a.example?name=1") == ()

    def test_every_link_is_looked_at(self) -> None:
        body = "https://a.example and http://b.example and https://c.example?mrn=1"
        assert hits(body) == ("insecure_url", "url_identifies_patient")


class TestHtml:
    def test_character_references_are_decoded(self) -> None:
        for part in ("det&#111;x", "det&#x6f;x", "45&nbsp;mg", '<a href="https://a.example?k=1&amp;mrn=2">x</a>'):
            assert check_email("", part).allowed
            assert not check_html("", part).allowed

    def test_tags_are_kept_and_so_is_what_stands_in_them(self) -> None:
        assert check_html("", '<a class="refill" href="https://a.example">Hello</a>').hits == ("refill",)
        assert check_html("", "de<b>tox</b>").hits == ()

    def test_subject_aliases_and_language_count_as_in_plain_text(self) -> None:
        assert check_html("taper", "<p>Hello</p>").hits == ("taper",)
        assert check_html("", "<p>Harbor&#32;House</p>", ("Harbor House",)).hits == ("center:Harbor House",)
        assert check_html("", "<p>reca&iacute;da</p>", locale="es").hits == ("recaída",)


class TestSpanish:
    NEUTRAL = (
        ("Un mensaje de su equipo", "Hola, tiene un mensaje nuevo. Léalo aquí: https://portal.example.org/m/9f3c"),
        ("Recordatorio de cita", "Tiene una cita el lunes 1 de febrero a las 10:00. Para cambiarla llame al 555-0100."),
        ("Unas preguntas cortas", "Por favor conteste: https://portal.example.org/m/9f3c . Emergencia: llame al 911."),
        ("Nos gustaría saber de usted", "Cuéntenos cómo le va. En una crisis llame o escriba al 988."),
        ("Su cita cambió", "La hora nueva es el martes a las 9:30. Gracias, nos vemos pronto."),
    )

    @pytest.mark.parametrize(("subject", "body"), NEUTRAL)
    def test_neutral_messages_pass(self, subject: str, body: str) -> None:
        assert hits(body, subject=subject, locale="es") == ()

    @pytest.mark.parametrize(
        ("text", "hit"),
        [("Su dosis cambia mañana", "dosis"), ("Su receta está lista", "receta"), ("Traiga sus pastillas", "pastilla"),
         ("síntomas de abstinencia", "abstinencia"), ("centro de desintoxicación", "desintoxic"),
         ("clínica de adicciones", "adicc"), ("evitar una recaída", "recaída"), ("evitar una RECAIDA", "recaída"),
         ("Su tratamiento", "tratamiento"), ("su medicamento nuevo", "medicamento"), ("uso de opioides", "opioide"),
         ("opiáceos", "opiáce"), ("programa de metadona", "metadona"), ("llevar naloxona", "naloxona"),
         ("problemas de droga", "droga"), ("su diagnóstico", "diagnós"), ("prueba de orina", "orina"),
         ("grupo de recuperación", "recuperación"), ("sustancias controladas", "controlad"),
         ("en la farmacia", "farmacia"),
         ("reducción gradual", "reducción gradual"), ("cita con psiquiatría", "psiquiatr")],
    )  # fmt: skip
    def test_a_word_that_tells_is_held(self, text: str, hit: str) -> None:
        assert hit in hits(text, locale="es")
        assert hit not in hits(text, locale="en")

    def test_a_message_is_english_unless_told_otherwise(self) -> None:
        assert check_email("", "receta").allowed
        assert check_html("", "receta").allowed

    def test_neither_verdict_nor_hits_can_be_changed(self) -> None:
        found = check_email("", "")
        name = "allowed"
        with pytest.raises(FrozenInstanceError):
            setattr(found, name, False)

    def test_the_english_stems_count_in_spanish_too(self) -> None:
        assert hits("Suboxone", locale="es") == ("suboxone",)

    @pytest.mark.parametrize("locale", ["es", "es-MX", "ES", "es_US"])
    def test_every_kind_of_spanish_uses_the_list(self, locale: str) -> None:
        assert hits("su receta", locale=locale) == ("receta",)

    def test_every_stem_is_lower_case_and_found_with_and_without_accents(self) -> None:
        for stem in wording.SPANISH:
            assert stem == stem.lower()
            assert stem in hits(stem.upper(), locale="es")
            assert stem in hits(unicodedata.normalize("NFD", stem), locale="es")
        assert len(set(wording.SPANISH)) == len(wording.SPANISH)
        assert not set(wording.SPANISH) & set(wording.ENGLISH) - {"hyperalgesia"}


@given(st.text(max_size=80), st.text(max_size=80), st.sampled_from(["en", "es"]))
def test_any_text_is_checked_and_adding_a_stem_always_holds_it(subject: str, body: str, locale: str) -> None:
    plain, worse = check_email(subject, body, locale=locale), check_email(subject, f"{body} detox", locale=locale)
    assert plain.hits == tuple(sorted(set(plain.hits)))
    assert "detox" in worse.hits
    assert set(plain.hits) <= set(worse.hits) | {"amount"}
    assert set(hits(body, subject=subject)) <= set(hits(body, subject=subject, locale="es"))


@given(st.integers(0, 2**160))
def test_a_link_with_a_hexadecimal_token_always_passes(token: int) -> None:
    assert hits(f"https://portal.example.org/m/{token:040x}", locale="es") == ()


PIECES = st.sampled_from(
    [*wording.ENGLISH[:12], *wording.SPANISH[:12], "pain\nscore", "clean \t date", "ansias  de", "RECAÍDA", "recaida",
     "12 mg", "3.5mcg", "http://a.example", "https://a.example/?name=b", "HTTP://x", "&lt;", "<img", "Lark Center",
     " ", "\n", "word", "ñ", "\u0301", "x"]
)  # fmt: skip
TEXTS = st.lists(PIECES, max_size=8).map("".join)


def found_plainly(subject: str, body: str, aliases: tuple[str, ...], locale: str) -> set[str]:
    """The rules as they are written, each over the whole text."""
    text = " ".join(f"{subject} {body}".lower().split())
    bare = "".join(c for c in unicodedata.normalize("NFD", text) if not unicodedata.combining(c))
    hit = {stem for stem in wording.ENGLISH if stem in text}
    if locale == "es":
        for stem in wording.SPANISH:
            plain = "".join(c for c in unicodedata.normalize("NFD", stem) if not unicodedata.combining(c))
            hit |= {stem} if plain in bare else set()
    hit |= {f"center:{a}" for a in aliases if a.lower() in text}
    if re.search(r"(?<!\w)[0-9]+(?:\.[0-9]+)?\s?(?:mg|mcg|mme)(?!\w)", f"{subject}\n{body}".lower()):
        hit.add("amount")
    links = re.findall(r"https?://\S*", body, re.IGNORECASE)
    hit |= {"insecure_url" for link in links if link.lower().startswith("http://")}
    return hit | {"url_identifies_patient" for link in links if re.search(r"[?&]name=", link)}


@given(TEXTS, TEXTS, st.sampled_from(["en", "es"]))
def test_words_that_are_remembered_as_clean_change_no_answer(subject: str, body: str, locale: str) -> None:
    aliases, clean = ("Lark Center",), set[str]()
    expected = found_plainly(subject, body, aliases, locale)
    for _ in range(2):
        assert set(check_email(subject, body, aliases, locale=locale, clean=clean).hits) == expected
    assert set(check_email(subject, body, aliases, locale=locale).hits) == expected


@given(TEXTS, TEXTS)
def test_both_parts_at_once_are_judged_as_one_after_the_other(text: str, page: str) -> None:
    apart = {*check_email("s", text).hits, *check_html("s", f"<p>{page}").hits}
    assert set(wording.check_twins("s", text, f"<p>{page}").hits) == apart
