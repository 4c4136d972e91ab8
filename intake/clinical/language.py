"""Words about people, and how hard a text is to read.

Person-first: a person who uses opioids, not using, return to use. The list is what the build refuses in templates,
emails and seeds. Sources: screens.md 8; rulings 26; Flesch-Kincaid 1975; Fernandez Huerta 1959.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Literal

# Names of laws, institutes and scales, and the rule table's own words. Longest first, so that a name is taken whole.
ALLOWED: tuple[str, ...] = (
    "substance abuse and mental health services administration",
    "national institute on alcohol abuse and alcoholism",
    "national institute on drug abuse",
    "drug abuse screening test",
    "confidentiality of alcohol and drug abuse patient records",
)

_EVERYWHERE = {
    "en": (
        r"addict(?:s|ed)?",
        r"junk(?:ie|ies|y)",
        r"abus(?:e|es|ed|er|ers|ing)",
        r"habits?",
        r"clean",
        r"dirty",
        r"non-?complian(?:t|ce)",
        r"drug[- ]seek(?:ing|er|ers)",
        r"failed",
        r"refused",
    ),
    "es": (
        r"(?:drog)?adict[oa]s?",
        r"yonquis?",
        r"toxicóman[oa]s?",
        r"vicios?",
        r"vicios[oa]s?",
        r"abus(?:o|os|ó|a|ador|adora)",
        r"limpi[oa]s?",
        r"suci[oa]s?",
        r"incumplid(?:or|ora|ores)",
        r"fracas(?:o|os|ó|ado|ada)",
        r"se neg(?:ó|aron)",
        r"rehus(?:ó|aron)",
    ),
}
_TO_PATIENTS = {"en": (r"relaps(?:e|es|ed|ing)",), "es": (r"reca(?:ída|ídas|yó|er)",)}

_LINKS = re.compile(r"https?://\S+|\S+@\S+")
_SENTENCE_END = re.compile(r"[.!?…]+(?=[\s\"'”’)]|$)|\n\s*\n")
_WORD = re.compile(r"\w+(?:['’.,:-]\w+)*")
# An e that is not sounded before a second half (something, safely), and vowels that are sounded apart (idea, quiet).
_SILENT_INSIDE = re.compile(r"^some(?=\w)|^home(?=\w)|[^aeiouyl]e(?=ly$|ful$|less$|ment$)")
_TWO_SOUNDS = re.compile(
    r"ia(?!l$|n$|ls$)|io(?!n|u)|eo(?!u|p)|iu|ua(?!r|l)|(?<=\w\w)ea$|(?<=are)as$|[aeiouy](?=ing)|iet|^sci(?=e)|^crea(?=t[ei])|maybe$"
)
_VOWELS_EN = re.compile(r"[aeiouy]+")
_VOWELS_ES = re.compile(r"[aeiouáéíóúü]+")


def language_hits(text: str, locale: str = "en", *, to: Literal["patient", "staff"] = "patient") -> tuple[str, ...]:
    """Return the words of a visible text that are never used about people: lower case, each once, sorted.

    Args:
        text: visible text without tags; snake_case names of the rule table are no words and never hit.
        locale: en or es; every text is also searched for the English words.
        to: to patients, "relapse" is not said either.
    """
    plain = " ".join(unicodedata.normalize("NFC", text).lower().split())
    for name in ALLOWED:
        plain = plain.replace(name, " ")
    languages = ("en", "es") if locale.lower().startswith("es") else ("en",)
    patterns = [p for language in languages for p in _EVERYWHERE[language]]
    if to == "patient":
        patterns += [p for language in languages for p in _TO_PATIENTS[language]]
    found = re.findall(rf"(?<!\w)(?:{'|'.join(patterns)})(?!\w)", plain)
    return tuple(sorted(set(found)))


def grade(text: str) -> float:
    """Return the Flesch-Kincaid grade of an English text (school years); 0.0 for a text without words.

    A sentence ends at . ! ? or at an empty line, so separate headings and list items by empty lines. Links and mail
    addresses are left out; a figure counts as a word of one syllable. Aim: at most 6.0 to patients.
    """
    words, sentences = _words(text), _sentences(text)
    if not words:
        return 0.0
    return 0.39 * len(words) / sentences + 11.8 * sum(map(_syllables_en, words)) / len(words) - 15.59


def fernandez_huerta(text: str) -> float:
    """Return the Fernandez Huerta ease of a Spanish text (0 hard to 100 easy); 100.0 for a text without words.

    Sentences and words are counted as in `grade`. Aim: at least 80 to patients.
    """
    words, sentences = _words(text), _sentences(text)
    if not words:
        return 100.0
    return 206.84 - 60 * sum(map(_syllables_es, words)) / len(words) - 1.02 * len(words) / sentences


def words_a_sentence(text: str) -> float:
    """Return the mean number of words in a sentence; 0.0 for a text without words. Aim: at most 14 to patients."""
    words = _words(text)
    return len(words) / _sentences(text) if words else 0.0


def _words(text: str) -> list[str]:
    return _WORD.findall(_LINKS.sub(" ", unicodedata.normalize("NFC", text).lower()))


def _sentences(text: str) -> int:
    """Count the pieces between sentence ends that hold a word; at least 1."""
    return max(1, sum(1 for piece in _SENTENCE_END.split(_LINKS.sub(" ", text)) if _WORD.search(piece)))


def _syllables_en(word: str) -> int:
    """Estimate the syllables of a lower-case English word from its groups of vowels; a figure is one."""
    if word[0].isdigit():
        return 1
    return sum(_part_en(part) for part in re.split(r"[-.,:]+", word.replace("'", "").replace("’", "")) if part)


def _part_en(part: str) -> int:
    groups = len(_VOWELS_EN.findall(part))
    silent_e = re.search(r"(?:[^aeiouyl]|[aeiouy]l)e$|[^aeiouy]es$|[^aeioutdy]ed$", part)
    if silent_e and not re.search(r"(?:s|x|z|ch|sh|c|g)es$", part):
        groups -= 1
    groups -= len(_SILENT_INSIDE.findall(part))
    groups += len(_TWO_SOUNDS.findall(part))
    return max(1, groups)


def _syllables_es(word: str) -> int:
    """Count the syllables of a lower-case Spanish word: strong and accented vowels part, weak ones join."""
    if word[0].isdigit():
        return 1
    sounded = re.sub(r"qu(?=[eiéí])", "q", re.sub(r"gu(?=[eiéí])", "g", word))
    sounded = re.sub(r"y(?![aeiouáéíóú])", "i", sounded)
    return max(1, sum(max(1, len(re.findall("[aeoáéóíú]", group))) for group in _VOWELS_ES.findall(sounded)))
