"""Daily MME: golden cases, both tables, every unit of measure, every flag, and every refusal of the form."""

from __future__ import annotations

import json
from dataclasses import FrozenInstanceError, replace
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intake.clinical import factors, mme
from intake.clinical.mme import OpioidLine, daily_dose
from intake.errors import RuleBroken
from tests.clinical.vectors import by_id, vectors

VECTORS = vectors("mme_vectors")
MORPHINE = OpioidLine("morphine", strength=10, freq="qd")


def total(*lines: OpioidLine, table: str = "cdc2022", extended: bool = False) -> mme.MmeTotal:
    return mme.total(lines, table=table, extended=extended)


def dose(line: OpioidLine) -> Fraction:
    return total(line).lines[0].daily_dose


def code_of(line: OpioidLine) -> str:
    with pytest.raises(RuleBroken) as refused:
        mme.check(line)
    with pytest.raises(RuleBroken) as again:
        total(line)
    assert again.value.code == refused.value.code
    assert set(refused.value.fields) <= {*NUMBERS, "drug", "freq"}
    assert refused.value.fields
    assert refused.value.message.endswith(".")
    return refused.value.code


@pytest.mark.parametrize("case", by_id(VECTORS["cases"]))
def test_every_golden_case_comes_out_as_written(case: dict[str, Any]) -> None:
    given_lines = [OpioidLine(**line) for line in case["input"]["lines"]]
    found = mme.total(given_lines, table=case["input"]["table"], extended=case["input"]["extended_factors"])
    assert json.loads(json.dumps(found.as_dict()), parse_float=Decimal) == case["expect"]


@pytest.mark.parametrize("case", by_id(VECTORS["dispensing_cases"]))
def test_every_dispensing_case_comes_out_as_written(case: dict[str, Any]) -> None:
    found = mme.dispensed_patches(case["mcg_per_h"], case["patches"], case["days"])
    assert found == Fraction(case["expect_mme_per_day"])


def test_factors_and_frequencies_are_those_of_the_specification() -> None:
    wanted = VECTORS["factors"]
    assert dict(mme.FACTOR_TABLES["cdc2022"]) == {drug: Fraction(f) for drug, f in wanted["cdc2022"].items()}
    older = {drug: Fraction(f) for drug, f in wanted["cdc2016"].items() if drug != "methadone"}
    assert dict(mme.FACTOR_TABLES["cdc2016"]) == older
    assert dict(mme.EXTENDED) == {d: Fraction(f) for d, f in wanted["extended_cdc_data_file_2017"].items()}
    assert dict(mme.FREQUENCIES) == VECTORS["frequency_max_per_day"]
    assert set(mme.FACTOR_TABLES) == {"cdc2022", "cdc2016"}
    assert set(factors.TABLE_SOURCES) == {"cdc2022", "cdc2016", "extended"}


@pytest.mark.parametrize(
    ("mg", "factor"), [("1", 4), ("20", 4), ("20.01", 8), ("40", 8), ("40.01", 10), ("60", 10), ("60.01", 12)]
)
def test_the_methadone_scale_of_2016_grows_with_the_summed_dose_edges_included(mg: str, factor: int) -> None:
    half = OpioidLine("methadone", strength=Decimal(mg) / 2, freq="qd")
    found = total(half, half, table="cdc2016").lines[0]
    assert (found.daily_dose, found.factor, found.mme) == (Fraction(mg), factor, Fraction(mg) * factor)
    assert mme.factor("methadone", "cdc2016", daily_dose=Fraction(mg)) == factor
    assert mme.factor("methadone", daily_dose=Fraction(mg)) == Fraction("4.7")


