"""Words never used about people, and how hard a text is to read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intake.clinical.wording import fernandez_huerta, grade, language_hits, words_a_sentence


class TestPersonFirstWords:
    @pytest.mark.parametrize(
        "word",
        ["addict", "addicts", "addicted", "junkie", "junkies", "abuse", "abused", "abuser", "abusers", "habit",
         "habits", "clean", "dirty", "relapse", "relapsed", "relapses", "non-compliant", "noncompliant",
         "non-compliance",         "drug seeking", "drug-seeking", "drug seeker", "failed", "refused"],
    )  # fmt: skip
    def test_a_word_that_blames_is_found_in_any_case(self, word: str) -> None:
        assert language_hits(f"Words like “{word.upper()}”.") == (word,)

    @pytest.mark.parametrize(
        "text",
        ["A person who uses opioids", "addiction medicine", "return to use", "chose not to", "cleaning day", "inhabit",
         "failed_taper and failed_outpatient_12m", "RELAPSE_RISK", "compliant", "drug test", "refusing", ""],
    )  # fmt: skip
    def test_other_words_and_the_names_of_rules_pass(self, text: str) -> None:
        assert language_hits(text) == ()

    def test_names_of_institutes_and_scales_pass_and_the_rest_of_the_text_is_still_searched(self) -> None:
        assert language_hits("Drug Abuse Screening\nTest, National Institute on Drug Abuse") == ()
        assert language_hits("National Institute on Drug Abuse on abuse") == ("abuse",)

    def test_staff_may_read_relapse_and_patients_may_not(self) -> None:
        assert language_hits("relapse risk, dirty", to="staff") == ("dirty",)
        assert language_hits("relapse risk, dirty") == ("dirty", "relapse")

    def test_each_word_is_reported_once_in_alphabetical_order(self) -> None:
        assert language_hits("dirty, clean, dirty") == ("clean", "dirty")

    def test_a_word_over_a_line_break_is_found(self) -> None:
        assert language_hits("drug\n  seeking") == ("drug seeking",)

    @pytest.mark.parametrize(
        ("text", "hit"),
        [("un adicto", "adicto"), ("una drogadicta", "drogadicta"), ("abuso", "abuso"), ("está limpia", "limpia"),
         ("sucio", "sucio"), ("una recaída", "recaída"), ("se negó", "se negó"), ("toxicómano", "toxicómano"),
         ("fracasó", "fracasó")],
    )  # fmt: skip
    def test_spanish_has_its_own_list(self, text: str, hit: str) -> None:
        assert language_hits(text, "es") == (hit,)
        assert language_hits(text, "en") == ()

    def test_a_text_is_english_and_to_a_patient_unless_told_otherwise(self) -> None:
        assert language_hits("adicto, relapse") == ("relapse",)

    def test_spanish_texts_are_searched_for_english_words_and_staff_may_read_recaida(self) -> None:
        assert language_hits("clean", "es-MX") == ("clean",)
        assert language_hits("una recaída", "es", to="staff") == ()


class TestGrade:
    @pytest.mark.parametrize(
        ("text", "words", "sentences", "syllables"),
        [("The cat sat on the mat.", 6, 1, 6), ("We care. You call. We help you.", 7, 3, 7),
         ("Please answer a question.", 4, 1, 6), ("Call 911 now!", 3, 1, 3), ("One line\n\nTwo lines", 4, 2, 4)],
    )  # fmt: skip
    def test_it_is_the_flesch_kincaid_grade_of_words_sentences_and_syllables(
        self, text: str, words: int, sentences: int, syllables: int
    ) -> None:
        assert grade(text) == pytest.approx(0.39 * words / sentences + 11.8 * syllables / words - 15.59)
        assert words_a_sentence(text) == words / sentences

    @pytest.mark.parametrize(
        ("word", "syllables"),
        [("we", 1), ("created", 3), ("people", 2), ("make", 1), ("table", 2), ("used", 1), ("wanted", 2),
         ("changes", 2), ("boxes", 2), ("area", 3), ("medicine", 3), ("idea", 3), ("radio", 3), ("science", 2),
         ("being", 2), ("quiet", 2), ("emergency", 4), ("appointment", 3), ("opioid", 3), ("patient", 2),
         ("video", 3), ("situation", 4), ("safely", 2), ("maybe", 2), ("something", 2), ("care", 1),
         ("check-in", 2), ("don't", 1), ("the", 1), ("goes", 1), ("needed", 2), ("helped", 1), ("message", 2),
         ("nurses", 2), ("10:00", 1), ("555-0100", 1)],
    )  # fmt: skip
    def test_syllables_of_common_words(self, word: str, syllables: int) -> None:
        assert grade(word) == pytest.approx(0.39 + 11.8 * syllables - 15.59)

    def test_long_words_and_long_sentences_are_harder(self) -> None:
        easy = "We will call you. You can say no. Bring a friend."
        hard = "Subsequent communication regarding participation necessitates institutional authorization."
        assert grade(easy) < 2 < 12 < grade(hard)
        assert grade("We help you and we call you and we see you.") > grade("We help you. We call you. We see you.")

    def test_links_and_addresses_are_no_words_and_times_do_not_end_a_sentence(self) -> None:
        assert words_a_sentence("Read it: https://portal.example.org/m/9f3c") == 2
        assert words_a_sentence("Write to care@example.org please") == 3
        assert words_a_sentence("Come at 10:00 or 3.5 hours later.") == 7

    def test_a_text_without_words_is_no_burden(self) -> None:
        for text in ("", " \n\n ", "... !"):
            assert (grade(text), fernandez_huerta(text), words_a_sentence(text)) == (0.0, 100.0, 0.0)


class TestFernandezHuerta:
    @pytest.mark.parametrize(
        ("word", "syllables"),
        [("guerra", 2), ("queso", 2), ("día", 2), ("aire", 2), ("causa", 2), ("poeta", 3), ("huevo", 2), ("muy", 1),
         ("ley", 1), ("mensaje", 3), ("aéreo", 4), ("ciudad", 2), ("nueva", 2), ("teléfono", 4), ("ayuda", 3),
         ("creación", 3), ("leer", 2), ("país", 2), ("pingüino", 3), ("y", 1), ("usted", 2), ("seguimiento", 4),
         ("sr", 1), ("10:00", 1), ("555-0100", 1)],
    )  # fmt: skip
    def test_syllables_of_common_words(self, word: str, syllables: int) -> None:
        assert fernandez_huerta(word) == pytest.approx(206.84 - 60 * syllables - 1.02)

    def test_plain_messages_reach_eighty_and_official_prose_does_not(self) -> None:
        assert fernandez_huerta("Tiene un mensaje nuevo. Léalo hoy. Llame si tiene preguntas.") >= 80
        assert fernandez_huerta("La administración institucional comunicará oportunamente modificaciones.") < 40


@given(st.text(max_size=200))
def test_any_text_can_be_measured(text: str) -> None:
    assert grade(text) < 1e6
    assert fernandez_huerta(text) < 207
    assert words_a_sentence(text) >= 0
    assert language_hits(text) == tuple(sorted(set(language_hits(text))))
