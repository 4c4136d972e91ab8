"""Why a change of the rules may go unnoticed: “file: before -> after” to the argument."""

from __future__ import annotations

ARGUED: dict[str, str] = {
    "factors.py: 0 -> 1": "The dose only picks the step of the methadone scale of 2016, and 0 and 1 mg share one.",
    "instruments/scoring.py: 0 -> 1": "The band of a RODS of 0, where 0 and 1 share the lowest one.",
    "instruments/scoring.py: abs(answer) < 1000000 -> abs(answer) <= 1000000": (
        "No option has such a value, so the answer is refused a line later either way."
    ),
    "routing/changes.py: entry[0] <= now -> entry[0] < now": (
        "The range that holds the value of now leads here, not elsewhere, so no other range begins there."
    ),
    "routing/changes.py: edge <= NUMBERS[name] -> edge < NUMBERS[name]": (
        "No threshold stands at the highest value of its fact, coded or allowed where it would lead elsewhere."
    ),
    "routing/facts.py: 0 -> 1": "A short cut for whole numbers; a 0 takes the long way to the same value.",
}