class TestFactor:
    def test_a_drug_outside_the_table_has_one_only_with_the_file_of_2017(self) -> None:
        for table in mme.FACTOR_TABLES:
            assert mme.factor("levorphanol", table) is None
            assert mme.factor("levorphanol", table, extended=True) == 11

    def test_the_chosen_table_wins_over_the_file_of_2017(self) -> None:
        assert mme.factor("tramadol", "cdc2016", extended=True) == Fraction("0.1")

    @pytest.mark.parametrize("drug", ["buprenorphine", "buprenorphine_sl", "Morphine", "", "nalbuphine"])
    def test_buprenorphine_and_unknown_names_have_none(self, drug: str) -> None:
        assert mme.factor(drug, extended=True) is None

    @pytest.mark.parametrize("table", ["cdc2018", "", None, 2022, ["cdc2022"]])
    def test_an_unknown_table_is_refused(self, table: Any) -> None:
        for ask in (lambda: mme.factor("morphine", table), lambda: mme.total([], table=table)):
            with pytest.raises(RuleBroken) as refused:
                ask()
            assert refused.value.code == "UNKNOWN_TABLE"
            assert list(refused.value.fields) == ["table"]


class TestDailyDose:
    @pytest.mark.parametrize(("freq", "times"), list(mme.FREQUENCIES.items()))
    def test_every_frequency_counts_its_shortest_interval(self, freq: str, times: int) -> None:
        assert dose(replace(MORPHINE, freq=freq)) == 10 * times

    def test_units_multiply_and_the_upper_end_of_a_range_wins(self) -> None:
        assert dose(replace(MORPHINE, units=2)) == 20
        assert dose(replace(MORPHINE, units=Decimal("0.5"))) == 5
        assert dose(replace(MORPHINE, units=1, units_max=3)) == 30
        assert dose(replace(MORPHINE, units=3, units_max=0)) == 0

    def test_a_stated_cap_holds_the_prescribed_amount_down_and_never_up(self) -> None:
        assert dose(replace(MORPHINE, freq="q4h", max_per_day=4)) == 40
        assert dose(replace(MORPHINE, freq="bid", max_per_day=4)) == 20
        assert dose(replace(MORPHINE, freq="bid", max_per_day=0)) == 0

    def test_a_reported_amount_counts_in_full_even_above_the_cap(self) -> None:
        reported = replace(MORPHINE, per_day=9, max_per_day=4, units=2, freq="qid")
        assert dose(reported) == 90
        assert dose(replace(reported, freq=None)) == 90
        assert dose(replace(reported, per_day=0)) == 0

    def test_a_mark_as_needed_changes_no_arithmetic(self) -> None:
        assert total(replace(MORPHINE, prn=True)) == total(MORPHINE)

    def test_a_liquid_is_strength_per_ml_times_ml_times_frequency_and_nothing_else(self) -> None:
        liquid = OpioidLine("morphine", strength=2, mg_per_ml=2, ml=Decimal("7.5"), freq="q4h")
        assert dose(liquid) == 90
        assert dose(replace(liquid, units=9, units_max=9, per_day=9, max_per_day=1)) == 90
        assert total(replace(liquid, apap_mg=10)).apap_mg == 450

    def test_patches_count_as_worn_at_one_time_whatever_the_interval(self) -> None:
        patch = OpioidLine("fentanyl_transdermal", strength=25, route="transdermal")
        for freq in (None, "q72h", "q48h_patch", "weekly_patch"):
            assert total(replace(patch, freq=freq)).total == 60
        assert total(replace(patch, patches=2)).total == 120
        assert total(replace(patch, units=3, per_day=3, mg_per_ml=3, ml=3)).total == 60
        assert total(patch).flags == ("FENTANYL_TD_CAUTION", "OFFER_NALOXONE")

    def test_a_binary_number_counts_as_the_decimal_it_is_written_as(self) -> None:
        assert dose(replace(MORPHINE, strength=49.99)) == Fraction(4999, 100)
        assert dose(replace(MORPHINE, strength=0.1, freq="tid")) == Fraction(3, 10)


