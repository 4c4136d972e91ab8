"""Invented people and what they say. Any likeness to somebody is chance."""

from __future__ import annotations

from dataclasses import dataclass

GIVEN = (
    "Dana",
    "Luis",
    "Priya",
    "Marcus",
    "Ellen",
    "Theo",
    "Ruth",
    "Joan",
    "Eli",
    "Sam",
    "Nadia",
    "James",
    "Tess",
    "Omar",
    "Greta",
    "Hugo",
    "Iris",
    "Jonah",
    "Kira",
    "Leon",
    "Maya",
    "Noel",
    "Olive",
    "Paul",
    "Quinn",
    "Rosa",
    "Saul",
    "Tara",
    "Uma",
    "Vera",
    "Wes",
    "Xena",
    "Yuri",
    "Zoe",
    "Abel",
    "Bea",
    "Cal",
    "Dora",
    "Ezra",
    "Faye",
    "Gus",
    "Hana",
    "Ivan",
    "Jade",
    "Kurt",
    "Lena",
    "Milo",
    "Nora",
    "Otis",
    "Pia",
    "Reid",
    "Skye",
    "Toby",
    "Una",
    "Vince",
    "Wren",
    "Yara",
    "Zane",
    "Amos",
    "Bree",
)
FAMILY = (
    "Reyes",
    "Ford",
    "Singh",
    "Tate",
    "Vance",
    "Boone",
    "Abbott",
    "Pike",
    "Moss",
    "Ward",
    "Bell",
    "Oakes",
    "Lin",
    "Haddad",
    "Nash",
    "Quist",
    "Ames",
    "Rowe",
    "Stone",
    "Frost",
    "Patel",
    "Gray",
    "Hart",
    "Iver",
    "Jung",
    "Kemp",
    "Lowe",
    "Marsh",
    "Neal",
    "Odell",
)
WORDS_PAIN = (
    "My back pain spreads as the dose goes up. I want to know if the pills make it worse.",
    "I take more and it hurts more. Even my shirt hurts.",
    "The doctor wants to lower it and I am scared of the pain.",
    "I have been on these for years and I do not feel like myself.",
    "It wears off before noon now. I watch the clock.",
)
WORDS_STREET = (
    "I stopped last night. I am shaking and cannot keep still.",
    "I do not want another night out there. I want to stop shaking.",
    "I started with pills after my knee. Now it is fentanyl.",
    "I nearly died in May. I want to try again, with help this time.",
)
WORDS_FAMILY = (
    "My son uses pills he buys online. He sleeps all day.",
    "My wife was given oxycodone after surgery and cannot get off it.",
    "My brother says he wants help but hangs up on everybody.",
)
WORDS_PROFESSIONAL = ("Step-down from our ward next week. On 90 MME, wants to come off slowly.",)


@dataclass(frozen=True)
class Profile:
    """A kind of story: its drug line, scores and circumstances."""

    key: str
    opioid_use: str
    drug: str
    strength: str
    units: str
    freq: str
    form: str
    cows: int
    peg: int
    oih: str
    oud: int
    living: str
    benzo: str = "none"
    alcohol: str = "none"
    speed: str = "standard"
    cssrs: str = "none"
    pregnancy: str = "no"
    product: str = ""
    regimen: tuple[int, ...] = ()


PAIN_SLOW = Profile(
    "pain_slow",
    "prescribed",
    "oxycodone",
    "30",
    "1",
    "tid",
    "er",
    3,
    7,
    "oih",
    1,
    "stable",
    product="oxycodone_er",
    regimen=(30, 30, 30),
)
PAIN_MID = Profile(
    "pain_mid",
    "prescribed",
    "morphine",
    "60",
    "1",
    "bid",
    "er",
    2,
    6,
    "tolerance",
    0,
    "stable",
    product="morphine_er",
    regimen=(60, 60),
)
PAIN_SMALL = Profile(
    "pain_small",
    "prescribed",
    "hydrocodone",
    "10",
    "1",
    "qid",
    "ir",
    1,
    5,
    "overlap",
    0,
    "stable",
    product="hydrocodone_apap",
    regimen=(10, 10, 10, 10),
)
PAIN_DETOX = Profile(
    "pain_detox",
    "prescribed",
    "oxycodone",
    "30",
    "1",
    "tid",
    "er",
    15,
    8,
    "oih",
    3,
    "stable",
    product="oxycodone_er",
    regimen=(30, 30, 30),
)
STREET_BAD = Profile(
    "street_bad", "illicit", "street", "", "1", "qid", "other", 22, 6, "none", 8, "homeless", benzo="daily"
)
STREET_MILD = Profile("street_mild", "illicit", "street", "", "1", "tid", "other", 13, 5, "none", 6, "unstable")
MIXED = Profile("mixed", "both", "oxycodone", "20", "1", "qid", "ir", 9, 6, "withdrawal", 5, "unstable", alcohol="some")
RAPID = Profile(
    "rapid",
    "prescribed",
    "oxycodone",
    "40",
    "1",
    "tid",
    "er",
    2,
    4,
    "overlap",
    2,
    "stable",
    speed="rapid",
)
LOW_MOOD = Profile(
    "low_mood", "prescribed", "oxycodone", "20", "1", "bid", "er", 6, 8, "tolerance", 3, "stable", cssrs="moderate"
)
PROFILES = (PAIN_SLOW, PAIN_MID, PAIN_SMALL, PAIN_DETOX, STREET_BAD, STREET_MILD, MIXED, RAPID, LOW_MOOD)
