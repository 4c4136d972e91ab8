"""What holds for every placement and every calendar: total over all facts and unknowns, monotone in danger, on time."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from intake.clinical.cadence import in_quiet_hours, local_instant, same_day, send_window, touchpoints
from intake.clinical.routing import QUEUES, RULES, TARGET_MINUTES, Facts, RuleSet, place, replay, what_would_change
from intake.clinical.routing.facts import EMERGENCY, NAMES, NUMBERS, WHOLE, WORDS, YES_NO
from intake.clinical.routing.priority import total
from intake.clinical.routing.rule import PROTECTED_QUEUES
from tests.clinical.test_taper_properties import built, requests
from tests.depth import examples

ZONES = sorted(available_timezones())


def _values(name: str) -> st.SearchStrategy[Any]:
    if name in YES_NO:
        return st.booleans()
    if name in WORDS:
        return st.sampled_from(WORDS[name])
    if name in WHOLE:
        return st.integers(0, NUMBERS[name])
    if name == "mme":
        return st.one_of(st.integers(0, 400), st.decimals(0, 400, places=2))
    return st.integers(0, 130)


EVERY_FACT = {field.name: st.one_of(st.none(), _values(field.name)) for field in fields(Facts)}
people = st.builds(Facts, **EVERY_FACT)


@given(people)
@settings(max_examples=examples(500), deadline=None)
def test_everybody_is_placed_by_the_first_queue_and_the_most_urgent_acuity(facts: Facts) -> None:
    placed = place(facts)
    fired = {rule.id for rule in placed.fired}
    assert placed.queue == next(queue for queue in QUEUES if queue in {rule.queue for rule in placed.fired})
    assert placed.acuity == min(rule.acuity for rule in placed.fired)
    assert placed.target_minutes == TARGET_MINUTES[placed.acuity]
    assert [rule.id for rule in RULES if rule.id in fired] == [rule.id for rule in placed.fired]
    assert fired | set(placed.unmatched) == {rule.id for rule in RULES}
    assert ("O99" not in fired) or fired == {"O99"}
    assert placed.incomplete == any(key[0] == "N" for key in fired)
    assert not placed.incomplete or placed.missing
    assert (placed.next_queue is None) or placed.queue in PROTECTED_QUEUES
    assert 0 <= placed.priority <= 100
    assert total(placed.priority_parts) == placed.priority
    assert place(facts) == placed


@given(people, st.sets(st.sampled_from(NAMES)))
@settings(max_examples=examples(400), deadline=None)
def test_whatever_is_unknown_a_person_is_placed_and_a_missing_emergency_answer_is_never_a_no(
    facts: Facts, unknown: set[str]
) -> None:
    hidden: dict[str, Any] = dict.fromkeys(unknown)
    placed = place(replace(facts, **hidden))
    assert placed.queue in QUEUES
    if unknown & set(EMERGENCY):
        assert placed.incomplete
        assert placed.acuity <= 2


DANGERS: dict[str, Any] = {
    **dict.fromkeys(
        (*EMERGENCY, "cannot_keep_fluids", "medical_unstable", "psych_unstable", "prior_complicated_withdrawal",
         "overdose_90d", "failed_taper", "pain_excluded"),
        True,
    ),
    "treatable_problem": False,
    "cssrs": "high",
}  # fmt: skip


@given(people, st.sampled_from(sorted(DANGERS)))
@settings(max_examples=examples(500), deadline=None)
def test_adding_a_danger_never_lowers_queue_acuity_or_priority(facts: Facts, danger: str) -> None:
    added: dict[str, Any] = {danger: DANGERS[danger]}
    _never_lower(place(facts), place(replace(facts, **added)))


@given(people, st.sampled_from(["cows", "sows", "ciwa", "phq9_item9", "auditc", "oud_criteria", "mme",
                                "failed_outpatient_12m"]), st.data())  # fmt: skip
@settings(max_examples=examples(500), deadline=None)
def test_a_higher_score_never_lowers_queue_or_acuity(facts: Facts, score: str, data: st.DataObject) -> None:
    now = getattr(facts, score)
    assume(now is not None)
    higher: dict[str, Any] = {score: data.draw(st.integers(int(now) + (now != int(now)), NUMBERS[score]))}
    _never_lower(place(facts), place(replace(facts, **higher)), priority=False)


GRAVER = (
    ("benzo", "none", "daily"), ("benzo", "prn", "daily"),
    ("alcohol", "none", "heavy_daily"), ("alcohol", "some", "heavy_daily"),
    ("pregnancy", "no", "yes"), ("living", "stable", "homeless"),
    ("cssrs", "none", "moderate"), ("cssrs", "low", "moderate"), ("cssrs", "moderate", "high"),
    ("speed_requested", "standard", "rapid"),
    ("opioid_use", "none", "prescribed"), ("opioid_use", "prescribed", "both"),
)  # fmt: skip


@given(people, st.sampled_from(GRAVER))
@settings(max_examples=examples(500), deadline=None)
def test_a_graver_word_never_lowers_queue_or_acuity(facts: Facts, change: tuple[str, str, str]) -> None:
    name, milder, graver = change
    before: dict[str, Any] = {name: milder}
    after: dict[str, Any] = {name: graver}
    _never_lower(place(replace(facts, **before)), place(replace(facts, **after)))


def _never_lower(before: Any, after: Any, *, priority: bool = True) -> None:
    assert QUEUES.index(after.queue) <= QUEUES.index(before.queue)
    assert after.acuity <= before.acuity
    if priority:
        assert after.priority >= before.priority


@given(people)
@settings(max_examples=examples(60), deadline=None)
def test_every_change_named_leads_elsewhere_and_no_single_word_or_answer_is_forgotten(facts: Facts) -> None:
    now = place(facts)
    here = (now.queue, now.acuity, now.next_queue)
    named: dict[str, set[Any]] = {}
    for change in what_would_change(facts):
        moved: dict[str, Any] = {change.fact: change.to}
        other = place(replace(facts, **moved))
        assert (other.queue, other.acuity, other.next_queue) == (change.queue, change.acuity, change.next_queue) != here
        named.setdefault(change.fact, set()).add((change.queue, change.acuity, change.next_queue))
    for name in (*YES_NO, *WORDS):
        for value in (True, False) if name in YES_NO else WORDS[name]:
            if value != "unknown":
                moved = {name: value}
                other = place(replace(facts, **moved))
                spot = (other.queue, other.acuity, other.next_queue)
                assert spot == here or spot in named[name]


@given(st.lists(people, max_size=8), st.integers(5, 30), st.booleans())
@settings(max_examples=examples(60), deadline=None)
def test_a_replay_lists_exactly_the_cases_that_two_placements_tell_apart(
    cases: list[Facts], cows_from: int, enabled: bool
) -> None:
    new = RuleSet("2", changes={"D01": {"thresholds": {"cows_from": cows_from}}, "O02": {"enabled": enabled}})
    expected = []
    for number, facts in enumerate(cases):
        before, after = place(facts), place(facts, new)
        if (before.queue, before.acuity, before.next_queue) != (after.queue, after.acuity, after.next_queue):
            expected.append(number)
    moved = replay(enumerate(cases), RuleSet(), new)
    assert [case.id for case in moved] == expected
    assert all(case.why for case in moved)


# Calendars


@given(requests(), st.sampled_from(["ir", "er", "patch", "methadone"]), st.integers(-40, 400), st.integers(1, 90),
       st.lists(st.integers(-10, 500), max_size=4), st.one_of(st.none(), st.integers(-20, 400)))  # fmt: skip
@settings(max_examples=examples(200), deadline=None)
def test_each_day_stands_once_within_activation_and_cut_with_its_kinds_in_merge_order(
    request: Any, release: Any, activation: int, refill: int, visits: list[int], cut: int | None
) -> None:
    plan = built(request)
    assume(plan.steps)
    day = plan.start_date
    activated = day + timedelta(days=activation)
    cancelled = None if cut is None else day + timedelta(days=cut)
    owed = touchpoints(
        plan, release=release, activated=activated, appointments=[day + timedelta(days=n) for n in visits],
        refill_days=refill, cancelled_from=cancelled,
    )  # fmt: skip
    days = [point.date for point in owed]
    assert days == sorted(set(days))
    assert all(point.kinds and len(set(point.kinds)) == len(point.kinds) for point in owed)
    assert all(activated <= found and (cancelled is None or found < cancelled) for found in days)
    full = touchpoints(
        plan, release=release, activated=activated, appointments=[day + timedelta(days=n) for n in visits],
        refill_days=refill,
    )  # fmt: skip
    assert list(owed) == [point for point in full if cancelled is None or point.date < cancelled]


@pytest.mark.parametrize("part", range(8))
def test_no_message_is_due_in_quiet_hours_around_any_change_of_the_clock_from_2025_to_2035(part: int) -> None:
    for zone in ZONES[part::8]:
        place_ = ZoneInfo(zone)
        for day in _days_around_changes(zone):
            for hour, minute in ((8, 0), (10, 0), (20, 59)):
                found = send_window(day, hour, minute, zone)
                local = found.due_at.astimezone(place_)
                assert (local.date(), local.hour, local.minute) == (day, hour, minute)
                last = found.end - timedelta(minutes=1)
                assert not in_quiet_hours(found.due_at, zone)
                assert not in_quiet_hours(last, zone)
                assert found.start == found.due_at < found.end <= found.due_at + timedelta(hours=12)


def _days_around_changes(zone: str) -> list[date]:
    """Return New Year's days and the days around each change of the clock in a zone, found by halving half-years."""
    place_ = ZoneInfo(zone)
    found: set[date] = {date(2025, 1, 1), date(2035, 12, 31)}
    day = date(2025, 1, 1)
    while day < date(2036, 1, 1):
        following = day + timedelta(days=10)
        if _offset(day, place_) != _offset(following, place_):
            low, high = day, following
            while (high - low).days > 1:
                middle = low + (high - low) // 2
                low, high = (low, middle) if _offset(low, place_) != _offset(middle, place_) else (middle, high)
            found |= {low - timedelta(days=1), low, high, high + timedelta(days=1)}
        day = following
    return sorted(found)


