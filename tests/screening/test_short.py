"""What a board's line says of why somebody waits."""

from __future__ import annotations

from typing import Any

import pytest

from intake.screening.findings import findings
from intake.screening.short import in_short

OXYCODONE = {"opioids-1-drug": "oxycodone", "opioids-1-strength": "30", "opioids-1-units": "1", "opioids-1-freq": "tid"}
STREET = {"opioids-2-drug": "street", "opioids-2-last_hours": 15}


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({}, ""),
        (OXYCODONE, "Oxycodone 90 mg a day"),
        (STREET, "Street opioids, last use 15\N{NO-BREAK SPACE}h"),
        ({**OXYCODONE, **STREET}, "Street opioids, last use 15\N{NO-BREAK SPACE}h, Oxycodone 90 mg a day"),
        ({"opioid_use": "illicit", "last_opioid_hours": 96}, "Street opioids, last use 4\N{NO-BREAK SPACE}days"),
        ({"alcohol": "daily"}, "Alcohol every day"),
    ],
)
def test_a_line_says_what_is_taken_and_since_when_nothing(told: dict[str, Any], said: str) -> None:
    assert in_short(findings(told)) == said


def test_a_patch_is_named_without_a_number_that_could_be_read_as_milligrams() -> None:
    patch = {"opioids-1-drug": "fentanyl_transdermal", "opioids-1-strength": "50", "opioids-1-freq": "q72h"}
    assert in_short(findings(patch)) == "Fentanyl transdermal"
