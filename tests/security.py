"""The catalogue of attacks: which tests stand for each, and docs/security.md written by the test run.

A test carries the id in its name (`test_n05_...`), or is listed here under the id it proves. `--write-security` writes
the page from the results of this run; a case without a test says why.
"""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path

import pytest

PAGE = Path(__file__).resolve().parents[1] / "docs" / "security.md"
ID = re.compile(r"test_((?:[anixpd][0-9]{2}_)+)")

ATTACKS: dict[str, str] = {
    "A01": "every route, role, and own, foreign or missing id",
    "A02": "a route without a declaration",
    "A03": "a foreign id in the body",
    "A04": "a child of another parent",
    "A05": "fields that a form does not have (role, state, owner, site)",
    "A06": "a role changed or an account switched off while signed in",
    "A07": "lists, counts, search and exports that show foreign cases",
    "A08": "other methods and method overrides",
    "A09": "other spellings of a path",
    "A10": "emergency access without a reason, over its time, on one's own record",
    "A11": "one's own approval as the second person",
    "A12": "steps out of order",
    "N01": "learning who has an account",
    "N02": "guessing passwords, many on one and one on many",
    "N03": "fixed, stolen and overlong sessions",
    "N04": "cookies forged with known keys",
    "N05": "codes replayed, guessed, skipped",
    "N06": "password links reused, expired, poisoned",
    "N07": "redirects to other hosts",
    "N08": "default credentials and a second set-up",
    "I01": "SQL in every parameter",
    "I02": "stored script in every field",
    "I03": "template expressions in every field",
    "I04": "line breaks in mail headers",
    "I05": "formulas in CSV",
    "I06": "line breaks and control signs in logs",
    "I07": "uploads",
    "I08": "requests to inner addresses",
    "I09": "odd JSON",
    "I10": "odd Unicode",
    "I11": "input that makes a check slow",
    "X01": "forged forms",
    "X02": "frames, other origins, pages after sign-out",
    "X03": "missing headers",
    "X04": "cookie flags and what stays in the browser",
    "X05": "forged hosts, forwarded headers, slow and split requests",
    "X06": "traces, SQL or paths in errors",
    "P01": "people in logs, broker, addresses, files",
    "P02": "mails that tell what they are about",
    "P03": "links opened by scanners",
    "P04": "links guessed, reused, of another purpose",
    "P05": "mail after consent, address or person are gone",
    "P06": "exports without consent or wider than it",
    "P07": "floods, bots and crisis words on the public form",
    "D01": "two editors of one record",
    "D02": "one form sent many times",
    "D03": "many claims of one case",
    "D04": "a changed, cut or rewritten audit",
    "D05": "the database asked to change the audit",
    "D06": "plain words in copies of the database",
    "D07": "keys rotated while people work",
    "D08": "one person erased",
    "D09": "migrations under load",
    "D10": "taper plans that must not be",
    "D11": "clocks, zones and leap days",
    "D12": "a full disk, a lost database",
}

# Tests whose names say what a person would look for; the id they prove stands here.
ALSO: dict[str, tuple[str, ...]] = {
    "A06": ("test_leaving.py",),
    "A07": ("test_a_foreign_a_restricted_and_a_missing_case_read_the_same",),
    "A11": ("test_a_hard_stop_needs_a_second_prescriber", "test_nobody_cosigns_their_own"),
    "A12": ("tests/cases/test_states.py",),
    "I01": ("test_no_odd_request_breaks_a_page_or_comes_back_unescaped",),
    "I02": ("test_markup_given_as_a_value_is_escaped_everywhere", "test_a_typed_name_is_printed_and_never_run"),
    "I03": ("test_no_odd_request_breaks_a_page_or_comes_back_unescaped",),
    "I04": ("test_a_line_break_in_any_header_is_refused", "test_a_header_value_is_taken_whole_or_refused"),
    "I05": ("test_a_cell_is_never_a_formula", "test_no_spreadsheet_takes_a_cell_for_a_formula"),
    "I10": ("test_a_name_with_every_kind_of_sign_comes_back_as_it_was_written",),
    "I11": ("test_a_value_of_a_megabyte_is_too_large_and_not_a_fault",),
    "X06": ("test_a_fault_says_nothing_of_the_inside",),
    "P02": (
        "test_every_template_passes_the_filter_in_both_parts",
        "test_every_kind_of_reminder_passes_the_filter_on_the_rendered_mail",
    ),
    "P03": (
        "test_get_and_head_and_a_bare_post_change_nothing",
        "test_opening_an_invitation_by_a_scanner_uses_nothing_up",
    ),
    "P04": ("test_a_guessed_or_foreign_link_opens_nothing", "test_guessing_a_link_finds_nothing"),
    "P05": ("tests/messages/test_gate.py",),
    "P07": ("tests/inquiries/test_public_form.py", "tests/inquiries/test_danger.py"),
    "D01": ("test_a_decision_on_an_old_version_is_refused_and_says_where_the_case_stands",),
    "D02": ("test_a_form_may_be_sent_again_and_again_and_stays_one_request", "test_a_call_saved_twice_is_one_request"),
    "D03": ("tests/queues/test_claims.py",),
    "D10": ("tests/clinical/test_taper_properties.py", "tests/tapers/test_signing.py"),
    "D11": ("tests/messages/test_hours.py", "tests/messages/test_reminders.py"),
    "D12": ("test_a_locked_database_answers_with_a_retry_page_that_keeps_the_answers",),
}

# Why a case has no test of its own.
WHY_NOT: dict[str, str] = {
    "I07": "the product takes no uploads",
    "I08": "the product calls no address that somebody typed",
    "I09": "the one JSON door is the bounce webhook, tested with odd bodies in tests/messages",
}


class Catalogue:
    """Gathers the results of one run by id."""

    def __init__(self) -> None:
        self.found: dict[str, dict[str, str]] = defaultdict(dict)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep the outcome of a test under every id it stands for."""
        if report.when != "call" and report.outcome == "passed":
            return
        for key in ids_of(report.nodeid):
            name = re.sub(r"\[.*", "", report.nodeid)
            if self.found[key].get(name) != "failed":
                self.found[key][name] = report.outcome

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Write the page at the end, by the process that sees every result."""
        if session.config.getoption("--write-security") and not hasattr(session.config, "workerinput"):
            PAGE.write_text(page(self.found), encoding="utf-8")


def ids_of(node: str) -> set[str]:
    """The ids a test stands for."""
    named = ID.search(node)
    found = {part.upper() for part in named[1].strip("_").split("_")} if named else set()
    return {key for key in found if key in ATTACKS} | {
        key for key, names in ALSO.items() if any(name in node for name in names)
    }


def page(found: dict[str, dict[str, str]]) -> str:
    """docs/security.md: one line an id."""
    lines = [
        "# Attacks and the tests that stand for them",
        "",
        "Written by the test run (`python3 manage.py test --write-security`), not by hand.",
        "",
        "| id | attack | tests | result |",
        "|---|---|---|---|",
    ]
    for key, attack in ATTACKS.items():
        tests = found.get(key, {})
        if not tests:
            lines.append(f"| {key} | {attack} | - | {WHY_NOT.get(key, 'no test in this run')} |")
            continue
        bad = sorted(name for name, outcome in tests.items() if outcome == "failed")
        files = sorted({name.split("::")[0] for name in tests})
        where = ", ".join(f"{f} ({sum(n.startswith(f + '::') for n in tests)})" for f in files)
        lines.append(f"| {key} | {attack} | {where} | {'failed: ' + ', '.join(bad) if bad else 'passed'} |")
    return "\n".join(lines) + "\n"
