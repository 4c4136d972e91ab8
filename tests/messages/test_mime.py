"""The bytes of a mail are what the standard library reads back, and nothing typed can add a header or a recipient."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from intake.clinical import wording
from intake.messages.mime import File, HeaderBroken, Letter, address, build, one_line

VECTORS = json.loads((Path(__file__).resolve().parents[1] / "vectors" / "email_vectors.json").read_text())
AT = datetime(2026, 3, 3, 19, tzinfo=UTC)


def letter(**changed: str) -> Letter:
    """A plain letter with some things changed."""
    given_ = {
        "from_name": "Northlight",
        "from_address": "hello@northlight.example",
        "to_address": "pat@mail.example",
        "subject": "A quick check-in",
        "text": "Hi Dana,\n\nHow are you?\n",
        "html": "<p>Hi Dana,</p>",
        "message_id": "0123456789abcdef@northlight.example",
        **changed,
    }
    return Letter(at=AT, headers=(("List-Unsubscribe", "<https://example.org/u/1>"),), **given_)


def parsed(raw: bytes) -> EmailMessage:
    """What a mail program reads."""
    return message_from_bytes(raw, policy=policy.default)


def part(mail: EmailMessage, kind: str) -> str:
    """One part, decoded."""
    body = mail.get_body((kind,))
    assert body is not None
    return str(body.get_content()).replace("\r\n", "\n")


def test_a_plain_letter_reads_back_as_it_was_written() -> None:
    mail = parsed(build(letter()))

    assert mail["From"] == "Northlight <hello@northlight.example>"
    assert mail["To"] == "pat@mail.example"
    assert mail["Message-ID"] == "<0123456789abcdef@northlight.example>"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail.get_content_type() == "multipart/alternative"
    assert part(mail, "plain").rstrip() == "Hi Dana,\n\nHow are you?"
    assert mail.defects == []


@pytest.mark.parametrize("field", ["from_name", "from_address", "to_address", "subject", "message_id"])
@pytest.mark.parametrize(
    "bad", ["\r\nBcc: all@mail.example", "\nX: 1", "\x00", "\u2028Bcc: a@b.example", "\u2029", "\x85", "\r", "\x1b[0m"]
)
def test_i04_a_line_break_in_any_header_is_refused(field: str, bad: str) -> None:
    value = f"pat{bad}@mail.example" if "address" in field else f"Hello{bad}"
    with pytest.raises(HeaderBroken):
        build(letter(**{field: value}))


@pytest.mark.parametrize(
    "bad",
    [
        "",
        "pat",
        "@mail.example",
        "pat@",
        "pat@mail.example,omar@mail.example",
        "pat@mail.example omar@mail.example",
        "<pat@mail.example>",
        '"pat smith"@mail.example',
        "pat@mail.example>",
        "a" * 300 + "@mail.example",
        "pat@mail/example",
    ],
)
def test_what_is_no_single_plain_address_is_refused(bad: str) -> None:
    with pytest.raises(HeaderBroken):
        address(bad)


@settings(max_examples=300, deadline=None)
@given(
    st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), max_size=80),
    st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), max_size=120),
    st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), max_size=2000),
)
def test_any_words_read_back_whole_in_short_lines(name: str, subject: str, body: str) -> None:
    raw = build(letter(from_name=name, subject=subject, text=body, html=f"<p>{body}</p>"))
    mail = parsed(raw)

    assert all(len(line) <= 998 for line in raw.split(b"\r\n"))
    assert b"\n" not in raw.replace(b"\r\n", b"")
    assert [m.addr_spec for m in mail["To"].addresses] == ["pat@mail.example"]
    assert [m.addr_spec for m in mail["From"].addresses] == ["hello@northlight.example"]
    assert " ".join(str(mail["Subject"]).split()) == " ".join(subject.split())
    assert part(mail, "plain").rstrip("\n") == "\n".join(body.splitlines()).rstrip("\n")


@given(st.text(max_size=60))
def test_i04_a_header_value_is_taken_whole_or_refused(value: str) -> None:
    try:
        assert one_line(value) == value
    except HeaderBroken:
        assert any(ord(c) < 32 or ord(c) in (127, 0x85, 0x2028, 0x2029) for c in value)


@pytest.mark.parametrize("case", VECTORS["cases"], ids=lambda case: case["id"])
def test_the_filters_cases_hold_on_the_bytes_that_would_be_sent(case: dict[str, object]) -> None:
    """The vector's words, built into a mail and read back, give the vector's answer."""
    subject, body = str(case["subject"]), str(case["body"])
    mail = parsed(build(letter(subject=" ".join(subject.split()), text=body, html="<p></p>")))
    aliases = case["center_aliases"]
    expected = case["expect"]
    assert isinstance(aliases, list)
    assert isinstance(expected, dict)
    found = wording.check_email(str(mail["Subject"]), part(mail, "plain"), aliases)

    assert found.allowed is expected["allowed"]
    assert list(found.hits) == expected["hits"]


def test_a_file_travels_beside_the_two_parts() -> None:
    made = File("visit.ics", 'text/calendar; charset="utf-8"; method=REQUEST', "BEGIN:VCALENDAR\r\nSUMMARY:Cita ñ\r\n")
    mail = parsed(build(replace(letter(), files=(made, made))))

    assert mail.get_content_type() == "multipart/mixed"
    assert part(mail, "plain").rstrip() == "Hi Dana,\n\nHow are you?"
    assert part(mail, "html").rstrip() == "<p>Hi Dana,</p>"
    files = list(mail.iter_attachments())
    assert [f.get_filename() for f in files] == ["visit.ics", "visit.ics"]
    assert files[0].get_content_type() == "text/calendar"
    assert files[0].get_payload(decode=True) == made.text.encode()
    assert mail.defects == []


@pytest.mark.parametrize("bad", [File("a\r\nX: 1", "text/plain", ""), File("a", "text/plain\r\nX: 1", "")])
def test_a_file_cannot_add_a_header(bad: File) -> None:
    with pytest.raises(ValueError, match="line break"):
        build(replace(letter(), files=(bad,)))