class TestSkippedLines:
    @pytest.mark.parametrize(
        ("line", "flag", "lower"),
        [
            (OpioidLine("fentanyl_illicit", illicit=True), "UNQUANTIFIED_ILLICIT", True),
            (OpioidLine("buprenorphine", strength=2, route="iv", illicit=True), "UNQUANTIFIED_ILLICIT", True),
            (OpioidLine("morphine", strength=10, route="iv"), "ROUTE_NOT_CONVERTIBLE", True),
            (OpioidLine("buprenorphine", strength=2, route="patch"), "ROUTE_NOT_CONVERTIBLE", True),
            (OpioidLine("morphine", strength=10, route=""), "ROUTE_NOT_CONVERTIBLE", True),
            (OpioidLine("buprenorphine", strength=8), "BUPRENORPHINE_NOT_CONVERTED", False),
            (OpioidLine("buprenorphine_sl_film", strength=8), "BUPRENORPHINE_NOT_CONVERTED", False),
            (OpioidLine("methadone", strength=90, indication="oud"), "MOUD_METHADONE_EXCLUDED", False),
        ],
    )  # fmt: skip
    def test_a_line_that_is_not_converted_says_why_and_is_skipped_with_its_acetaminophen(
        self, line: OpioidLine, flag: str, lower: bool
    ) -> None:
        found = total(replace(line, apap_mg=5000, per_day=9), MORPHINE)
        assert [(x.drug, x.mme) for x in found.lines] == [("morphine", 10)]
        assert (found.flags, found.is_lower_bound, found.apap_mg) == ((flag,), lower, 0)

    @pytest.mark.parametrize("route", ["oral", "transdermal", "buccal", "sublingual", "nasal", None])
    def test_five_routes_are_converted(self, route: str | None) -> None:
        assert total(replace(MORPHINE, route=route)).total == 10

    def test_methadone_for_pain_is_counted_with_caution_and_the_mark_oud_matters_for_methadone_only(self) -> None:
        found = total(OpioidLine("methadone", strength=10, freq="qd", indication="pain"))
        assert (found.total, found.flags) == (47, ("METHADONE_CAUTION",))
        assert total(replace(MORPHINE, indication="oud")).total == 10

    def test_a_drug_without_factor_gives_no_line_and_still_counts_its_acetaminophen(self) -> None:
        found = total(OpioidLine("nalbuphine", strength=10, freq="q4h", apap_mg=600))
        assert (found.lines, found.total, found.apap_mg) == ((), 0, 3600)
        assert (found.flags, found.is_lower_bound) == (("APAP_OVER_3000", "NO_FACTOR"), True)

    @pytest.mark.parametrize("table", ["cdc2022", "cdc2016"])
    def test_the_file_of_2017_is_used_beside_either_table_and_flagged(self, table: str) -> None:
        line = OpioidLine("meperidine", strength=50, freq="qid")
        found = total(line, table=table, extended=True)
        assert (found.total, found.flags, found.is_lower_bound) == (20, ("FACTOR_NOT_IN_CDC2022_TABLE",), False)
        assert total(line, table=table).flags == ("NO_FACTOR",)


