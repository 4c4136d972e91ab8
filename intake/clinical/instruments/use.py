"""Substance use: DAST-10, AUDIT-C, ORT-OUD, TAPS-1, single questions, RODS, DSM-5 criteria count. Own words throughout.

Sources: clinical.md 1.2 to 1.4.
"""

from __future__ import annotations

from dataclasses import replace

from .model import Gate, Instrument, Item, Threshold, asked, bands, options, yes_no

# A whole number above this is a slip of the keyboard, not a count of one year.
HIGHEST_COUNT = 99_999

_HOW_OFTEN = options("Never", "Less than once a month", "Once a month", "Once a week", "Daily or almost daily")

_DAST_ITEMS = asked(
    (
        ("d01", "use of drugs other than for a medical reason"),
        ("d02", "more than one drug at a time"),
        ("d03", "able to stop when wanted"),
        ("d04", "blackouts or flashbacks"),
        ("d05", "guilt about use"),
        ("d06", "complaints from partner or parents"),
        ("d07", "neglect of family"),
        ("d08", "illegal acts to obtain drugs"),
        ("d09", "withdrawal when stopping"),
        ("d10", "medical problems from use"),
    ),
    yes_no(),
)

DAST10 = Instrument(
    key="dast10",
    version="1",
    title="Drug use problems, past 12 months, 10 items",
    short="DAST-10",
    rater="patient",
    items=tuple(replace(item, reversed=True, hint="No scores 1") if item.id == "d03" else item for item in _DAST_ITEMS),
    low=0,
    high=10,
    missing="bounds",
    bands=bands(
        ("none", "None", 0),
        ("low", "Low", 2),
        ("moderate", "Moderate", 5),
        ("substantial", "Substantial", 8),
        ("severe", "Severe", 10),
    ),
    thresholds=(Threshold("DAST_POSITIVE", 3),),
    loinc={"panel": "82666-9", "total": "82667-7"},
    rights="(c) Harvey Skinner / CAMH; non-commercial use with credit (to be confirmed); import the wording",
    source="Skinner 1982; cde.nlm.nih.gov (bands)",
)

AUDITC = Instrument(
    key="auditc",
    version="1",
    title="Alcohol consumption, 3 items",
    short="AUDIT-C",
    rater="patient",
    items=(
        Item(
            "frequency",
            "how often alcohol is drunk",
            options(
                "Never", "Once a month or less", "2 to 4 times a month", "2 or 3 times a week", "4 or more times a week"
            ),
            loinc="68518-0",
        ),
        Item(
            "quantity",
            "drinks on a drinking day",
            options("None, 1 or 2", "3 or 4", "5 or 6", "7 to 9", "10 or more"),
            loinc="68519-8",
        ),
        Item("heavy", "six or more drinks on one occasion", _HOW_OFTEN, loinc="68520-6"),
    ),
    low=0,
    high=12,
    missing="bounds",
    bands=bands(("low", "Low", 2), ("at_risk", "At risk", 7), ("high", "High", 12)),
    thresholds=(Threshold("AUDITC_HIGH", 8),),
    positive_at={"male": 4, "female": 3, "other_or_unknown": 3},
    loinc={"panel": "72109-2", "total": "75626-2"},
    rights="WHO AUDIT: free for non-commercial use, permission for commercial use; import the wording",
    source="WHO AUDIT; positive from 4 (men), 3 (women); other or unknown 3 is a project rule",
    note="Whether it is positive is decided by the limit for the sex; the bands are for display only.",
)

ORT_OUD = Instrument(
    key="ort_oud",
    version="1",
    title="Risk of developing opioid use disorder (revised, unweighted)",
    short="ORT-OUD",
    rater="patient or clinician",
    items=(
        Item("fam_alcohol", "family: problem with alcohol", yes_no()),
        Item("fam_illegal", "family: problem with illegal drugs", yes_no()),
        Item("fam_rx", "family: problem with prescription drugs", yes_no()),
        Item("own_alcohol", "own: problem with alcohol", yes_no()),
        Item("own_illegal", "own: problem with illegal drugs", yes_no()),
        Item("own_rx", "own: problem with prescription drugs", yes_no()),
        Item("age_16_45", "age 16 to 45", yes_no(), derived="born_on"),
        Item("psych_other", "ADD, OCD, bipolar disorder or schizophrenia", yes_no()),
        Item("depression", "depression", yes_no()),
    ),
    low=0,
    high=9,
    missing="bounds",
    bands=bands(("low", "Low", 2), ("high", "High", 9)),
    thresholds=(Threshold("ORT_OUD_HIGH", 3),),
    loinc={"panel": None, "total": None},
    rights="(c) Lynn Webster MD, who asks clinics to request permission: off until the center records its permission",
    source="PMC6768552 (validation); cut-off 3 to be confirmed",
    note="91393-9 and 91392-1 are codes of the original weighted tool and are never sent for this one.",
    enabled=False,
)

