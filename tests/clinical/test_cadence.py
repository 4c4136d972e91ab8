"""The days a plan owes a message and the moments it may be sent: golden calendars, edges, time zones."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

import pytest

from intake.clinical import wire_plans
from intake.clinical.cadence import (
    DEFAULT_HOUR,
    KINDS,
    Window,
    in_quiet_hours,
    local_instant,
    months_after,
    same_day,
    send_window,
    touchpoints,
)
from intake.clinical.taper import Plan, TaperRequest, build, check_by_hand
from intake.errors import RuleBroken
from tests.clinical.vectors import by_id, vectors

GOLDEN = vectors("reminder_vectors")
INPUTS = {case["id"]: case["input"] for case in vectors("taper_vectors")["generated_plans"]}
MONDAY = date(2027, 1, 4)


def plan(*days: int, then_hold: bool = False) -> Plan:
    """Return a plan from 90 mg of morphine whose steps take `days`."""
    doses = [75, 60, 45, 30, 15][: len(days)]
    steps: list[tuple[Sequence[object], int]] = [([dose], length) for dose, length in zip(doses, days, strict=True)]
    return check_by_hand("morphine_er", [90], steps, MONDAY, then_hold=then_hold)


def owed(given: Plan, **changes: Any) -> dict[date, tuple[str, ...]]:
    usual: dict[str, Any] = {"release": "ir", "activated": MONDAY}
    return {point.date: point.kinds for point in touchpoints(given, **(usual | changes))}


def days_of(kind: str, given: Plan, **changes: Any) -> list[int]:
    """Return the days, counted from the first day of the plan, on which a kind is owed."""
    return [(day - MONDAY).days for day, kinds in owed(given, **changes).items() if kind in kinds]


@pytest.mark.parametrize("case", by_id(GOLDEN["cases"]))
def test_every_golden_calendar_is_laid_exactly(case: dict[str, Any]) -> None:
    given = {**case, "plan": INPUTS[case["plan"]]}
    if "expect_error" in case:
        with pytest.raises(RuleBroken) as refused:
            wire_plans.cadence(given)
        assert refused.value.code == case["expect_error"]
    else:
        assert wire_plans.cadence(given) == case["expect"]
        assert len(case["expect"]) == case["expect_count"]


def test_the_kinds_merge_in_the_order_of_the_specification() -> None:
    assert list(KINDS) == [*GOLDEN["kinds_in_merge_order"], "AFTER_24M"]


def test_the_eve_of_each_change_and_of_the_stop_but_not_of_a_hold() -> None:
    before = MONDAY - timedelta(days=9)
    assert days_of("STEP_EVE", plan(14, 14), activated=before) == [-1, 13, 27]
    assert days_of("STEP_EVE", plan(14, 14, then_hold=True), activated=before) == [-1, 13]


@pytest.mark.parametrize(("release", "delay"), [("ir", 2), ("er", 3), ("patch", 3), ("methadone", 4)])
def test_a_check_in_follows_each_change_by_the_delay_of_its_release_class(release: Any, delay: int) -> None:
    assert days_of("CHECKIN", plan(14, 14), release=release) == [delay, 14 + delay, 28 + delay]
    assert days_of("CHECKIN", plan(14, 14, then_hold=True), release=release) == [delay, 14 + delay]


def test_no_check_in_when_the_next_change_is_that_day_or_earlier() -> None:
    assert days_of("CHECKIN", plan(2, 3, 1, 14)) == [4, 8, 22]


def test_pain_is_asked_every_week_until_28_days_past_the_end_that_day_included() -> None:
    assert days_of("PEG_WEEKLY", plan(14)) == [7, 14, 21, 28, 35, 42]
    assert days_of("PEG_WEEKLY", plan(13)) == [7, 14, 21, 28, 35]
    assert days_of("PEG_WEEKLY", plan(14, then_hold=True)) == [7, 14, 21, 28, 35, 42]


def test_a_refill_is_named_two_days_ahead_until_two_days_before_the_end() -> None:
    assert days_of("REFILL", plan(35), refill_days=10) == [8, 18, 28]
    assert days_of("REFILL", plan(30), refill_days=10) == [8, 18]
    assert days_of("REFILL", plan(31), refill_days=10) == [8, 18, 28]
    assert days_of("REFILL", plan(30), refill_days=None) == []


def test_education_comes_on_activation_and_every_90_days_before_the_end() -> None:
    assert days_of("SAFETY_EDU", plan(90)) == [0]
    assert days_of("SAFETY_EDU", plan(91)) == [0, 90]
    assert days_of("SAFETY_EDU", plan(100, 81)) == [0, 90, 180]
    assert days_of("SAFETY_EDU", plan(30), activated=MONDAY + timedelta(days=30)) == [30]
    assert days_of("SAFETY_EDU", plan(30), activated=MONDAY + timedelta(days=99)) == [99]


def test_a_visit_is_named_three_days_and_one_day_before() -> None:
    visit = MONDAY + timedelta(days=10)
    assert days_of("APPT_3D", plan(30), appointments=[visit, visit]) == [7]
    assert days_of("APPT_1D", plan(30), appointments=[visit]) == [9]
    assert days_of("APPT_3D", plan(30), appointments=[MONDAY + timedelta(days=2)]) == []


def test_aftercare_follows_a_stop_by_months_and_a_hold_has_none() -> None:
    kinds = {kind for day in owed(plan(28)).values() for kind in day if kind.startswith("AFTER")}
    assert kinds == {"AFTER_1M", "AFTER_3M", "AFTER_6M", "AFTER_12M"}
    held = {kind for day in owed(plan(28, then_hold=True)).values() for kind in day}
    assert not {kind for kind in held if kind.startswith("AFTER")}
    assert owed(plan(28), after_months=(24,))[date(2029, 2, 1)] == ("AFTER_24M",)


@pytest.mark.parametrize(
    ("day", "months", "later"),
    [("2027-11-30", 3, "2028-02-29"), ("2026-11-30", 3, "2027-02-28"), ("2027-12-31", 1, "2028-01-31"),
     ("2027-01-31", 1, "2027-02-28"), ("2028-02-29", 12, "2029-02-28"), ("2027-12-15", 12, "2028-12-15")],
)  # fmt: skip
def test_months_are_clipped_to_the_end_of_a_shorter_month(day: str, months: int, later: str) -> None:
    assert months_after(date.fromisoformat(day), months) == date.fromisoformat(later)


def test_nothing_falls_before_activation_and_nothing_on_or_after_the_cut() -> None:
    activated, cut = MONDAY + timedelta(days=13), MONDAY + timedelta(days=21)
    days = list(owed(plan(14, 14), activated=activated, cancelled_from=cut))
    assert days[0] == activated
    assert max(days) < cut
    assert owed(plan(14), cancelled_from=MONDAY) == {}


def test_a_pause_moves_what_comes_later_and_dispensing_periods_do_not_follow() -> None:
    usual: dict[str, Any] = {"product": "morphine_er", "regimen": (60, 60), "rate_pct": 10, "interval_days": 28,
                             "mode": "linear", "start_date": MONDAY, "goal": 90}  # fmt: skip
    plain, paused = build(TaperRequest(**usual)), build(TaperRequest(**usual, pauses={1: 10}))
    assert days_of("STEP_EVE", plain) == [27]
    assert days_of("STEP_EVE", paused) == [37]
    assert days_of("REFILL", plain, refill_days=20) == days_of("REFILL", paused, refill_days=20)[:2] == [18, 38]


@pytest.mark.parametrize("refill", [0, -1, True])
def test_a_dispensing_period_takes_at_least_a_day(refill: Any) -> None:
    with pytest.raises(RuleBroken) as refused:
        touchpoints(plan(28), release="ir", activated=MONDAY, refill_days=refill)
    assert refused.value.code == "INPUT_NOT_VALID"


@pytest.mark.parametrize("months", [(2,), (3, 2)])
def test_months_of_aftercare_outside_the_list_are_refused(months: tuple[int, ...]) -> None:
    with pytest.raises(RuleBroken) as refused:
        owed(plan(28), after_months=months)
    assert refused.value.code == "INPUT_NOT_VALID"


@pytest.mark.parametrize(
    ("faults", "code"),
    [
        ({"plan": "T02"}, "INPUT_NOT_VALID"),
        ({"plan": None}, "INPUT_NOT_VALID"),
        ({"plan": {**INPUTS["T02"], "rate_pct": 0}}, "RATE_OUT_OF_RANGE"),
        ({"activated": "soon"}, "INPUT_NOT_VALID"),
        ({"activated": None}, "INPUT_NOT_VALID"),
        ({"activated": "9999-12-31"}, "INPUT_NOT_VALID"),
        ({"appointments": "2027-01-05"}, "INPUT_NOT_VALID"),
        ({"appointments": [7]}, "INPUT_NOT_VALID"),
        ({"refill_days": 0}, "INPUT_NOT_VALID"),
        ({"refill_days": 1.5}, "INPUT_NOT_VALID"),
        ({"refill_days": float("nan")}, "INPUT_NOT_VALID"),
        ({"cancelled_from": "2027-13-01"}, "INPUT_NOT_VALID"),
    ],
)
def test_a_faulty_case_is_refused_with_its_code(faults: dict[str, Any], code: str) -> None:
    with pytest.raises(RuleBroken) as refused:
        wire_plans.cadence({"plan": INPUTS["T02"], "activated": "2027-01-04", **faults})
    assert refused.value.code == code


def test_what_is_left_out_owes_nothing_of_its_kind() -> None:
    days: list[Any] = wire_plans.cadence({"plan": INPUTS["T02"], "activated": "2027-01-04"})
    kinds = {kind for day in days for kind in day["kinds"]}
    assert not kinds & {"REFILL", "APPT_1D", "APPT_3D"}


# The moment


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_a_message_is_due_at_the_same_local_time_on_both_sides_of_a_change_of_the_clock() -> None:
    before = send_window(date(2027, 3, 13), 10, 0, "America/New_York")
    after = send_window(date(2027, 3, 14), 10, 0, "America/New_York")
    assert (before.due_at, after.due_at) == (utc("2027-03-13 15:00"), utc("2027-03-14 14:00"))


def test_the_window_is_twelve_hours_and_ends_with_the_quiet_hours() -> None:
    assert send_window(date(2027, 1, 4), 8, 0, "UTC") == Window(
        utc("2027-01-04 08:00"), utc("2027-01-04 08:00"), utc("2027-01-04 20:00")
    )
    assert send_window(date(2027, 1, 4), 10, 30, "UTC").end == utc("2027-01-04 21:00")


@pytest.mark.parametrize(("hour", "minute"), [(7, 59), (21, 0), (0, 0), (23, 59), (24, 0), (-1, 0), (10, 60), (10, -1)])
def test_a_chosen_time_in_the_quiet_hours_is_refused(hour: int, minute: int) -> None:
    with pytest.raises(RuleBroken, match="from 8:00 to 20:59") as refused:
        send_window(MONDAY, hour, minute, "UTC")
    assert refused.value.code == "QUIET_HOURS"


@pytest.mark.parametrize("zone", ["Mars/Olympus", "", "../etc/passwd", "America", "EST5EDT\0", None, "/etc/localtime"])
def test_an_unknown_zone_is_refused(zone: Any) -> None:
    with pytest.raises(RuleBroken) as refused:
        send_window(MONDAY, 10, 0, zone)
    assert refused.value.code == "UNKNOWN_ZONE"


@pytest.mark.parametrize(
    ("local", "quiet"),
    [("07:59", True), ("08:00", False), ("20:59", False), ("21:00", True), ("23:59", True), ("00:00", True)],
)
def test_the_quiet_hours_are_21_to_8_local(local: str, quiet: bool) -> None:
    moment = datetime.fromisoformat(f"2027-07-01T{local}:00").replace(tzinfo=ZoneInfo("Asia/Kathmandu"))
    assert in_quiet_hours(moment, "Asia/Kathmandu") is quiet
    assert in_quiet_hours(moment.astimezone(UTC), "Asia/Kathmandu") is quiet


@pytest.mark.parametrize(
    ("day", "local", "zone", "moment"),
    [
        # The clock jumps from 2:00 to 3:00: the first minute that exists is 3:00.
        ("2027-03-14", "02:30", "America/New_York", "2027-03-14 07:00"),
        ("2027-03-28", "02:00", "Europe/Berlin", "2027-03-28 01:00"),
        ("2027-03-14", "01:59", "America/New_York", "2027-03-14 06:59"),
        ("2027-03-14", "03:00", "America/New_York", "2027-03-14 07:00"),
        # The clock jumps by half an hour, from 2:00 to 2:30.
        ("2027-10-03", "02:15", "Australia/Lord_Howe", "2027-10-02 15:30"),
        # The clock goes back from 2:00 to 1:00: the first 1:30 counts.
        ("2027-11-07", "01:30", "America/New_York", "2027-11-07 05:30"),
        ("2027-10-31", "02:30", "Europe/Berlin", "2027-10-31 00:30"),
        # A whole day was left out.
        ("2011-12-30", "10:00", "Pacific/Apia", "2011-12-30 10:00"),
    ],
)
def test_a_local_time_in_a_gap_moves_to_the_first_minute_after_and_the_first_of_two_counts(
    day: str, local: str, zone: str, moment: str
) -> None:
    assert local_instant(date.fromisoformat(day), time.fromisoformat(local), zone) == utc(moment)


def test_a_gap_that_ends_in_the_quiet_hours_moves_on_to_the_morning() -> None:
    found = send_window(date(2011, 12, 30), 10, 0, "Pacific/Apia")
    assert found.due_at.astimezone(ZoneInfo("Pacific/Apia")).isoformat() == "2011-12-31T08:00:00+14:00"


@pytest.mark.parametrize(
    ("now", "due", "end"),
    [
        ("2027-01-04 09:00", "2027-01-04 10:00", "2027-01-04 21:00"),
        ("2027-01-04 10:00", "2027-01-04 10:00", "2027-01-04 21:00"),
        ("2027-01-04 10:00:01", "2027-01-04 10:01", "2027-01-04 22:01"),
        ("2027-01-04 15:30", "2027-01-04 15:30", "2027-01-05 03:30"),
        ("2027-01-04 20:59", "2027-01-04 20:59", "2027-01-05 08:59"),
        ("2027-01-04 20:59:30", "2027-01-05 08:00", "2027-01-05 20:00"),
        ("2027-01-04 23:10", "2027-01-05 08:00", "2027-01-05 20:00"),
        ("2027-01-05 05:00", "2027-01-05 08:00", "2027-01-05 20:00"),
    ],
)
def test_a_touchpoint_of_the_activation_day_whose_time_has_passed_is_due_at_the_next_allowed_minute(
    now: str, due: str, end: str
) -> None:
    assert same_day(date(2027, 1, 4), 10, 0, "UTC", utc(now)) == Window(utc(due), utc(due), utc(end))


def test_the_activation_day_is_counted_in_the_zone_of_the_person() -> None:
    now = datetime(2027, 1, 4, 22, 0, tzinfo=ZoneInfo("America/Los_Angeles"))
    found = same_day(date(2027, 1, 4), 10, 0, "America/Los_Angeles", now)
    assert found.due_at == utc("2027-01-05 16:00")
    assert found.due_at.tzinfo is UTC


def test_messages_come_at_ten_unless_another_hour_is_chosen() -> None:
    assert DEFAULT_HOUR == 10


def test_every_zone_is_known() -> None:
    assert len({send_window(MONDAY, 10, 0, zone).due_at for zone in available_timezones()}) > 20
