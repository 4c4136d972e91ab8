"""The pages of a screening and of its routing, by a signed-in browser."""

from __future__ import annotations

import gzip
import re
from collections.abc import Mapping
from typing import Any

import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from intake.clinical.language import language_hits
from intake.clock import utcnow
from intake.db import db, id_text, transaction
from intake.inquiries.models import Inquiry
from intake.screening import queries, service
from intake.screening.models import Screening
from intake.screening.parts import PARTS
from tests.cases.folk import center, inquiry_of
from tests.people import Cast
from tests.screening.sitting import DANA, Browser, cows, sit, url


def _inquiry(app: Flask, answers: Mapping[str, Mapping[str, Any]] | None = None, *, done: bool = False) -> int:
    with center(app) as cast:
        with transaction():
            inquiry = inquiry_of(cast.site, cast.ada, name="Dana", age_years=46)
        if answers is not None:
            _sit(cast, inquiry.id, answers, done)
        return inquiry.id


def _sit(cast: Cast, inquiry_id: int, answers: Mapping[str, Mapping[str, Any]], done: bool) -> None:
    inquiry = db.session.get_one(Inquiry, inquiry_id)
    row = sit(inquiry, cast, answers)
    if done:
        with transaction():
            service.complete(row.id, actor=cast.cleo, now=utcnow())


def _stored(app: Flask, inquiry_id: int) -> dict[str, Any]:
    with app.app_context():
        return queries.values(queries.draft(inquiry_id))


def _routing(inquiry_id: int) -> str:
    return f"/inquiries/{id_text(inquiry_id)}/routing"


