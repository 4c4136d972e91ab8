"""The words a person agrees to, by kind and version, and the notice that goes with every copy.

A version once signed is never edited: new words get a new version, and a test pins the digest of each.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import date

NOTICE_VERSION = "2.32-1"
# The notice for patients (42 CFR 2.22), in templates/inquiries/notice.html.
PATIENT_NOTICE_VERSION = "2.22-1"
PATIENT_NOTICE_SINCE = date(2026, 2, 16)

_TAKE_BACK = (
    "I can take this back at any time. I tell anyone at {discloser}, in words or in writing. What was given out "
    "before stays given out."
)
_TAKE_BACK_ES = (
    "Puedo quitar este permiso a toda hora. Lo digo o lo escribo a quien trabaja en {discloser}. Lo que ya se dio, ya "
    "se dio."
)
_BOUND = (
    "I agreed to this because of a criminal case. So I cannot take it back yet. From when I can: {free}. "
    "Then I tell anyone at {discloser}, in words or in writing. What was given out before stays given out."
)
_BOUND_ES = (
    "Digo sí a esto por un caso en la corte. Por eso aún no lo puedo quitar. Lo puedo quitar desde: {free}. Lo digo o "
    "lo escribo a quien trabaja en {discloser}. Lo que ya se dio, ya se dio."
)
_FREE_ES = "Firmo porque quiero. Puedo pedir una copia."
_FREE = "I sign this because I want to. I can get a copy of it."

TEXTS: Mapping[tuple[str, str], str] = {
    ("disclosure", "1"): (
        "I let {discloser} give the facts named below to {recipient}.\n"
        "The facts: {description}.\n"
        "Why: {purpose}.\n"
        "No other facts may go out on this form.\n"
        f"{_TAKE_BACK}\n"
        "This ends on {end}.\n"
        "The one who gets the facts may not pass them on, unless the law or I allow it.\n"
        f"{_FREE}"
    ),
    ("court", "1"): (
        "I let {discloser} give the facts named below to {recipient}.\n"
        "The facts: {description}.\n"
        "Why: {purpose}.\n"
        "No other facts may go out on this form.\n"
        f"{_BOUND}\n"
        "It ends: {end}.\n"
        "The one who gets the facts may use them only in this case, and may not pass them on for anything else.\n"
        f"{_FREE}"
    ),
    ("tpo", "1"): (
        "I let {discloser} give the facts named below to {recipient}.\n"
        "The facts: {description}.\n"
        "Why: for all my future treatment, payment and health care operations.\n"
        f"{_TAKE_BACK}\n"
        "This ends on {end}.\n"
        "Those who get the facts and who are bound by the health privacy law (HIPAA) may pass them on as that law "
        "allows. They may not use them against me in a court case unless I agree or a court orders it.\n"
        f"{_FREE}"
    ),
    ("treatment", "1"): (
        "I agree to care at {discloser}. Staff told me what the care is, what may help and what may harm, and what "
        "else I could do.\n"
        f"{_TAKE_BACK}\n"
        "This ends on {end}.\n"
        f"{_FREE}"
    ),
    ("telehealth", "1"): (
        "I agree to some visits by phone or video with {discloser}. Staff told me that a visit in person is open to "
        "me too, and what to do if the line breaks.\n"
        f"{_TAKE_BACK}\n"
        "This ends on {end}.\n"
        f"{_FREE}"
    ),
    ("messages", "1"): (
        "I agree that {discloser} sends me short emails about visits and check-ins. They do not say what my care is "
        "about. I know that others may see my mail.\n"
        "I can stop them with one click in each mail.\n"
        f"{_TAKE_BACK}\n"
        "This ends on {end}.\n"
        f"{_FREE}"
    ),
    ("disclosure", "1-es"): (
        "Dejo que {discloser} dé a {recipient} los datos que siguen.\n"
        "Los datos: {description}.\n"
        "Para qué: {purpose}.\n"
        "No se puede dar nada más con este papel.\n"
        f"{_TAKE_BACK_ES}\n"
        "Esto termina: {end}.\n"
        "Quien recibe los datos no los puede pasar a otros, si la ley o yo no lo dejamos.\n"
        f"{_FREE_ES}"
    ),
    ("court", "1-es"): (
        "Dejo que {discloser} dé a {recipient} los datos que siguen.\n"
        "Los datos: {description}.\n"
        "Para qué: {purpose}.\n"
        "No se puede dar nada más con este papel.\n"
        f"{_BOUND_ES}\n"
        "Esto termina: {end}.\n"
        "Quien recibe los datos los puede usar solo en este caso. No los puede pasar a otros.\n"
        f"{_FREE_ES}"
    ),
    ("tpo", "1-es"): (
        "Dejo que {discloser} dé a {recipient} los datos que siguen.\n"
        "Los datos: {description}.\n"
        "Para qué: para toda mi ayuda, los pagos y el trabajo de salud que siguen.\n"
        f"{_TAKE_BACK_ES}\n"
        "Esto termina: {end}.\n"
        "Quien recibe los datos y debe seguir la ley de salud (HIPAA) los puede pasar como esa ley deja. No los puede "
        "usar en mi contra en una corte, si yo no digo sí o un juez no lo manda.\n"
        f"{_FREE_ES}"
    ),
    ("treatment", "1-es"): (
        "Digo sí a la ayuda en {discloser}. Me dijeron cómo es, qué puede hacer bien y qué puede hacer mal, y qué más "
        "puedo hacer.\n"
        f"{_TAKE_BACK_ES}\n"
        "Esto termina: {end}.\n"
        f"{_FREE_ES}"
    ),
    ("telehealth", "1-es"): (
        "Digo sí a algunas visitas por teléfono o video con {discloser}. Me dijeron que también puedo venir, y qué "
        "hacer si se corta la llamada.\n"
        f"{_TAKE_BACK_ES}\n"
        "Esto termina: {end}.\n"
        f"{_FREE_ES}"
    ),
    ("messages", "1-es"): (
        "Digo sí a que {discloser} me mande correos cortos sobre visitas y preguntas. No dicen de qué es mi ayuda. Sé "
        "que otros pueden ver mi correo.\n"
        "Los puedo parar con un clic en cada correo.\n"
        f"{_TAKE_BACK_ES}\n"
        "Esto termina: {end}.\n"
        f"{_FREE_ES}"
    ),
}
NEWEST: Mapping[str, str] = dict.fromkeys(("disclosure", "court", "tpo", "treatment", "telehealth", "messages"), "1")
SPANISH = "-es"

# The first sentence is the short statement of 42 CFR 2.32(a)(2); the rest says the same in plain words.
NOTICES: Mapping[str, str] = {
    "2.32-1": (
        "42 CFR part 2 prohibits unauthorized use or disclosure of these records.\n"
        "You got this copy under federal law about records of care for substance use. You may use it only for the "
        "purpose named on it. You may not pass it on unless the person agrees in writing or that law allows it. It may "
        "not be used in a civil, criminal, administrative or legislative proceeding against the person without their "
        "consent or a court order."
    ),
}


def newest(form: str, language: str = "en") -> str:
    """The version that is signed from now on, in English (`en`) or Spanish (`es`)."""
    return NEWEST[form] + (SPANISH if language == "es" else "")


def language_of(version: str) -> str:
    """The language of a version, `en` or `es`."""
    return "es" if version.endswith(SPANISH) else "en"


def template(form: str, version: str) -> str:
    """The words of a form before its blanks are filled."""
    return TEXTS[form, version]


def digest(form: str, version: str) -> bytes:
    """What is stored beside a signature: the SHA-256 of the form and words that were signed."""
    return hashlib.sha256(f"{form}|{version}|{TEXTS[form, version]}".encode()).digest()


def notice(version: str = NOTICE_VERSION) -> str:
    """The notice of 2.32 that goes with a copy."""
    return NOTICES[version]