def _offset(day: date, zone: ZoneInfo) -> timedelta | None:
    return datetime.combine(day, time(12), tzinfo=zone).utcoffset()


@given(st.dates(date(2025, 1, 1), date(2035, 12, 31)), st.times(), st.sampled_from(ZONES))
@settings(max_examples=examples(500), deadline=None)
def test_a_local_time_becomes_the_first_moment_that_reads_at_least_so_late(
    day: date, local_time: time, zone: str
) -> None:
    wall = datetime.combine(day, local_time.replace(second=0, microsecond=0, fold=0, tzinfo=None))
    moment = local_instant(wall.date(), wall.time(), zone)
    reads = moment.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    before = (moment - timedelta(minutes=1)).astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    assert reads >= wall
    assert before < wall
    assert moment.tzinfo is UTC


@given(st.datetimes(datetime(2025, 1, 1), datetime(2035, 12, 31)), st.sampled_from(ZONES), st.integers(8, 20),
       st.integers(0, 59))  # fmt: skip
@settings(max_examples=examples(500), deadline=None)
def test_on_the_activation_day_a_message_is_never_due_before_now_nor_in_quiet_hours(
    moment: datetime, zone: str, hour: int, minute: int
) -> None:
    now = moment.replace(tzinfo=UTC)
    day = now.astimezone(ZoneInfo(zone)).date()
    found = same_day(day, hour, minute, zone, now)
    assert found.due_at >= now
    assert not in_quiet_hours(found.due_at, zone)
    assert found.due_at - now < timedelta(hours=24)
    assert found.start == found.due_at < found.end
