"""Withdrawal scales: COWS, SOWS and CIWA-Ar. Topics and option labels are the project's own words.

Sources: clinical.md 1.2 to 1.4 (points and bands as read in the sources named in each definition).
"""

from __future__ import annotations

from .model import Instrument, Item, Option, Threshold, asked, bands, options, pointed

_SOWS_DEGREE = options("Not at all", "A little", "Some", "Quite a lot", "Very much")


def _anchored(highest: int, anchors: dict[int, str]) -> tuple[Option, ...]:
    """Options 0 to `highest`; a value between two anchors names both of them."""
    made = []
    for value in range(highest + 1):
        below = max(a for a in anchors if a <= value)
        above = min((a for a in anchors if a >= value), default=below)
        made.append(Option(value, anchors.get(value, f"Between {below} and {above}")))
    return tuple(made)


COWS = Instrument(
    key="cows",
    version="1",
    title="Clinical opiate withdrawal, observer-rated",
    short="COWS",
    rater="clinician",
    items=(
        Item(
            "pulse",
            "resting pulse per minute",
            pointed(_0="80 or below", _1="81 to 100", _2="101 to 120", _4="Over 120"),
            hint="After one minute at rest",
        ),
        Item(
            "sweating",
            "sweating or chills in the last half hour",
            options("No sign", "Says so, nothing to see", "Flushed or moist face", "Beads on the face", "Running down"),
            hint="Not from a warm room or activity",
        ),
        Item(
            "restlessness",
            "restlessness while observed",
            pointed(_0="Sits still", _1="Hard to sit still", _3="Shifts often, moves limbs", _5="Cannot sit for long"),
            hint="Watch while you talk",
        ),
        Item(
            "pupils",
            "pupil size in room light",
            pointed(
                _0="Normal for the light", _1="Maybe larger than normal", _2="Clearly large", _5="Only the rim shows"
            ),
        ),
        Item(
            "aches",
            "bone or joint aches beyond usual pain",
            pointed(_0="None", _1="Mild, spread out", _2="Strong, spread out", _4="Rubs joints, cannot keep still"),
            hint="Only pain from withdrawal, not the usual pain",
        ),
        Item(
            "nose_eyes",
            "running nose or tearing",
            pointed(_0="None", _1="Stuffy or moist eyes", _2="Nose runs or eyes tear", _4="Runs all the time"),
            hint="Not from a cold or allergy",
        ),
        Item(
            "gi",
            "stomach or bowel upset in the last half hour",
            pointed(_0="None", _1="Cramps", _2="Nausea or loose stool", _3="Vomiting or diarrhea", _5="Many times"),
        ),
        Item(
            "tremor",
            "tremor of outstretched hands",
            pointed(_0="None", _1="Felt, not seen", _2="Slight, seen", _4="Strong, or twitching"),
            hint="Arms stretched out in front",
        ),
        Item(
            "yawning",
            "yawning while observed",
            pointed(_0="None", _1="Once or twice", _2="Three times or more", _4="Several times a minute"),
            hint="Watch while you talk",
        ),
        Item(
            "anxiety",
            "anxiety or irritability",
            pointed(_0="None", _1="Says so", _2="Plainly irritable or anxious", _4="Hard to take part"),
        ),
        Item(
            "gooseflesh",
            "gooseflesh",
            pointed(_0="Smooth", _3="Felt, or hairs stand", _5="Marked"),
            hint="Skin on arms",
        ),
    ),
    low=0,
    high=48,
    missing="bounds",
    bands=bands(
        ("none", "None", 4),
        ("mild", "Mild", 12),
        ("moderate", "Moderate", 24),
        ("moderately_severe", "Moderately severe", 36),
        ("severe", "Severe", 48),
    ),
    thresholds=(Threshold("COWS_MODERATE", 13), Threshold("COWS_SEVERE", 25)),
    loinc={"panel": None, "total": None},
    rights="Wesson & Ling 2003; form said to allow clinical copying (to be confirmed); wording is not embedded",
    source="Wesson & Ling 2003 (points and bands)",
    note="No LOINC code found; 72514-3, at times published as COWS, is the 0-10 pain rating.",
)