class TestBandsAndPrompts:
    @pytest.mark.parametrize(
        ("mg", "band", "display", "naloxone"),
        [("0.1", "lt50", "0.1", False), ("49.99", "lt50", "50.0", False), ("50", "50to89", "50.0", True),
         ("89.95", "50to89", "90.0", True), ("89.94", "50to89", "89.9", True), ("90", "ge90", "90.0", True),
         ("49.95", "lt50", "50.0", False), ("49.94", "lt50", "49.9", False)],
    )  # fmt: skip
    def test_the_band_comes_from_the_exact_total_and_the_screen_shows_one_decimal(
        self, mg: str, band: str, display: str, naloxone: bool
    ) -> None:
        found = total(replace(MORPHINE, strength=Decimal(mg)))
        assert (found.band, str(found.display)) == (band, display)
        assert ("OFFER_NALOXONE" in found.flags) is naloxone

    @pytest.mark.parametrize(
        ("apap", "flags"),
        [(3000, ()), ("3000.01", ("APAP_OVER_3000",)), (4000, ("APAP_OVER_3000",)), ("4000.01", ("APAP_OVER_4000",))],
    )  # fmt: skip
    def test_acetaminophen_prompts_above_3000_and_above_4000_mg(self, apap: Any, flags: tuple[str, ...]) -> None:
        assert total(replace(MORPHINE, apap_mg=Decimal(apap))).flags == flags

    def test_acetaminophen_adds_up_over_lines_by_units(self) -> None:
        found = total(replace(MORPHINE, apap_mg=325, freq="qid", units=2), replace(MORPHINE, apap_mg=100, per_day=3))
        assert found.apap_mg == 325 * 8 + 300
        patches = OpioidLine("fentanyl_transdermal", strength=12, patches=2, apap_mg=1)
        assert total(patches).apap_mg == 2

    def test_output_is_rounded_half_up_from_exact_values_each_time(self) -> None:
        found = total(OpioidLine("codeine", strength=Decimal("0.5555"), freq="qd")).as_dict()
        assert found["lines"] == [{"drug": "codeine", "daily_dose": 0.556, "mme": 0.08}]
        assert (found["total_mme"], found["display"]) == (0.08, 0.1)
        two = total(*[OpioidLine("codeine", strength=Decimal("0.0333"), freq="qd")] * 3).as_dict()
        assert two["lines"] == [{"drug": "codeine", "daily_dose": 0.1, "mme": 0.01}]

    def test_unless_told_otherwise_the_table_is_that_of_2022_alone(self) -> None:
        further = OpioidLine("levorphanol", strength=2, freq="tid")
        found = mme.total([replace(MORPHINE, drug="tramadol"), further])
        assert (found.total, found.flags, found.table) == (2, ("NO_FACTOR",), "cdc2022")
        assert not MORPHINE.prn

    def test_neither_lines_nor_totals_can_be_changed(self) -> None:
        found = total(MORPHINE)
        for value, name in ((MORPHINE, "strength"), (found, "total"), (found.lines[0], "mme")):
            with pytest.raises(FrozenInstanceError):
                setattr(value, name, 0)

    def test_no_lines_are_a_total_of_zero(self) -> None:
        assert total().as_dict() == {
            "lines": [], "total_mme": 0.0, "display": 0.0, "band": "lt50", "is_lower_bound": False, "flags": [],
        }  # fmt: skip

    def test_drugs_stand_in_the_order_in_which_they_first_appear(self) -> None:
        codeine = OpioidLine("codeine", strength=30, freq="qd")
        assert [x.drug for x in total(codeine, MORPHINE, codeine).lines] == ["codeine", "morphine"]

    def test_every_flag_has_words_and_every_total_says_it_is_not_for_conversion(self) -> None:
        assert set(mme.FLAG_WORDS) >= {
            "OFFER_NALOXONE", "APAP_OVER_3000", "APAP_OVER_4000", "NO_FACTOR", "METHADONE_CAUTION",
            "FENTANYL_TD_CAUTION", "FACTOR_NOT_IN_CDC2022_TABLE", "UNQUANTIFIED_ILLICIT", "ROUTE_NOT_CONVERTIBLE",
            "BUPRENORPHINE_NOT_CONVERTED", "MOUD_METHADONE_EXCLUDED",
        }  # fmt: skip
        assert "Not for changing one opioid to another" in mme.NOT_FOR_CONVERSION
        assert (total().version, total().table) == (mme.VERSION, "cdc2022")


LINEAR = sorted(set(mme.FACTOR_TABLES["cdc2022"]))
strengths = st.decimals(min_value="0.01", max_value=500, places=2)
prescriptions = st.builds(
    OpioidLine,
    drug=st.sampled_from(LINEAR),
    strength=strengths,
    freq=st.sampled_from(sorted(mme.FREQUENCIES)),
    units=st.none() | st.integers(0, 4),
    units_max=st.none() | st.integers(0, 4),
    max_per_day=st.none() | st.integers(0, 12),
    per_day=st.none() | st.integers(0, 24),
    patches=st.none() | st.integers(0, 3),
    apap_mg=st.none() | st.sampled_from([325, 500]),
)


@given(st.lists(prescriptions, max_size=6), st.lists(prescriptions, max_size=6))
def test_the_total_of_2022_is_additive_over_lines_and_never_below_any_part(
    first: list[OpioidLine], second: list[OpioidLine]
) -> None:
    a, b, both = total(*first), total(*second), total(*first, *second)
    assert both.total == a.total + b.total
    assert both.apap_mg == a.apap_mg + b.apap_mg
    assert both.total == sum((line.mme for line in both.lines), Fraction(0))
    assert (both.band, both.total >= 50) == (mme.band(both.total), "OFFER_NALOXONE" in both.flags)
    assert list(both.flags) == sorted(set(both.flags))
    json.dumps(both.as_dict(), allow_nan=False)


