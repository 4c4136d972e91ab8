"""All golden cases as the command takes them: (tool, id, case without its expectation, expectation)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.clinical.vectors import vectors

Example = tuple[str, str, dict[str, Any], Any]
_FILES = (("instruments", "instrument_vectors"), ("oih", "oih_vectors"), ("mme", "mme_vectors"))
_EXPECTED = ("expect", "expect_error", "expect_count", "expect_mme_per_day")


def _bare(case: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in case.items() if key not in _EXPECTED}


def _wanted(case: dict[str, Any]) -> Any:
    return {"error": case["expect_error"]} if "expect_error" in case else case["expect"]


def every_case() -> Iterator[Example]:
    """Yield every case of every vector file."""
    for tool, name in _FILES:
        for case in vectors(name)["cases"]:
            yield tool, case["id"], _bare(case), _wanted(case)
    for case in vectors("mme_vectors")["dispensing_cases"]:
        yield "mme", case["id"], _bare(case), {"mme_per_day": case["expect_mme_per_day"]}
    tapers = vectors("taper_vectors")
    for group in ("generated_plans", "explicit_plans", "invalid"):
        for case in tapers[group]:
            yield "taper", case["id"], _bare(case), _wanted(case)
    routing = vectors("routing_vectors")
    for case in routing["cases"]:
        yield "route", case["id"], {"facts": {**routing["defaults"], **case["facts"]}}, case["expect"]
    inputs = {case["id"]: case["input"] for case in tapers["generated_plans"]}
    for case in vectors("reminder_vectors")["cases"]:
        yield "cadence", case["id"], {**_bare(case), "plan": inputs[case["plan"]]}, _wanted(case)
    for case in vectors("email_vectors")["cases"]:
        yield "wording", case["id"], _bare(case), _wanted(case)