def _visible(page: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", page.split("<main", 1)[1].split("</main>", 1)[0]).split())


def _action(page: str, verb: str) -> str:
    found = re.search(rf'action="(/placements/[^"]+/{verb})"', page)
    assert found is not None
    return found[1]


@pytest.mark.parametrize("part", [p.key for p in PARTS])
def test_every_part_opens_before_anything_is_answered_and_writes_nothing(app_sqlite: Flask, part: str) -> None:
    inquiry_id = _inquiry(app_sqlite)
    answer = Browser(app_sqlite).get(url(inquiry_id, part))
    assert answer.status_code == 200
    assert "<h1>Screening</h1>" in answer.text
    with app_sqlite.app_context():
        assert db.session.query(Screening).count() == 0


@pytest.mark.parametrize("part", [p.key for p in PARTS])
def test_every_part_stays_below_20_kilobytes_and_says_no_word_that_hurts(app_sqlite: Flask, part: str) -> None:
    inquiry_id = _inquiry(app_sqlite, DANA)
    page = Browser(app_sqlite).get(url(inquiry_id, part))
    assert len(gzip.compress(page.data)) < 20_000
    assert language_hits(_visible(page.text), to="staff") == ()


def test_a_screening_is_filled_in_completed_and_accepted_by_forms_alone(app_sqlite: Flask) -> None:
    inquiry_id, browser = _inquiry(app_sqlite), Browser(app_sqlite)
    for part, values in DANA.items():
        page = url(inquiry_id, part)
        go = "complete" if part == "level" else "next"
        answer = browser.post(page, {**values, "go": go}, page=page)
        assert answer.status_code == 302, answer.text
    routed = browser.get(answer.headers["Location"])
    assert "3 of 46 rules matched" in routed.text
    assert "COWS 13 or more" in routed.text
    done = browser.post(_action(routed.text, "accept"), {}, page=answer.headers["Location"])
    assert done.status_code == 302
    assert "Accepted by Cleo Park" in browser.get(done.headers["Location"]).text


def test_the_same_screening_opens_by_the_address_of_its_case(app_sqlite: Flask) -> None:
    inquiry_id, browser = _inquiry(app_sqlite, DANA, done=True), Browser(app_sqlite)
    page = browser.get(_routing(inquiry_id))
    case_page = browser.post(_action(page.text, "accept"), {}).headers["Location"]
    assert case_page.startswith("/cases/")
    part = case_page.replace("/routing", "/screening/cows")
    assert browser.post(part, {**cows(9), "version": "0"}, page=part).status_code == 302
    assert "Last COWS" in browser.get(part).text


def test_withdrawal_opened_after_a_complete_screening_starts_a_repeat(app_sqlite: Flask) -> None:
    inquiry_id, browser = _inquiry(app_sqlite, DANA, done=True), Browser(app_sqlite)
    page = url(inquiry_id, "cows")
    shown = browser.get(page).text
    assert "A repeat of withdrawal and pain" in shown
    saved = re.search(r'data-autosave="([^"]+)"', shown)
    assert saved is not None
    assert browser.post(saved[1].replace("&amp;", "&"), {"_field": "cows-pulse", "cows-pulse": "1"}).status_code == 200
    with app_sqlite.app_context():
        row = queries.draft(inquiry_id)
        assert row is not None
        assert row.mode == "nurse"


def test_resuming_goes_to_the_first_part_without_an_answer(app_sqlite: Flask) -> None:
    inquiry_id = _inquiry(app_sqlite, {"safety": DANA["safety"], "cows": cows(5)})
    answer = Browser(app_sqlite).get(f"/inquiries/{id_text(inquiry_id)}/screening")
    assert answer.headers["Location"] == url(inquiry_id, "use")


def test_one_field_saves_itself_and_brings_back_the_total_and_the_version(app_sqlite: Flask) -> None:
    inquiry_id, browser = _inquiry(app_sqlite), Browser(app_sqlite)
    page = url(inquiry_id, "cows")
    answer = browser.post(page, {"_field": "cows-pulse", "cows-pulse": "2", "version": "0"}, page=page)
    assert answer.status_code == 200
    assert "2 to 46" in answer.text
    assert re.search(r"Saved \d\d:\d\d:\d\d", answer.text)
    assert int(answer.headers["X-Version"]) >= 2
    assert _stored(app_sqlite, inquiry_id) == {"cows-pulse": 2}


def test_a_total_sent_by_the_client_is_ignored(app_sqlite: Flask) -> None:
    inquiry_id, browser = _inquiry(app_sqlite), Browser(app_sqlite)
    page = url(inquiry_id, "cows")
    browser.post(page, {**cows(7), "cows-total": "48", "total": "48", "band": "severe"}, page=page)
    assert _stored(app_sqlite, inquiry_id) == cows(7)


@pytest.mark.parametrize(
    ("part", "field", "value"),
    [
        ("cows", "cows-pulse", "3"),
        ("cows", "cows-pulse", "-1"),
        ("cows", "cows-pulse", "2.0"),
        ("cows", "cows-pulse", "²"),
        ("cows", "cows-pulse", "yes"),
        ("safety", "delirium", "maybe"),
        ("safety", "phq9-p9", "4"),
        ("pain", "inc", "better"),
        ("pain", "exposure_days", "1e400"),
        ("pain", "exposure_days", "-5"),
        ("use", "opioids-1-strength", "NaN"),
        ("use", "opioids-1-strength", "Infinity"),
        ("use", "opioids-1-strength", "-5"),
        ("use", "opioids-1-strength", "9" * 30),
        ("use", "opioids-1-freq", "hourly"),
        ("use", "benzo_dose", "x" * 201),
        ("use", "benzo_dose", "a\x00b"),
        ("level", "age", "121"),
        ("level", "age", "forty"),
        ("level", "systolic", "10"),
    ],
)
def test_a_value_that_cannot_be_is_refused_in_a_sentence_and_stays_on_the_page(
    app_sqlite: Flask, part: str, field: str, value: str
) -> None:
    inquiry_id, browser = _inquiry(app_sqlite), Browser(app_sqlite)
    page = url(inquiry_id, part)
    other = "support" if part == "level" else ""
    answer = browser.post(page, {field: value, **({other: "yes"} if other else {})}, page=page)
    assert answer.status_code == 422
    assert f'href="#{field}"' in answer.text
    assert "<title>Error:" in answer.text
    alone = browser.post(page, {"_field": field, field: value, "version": "0"}, page=page)
    assert alone.status_code == 422
    assert "data-message" in alone.text
    assert _stored(app_sqlite, inquiry_id) == {}


def test_all_that_was_typed_stays_when_one_answer_is_refused(app_sqlite: Flask) -> None:
    inquiry_id, browser = _inquiry(app_sqlite), Browser(app_sqlite)
    page = url(inquiry_id, "use")
    typed = {"benzo": "daily", "benzo_dose": "clonazepam 1 mg 🙂", "opioids-1-strength": "ten", "auditc-heavy": "2"}
    answer = browser.post(page, typed, page=page)
    assert answer.status_code == 422
    assert 'value="clonazepam 1 mg 🙂"' in answer.text
    assert 'value="ten"' in answer.text
    assert re.search(r'name="benzo" value="daily"[^>]* checked', answer.text)
    assert re.search(r'name="auditc-heavy" value="2"[^>]* checked', answer.text)


def test_a_question_that_does_not_exist_is_refused(app_sqlite: Flask) -> None:
    inquiry_id, browser = _inquiry(app_sqlite), Browser(app_sqlite)
    page = url(inquiry_id, "cows")
    for name in ("cows-total", "living", "version", "_block", "constructor"):
        assert browser.post(page, {"_field": name, name: "1"}, page=page).status_code == 422
    assert browser.get(url(inquiry_id, "nothing")).status_code == 404


def test_a_field_changed_by_somebody_else_meanwhile_is_not_overwritten(app_sqlite: Flask) -> None:
    inquiry_id = _inquiry(app_sqlite)
    one, two = Browser(app_sqlite, "cleo"), Browser(app_sqlite, "cyrus")
    page = url(inquiry_id, "level")
    assert one.post(page, {"_field": "living", "living": "stable", "version": "0"}, page=page).status_code == 200
    late = two.post(page, {"_field": "living", "living": "unsafe", "version": "0"}, page=page)
    assert late.status_code == 409
    assert "data-message" in late.text
    whole = two.post(page, {"living": "unsafe", "support": "yes", "version": "0"}, page=page)
    assert whole.status_code == 409
    assert "Somebody else answered “Stable” here" in whole.text
    assert re.search(r'name="living" value="unsafe"[^>]* checked', whole.text)
    assert _stored(app_sqlite, inquiry_id) == {"living": "stable"}
    version = re.search(r'name="version" value="([^"]+)"', whole.text)
    assert version is not None
    decided = two.post(page, {"living": "unsafe", "support": "yes", "version": version[1]}, page=page)
    assert decided.status_code == 302
    assert _stored(app_sqlite, inquiry_id) == {"living": "unsafe", "support": "yes"}


def test_a_card_that_did_not_stand_on_the_page_keeps_its_answers(app_sqlite: Flask) -> None:
    inquiry_id = _inquiry(app_sqlite, {"use": {"alcohol": "none", "oud_dsm5-c01": 1}})
    browser = Browser(app_sqlite, "ada")
    page = url(inquiry_id, "use")
    shown = browser.get(page).text
    assert "oud_dsm5-c01" not in shown
    blocks = re.findall(r'name="_block" value="([^"]+)"', shown)
    browser.post(page, {"_block": blocks, "alcohol": "some"}, page=page)
    assert _stored(app_sqlite, inquiry_id) == {"alcohol": "some", "oud_dsm5-c01": 1}


def test_the_alcohol_withdrawal_scale_stands_on_the_page_only_with_heavy_drinking(app_sqlite: Flask) -> None:
    inquiry_id = _inquiry(app_sqlite, {"use": {"alcohol": "heavy_daily"}})
    assert "CIWA-Ar" in Browser(app_sqlite).get(url(inquiry_id, "cows")).text
    page = url(inquiry_id, "use")
    Browser(app_sqlite).post(page, {"_field": "alcohol", "alcohol": "some"}, page=page)
    assert "CIWA-Ar" not in Browser(app_sqlite).get(url(inquiry_id, "cows")).text


def test_admissions_see_bands_and_care_staff_see_points(app_sqlite: Flask) -> None:
    inquiry_id = _inquiry(app_sqlite, DANA)
    page = url(inquiry_id, "cows")
    assert '<span class="total">15</span>' in Browser(app_sqlite, "cleo").get(page).text
    theirs = Browser(app_sqlite, "ada").get(page).text
    assert '<span class="total">' not in theirs
    assert "<b>Moderate</b>" in theirs


def test_an_earlier_answer_stands_unpicked_beside_its_question_until_it_is_confirmed(app_sqlite: Flask) -> None:
    inquiry_id = _inquiry(app_sqlite, DANA, done=True)
    browser = Browser(app_sqlite)
    page = url(inquiry_id, "level")
    before = browser.get(page).text
    assert "Told before" in before
    assert not re.search(r'name="living" value="stable"[^>]* checked', before)
    assert browser.post(page, {"same": "living"}, page=page).status_code == 302
    assert re.search(r'name="living" value="stable"[^>]* checked', browser.get(page).text)
    assert _stored(app_sqlite, inquiry_id) == {"living": "stable"}


def test_all_lines_of_medicines_are_taken_over_together(app_sqlite: Flask) -> None:
    inquiry_id = _inquiry(app_sqlite, DANA, done=True)
    browser = Browser(app_sqlite)
    page = url(inquiry_id, "use")
    shown = browser.get(page).text
    assert "Told before: Oxycodone" in shown
    names = re.findall(r'name="_carried" value="([^"]+)"', shown)
    browser.post(page, {"same_rows": "opioids", "_carried": names}, page=page)
    assert _stored(app_sqlite, inquiry_id)["opioids-1-drug"] == "oxycodone"


def test_completing_too_early_links_to_what_is_still_needed(app_sqlite: Flask) -> None:
    answers = {**DANA, "cows": {k: v for k, v in cows(15).items() if k != "cows-gooseflesh"}}
    inquiry_id = _inquiry(app_sqlite, answers)
    page = url(inquiry_id, "level")
    answer = Browser(app_sqlite).post(page, {**DANA["level"], "go": "complete"}, page=page)
    assert answer.status_code == 422
    assert "Some answers are still needed" in answer.text
    assert f'href="{url(inquiry_id, "cows")}#cows-gooseflesh"' in answer.text


def test_the_pain_pattern_shows_three_bars_with_what_each_needs_and_that_it_is_unvalidated(app_sqlite: Flask) -> None:
    inquiry_id = _inquiry(app_sqlite, DANA)
    words = _visible(Browser(app_sqlite).get(url(inquiry_id, "pain")).text)
    for expected in (
        "OIH features, supported",
        "OIH 8 (needs 6)",
        "Tolerance 1 (needs 4)",
        "Withdrawal pain 4 (needs 5)",
        "An unvalidated decision aid for clinician review. It never suggests a dose.",
        "Withdrawal +4",
    ):
        assert expected in words


def test_mme_is_shown_with_its_sum_and_never_as_a_dose_to_convert(app_sqlite: Flask) -> None:
    inquiry_id = _inquiry(app_sqlite, DANA)
    words = _visible(Browser(app_sqlite).get(url(inquiry_id, "use")).text)
    assert "90 × 1.5 = 135" in words
    assert "Not for changing one opioid to another" in words


@pytest.mark.parametrize(
    ("answers", "shown"),
    [
        ({f"gad7-g{n}": 2 for n in range(1, 8)}, "GAD-7 Complete 14 Moderate"),
        ({"taps1-tobacco": 4, "taps1-alcohol": 0, "taps1-illicit": 1, "taps1-rx_misuse": 0}, "2 positive"),
        ({"single_drug-times": 0}, "Negative"),
        ({"craving_vas-now": 72}, "Craving is 70 or more"),
        ({"rods-ever": 0}, "Negative"),
    ],
)
def test_any_instrument_is_shown_from_its_definition(app_sqlite: Flask, answers: dict[str, int], shown: str) -> None:
    inquiry_id, browser = _inquiry(app_sqlite), Browser(app_sqlite)
    page = url(inquiry_id, "more")
    assert browser.post(page, answers, page=page).status_code == 302
    assert shown in _visible(browser.get(page).text)


def test_an_instrument_without_recorded_permission_is_not_shown(app_sqlite: Flask) -> None:
    inquiry_id = _inquiry(app_sqlite)
    assert "ort_oud" not in Browser(app_sqlite).get(url(inquiry_id, "more")).text


def test_a_line_that_cannot_be_counted_yet_says_what_is_missing(app_sqlite: Flask) -> None:
    inquiry_id = _inquiry(app_sqlite, {"use": {"opioids-1-drug": "morphine"}})
    words = _visible(Browser(app_sqlite).get(url(inquiry_id, "use")).text)
    assert "Line 1: Give the strength of one unit" in words
    assert "so far, at least" in words


def test_routing_explains_itself(app_sqlite: Flask) -> None:
    inquiry_id = _inquiry(app_sqlite, DANA, done=True)
    words = _visible(Browser(app_sqlite).get(_routing(inquiry_id)).text)
    for expected in (
        "Detox P2",
        "See within 60 min. 25 priority points: COWS gives 15, MME a day gives 10.",
        "3 of 46 rules matched",
        "COWS 15",
        "135 MME a day (oxycodone 90 a day)",
        "OIH 8, tolerance 1, withdrawal 4",
        "Rules that did not match (43)",
        "Offer naloxone 50 MME or more",
        "COWS 12 or less gives Outpatient, P3, 24 h",
        "Rule set 1",
    ):
        assert expected in words
    assert language_hits(words, to="staff") == ()


def test_routing_before_the_screening_is_complete_is_marked_and_stored_nowhere(app_sqlite: Flask) -> None:
    inquiry_id = _inquiry(app_sqlite)
    page = Browser(app_sqlite).get(_routing(inquiry_id))
    assert page.status_code == 200
    assert "The screening is not complete" in page.text
    assert "/accept" not in page.text


def test_missing_answers_are_linked_from_the_routing_page(app_sqlite: Flask) -> None:
    answers = {**DANA, "use": {**DANA["use"], "pregnancy": "unknown"}}
    inquiry_id = _inquiry(app_sqlite, answers, done=True)
    page = Browser(app_sqlite).get(_routing(inquiry_id)).text
    assert "Missing answers: 1" in page
    assert f'href="{url(inquiry_id, "use")}#pregnancy"' in page


def test_an_override_by_form_asks_for_a_queue_and_a_reason_and_keeps_what_was_typed(app_sqlite: Flask) -> None:
    inquiry_id, browser = _inquiry(app_sqlite, DANA, done=True), Browser(app_sqlite, "ada")
    action = _action(browser.get(_routing(inquiry_id)).text, "override")
    refused = browser.post(action, {"note": "Wants to stay at home"}, page=_routing(inquiry_id))
    assert refused.status_code == 422
    assert 'href="#queue"' in refused.text
    assert 'href="#code"' in refused.text
    assert "Wants to stay at home" in refused.text
    for wrong in ({"queue": "spa", "code": "no_bed"}, {"queue": "outpatient", "code": "x"}):
        assert browser.post(action, wrong).status_code == 422
    assert browser.post(action, {"queue": "outpatient", "code": "no_bed", "note": "x" * 1001}).status_code == 422
    assert browser.post(action, {"queue": "outpatient", "code": "other"}).status_code == 422
    sent = browser.post(action, {"queue": "outpatient", "code": "patients_choice", "note": "Wants to stay at home"})
    assert sent.status_code == 302
    page = Browser(app_sqlite, "cleo").get(sent.headers["Location"])
    assert "Sent to Outpatient, P3 instead by Ada Lane" in page.text
    assert "Agree and co-sign" in page.text
    signed = Browser(app_sqlite, "cleo").post(_action(page.text, "cosign"), {"answer": "agree"})
    assert signed.status_code == 302
    assert "Agree and co-sign" not in Browser(app_sqlite, "cleo").get(sent.headers["Location"]).text


def test_a_second_answer_to_a_placement_says_that_it_was_answered(app_sqlite: Flask) -> None:
    inquiry_id = _inquiry(app_sqlite, DANA, done=True)
    one, two = Browser(app_sqlite, "ada"), Browser(app_sqlite, "cleo")
    action = _action(one.get(_routing(inquiry_id)).text, "accept")
    assert one.post(action, {}).status_code == 302
    late = two.post(action, {})
    assert late.status_code == 409
    assert "already accepted" in late.text


def test_another_site_finds_no_page(app_sqlite: Flask) -> None:
    inquiry_id = _inquiry(app_sqlite, DANA, done=True)
    action = _action(Browser(app_sqlite).get(_routing(inquiry_id)).text, "accept")
    foreign = Browser(app_sqlite, "cora")
    for path in (url(inquiry_id, "cows"), _routing(inquiry_id), f"/inquiries/{id_text(1)}/screening/cows"):
        assert foreign.get(path).status_code == 404
    assert foreign.post(action, {}).status_code == 404
    assert foreign.post(url(inquiry_id, "cows"), cows(3)).status_code == 404


@pytest.mark.parametrize("who", ["drew", "alex"])
def test_roles_that_see_no_records_are_turned_away(app_sqlite: Flask, who: str) -> None:
    inquiry_id = _inquiry(app_sqlite, DANA, done=True)
    browser = Browser(app_sqlite, who)
    assert browser.get(url(inquiry_id, "cows")).status_code == 403
    assert browser.get(_routing(inquiry_id)).status_code == 403


_TEXTS = st.one_of(
    st.text(max_size=40),
    st.sampled_from(["", "0", "1", "yes", "no", "unknown", "-1", "1e400", "NaN", "\x00", "💊" * 50, "9" * 400, "٣"]),
)


@pytest.mark.parametrize("part", [p.key for p in PARTS])
def test_no_form_whatever_it_holds_ends_in_a_fault(app_sqlite: Flask, part: str) -> None:
    inquiry_id, browser = _inquiry(app_sqlite), Browser(app_sqlite)
    page = url(inquiry_id, part)
    names = next(p for p in PARTS if p.key == part).names()
    token = re.search(r'name="csrf_token" value="([^"]+)"', browser.get(page).text)
    assert token is not None

    @settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(
        st.dictionaries(st.sampled_from(names), _TEXTS, max_size=12),
        st.fixed_dictionaries({}, optional={"version": _TEXTS, "_field": st.sampled_from(names) | _TEXTS,
                                            "_block": _TEXTS, "same": _TEXTS, "same_rows": _TEXTS,
                                            "_carried": _TEXTS, "go": st.sampled_from(["next", "complete", "x"])}),
    )  # fmt: skip
    def send(values: dict[str, str], more: dict[str, str]) -> None:
        answer = browser.client.post(page, data={"csrf_token": token[1], **values, **more})
        assert answer.status_code in {200, 302, 409, 422}, answer.text

    send()
