"""Pain and craving: PEG, craving 0-100 and pain 0-10. Own words throughout.

Sources: clinical.md 1.2 to 1.4.
"""

from __future__ import annotations

from .model import Instrument, Item, scale

_IN_THE_WAY = {0: "not in the way", 10: "fully in the way"}

PEG = Instrument(
    key="peg",
    version="1",
    title="Pain intensity and interference, past week, 3 items, mean",
    short="PEG",
    rater="patient",
    items=(
        Item("pain", "average pain", scale(10, {0: "no pain", 10: "worst pain"})),
        Item("enjoyment", "how much pain got in the way of enjoying life", scale(10, _IN_THE_WAY)),
        Item("activity", "how much pain got in the way of daily activity", scale(10, _IN_THE_WAY)),
    ),
    low=0,
    high=10,
    missing="none",
    loinc={"panel": None, "total": "91147-9"},
    rights="Krebs 2009, freely used in US federal material; import the wording",
    source="Krebs 2009; loinc.org page of 91147-9",
    note="The mean is shown with one decimal; a change of 30 percent from the baseline is improved or worse.",
)

CRAVING_VAS = Instrument(
    key="craving_vas",
    version="1",
    title="Opioid craving, 0 to 100",
    short="Craving",
    rater="patient",
    items=(Item("now", "strength of the urge now", minimum=0, maximum=100, hint="0 no urge, 100 the strongest"),),
    low=0,
    high=100,
    missing="none",
    loinc={"panel": None, "total": None},
    rights="generic scale, own wording",
    source="project rule: 70 and above, or 20 above the previous value",
    note="There are no validated bands.",
)

PAIN_NRS = Instrument(
    key="pain_nrs",
    version="1",
    title="Pain now, 0 to 10",
    short="Pain",
    rater="patient",
    items=(Item("now", "pain now", scale(10, {0: "no pain", 10: "worst pain"})),),
    low=0,
    high=10,
    missing="none",
    loinc={"panel": None, "total": "72514-3"},
    rights="generic",
    source="loinc.org 72514-3",
)