@given(st.lists(prescriptions, min_size=1, max_size=5), st.randoms(use_true_random=False))
def test_the_order_of_lines_changes_nothing_but_the_order_of_drugs(lines: list[OpioidLine], chance: Any) -> None:
    shuffled = list(lines)
    chance.shuffle(shuffled)
    for table in mme.FACTOR_TABLES:
        a, b = total(*lines, table=table), total(*shuffled, table=table)
        assert (a.total, a.flags, a.band, a.apap_mg) == (b.total, b.flags, b.band, b.apap_mg)
        assert set(a.lines) == set(b.lines)


class TestDispensing:
    def test_the_patch_form_equals_the_intake_form_at_72_hours_and_over_counts_at_48(self) -> None:
        assert mme.dispensed_patches(25, 10, 30) == total(OpioidLine("fentanyl_transdermal", strength=25)).total
        assert mme.dispensed_patches(50, 15, 30) == 180

    def test_units_dispensed_use_the_factor_of_2022(self) -> None:
        assert mme.dispensed_units("hydromorphone", 4, 120, 30) == 80
        assert mme.dispensed_units("oxycodone", Decimal("7.5"), 10, 3) == Fraction(75, 2)

    @pytest.mark.parametrize("days", [0, -1, float("nan"), Decimal("Infinity"), True, "30", None])
    def test_days_have_to_be_above_zero(self, days: Any) -> None:
        for ask in (lambda: mme.dispensed_patches(25, 10, days), lambda: mme.dispensed_units("morphine", 1, 1, days)):
            with pytest.raises(RuleBroken) as refused:
                ask()
            assert refused.value.code == "NUMBER_NOT_ALLOWED"
            assert list(refused.value.fields) == ["days"]

    @pytest.mark.parametrize("value", [-1, float("inf"), 10**9])
    def test_the_other_numbers_are_checked_too(self, value: Any) -> None:
        for ask in (
            lambda: mme.dispensed_patches(value, 10, 30),
            lambda: mme.dispensed_patches(25, value, 30),
            lambda: mme.dispensed_units("morphine", value, 1, 1),
            lambda: mme.dispensed_units("morphine", 1, value, 1),
        ):
            with pytest.raises(RuleBroken) as refused:
                ask()
            assert refused.value.code == "NUMBER_NOT_ALLOWED"

    @pytest.mark.parametrize("drug", ["levorphanol", "buprenorphine", "heroin"])
    def test_a_drug_without_a_factor_of_2022_is_refused(self, drug: str) -> None:
        with pytest.raises(RuleBroken) as refused:
            mme.dispensed_units(drug, 1, 1, 1)
        assert (refused.value.code, list(refused.value.fields)) == ("NO_FACTOR", ["drug"])


NUMBERS = ["strength", "units", "units_max", "max_per_day", "per_day", "mg_per_ml", "ml", "patches", "apap_mg"]


FIELD_OF = {
    "DRUG_NEEDED": (OpioidLine(""), "drug"),
    "UNKNOWN_FREQUENCY": (replace(MORPHINE, freq="daily"), "freq"),
    "FREQUENCY_NEEDED": (replace(MORPHINE, freq=None), "freq"),
    "STRENGTH_NEEDED": (replace(MORPHINE, strength=None), "strength"),
    "ML_NEEDED": (replace(MORPHINE, mg_per_ml=2), "ml"),
}


