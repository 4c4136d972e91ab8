"""The tables a medical director signs: they show what the rules hold, and the page in docs is not stale."""

from __future__ import annotations

from pathlib import Path

import pytest

from intake.clinical import instruments, mme, oih, routing, tables
from intake.clinical.plan_flags import PLAN_FLAGS
from intake.clinical.products import PRODUCTS
from intake.errors import RuleBroken
from tests.clinical.vectors import vectors

PAGE = Path(__file__).parents[2] / "docs" / "clinical.md"


def cells(name: str) -> list[list[str]]:
    lines = [line for line in tables.table(name).splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


def test_the_page_in_docs_is_what_the_command_prints() -> None:
    assert PAGE.read_text(encoding="utf-8") == tables.document(), (
        "run: flask intake clinical table all > docs/clinical.md"
    )


@pytest.mark.parametrize("name", tables.NAMES)
def test_a_table_is_markdown_with_a_heading_a_source_and_rows_as_wide_as_their_head(name: str) -> None:
    text = tables.table(name)
    assert text.startswith("## ")
    assert text.endswith("\n")
    assert "\n\n\n" not in text
    assert "ource" in text or "Mark" in text
    width = 0
    for line in text.splitlines():
        if not line.startswith("|"):
            width = 0
            continue
        found = line.replace("\\|", "").count("|")
        assert found == (width or found)
        width = found


@pytest.mark.parametrize("alias", tables.ALIASES)
def test_other_names_print_the_same_table(alias: str) -> None:
    assert tables.table(alias) == tables.table(tables.ALIASES[alias])


def test_an_unknown_name_is_refused_with_the_names_there_are() -> None:
    with pytest.raises(RuleBroken) as refused:
        tables.table("doses")
    assert refused.value.code == "UNKNOWN_TABLE"
    assert all(name in refused.value.message for name in tables.NAMES)


def test_every_instrument_stands_there_with_all_items_points_alerts_and_rights() -> None:
    text = tables.table("instruments")
    for instrument in instruments.every():
        assert f"| {instrument.short} | {instrument.key} |" in text
        assert f"### {instrument.short}: {instrument.title}" in text
        assert instrument.rights in text
        for item in instrument.items:
            assert f"| {item.id} | {item.topic}" in text
    for code in instruments.ALERT_WORDS:
        assert f"| {code} |" in text
    assert ["pulse", "resting pulse per minute (After one minute at rest)",
            "0: 80 or below; 1: 81 to 100; 2: 101 to 120; 4: Over 120", ""] in cells("instruments")  # fmt: skip
    assert ["times", instruments.get("single_drug").items[0].topic, "whole number 0 to 99999", ""] in cells(
        "instruments"
    )
    assert "0: No; 1: Yes (reversed: No scores 1)" in text
    assert "0: No; 1: Yes (only if q2 is 1)" in text
    assert "0: No; 1: Yes (no points)" in text
    assert "0: No; 1: Yes (worked out from the date of birth)" in text
    assert "0, no pain; 1; 2; 3; 4; 5; 6; 7; 8; 9; 10, worst pain" in text
    assert "Positive from: male 4+, female 3+, other_or_unknown 3+." in text


def test_every_factor_strength_and_weight_stands_there() -> None:
    for table_name in ("cdc2022", "cdc2016"):
        for drug, factor in vectors("mme_vectors")["factors"][table_name].items():
            column = {"cdc2022": 1, "cdc2016": 2}[table_name]
            wanted = "by daily dose" if str(factor).startswith("by") else factor
            assert next(row[column] for row in cells("mme") if row[0] == drug) == wanted
    assert ["levorphanol", "11", "CDC data file 2017"] in cells("mme")
    assert ["above 60 mg a day", "12"] in cells("mme")
    rows = {row[1]: row for row in cells("products")}
    assert set(PRODUCTS) <= set(rows)
    assert rows["oxymorphone_er"][2] == "5 7.5 10 15 20 30 40"
    assert rows["buprenorphine_sl"][6] == "none"
    assert rows["morphine_ir_halves"][5] == "smallest only"
    assert [oih.FACT_WORDS["inc"], "better_lasting", "oih", "-3"] in cells("oih")
    assert all([code, words] in cells("mme") for code, words in mme.FLAG_WORDS.items())


def test_every_rule_and_flag_of_placement_stands_there() -> None:
    ids = [row[0] for row in cells("routing")]
    assert [i for i in ids if i in {r["id"] for r in vectors("routing_vectors")["rules"]}] == [
        r["id"] for r in vectors("routing_vectors")["rules"]
    ]
    assert {f.id for f in routing.FLAG_RULES} <= set(ids)
    assert ["1", "15"] in cells("routing")


def test_the_taper_table_names_exactly_the_ten_codes_of_the_specification() -> None:
    assert [row[0] for row in cells("taper")][2:] == [code for code, _, _ in PLAN_FLAGS]
    assert len(PLAN_FLAGS) == 10
    raised = {flag for group in ("generated_plans", "explicit_plans") for case in vectors("taper_vectors")[group]
              for flag in case["expect"]["plan_flags"]}  # fmt: skip
    assert raised <= {code for code, _, _ in PLAN_FLAGS}


def test_the_words_no_email_holds_stand_there() -> None:
    assert all(stem in tables.table("wording") for stem in vectors("email_vectors")["stems"])
