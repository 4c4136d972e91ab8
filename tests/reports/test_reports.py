"""Reports count from the rows, hide small counts in exports, and let no formula out."""

from __future__ import annotations

from datetime import timedelta

import pytest
from flask import Flask

from intake.clock import utcnow
from intake.reports import queries
from intake.reports.every import REPORTS
from intake.reports.table import guarded, hidden
from tests.screening.sitting import Browser
from tests.tapers import story


@pytest.fixture
def pat(app: Flask) -> story.Story:
    """One person who came all the way to a signed plan."""
    with app.app_context():
        found = story.begin(app)
        story.sign(found, story.draft(found))
    return found


def test_the_funnel_counts_each_person_once_per_step(app: Flask, pat: story.Story) -> None:
    now = utcnow()
    with app.app_context():
        site = pat.cast.ada.site_id
        rows = {r[0]: r[1] for r in queries.funnel(site, now - timedelta(days=1), now + timedelta(days=1)).rows}
        assert rows == {"Inquiries": 1, "Reached": 1, "Screened": 1, "Routed": 1, "Decided": 1, "Admitted": 0}
        other = queries.funnel(pat.cast.cora.site_id, now - timedelta(days=1), now + timedelta(days=1))
        assert {r[1] for r in other.rows} == {0}


@pytest.mark.parametrize("key", list(REPORTS))
def test_every_report_answers_on_both_engines_also_without_rows(app: Flask, pat: story.Story, key: str) -> None:
    now = utcnow()
    with app.app_context():
        for site in (pat.cast.ada.site_id, pat.cast.cora.site_id):
            table = REPORTS[key](site, now - timedelta(days=1), now + timedelta(days=400))
            assert all(len(row) == len(table.heads) for row in table.rows)


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@x", "\tx", "\rx"])
def test_i05_a_cell_is_never_a_formula(text: str) -> None:
    assert guarded(text).startswith("'")


def test_a_small_count_is_hidden_and_a_share_is_not_a_count() -> None:
    assert [hidden(v) for v in (0, 1, 4, 5, 12.5, "P1")] == [0, "<5", "<5", 5, 12.5, "P1"]


def test_the_page_and_its_csv_are_for_supervisors_not_for_clinicians(app: Flask, pat: story.Story) -> None:
    supervisor = Browser(app, "sol")
    assert supervisor.get("/reports").status_code == 200
    csv = supervisor.get("/reports/funnel.csv")
    assert csv.headers["Content-Disposition"].startswith("attachment")
    assert "Inquiries,<5" in csv.text
    assert supervisor.get("/reports/nothing.csv").status_code == 404
    assert supervisor.get("/reports?from=zzz&to=9999-99-99").status_code == 200
    assert Browser(app, "cleo").get("/reports").status_code == 403