TAPS1 = Instrument(
    key="taps1",
    version="1",
    title="Substance use past 12 months, first stage",
    short="TAPS-1",
    rater="patient",
    items=(
        Item("tobacco", "tobacco or nicotine", _HOW_OFTEN, loinc="96842-0"),
        Item("alcohol", "a day of heavy drinking", _HOW_OFTEN, hint="4 or more drinks for women, 5 or more for men"),
        Item("illicit", "recreational or illegal drugs", _HOW_OFTEN, loinc="96843-8"),
        Item(
            "rx_misuse",
            "prescription medicine for the feeling, more than prescribed or not prescribed",
            _HOW_OFTEN,
            loinc="96844-6",
        ),
    ),
    low=None,
    high=None,
    missing="none",
    loinc={"panel": None, "total": None, "alcohol_men": "88037-7", "alcohol_women": "75889-6"},
    rights="NIDA/NIH, freely available",
    source="NIDA TAPS",
    note="Any answer above Never opens the second stage; there 1 is problem use, 2 or more higher risk per substance.",
)

SINGLE_DRUG = Instrument(
    key="single_drug",
    version="1",
    title="Single drug-use question, count over the past year",
    short="Single drug question",
    rater="patient",
    items=(
        Item(
            "times",
            "times an illegal drug, or a prescription drug for a non-medical reason, was used",
            minimum=0,
            maximum=HIGHEST_COUNT,
        ),
    ),
    low=None,
    high=None,
    missing="none",
    positive_at={"any": 1},
    loinc={"panel": None, "total": None},
    rights="Smith 2010 / NIDA, freely used",
    source="Smith 2010",
)

SINGLE_ALCOHOL = Instrument(
    key="single_alcohol",
    version="1",
    title="Single heavy-drinking question, count over the past year",
    short="Single alcohol question",
    rater="patient",
    items=(
        Item(
            "days",
            "days with 5 or more (men) or 4 or more (women) drinks",
            minimum=0,
            maximum=HIGHEST_COUNT,
        ),
    ),
    low=None,
    high=None,
    missing="none",
    positive_at={"any": 1},
    loinc={"panel": None, "total": None},
    rights="NIAAA, public",
    source="NIAAA",
)

RODS = Instrument(
    key="rods",
    version="1",
    title="Rapid opioid dependence screen, one opening question and 7 items",
    short="RODS",
    rater="staff",
    items=(
        Item("ever", "ever took an opioid", yes_no(), scored=False),
        *asked(
            (
                ("r1", "needed more for the same effect"),
                ("r2", "anxious about missing a dose"),
                ("r3", "used in the morning to avoid sickness"),
                ("r4", "worried about use"),
                ("r5", "hard to stop"),
                ("r6", "much time finding or getting over use"),
                ("r7", "missed important things"),
            ),
            yes_no(),
            Gate("ever", 1),
        ),
    ),
    low=0,
    high=7,
    missing="bounds",
    bands=bands(("negative", "Negative", 2), ("positive", "Positive", 7)),
    thresholds=(Threshold("RODS_POSITIVE", 3),),
    loinc={"panel": None, "total": None},
    rights="Wickersham 2015, Sage; wording rights unclear: import the wording",
    source="Wickersham 2015 (PubMed 25559628); cut-off 3 to be confirmed",
)

OUD_DSM5 = Instrument(
    key="oud_dsm5",
    version="1",
    title="Opioid use disorder, criteria count (clinician)",
    short="OUD criteria",
    rater="clinician",
    items=asked(
        (
            ("c01", "larger amounts or longer than meant"),
            ("c02", "wants to cut down and cannot"),
            ("c03", "much time spent on getting, using or getting over it"),
            ("c04", "craving"),
            ("c05", "duties at work, school or home not met"),
            ("c06", "goes on in spite of problems with others"),
            ("c07", "activities given up"),
            ("c08", "use where it is dangerous"),
            ("c09", "goes on in spite of harm to body or mind"),
            ("c10", "tolerance"),
            ("c11", "withdrawal"),
        ),
        options("Not met", "Met"),
    ),
    low=0,
    high=11,
    missing="bounds",
    bands=bands(("none", "None", 1), ("mild", "Mild", 3), ("moderate", "Moderate", 5), ("severe", "Severe", 11)),
    thresholds=(Threshold("OFFER_MOUD", 2),),
    loinc={"panel": None, "total": None},
    rights="APA copyright in the DSM text: topics in own words only",
    source="DSM-5 criteria count (algosdoc)",
    note="Taken only as prescribed under supervision, tolerance and withdrawal do not count.",
)
