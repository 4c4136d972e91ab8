"""The call page: saved as typed, live read beside it, eleven answers asked and few needed (issue 2 point 4)."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import func, select

from intake import clock
from intake.db import db
from intake.inquiries import drafts, queries
from intake.inquiries.models import Channel, Inquiry, InquiryDraft, InquiryState, Relation
from intake.people import queries as people
from intake.people.models import PersonKind
from intake.queues.models import QueueEntry
from tests.inquiries.browser import Browser, send, signed_in, visible
from tests.people import Cast

FIVE = {"relation": "self", "name": "Marcus", "phone": "(555) 014-9021", "message": "no", "best_time": "evening"}
ELEVEN = {
    **FIVE,
    "danger": "none",
    "age": "31",
    "takes": ["fentanyl", "benzo"],
    "last_use": "under_24h",
    "withdrawal": "bad",
    "pregnant": "na",
    "consent": "yes",
    "own_words": "Stopped last night. Shaking.",
}


def begin(ada: Browser) -> str:
    path = str(ada.get("/calls/new").headers["Location"])
    ada.get(path)
    return path


def only_inquiry() -> Inquiry:
    return db.session.scalars(select(Inquiry)).one()


def test_opening_a_call_makes_its_draft_and_opening_again_makes_no_second(app_sqlite: Flask, ada: Browser) -> None:
    assert begin(ada) == begin(ada)
    with app_sqlite.app_context():
        assert db.session.scalar(select(func.count(InquiryDraft.id))) == 1


def test_a_call_takes_at_most_fourteen_interactions(ada: Browser) -> None:
    page = ada.get(begin(ada)).get_data(as_text=True)
    starred = len(re.findall(r" \*(?:</span>|</label>|</legend>)", page))
    assert starred == 11
    assert 1 + starred + 1 <= 14


def test_each_change_is_kept_and_answered_with_the_live_read(app_sqlite: Flask, ada: Browser) -> None:
    path = begin(ada)
    for field, value in ELEVEN.items():
        answer = ada.post(f"{path}/save", {"_field": field, field: value}, headers={"X-Fragment": "1"})
        assert answer.status_code == 200, field
    live = visible(answer)
    assert "Callback, 60 min" in live
    assert "N01" in live
    assert "N02" in live
    assert "Opioid and benzodiazepine together." in live
    assert "11 of 11 needed answers given." in live
    assert 'value="Marcus"' in ada.get(path).get_data(as_text=True)
    with app_sqlite.app_context():
        assert db.session.scalar(select(func.count(Inquiry.id))) == 0


def test_a_box_unticked_is_unticked_in_the_draft(app_sqlite: Flask, ada: Browser) -> None:
    path = begin(ada)
    ada.post(f"{path}/save", {"_field": "takes", "takes": ["heroin"]})
    ada.post(f"{path}/save", {"_field": "takes", "takes": ""})
    with app_sqlite.app_context():
        assert drafts.answers(db.session.scalars(select(InquiryDraft)).one())["takes"] == []


def test_a_call_of_eleven_answers_is_received_with_its_first_contact_met(app: Flask, cast: Cast) -> None:
    ada = signed_in(app, cast.staff["ada"])
    answer = ada.post(begin(ada), {**ELEVEN, "after": "screen"})
    assert re.fullmatch(r"/inquiries/\w{13}/screening", answer.headers["Location"])
    with app.app_context():
        row = only_inquiry()
        page = queries.page(row, now=clock.utcnow())
    assert (row.channel, row.state, row.relation) == (Channel.PHONE, InquiryState.CONTACTING, Relation.SELF)
    assert row.first_contact_at is not None
    assert row.taken_by == row.owner_id == cast.ada.id
    assert row.contact_consent_how == "phone"
    assert (page.person.name, page.person.age) == ("Marcus", 31)
    assert page.signals == ("withdrawal", "opioid_benzo", "no_voicemail")
    assert page.placement.queue == "callback"
    assert page.placement.acuity == 2


def test_five_fields_save_a_call_and_what_was_not_asked_is_unknown(app: Flask, cast: Cast) -> None:
    ada = signed_in(app, cast.staff["ada"])
    assert ada.post(begin(ada), {**FIVE, "after": "later"}).status_code == 302
    with app.app_context():
        row = only_inquiry()
        assert set(row.danger.values()) == {"unknown"}
        assert row.contact_consent_at is None
        assert queries.page(row, now=clock.utcnow()).placement.incomplete


def test_a_caller_without_a_number_calls_back(app_sqlite: Flask, ada: Browser) -> None:
    form = {"relation": "self", "name": "M.", "no_phone": "yes", "after": "later"}
    assert ada.post(begin(ada), form).status_code == 302
    with app_sqlite.app_context():
        assert only_inquiry().will_call_back


def test_could_not_ask_is_an_answer_of_its_own(app_sqlite: Flask, ada: Browser) -> None:
    ada.post(begin(ada), {**FIVE, "danger": "not_able_to_ask", "after": "later"})
    with app_sqlite.app_context():
        row = only_inquiry()
        assert set(row.danger.values()) == {"not_able_to_ask"}
        assert "N06" in {f.id for f in queries.page(row, now=clock.utcnow()).placement.fired}


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"name": ""}, "Enter a name to use"),
        ({"phone": "12"}, "Enter a phone number with 10 digits"),
        ({"age": "abc"}, "Enter an age like 31, or a date of birth like 7/3/1994."),
        ({"age": "2/30/1990"}, "Enter an age like 31"),
        ({"age": "1/1/2999"}, "Enter an age like 31"),
        ({"danger": ["none", "delirium"]}, "Keep what is true."),
        ({"relation": ""}, "Pick who is calling."),
        ({"message": ""}, "Pick whether a message is safe."),
        ({"takes": ["sugar"]}, "Pick only answers on the page."),
    ],
)
def test_what_cannot_be_saved_gets_a_sentence_and_keeps_everything(
    ada: Browser, change: dict[str, object], sentence: str
) -> None:
    answer = ada.post(begin(ada), {**ELEVEN, **change, "after": "later"})
    assert answer.status_code == 422
    assert sentence in visible(answer)
    assert "Stopped last night. Shaking." in visible(answer)


def test_a_birth_date_is_taken_as_people_say_it(app_sqlite: Flask, ada: Browser) -> None:
    ada.post(begin(ada), {**ELEVEN, "age": "July 3 1994", "after": "later"})
    with app_sqlite.app_context():
        row = only_inquiry()
        assert str(people.opened_many({row.person_id})[row.person_id].born_on) == "1994-07-03"


def test_a_danger_yes_opens_the_case_while_the_call_goes_on(app: Flask, cast: Cast) -> None:
    ada = signed_in(app, cast.staff["ada"])
    path = begin(ada)
    live = visible(ada.post(f"{path}/save", {"_field": "danger", "danger": ["overdose_24h"]}))
    assert "Emergency: this is in Act now." in live
    ada.post(f"{path}/save", {"_field": "name", "name": "Nadia"})
    with app.app_context():
        row = only_inquiry()
        assert db.session.scalar(select(func.count(QueueEntry.id))) == 1
        assert people.opened_many({row.person_id})[row.person_id].name == "Nadia"
    ada.get(path)
    assert ada.post(f"{path}/hand-over", {"hand_over": ""}).status_code == 422
    assert ada.post(f"{path}/hand-over", {**FIVE, "hand_over": "services_there"}).headers["Location"] == path
    assert "Hand-over recorded" in visible(ada.get(path))
    assert ada.post(path, {**FIVE, "name": "Nadia", "danger": ["overdose_24h"], "after": "later"}).status_code == 302
    with app.app_context():
        assert only_inquiry().state is InquiryState.CRISIS_HANDED_OVER


def test_a_caller_who_turns_out_to_be_family_is_not_taken_for_the_person_in_danger(
    app_sqlite: Flask, ada: Browser
) -> None:
    path = begin(ada)
    for field, value in (("relation", "self"), ("name", "Rosa"), ("phone", "555 014 9021")):
        ada.post(f"{path}/save", {"_field": field, field: value})
    ada.post(f"{path}/save", {"_field": "danger", "danger": ["overdose_24h"]})
    ada.post(f"{path}/save", {"_field": "relation", "relation": "family"})
    with app_sqlite.app_context():
        row = only_inquiry()
        found = people.opened_many({row.person_id, row.inquirer_id})
        assert found[row.inquirer_id].name == "Rosa"
        assert found[row.person_id].kind is PersonKind.PLACEHOLDER
        assert found[row.person_id].used_name == ""
        assert not [c for c in people.contact_points(row.person_id) if c.usable]


def test_somebody_of_the_same_phone_stands_beside_the_form_with_the_reason(
    app_sqlite: Flask, cast_sqlite: Cast, visitor: Browser, ada: Browser
) -> None:
    send(visitor)
    path = begin(ada)
    live = visible(ada.post(f"{path}/save", {"_field": "phone", "phone": "5550147734"}))
    assert "Dana" in live
    assert "same phone" in live
    assert "1 request" in live


def test_d02_a_call_saved_twice_is_one_request(app: Flask, cast: Cast) -> None:
    ada = signed_in(app, cast.staff["ada"])
    path = begin(ada)
    first, second = (ada.post(path, {**ELEVEN, "after": "later"}) for _ in range(2))
    assert first.headers["Location"] == second.headers["Location"]
    with app.app_context():
        assert db.session.scalar(select(func.count(Inquiry.id))) == 1


def test_a_saved_call_leads_to_its_request(ada: Browser) -> None:
    path = begin(ada)
    saved = ada.post(path, {**ELEVEN, "after": "later"}).headers["Location"]
    assert ada.get(path).headers["Location"] == saved


def test_nobody_else_opens_my_call_and_it_ends_after_a_day(app_sqlite: Flask, cast_sqlite: Cast, ada: Browser) -> None:
    path = begin(ada)
    cleo = signed_in(app_sqlite, cast_sqlite.staff["cleo"])
    assert cleo.get(path).status_code == 404
    cleo.get("/calls/new")
    assert cleo.post(f"{path}/save", {"_field": "name", "name": "x"}).status_code == 404
    clock.set_offset(timedelta(hours=24, minutes=1))
    late = signed_in(app_sqlite, cast_sqlite.staff["sol"])
    assert late.get(path).status_code == 404


def test_a_draft_can_be_thrown_away(app_sqlite: Flask, ada: Browser) -> None:
    path = begin(ada)
    assert ada.post(f"{path}/discard").status_code == 302
    assert ada.get(path).status_code == 404


def test_without_script_a_button_refreshes_the_live_read(ada: Browser) -> None:
    answer = ada.post(begin(ada), {"danger": "none", "takes": ["fentanyl", "benzo"], "after": "refresh"})
    assert answer.status_code == 200
    assert "Opioid and benzodiazepine together." in visible(answer)


@pytest.mark.parametrize("who", ["drew", "alex"])
def test_roles_that_see_no_records_take_no_calls(app_sqlite: Flask, cast_sqlite: Cast, who: str) -> None:
    assert signed_in(app_sqlite, cast_sqlite.staff[who]).get("/calls/new").status_code == 403