class TestRefusals:
    @pytest.mark.parametrize("code", FIELD_OF)
    def test_a_refusal_names_the_field_it_is_about(self, code: str) -> None:
        line, field = FIELD_OF[code]
        with pytest.raises(RuleBroken) as refused:
            mme.check(line)
        assert (refused.value.code, list(refused.value.fields)) == (code, [field])

    @pytest.mark.parametrize("field", NUMBERS)
    @pytest.mark.parametrize(
        "value",
        [-1, -0.5, float("nan"), float("inf"), 1e400, 1e300, 100_001, 10**400, 1e-300, True, "5", [5],
         Decimal("NaN"), Decimal("sNaN"), Decimal("Infinity"), Decimal("1e400"), Decimal("1e-400"),
         Decimal("1." + "0" * 60 + "1")],
        ids=lambda v: str(v)[:12],
    )  # fmt: skip
    def test_a_number_that_is_negative_not_finite_or_absurd_is_refused(self, field: str, value: Any) -> None:
        assert code_of(replace(MORPHINE, **{field: value})) == "NUMBER_NOT_ALLOWED"

    @pytest.mark.parametrize("field", NUMBERS)
    def test_the_largest_sensible_number_is_taken(self, field: str) -> None:
        mme.check(replace(MORPHINE, ml=1, **{field: 100_000}) if field != "ml" else replace(MORPHINE, ml=100_000))

    @pytest.mark.parametrize("strength", [None, 0, 0.0, Decimal("0.00")])
    def test_a_strength_above_zero_is_needed_unless_it_is_a_street_opioid(self, strength: Any) -> None:
        assert code_of(replace(MORPHINE, strength=strength)) == "STRENGTH_NEEDED"
        assert code_of(OpioidLine("morphine", strength=strength, route="iv")) == "STRENGTH_NEEDED"
        mme.check(OpioidLine("heroin", strength=strength, illicit=True))

    def test_a_liquid_needs_a_strength_above_zero_and_its_ml(self) -> None:
        liquid = OpioidLine("morphine", strength=2, mg_per_ml=2, ml=5, freq="qd")
        mme.check(liquid)
        assert code_of(replace(liquid, mg_per_ml=0)) == "STRENGTH_NEEDED"
        assert code_of(replace(liquid, ml=None)) == "ML_NEEDED"
        assert code_of(replace(liquid, freq=None, per_day=3)) == "FREQUENCY_NEEDED"

    @pytest.mark.parametrize("freq", ["", "daily", "QD", "q4h ", 4, ["qd"]])
    def test_any_other_frequency_is_refused_even_where_none_is_needed(self, freq: Any) -> None:
        assert code_of(replace(MORPHINE, freq=freq)) == "UNKNOWN_FREQUENCY"
        assert code_of(OpioidLine("heroin", illicit=True, freq=freq)) == "UNKNOWN_FREQUENCY"

    def test_a_frequency_is_needed_unless_reported_worn_or_skipped(self) -> None:
        assert code_of(replace(MORPHINE, freq=None)) == "FREQUENCY_NEEDED"
        for line in (
            replace(MORPHINE, freq=None, per_day=2),
            OpioidLine("fentanyl_transdermal", strength=25),
            OpioidLine("morphine", strength=10, route="iv"),
            OpioidLine("buprenorphine", strength=8),
            OpioidLine("methadone", strength=40, indication="oud"),
            OpioidLine("heroin", illicit=True),
        ):
            mme.check(line)

    @pytest.mark.parametrize("drug", ["", "  ", None, 5])
    def test_the_opioid_has_to_be_named(self, drug: Any) -> None:
        assert code_of(replace(MORPHINE, drug=drug)) == "DRUG_NEEDED"

    @pytest.mark.parametrize("illicit", ["true", 1, "no"])
    def test_only_a_plain_true_marks_a_street_opioid(self, illicit: Any) -> None:
        assert total(replace(MORPHINE, illicit=illicit)).total == 10


def test_the_daily_dose_of_one_drug_leaves_every_other_and_street_opioids_out() -> None:
    lines = [
        OpioidLine("oxycodone", 20, "tid"),
        OpioidLine("oxycodone", 5, per_day=2),
        OpioidLine("morphine", 15, "bid"),
        OpioidLine("fentanyl_transdermal", 25, "q72h", patches=2),
    ]
    assert daily_dose("oxycodone", lines) == 70
    assert daily_dose("fentanyl_transdermal", lines) == 50
    assert daily_dose("methadone", lines) is None
    with pytest.raises(RuleBroken):
        daily_dose("morphine", [OpioidLine("morphine", 15)])
