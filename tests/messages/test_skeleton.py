"""What is read of a mail whose like was read before: nothing that the whole mail holds stays unseen."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jinja2 import Environment

from intake.clinical import wording
from intake.messages.skeleton import Skeleton, Skeletons

ALIASES = ("Northlight Garden House",)
# Pieces that become something forbidden only together, across a value's edges, and blanks of every width.
BITS = st.sampled_from(
    ("metha", "done", "opi", "oid", "detox", "5", " mg", "12 mcg", "http", "s://", "https://", "?name=", "?dob", "=1",
     "&", "&amp;", "Northlight", "Garden", "House", "subst", "ance", "use", "a", "quiet words between them all",
     " ", "\n", "          ", "&lt;")
)  # fmt: skip
SAID = st.lists(BITS, max_size=6).map("".join)


def skeleton_of(text: str, values: dict[str, str]) -> Skeleton:
    """The skeleton of a mail whose two parts say the same."""
    env = Environment(autoescape=True)
    source = env.from_string(text)
    kept = Skeletons(wording.reach(ALIASES))
    return kept.of((env.from_string("A message"), Environment().from_string(text), source), {}, values)


@settings(max_examples=150)
@given(pieces=st.tuples(SAID, SAID, SAID), first=SAID, second=SAID, other=SAID, another=SAID)
def test_what_a_mail_says_beyond_one_that_was_read_stands_near_its_own_values(
    pieces: tuple[str, str, str], first: str, second: str, other: str, another: str
) -> None:
    values, later = {"a": first or "x", "b": second or "y"}, {"a": other or "x", "b": another or "y"}
    skeleton = skeleton_of("{{ a }}".join(pieces[:2]) + "{{ b }}" + pieces[2], values)

    def whole(of: dict[str, str]) -> bool:
        subject, text, html = skeleton.fill(of)
        return wording.check_twins(subject, text, html, ALIASES).allowed

    if whole(values) and wording.check_email("A message", skeleton.around(later), ALIASES).allowed:
        assert whole(later)


@pytest.mark.parametrize(
    ("text", "harmless", "harmful"),
    [
        ("Your metha{{ a }} plan", "n", "done"),
        ("Take {{ a }} mg today", "no", "5"),
        ("Northlight\n      {{ a }}\n\n  House", "Sun", "Garden"),
        ("Northlight Garden {{ a }}", "Home", "House"),
        ("{{ a }} Garden   House", "Southlight", "Northlight"),
        ("See https://a.example/{{ a }}", "c/1", "c/1?name=x"),
        ("See {{ a }}://a.example/" + "x" * 80, "https", "http"),
        ("See https://a.example/" + "x" * 80 + "?{{ a }}=1", "c", "dob"),
    ],
)
def test_a_value_that_completes_something_forbidden_is_seen(text: str, harmless: str, harmful: str) -> None:
    skeleton = skeleton_of(
        " said to everybody " * 9 + text + " and much more that is said to everybody." * 9, {"a": harmless}
    )

    def see(of: str) -> bool:
        return wording.check_email("", skeleton.around({"a": of}), ALIASES).allowed

    assert see(harmless)
    assert not see(harmful)


def test_of_a_long_mail_little_is_read_again() -> None:
    text = "Much is said to everybody here. " * 100 + "{{ a }}" + " And much more after that." * 100
    skeleton = skeleton_of(text, {"a": "Dana"})
    assert len(skeleton.around({"a": "Dana"})) < 300
