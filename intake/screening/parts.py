"""What a screening asks: its parts as data. Every question may be answered with "unknown"; nothing is preselected."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from intake.clinical import instruments
from intake.errors import Missing
from intake.screening.earlier import EARLIER
from intake.screening.lines import UNKNOWN, YES_NO, Options
from intake.screening.questions import Block, Part, Question

# Instruments that only care roles fill in.
COUNTED_BY_CARE = ("oud_dsm5",)
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
        EARLIER,
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

_OTHERS = ("gad7", "phq2", "dast10", "taps1", "single_drug", "single_alcohol", "rods", "craving_vas", "ort_oud")
# A scale that needs its author's permission is offered once the center has recorded it (`permits`).
MORE = Part(
    "more",
    "Other scales",
    tuple(Block(key, instruments.get(key).title, instrument=key, optional=True) for key in _OTHERS),
)

PARTS: tuple[Part, ...] = (SAFETY, USE, COWS, PAIN, LEVEL, MORE)
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


# A repeat asks what changes within days; all else stays as the inquiry's last placement had it.
REPEAT = "nurse"
# The person alone, by a link: the questions of the public form, no scale.
SELF = "self"


def get(key: str) -> Part:
    """The part of this key.

    Raises:
        Missing: there is none.
    """
    found = _BY_KEY.get(key)
    if found is None:
        raise Missing("There is no such part of the screening.")
    return found
