"""Mood and safety: PHQ-2, PHQ-9, GAD-7 and the suicide risk screener. Own words throughout.

Sources: clinical.md 1.2 to 1.5.
"""

from __future__ import annotations

from .model import Gate, Instrument, Item, Threshold, asked, bands, options, yes_no

_DAYS = options("Not once", "Some days", "Over half the days", "Almost every day")
_PHQ = (
    ("little interest or pleasure", "44250-9"),
    ("low mood", "44255-8"),
    ("sleep: too little or too much", "44259-0"),
    ("little energy", "44254-1"),
    ("appetite: too little or too much", "44251-7"),
    ("thinking badly of oneself", "44258-2"),
    ("trouble concentrating", "44252-5"),
    ("slowed down or restless", "44253-3"),
    ("thoughts of death or self-harm", "44260-8"),
)

PHQ2 = Instrument(
    key="phq2",
    version="1",
    title="Depression, past two weeks, 2 items",
    short="PHQ-2",
    rater="patient",
    items=(
        Item("interest", _PHQ[0][0], _DAYS, loinc=_PHQ[0][1]),
        Item("down", _PHQ[1][0], _DAYS, loinc=_PHQ[1][1]),
    ),
    low=0,
    high=6,
    missing="none",
    bands=bands(("negative", "Negative", 2), ("positive", "Positive", 6)),
    thresholds=(Threshold("PHQ2_POSITIVE", 3),),
    loinc={"panel": "55757-9", "total": "55758-7"},
    rights="Pfizer: no permission required",
    source="PHQ family; hl7.org US Core examples",
)

PHQ9 = Instrument(
    key="phq9",
    version="1",
    title="Depression, past two weeks, 9 items",
    short="PHQ-9",
    rater="patient",
    items=tuple(Item(f"p{n}", topic, _DAYS, loinc=loinc) for n, (topic, loinc) in enumerate(_PHQ, 1)),
    low=0,
    high=27,
    missing="prorate2",
    bands=bands(
        ("minimal", "Minimal", 4),
        ("mild", "Mild", 9),
        ("moderate", "Moderate", 14),
        ("moderately_severe", "Moderately severe", 19),
        ("severe", "Severe", 27),
    ),
    thresholds=(Threshold("PHQ9_SEVERE", 20),),
    loinc={"panel": "44249-1", "total": "44261-6"},
    rights="Pfizer: no permission required to reproduce, translate or show it; the wording is still imported",
    source="PHQ family; hl7.org US Core examples",
    note="Item 9 calls for a person at any answer above 0 and when unanswered; it is never filled in from the others.",
)

GAD7 = Instrument(
    key="gad7",
    version="1",
    title="Anxiety, past two weeks, 7 items",
    short="GAD-7",
    rater="patient",
    items=asked(
        (
            ("g1", "nervous"),
            ("g2", "cannot control worry"),
            ("g3", "worry too much"),
            ("g4", "cannot relax"),
            ("g5", "restless"),
            ("g6", "irritable"),
            ("g7", "afraid"),
        ),
        _DAYS,
    ),
    low=0,
    high=21,
    missing="prorate2",
    bands=bands(("minimal", "Minimal", 4), ("mild", "Mild", 9), ("moderate", "Moderate", 14), ("severe", "Severe", 21)),
    thresholds=(Threshold("GAD7_POSITIVE", 10),),
    loinc={"panel": "69737-5", "total": "70274-6"},
    rights="Pfizer: no permission required",
    source="PHQ family",
)

CSSRS_SCREEN = Instrument(
    key="cssrs_screen",
    version="1",
    title="Suicide risk screener, 6 items",
    short="C-SSRS screener",
    rater="staff or patient",
    items=(
        Item("q1", "wish to be dead, past month", yes_no(), loinc="93246-7"),
        Item("q2", "thoughts of suicide, past month", yes_no(), loinc="93247-5"),
        Item("q3", "thoughts with a method", yes_no(), gate=Gate("q2", 1), loinc="93248-3"),
        Item("q4", "some intent to act", yes_no(), gate=Gate("q2", 1), loinc="93249-1"),
        Item("q5", "a plan, with intent", yes_no(), gate=Gate("q2", 1), loinc="93250-9"),
        Item("q6", "any suicidal behaviour, ever", yes_no(), loinc="93267-3"),
        Item("q6_3m", "that behaviour within 3 months", yes_no(), gate=Gate("q6", 1), loinc="93269-9"),
    ),
    low=None,
    high=None,
    missing="cssrs",
    loinc={"panel": "93373-9", "risk_level": "93374-7"},
    rights="Columbia: no fee or licence for use in health records; the wording must stay unchanged, so import it",
    source="Columbia lighthouse triage page; HL7 US behavioral health profiles",
    note="Act or intent is high, method or past behaviour moderate, a wish or thoughts low; unfinished is never none.",
)
