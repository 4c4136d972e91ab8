"""What a screening asks: five parts of questions and instruments, as data.

Names of questions are the names of the form's fields and of the stored answers. Every question may be answered
with "unknown"; nothing is preselected.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from intake.clinical import instruments, mme
from intake.clinical.instruments import Instrument
from intake.errors import Missing

UNKNOWN = "unknown"
# Instruments that only care roles fill in.
COUNTED_BY_CARE = ("oud_dsm5",)
Options = tuple[tuple[str, str], ...]

YES_NO: Options = (("yes", "Yes"), ("no", "No"), (UNKNOWN, "Unknown"))
ASKED: Options = (*YES_NO, ("not_able_to_ask", "Not able to ask"))
DANGER: tuple[str, ...] = (
    "breathing_problem",
    "overdose_24h",
    "seizure_24h",
    "delirium",
    "medical_red_flag",
    "suicide_imminent",
    "violence_imminent",
)


@dataclass(frozen=True, slots=True)
class Question:
    """One question. `options` make it a choice; else a whole number from `low` to `high`, or text of at most `limit`.

    `state` marks what can change within days: it is never carried over from an earlier screening.
    """

    name: str
    words: str
    options: Options = ()
    hint: str = ""
    low: int | None = None
    high: int = 0
    unit: str = ""
    limit: int = 200
    long: bool = False
    state: bool = False


@dataclass(frozen=True, slots=True)
class Block:
    """A card of a part: questions, one instrument, or a table of rows (opioids, substances).

    `only_if` hides it until the named question has one of the answers; answers in it are kept all the same.
    """

    key: str
    title: str
    note: str = ""
    questions: tuple[Question, ...] = ()
    instrument: str = ""
    rows: str = ""
    only_if: tuple[str, tuple[str, ...]] | None = None
    optional: bool = False

    def names(self) -> Iterator[str]:
        """The names of all fields of the card, in order."""
        yield from (question.name for question in self.questions)
        if self.instrument:
            yield from (item_name(self.instrument, item.id) for item in instruments.get(self.instrument).items)
        if self.rows:
            for n in range(1, ROW_LIMITS[self.rows] + 1):
                yield from (cell_name(self.rows, n, column.name) for column in TABLES[self.rows])


@dataclass(frozen=True, slots=True)
class Part:
    """One page of a screening."""

    key: str
    title: str
    blocks: tuple[Block, ...]

    def questions(self) -> Iterator[Question]:
        """All single questions of the part, in order."""
        for block in self.blocks:
            yield from block.questions

    def instruments(self) -> Iterator[Instrument]:
        """All instruments of the part, in order."""
        for block in self.blocks:
            if block.instrument:
                yield instruments.get(block.instrument)

    def names(self, blocks: Collection[str] | None = None) -> tuple[str, ...]:
        """The names of all fields of the part, or of some of its cards, in the order of the page."""
        return tuple(n for block in self.blocks if blocks is None or block.key in blocks for n in block.names())


def item_name(instrument: str, item: str) -> str:
    """The field name of one item of an instrument."""
    return f"{instrument}-{item}"


def cell_name(table: str, n: int, column: str) -> str:
    """The field name of one cell of a table; rows count from 1."""
    return f"{table}-{n}-{column}"


def _yes_no(name: str, words: str, hint: str = "", *, state: bool = False) -> Question:
    return Question(name, words, YES_NO, hint, state=state)


def _danger(name: str, words: str) -> Question:
    return Question(name, words, ASKED, state=True)


SAFETY = Part(
    "safety",
    "Safety and risk",
    (
        Block(
            "danger",
            "Danger now",
            "A yes is saved at once and puts the person on top of the queue.",
            (
                _danger("breathing_problem", "Hard to wake, slow or stopped breathing, or overdose now?"),
                _danger("overdose_24h", "Overdose, or naloxone given, in the last 24 hours?"),
                _danger("seizure_24h", "A seizure in the last 24 hours?"),
                _danger("delirium", "Confused, or seeing or hearing things?"),
                _danger("medical_red_flag", "Chest pain, stroke signs, heavy bleeding, high fever with a stiff neck?"),
                _danger("suicide_imminent", "About to act on suicide, or acting now?"),
                _danger("violence_imminent", "Violence likely now, by or against the person?"),
            ),
        ),
        Block("cssrs", "Suicide risk screener", instrument="cssrs_screen"),
        Block("phq9", "Mood", instrument="phq9"),
    ),
)

USE = Part(
    "use",
    "Use history",
    (
        Block(
            "opioids",
            "Opioids",
            "",
            (
                Question(
                    "opioid_use",
                    "Opioids now",
                    (
                        ("none", "None"),
                        ("prescribed", "Prescribed"),
                        ("illicit", "Street"),
                        ("both", "Both"),
                        (UNKNOWN, "Unknown"),
                    ),
                ),
                Question(
                    "last_opioid_hours", "Hours since the last opioid", low=0, high=87_600, unit="hours", state=True
                ),
            ),
            rows="opioids",
        ),
        Block("substances", "Other substances, up to three", rows="substances", optional=True),
        Block(
            "co_use",
            "Taken together with opioids",
            "Unknown is an answer. It is never read as no.",
            (
                Question(
                    "benzo",
                    "Benzodiazepines",
                    (("none", "None"), ("prn", "As needed"), ("daily", "Daily"), (UNKNOWN, "Unknown")),
                ),
                Question("benzo_dose", "Which one, and how much", hint="Like: clonazepam 1 mg at night"),
                Question(
                    "alcohol",
                    "Alcohol",
                    (("none", "None"), ("some", "Some"), ("heavy_daily", "Heavy, daily"), (UNKNOWN, "Unknown")),
                ),
                Question("last_drink_hours", "Hours since the last drink", low=0, high=9_999, unit="hours", state=True),
                _yes_no("sedatives", "Gabapentin, pregabalin, sleeping pills or another sedative"),
                _yes_no("stimulants", "Cocaine, methamphetamine or another stimulant"),
            ),
        ),
        Block("auditc", "Alcohol in the last year", instrument="auditc"),
        Block(
            "risks",
            "Risks",
            "",
            (
                Question(
                    "pregnancy",
                    "Pregnant",
                    (("yes", "Yes"), ("no", "No"), (UNKNOWN, "Unknown"), ("not_applicable", "Does not apply")),
                ),
                Question("pregnancy_weeks", "Weeks", low=0, high=45, unit="weeks", state=True),
                _yes_no("overdose_90d", "An overdose in the last 90 days", "The last 24 hours are asked under Safety."),
                _yes_no("prior_complicated_withdrawal", "A seizure or delirium in an earlier withdrawal"),
                _yes_no("breathing_risk", "Sleep apnea or lung disease"),
                _yes_no("qt_risk", "Heart rhythm (QT) risk", "Matters when methadone is taken or planned."),
                _yes_no("naloxone_at_home", "Naloxone at home"),
                _yes_no("pdmp_checked", "Prescription monitoring (PDMP) checked", state=True),
                Question("pdmp_by", "Checked by, and when", limit=120, state=True),
            ),
        ),
        Block(
            "oud",
            "Opioid use disorder, criteria met",
            "Counted by a clinician.",
            (
                Question(
                    "only_as_prescribed",
                    "Opioids taken only as prescribed",
                    YES_NO,
                    "Then tolerance and withdrawal do not count.",
                ),
            ),
            instrument="oud_dsm5",
        ),
    ),
)

COWS = Part(
    "cows",
    "Withdrawal (COWS)",
    (
        Block("cows", "Opioid withdrawal – COWS", instrument="cows"),
        Block("sows", "How the person rates it – SOWS", instrument="sows", optional=True),
        Block(
            "ciwa",
            "Alcohol withdrawal – CIWA-Ar",
            "Needed with heavy daily drinking.",
            instrument="ciwa_ar",
            only_if=("alcohol", ("heavy_daily",)),
        ),
    ),
)

_RAISE: Options = (
    ("better_lasting", "Better, and it lasted"),
    ("better_brief", "Better for a short time"),
    ("none", "Nothing"),
    ("worse", "Pain got worse"),
    ("not_tried", "Not tried"),
    (UNKNOWN, "Unknown"),
)
_CUT: Options = (
    ("better", "Pain got better"),
    ("worse_then_better", "Worse, then better"),
    ("no_change", "No change"),
    ("worse", "Pain got worse"),
    ("not_tried", "Not tried"),
    (UNKNOWN, "Unknown"),
)

OIH: tuple[Question, ...] = (
    _yes_no("s1", "More pain, even with the opioid?", state=True),
    _yes_no("s2", "Did pain spread past the first place?", state=True),
    _yes_no("s3", "Sharper or burning?", state=True),
    _yes_no("s4", "Is relief shorter than before?", state=True),
    _yes_no("s5", "Does light touch or clothing hurt?", state=True),
    Question("inc", "What did the last dose raise do?", _RAISE, state=True),
    Question("dec", "What did the last cut do?", _CUT, state=True),
    _yes_no("end_of_dose", "Worse just before the next dose?", state=True),
    _yes_no("relieved_by_usual_dose", "Does the usual dose take it away?", state=True),
    _yes_no("missed_or_cut_7d", "Missed or cut a dose in the last 7 days?", state=True),
    _yes_no("new_pathology", "New injury or illness?", state=True),
    Question("exposure_days", "Days of daily opioid use", low=0, high=36_600, unit="days", state=True),
)

PAIN = Part(
    "pain",
    "Pain: OIH or tolerance",
    (
        Block("peg", "Pain and what it stops – PEG", instrument="peg"),
        Block("nrs", "Pain now", instrument="pain_nrs"),
        Block(
            "oih",
            "Pain pattern – OIH or tolerance?",
            "",
            (
                *OIH,
                Question(
                    "no_scale_reason",
                    "Why no COWS or SOWS today",
                    hint="Needed for the pain pattern when neither is done at this sitting.",
                    state=True,
                ),
            ),
        ),
        Block(
            "about",
            "About the pain",
            "",
            (
                Question("pain_sites", "Where", limit=300, long=True),
                Question("pain_diagnosis", "Known cause", limit=300, long=True),
                _yes_no("surgery_planned", "Surgery planned"),
            ),
            optional=True,
        ),
    ),
)

LEVEL = Part(
    "level",
    "Level of care",
    (
        Block(
            "living",
            "Living and support",
            "",
            (
                Question("age", "Age", low=0, high=120, unit="years"),
                Question(
                    "living",
                    "Where the person lives",
                    (
                        ("stable", "Stable"),
                        ("unstable", "Unstable"),
                        ("unsafe", "Unsafe"),
                        ("homeless", "No home"),
                        (UNKNOWN, "Unknown"),
                    ),
                ),
                _yes_no("support", "Someone supports them"),
            ),
        ),
        Block(
            "wishes",
            "What the person wants",
            "",
            (
                Question(
                    "readiness",
                    "Ready for a change",
                    (
                        ("ready", "Ready"),
                        ("ambivalent", "Not sure"),
                        ("refusing", "Does not want it"),
                        (UNKNOWN, "Unknown"),
                    ),
                ),
                Question(
                    "speed_requested",
                    "How fast to come down",
                    (
                        ("none", "No reduction"),
                        ("standard", "Slow, as usual"),
                        ("rapid", "Fast"),
                        (UNKNOWN, "Unknown"),
                    ),
                ),
                Question(
                    "moud",
                    "Medicine for opioid use disorder now",
                    (
                        ("none", "None"),
                        ("methadone_otp", "Methadone program"),
                        ("buprenorphine", "Buprenorphine"),
                        ("other", "Another"),
                        (UNKNOWN, "Unknown"),
                    ),
                ),
                Question("outpatient_tries_12m", "Outpatient tries that did not hold, last 12 months", low=0, high=99),
                _yes_no("taper_ended_early", "An earlier taper ended early"),
            ),
        ),
        Block(
            "body",
            "Body and mind today",
            "",
            (
                _yes_no("psych_unstable", "Psychosis, mania or another unstable state", state=True),
                _yes_no("medical_unstable", "Medically unstable, not an emergency", state=True),
                _yes_no("cannot_keep_fluids", "Cannot keep fluids down", state=True),
                Question("systolic", "Blood pressure, upper", low=40, high=300, unit="mmHg", state=True),
                Question("diastolic", "Blood pressure, lower", low=20, high=200, unit="mmHg", state=True),
                Question("pulse", "Pulse", low=20, high=250, unit="a minute", state=True),
            ),
        ),
        Block(
            "scope",
            "Is this the right center",
            "",
            (
                _yes_no("treatable_problem", "A problem this center treats"),
                _yes_no("pain_excluded", "Active cancer pain, palliative care or sickle cell disease"),
            ),
        ),
    ),
)

PARTS: tuple[Part, ...] = (SAFETY, USE, COWS, PAIN, LEVEL)
_BY_KEY = {part.key: part for part in PARTS}

# Which parts are asked in which situation; every part stays open to whoever wants to fill it in.
SETS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "full": ("safety", "use", "cows", "pain", "level"),
        "call": ("safety", "use", "level"),
        "nurse": ("cows", "pain"),
        "clinician": ("safety", "use", "cows", "pain", "level"),
        "self": ("safety", "use", "pain"),
    }
)


def get(key: str) -> Part:
    """The part of this key.

    Raises:
        Missing: there is none.
    """
    found = _BY_KEY.get(key)
    if found is None:
        raise Missing("There is no such part of the screening.")
    return found


@dataclass(frozen=True, slots=True)
class Column:
    """One field of a row of a table: a choice, an exact number, a whole number, a box, or text."""

    name: str
    words: str
    kind: str
    options: Options = ()
    high: int = 0
    unit: str = ""
    hint: str = ""
    main: bool = True
    limit: int = 120


STREET = "street"
DRUGS: Options = (
    *((name, name.replace("_", " ").capitalize()) for name in mme.FACTOR_TABLES["cdc2022"]),
    ("buprenorphine", "Buprenorphine"),
    *((name, name.replace("_", " ").capitalize()) for name in mme.EXTENDED),
    (STREET, "Street opioid (heroin, street fentanyl, pressed pills)"),
    ("other", "Another opioid"),
)
_FREQUENCY_WORDS: Mapping[str, str] = MappingProxyType(
    {
        "qd": "once a day",
        "qhs": "at night",
        "q24h": "every 24 h",
        "bid": "2 times a day",
        "q12h": "every 12 h",
        "tid": "3 times a day",
        "q8h": "every 8 h",
        "qid": "4 times a day",
        "q6h": "every 6 h",
        "q4h": "every 4 h",
        "q3h": "every 3 h",
        "q4-6h": "every 4 to 6 h",
        "q6-8h": "every 6 to 8 h",
        "q72h": "patch, every 72 h",
        "q48h_patch": "patch, every 48 h",
        "weekly_patch": "patch, weekly",
    }
)
FREQUENCIES: Options = tuple((word, _FREQUENCY_WORDS[word]) for word in mme.FREQUENCIES)
ROUTES: Options = (
    ("oral", "By mouth"),
    ("transdermal", "On the skin"),
    ("buccal", "In the cheek"),
    ("sublingual", "Under the tongue"),
    ("nasal", "In the nose"),
    ("iv", "Injected"),
    ("inhaled", "Smoked or inhaled"),
    ("other", "Another way"),
)

OPIOID_COLUMNS: tuple[Column, ...] = (
    Column("drug", "Opioid", "choice", DRUGS),
    Column("strength", "Strength", "decimal", high=100_000, unit="mg, patch mcg/h"),
    Column("units", "Units at once", "decimal", high=1_000, hint="(0.5 is half)"),
    Column("freq", "How often", "choice", FREQUENCIES),
    Column("prn", "As needed", "box"),
    Column("last_hours", "Last taken", "whole", high=87_600, unit="hours ago"),
    Column("since", "Taken since", "text", hint="(month, year)", limit=40),
    Column(
        "form",
        "Form",
        "choice",
        (
            ("ir", "Tablet, short acting"),
            ("er", "Tablet, long acting"),
            ("patch", "Patch"),
            ("liquid", "Liquid"),
            ("other", "Another form"),
        ),
        main=False,
    ),
    Column("route", "How it is taken", "choice", ROUTES, main=False),
    Column("indication", "Taken for", "choice", (("pain", "Pain"), ("oud", "Opioid use disorder")), main=False),
    Column("units_max", "At most at one time", "decimal", high=1_000, main=False),
    Column("max_per_day", "At most a day", "decimal", high=10_000, unit="units", main=False),
    Column("per_day", "Really taken a day", "decimal", high=10_000, unit="units", main=False),
    Column("apap_mg", "Acetaminophen in one unit", "decimal", high=10_000, unit="mg", main=False),
    Column("mg_per_ml", "Liquid, strength", "decimal", high=10_000, unit="mg per mL", main=False),
    Column("ml", "Liquid, at one time", "decimal", high=10_000, unit="mL", main=False),
    Column("patches", "Patches worn at once", "decimal", high=100, main=False),
    Column("prescriber", "Prescriber", "text", main=False),
)
SUBSTANCE_COLUMNS: tuple[Column, ...] = (
    Column("what", "Substance", "text", limit=80),
    Column("how", "How it is taken", "choice", ROUTES),
    Column(
        "often",
        "How often, last 30 days",
        "choice",
        (
            ("none", "Not in 30 days"),
            ("monthly", "1 to 3 times"),
            ("weekly", "1 or 2 times a week"),
            ("most_days", "3 to 6 times a week"),
            ("daily", "Daily"),
            (UNKNOWN, "Unknown"),
        ),
    ),
    Column("first_age", "Age at first use", "whole", high=120),
    Column("prescribed", "Prescribed", "choice", YES_NO),
    Column("injected", "Ever injected", "choice", YES_NO),
    Column("injected_30d", "Injected, last 30 days", "choice", YES_NO),
)
TABLES: Mapping[str, tuple[Column, ...]] = MappingProxyType(
    {"opioids": OPIOID_COLUMNS, "substances": SUBSTANCE_COLUMNS}
)
ROW_LIMITS: Mapping[str, int] = MappingProxyType({"opioids": 8, "substances": 3})
