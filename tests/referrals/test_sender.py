"""What the sender of a referral brings and hears later: gaps filled in, facts only as the person's consent names."""

from __future__ import annotations

import re
from dataclasses import dataclass

import pytest
from flask import Flask
from sqlalchemy import func, select

from intake.accounts import api_tokens
from intake.cases.models import Case
from intake.clock import utcnow
from intake.consents.models import Disclosure, DisclosureState
from intake.db import db, id_text, transaction
from intake.inquiries import referrals
from intake.inquiries.models import Inquiry
from intake.people import queries as people
from tests.cases.folk import waiting
from tests.referrals.test_referrals import LEAST, PATH, WHOLE, System, future
from tests.release.agreeing import agreed
from tests.workflows.steps import DETOX, Center, open_center


@dataclass
class Sent:
    """A referral that a hospital's system sent."""

    house: Center
    system: System
    id: str
    inquiry_id: int
    case_id: int = 0

    def at(self, tail: str = "") -> str:
        """The page of the referrer."""
        return f"/cases/{id_text(self.case_id)}/referrer{tail}"

    def asked(self) -> dict[str, object]:
        """What the system reads now."""
        answer = self.system.get(self.id)
        assert answer.status_code == 200, answer.text
        return dict(answer.get_json())

    def disclosures(self) -> list[tuple[DisclosureState, str]]:
        """What the gate wrote, oldest first."""
        with self.house.look() as session:
            rows = session.scalars(select(Disclosure).order_by(Disclosure.at, Disclosure.id))
            return [(row.state, row.reason) for row in rows]


@pytest.fixture
def sent(app_sqlite: Flask) -> Sent:
    """A center to which Mercy General's system sent the least a referral can be."""
    house = open_center(app_sqlite)
    with app_sqlite.app_context():
        with transaction():
            _, secret = api_tokens.issue(name="Mercy General", days=30, actor=house.cast.alex, now=utcnow())
        db.session.remove()
    mercy = System(app_sqlite, secret)
    told = mercy.post({**LEAST, "source": "hospital", "legal_basis": "treatment"}).get_json()
    with house.look() as session:
        return Sent(house, mercy, told["id"], session.scalars(select(Inquiry.id)).one())


def more(sent: Sent, **told: object) -> tuple[int, dict[str, object]]:
    """Send what was missing."""
    headers = {"Authorization": f"Bearer {sent.system.secret}"}
    answer = sent.system.client.post(f"{PATH}/{sent.id}/more", json=told, headers=headers)
    return answer.status_code, dict(answer.get_json())


def test_what_was_missing_is_filled_in_and_what_was_told_stays(sent: Sent) -> None:
    here = f"/inquiries/{id_text(sent.inquiry_id)}"
    sent.house.post("ada", f"{here}/referral-answer", answer="need_more", answer_words="Who is it, and the vitals.")
    status, answer = more(sent, patient_name="Pat Reed", vitals="122/78", source="court", organisation="Somebody else")
    assert status == 200
    assert answer["missing"] == [
        "born_on", "reason", "medicines", "last_dose", "pregnant", "legal_hold", "target_on", "danger",
    ]  # fmt: skip
    assert more(sent, patient_name="Another Name")[0] == 200
    assert more(sent, pregnant="perhaps")[0] == 422
    assert more(sent, colour="blue")[0] == 422
    with sent.house.look() as session:
        found = referrals.of_inquiry(sent.inquiry_id)
        assert found is not None
        assert (found.told["patient_name"], found.told["source"]) == ("Pat Reed", "hospital")
        assert found.told["organisation"] == "Mercy General"
        row = session.get_one(Inquiry, sent.inquiry_id)
        assert people.opened(people.person(row.person_id)).used_name == "Pat Reed"
    # By phone, on the page of the request; with the last gap gone the answer is due within hours.
    whole = {name: WHOLE[name] for name in ("born_on", "reason", "medicines", "last_dose", "pregnant")}
    rest = {**whole, "legal_hold": "no", "target_on": future(9), "danger": ["none"]}
    wrong = sent.house.post("ada", f"{here}/referral-more", status=422, **{**rest, "target_on": "1999-01-01"})
    assert whole["medicines"] in wrong.text, "what was typed is kept"
    sent.house.post("ada", f"{here}/referral-more", **rest)
    assert "Missing:" not in sent.house.page("ada", here)
    due = sent.house.owed(inquiry_id=sent.inquiry_id)[referrals.REPLY]
    assert due - utcnow() <= referrals.ASK_SOON


def test_a_sign_of_danger_told_later_opens_the_case_at_once(sent: Sent) -> None:
    assert more(sent, danger={"overdose_24h": "yes"})[0] == 200
    with sent.house.look() as session:
        assert session.scalar(select(func.count(Case.id))) == 1
    assert System(sent.house.app, "itk_wrong").post({}).status_code == 401