SOWS = Instrument(
    key="sows",
    version="1",
    title="Subjective opiate withdrawal, self-rated, 16 items",
    short="SOWS",
    rater="patient",
    items=asked(
        (
            ("s01", "anxious"),
            ("s02", "yawning"),
            ("s03", "sweating"),
            ("s04", "teary eyes"),
            ("s05", "runny nose"),
            ("s06", "gooseflesh"),
            ("s07", "shaking"),
            ("s08", "hot flushes"),
            ("s09", "cold flushes"),
            ("s10", "aching bones and muscles"),
            ("s11", "restless"),
            ("s12", "nausea"),
            ("s13", "vomiting"),
            ("s14", "muscle twitching"),
            ("s15", "stomach cramps"),
            ("s16", "urge to use"),
        ),
        _SOWS_DEGREE,
    ),
    low=0,
    high=64,
    missing="bounds",
    bands=bands(("none", "None", 0), ("mild", "Mild", 10), ("moderate", "Moderate", 20), ("severe", "Severe", 64)),
    thresholds=(Threshold("SOWS_SEVERE", 21),),
    loinc={"panel": None, "total": None},
    rights="Handelsman 1987, journal copyright; topics in own words only",
    source="Handelsman 1987 (items); bands customary, not from the paper",
    note="Never mix with the 10-item scale of the same name by Gossop (0 to 3 each).",
)

CIWA_AR = Instrument(
    key="ciwa_ar",
    version="1",
    title="Alcohol withdrawal, 10 items",
    short="CIWA-Ar",
    rater="clinician",
    items=(
        Item(
            "nausea_vomiting",
            "nausea and vomiting",
            _anchored(7, {0: "None", 1: "Mild nausea", 4: "Nausea that comes and goes", 7: "Constant, or vomiting"}),
        ),
        Item(
            "tremor",
            "tremor",
            _anchored(7, {0: "None", 1: "Felt, not seen", 4: "Seen with arms stretched", 7: "Seen with arms down"}),
            hint="Arms stretched out, fingers apart",
        ),
        Item(
            "sweats",
            "sweating",
            _anchored(7, {0: "None to see", 1: "Palms barely moist", 4: "Beads on the forehead", 7: "Drenched"}),
        ),
        Item("anxiety", "anxiety", _anchored(7, {0: "At ease", 1: "Slight", 4: "Moderate, guarded", 7: "Panic"})),
        Item(
            "agitation",
            "agitation",
            _anchored(7, {0: "Calm", 1: "Slightly more active", 4: "Fidgety, restless", 7: "Paces or thrashes"}),
        ),
        Item(
            "tactile",
            "itching, pins and needles, or feeling things on the skin",
            _anchored(
                7, {0: "None", 1: "Very mild", 2: "Mild", 3: "Moderate", 4: "Moderate hallucinations", 7: "Constant"}
            ),
        ),
        Item(
            "auditory",
            "sounds harsh or frightening, or hearing things",
            _anchored(
                7, {0: "None", 1: "Very mild", 2: "Mild", 3: "Moderate", 4: "Moderate hallucinations", 7: "Constant"}
            ),
        ),
        Item(
            "visual",
            "light too bright, or seeing things",
            _anchored(
                7, {0: "None", 1: "Very mild", 2: "Mild", 3: "Moderate", 4: "Moderate hallucinations", 7: "Constant"}
            ),
        ),
        Item(
            "headache",
            "headache or fullness in the head",
            _anchored(
                7,
                {
                    0: "None",
                    1: "Very mild",
                    2: "Mild",
                    3: "Moderate",
                    4: "Fairly strong",
                    5: "Strong",
                    6: "Very strong",
                    7: "Worst",
                },
            ),
            hint="Dizziness does not count",
        ),
        Item(
            "orientation",
            "knows date, place and person",
            options(
                "Knows all, can count up in steps",
                "Unsure of the date",
                "Date off by two days or less",
                "Date off by more than two days",
                "Unsure of place or person",
            ),
        ),
    ),
    low=0,
    high=67,
    missing="bounds",
    bands=bands(("mild", "Mild", 9), ("moderate", "Moderate", 18), ("severe", "Severe", 67)),
    thresholds=(Threshold("CIWA_MODERATE", 10), Threshold("CIWA_SEVERE", 19)),
    loinc={"panel": None, "total": None},
    rights="Sullivan 1989; stated free to use",
    source="Sullivan 1989 (items); ASAM 2020 (bands below 10, 10 to 18, 19 and up)",
    note="A seizure, delirium or hallucination makes the withdrawal complicated at any score. Older bands: 8 and 16.",
)