def in_care(sent: Sent) -> Sent:
    """The person is admitted, and the sender is owed a word as far as the person agrees."""
    house = sent.house
    sent.case_id = house.screen(sent.inquiry_id, DETOX)
    house.step("cleo", sent.case_id, "decide", decision="accept", level="inpatient_detox", told_whom="person")
    house.step("ada", sent.case_id, "schedule", starts_at=house.local(hours=1), kind="admission")
    house.step("cleo", sent.case_id, "admit", level="inpatient_detox", contact="wants_none")
    return sent


def signs(sent: Sent, parts: list[str]) -> str:
    """The person agrees that the sender hears of these; returns the address of the consent."""
    wrote = sent.house.post("ada", sent.at("/consent"), parts=parts, end_event="my care here ends")
    here = str(wrote.headers["Location"])
    sent.house.post("ada", f"{here}/sign", signed_how="paper", signed_name="Pat Reed")
    return here


def test_c5_the_sender_hears_of_the_arrival_only_what_a_living_consent_names(sent: Sent) -> None:
    house = in_care(sent).house
    assert "tell_referrer" in house.owed(case_id=sent.case_id)
    assert "told" not in sent.asked()
    assert sent.disclosures() == [], "nothing was asked of the gate, since nobody agreed to anything"
    # A draft counts for nothing, and its refusal is written down once.
    wrote = house.post("ada", sent.at("/consent"), parts=["presence"], end_event="my care here ends")
    assert ["told" in sent.asked() for _ in range(2)] == [False, False]
    assert sent.disclosures() == [(DisclosureState.REFUSED, "unsigned")]
    here = str(wrote.headers["Location"])
    house.post("ada", f"{here}/sign", signed_how="paper", signed_name="Pat Reed")
    told = sent.asked()["told"]
    assert isinstance(told, dict)
    assert list(told["facts"]) == ["presence"]
    assert {row["item"] for row in told["facts"]["presence"]} >= {"Case opened", "Admitted"}
    assert told["notice"].startswith("42 CFR part 2 prohibits")
    assert told["to"] == "Mercy General, hospital ward"
    # Asked again and again it stays one disclosure; taken back, the next request brings nothing.
    assert "told" in sent.asked()
    assert sent.disclosures()[1:] == [(DisclosureState.DELIVERED, "")]
    house.post("ada", f"{here}/revoke", revoked_how="spoken")
    assert "told" not in sent.asked()


def test_a_restricted_case_tells_no_system_anything(sent: Sent) -> None:
    house = in_care(sent).house
    signs(sent, ["presence"])
    house.post("sol", f"/cases/{id_text(sent.case_id)}/restriction", on="yes", why="staff")
    assert "told" not in sent.asked()


def test_staff_tell_the_referrer_by_the_line_they_gave_and_through_the_gate(sent: Sent) -> None:
    house = in_care(sent).house
    refused = house.post("ada", sent.at("/tell"), status=422, parts=["presence"])
    assert "Say nothing. The refusal was written down." in refused.text
    house.post("ada", sent.at("/tell"), status=422)
    house.post("ada", sent.at("/consent"), status=422, parts=["notes"], end_event="my care here ends")
    signs(sent, ["presence", "decision"])
    house.post("ada", sent.at("/tell"), status=422, parts=["presence", "medicines"])
    house.post("ada", sent.at("/tell"), parts=["presence"])
    page = house.as_("ada").get(sent.at()).text
    assert "Call (555) 014-7788" in page
    here = re.findall(r'action="(/cases/\w+/referrer/told/\w+)"', page)[0]
    house.post("ada", here, status=422, outcome="told")
    house.post("ada", here, outcome="told", how="call_back")
    assert "tell_referrer" not in house.owed(case_id=sent.case_id)
    assert sent.disclosures()[-1] == (DisclosureState.DELIVERED, "")
    for who, status in (("drew", 403), ("alex", 403), ("cora", 404), ("petra", 200)):
        assert house.as_(who).get(sent.at()).status_code == status, who


def test_a_consent_for_somebody_else_is_never_used_for_the_sender(sent: Sent) -> None:
    house = in_care(sent).house
    with house.app.app_context():
        case = house.case(sent.case_id)
        other, theirs = agreed(house.cast, case), agreed(house.cast, case, recipient="Mercy General, ward 4")
    house.post("ada", sent.at("/consent"), status=422, signed=id_text(other))
    house.post("ada", sent.at("/consent"), signed=id_text(theirs))
    told = sent.asked()["told"]
    assert isinstance(told, dict)
    assert told["to"] == "Mercy General, ward 4"
    # Nobody referred this one, so there is nobody to tell.
    with house.app.app_context():
        alone = waiting(house.cast)[0].id
    assert "Nobody referred this person" in house.page("ada", f"/cases/{id_text(alone)}/referrer")
    house.post("ada", f"/cases/{id_text(alone)}/referrer/tell", status=404, parts=["presence"])
