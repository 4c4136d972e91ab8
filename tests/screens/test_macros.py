"""The parts, one by one: plain values in, the right markup out, every value escaped."""

from __future__ import annotations

import re
from decimal import Decimal

import pytest

from tests.screens.stage import environment, macro, render

EVIL = "<script>alert('x')</script>\"&"


def test_every_icon_of_the_guide_draws_and_an_unknown_one_is_an_error() -> None:
    names = vars(environment().get_template("parts/icon.html").module)["paths"]
    assert len(names) > 30
    for name in names:
        assert "<svg" in macro("icon", f"icon('{name}')")
    with pytest.raises(Exception, match="nothing-of-the-kind"):
        macro("icon", "icon('nothing-of-the-kind')")


def test_a_field_links_its_label_hint_and_error() -> None:
    html = macro("field", "field('tel', 'Phone', '555', hint='With area code', error='Enter 10 digits')")
    assert '<label for="tel">Phone</label>' in html
    assert 'aria-describedby="tel-hint tel-error"' in html
    assert 'aria-invalid="true"' in html
    assert 'id="tel-error"' in html
    assert 'value="555"' in html


def test_a_field_shows_back_what_was_typed_even_when_it_is_hostile() -> None:
    for kind in ("text", "textarea"):
        html = macro(
            "field", f"field('n', label, value, type='{kind}', error=value, hint=value)", value=EVIL, label=EVIL
        )
        assert "<script>" not in html
        assert "&lt;script&gt;" in html


def test_a_textarea_keeps_a_first_line_break() -> None:
    assert ">\n\nwords</textarea>" in macro("field", "field('n', 'N', '\nwords', type='textarea')")


def test_a_select_compares_numbers_with_their_words() -> None:
    html = macro("field", "field('q', 'Queue', 2, options=[('1', 'One'), ('2', 'Two')], empty='Pick one')")
    assert '<option value="2" selected>Two</option>' in html
    assert html.count("selected") == 1
    assert '<option value="">Pick one</option>' in html


def test_a_value_of_zero_is_not_an_empty_value() -> None:
    assert 'value="0"' in macro("field", "field('n', 'N', 0)")
    assert re.search(r'value="0" checked', macro("seg", "seg('n', [(0, 'None'), (1, 'One')], 0, label='N')"))


def test_nothing_is_preselected_unless_a_value_is_given() -> None:
    assert "checked" not in macro("seg", "seg('n', [(0, 'None'), (1, 'One')], label='N')")
    assert "checked" not in macro("opt", "opts('n', 'N', [('a', 'A')])")
    assert "checked" not in macro("check", "check('ok', 'I agree')")


def test_the_error_summary_links_to_the_first_control_of_each_group() -> None:
    page = """{% from "parts/errors.html" import error_summary %}{% from "parts/opt.html" import opts %}
    {% from "parts/seg.html" import seg_field %}{% from "parts/check.html" import checks %}{{ error_summary(errors) }}
    {{ opts('vm', 'Voice?', [('y', 'Yes'), ('n', 'No')], error=errors.vm) }}
    {{ seg_field('pg', 'Pregnant?', [('n', 'No'), ('y', 'Yes')], error=errors.pg) }}
    {{ checks('to', 'Send to', [('a', 'A'), ('b', 'B')], error=errors.to) }}"""
    html = render(page, errors={"vm": "Pick one", "pg": "Pick one too", "to": "And here"})
    for name in ("vm", "pg", "to"):
        assert f'<a href="#{name}">' in html
        assert re.search(rf'<input[^>]*id="{name}"', html)
        assert html.count(f'id="{name}"') == 1
    assert "data-focus" in html


def test_no_errors_no_summary() -> None:
    assert macro("errors", "error_summary({})") == ""


def test_option_cards_take_one_value_or_many() -> None:
    many = macro(
        "opt",
        "opts('f', 'Feel', [('a', 'A'), ('b', 'B'), ('none', 'None')], ['a', 'b'], 'checkbox', none_value='none')",
    )
    assert many.count("checked") == 2
    assert re.search(r'value="none"[^>]*data-none', many)
    assert macro("opt", "opts('f', 'Feel', [('a', 'A'), ('b', 'B')], 'b')").count("checked") == 1


def test_an_instrument_item_says_the_meaning_of_its_value_or_that_it_is_open() -> None:
    options = "[(0, '0', 'Smooth'), (3, '3', 'Felt')]"
    assert "data-meaning>Felt</span>" in macro("seg", f"seg_item('c', 'Gooseflesh', {options}, 3, 11)")
    assert "Not answered" in macro("seg", f"seg_item('c', 'Gooseflesh', {options})")


@pytest.mark.parametrize(
    ("waited", "target", "tone", "words"),
    [
        (12, 60, "", "12 min"),
        (35, 60, "", "35 min"),
        (36, 60, " amber", "36 min"),
        (60, 60, " amber", "60 min"),
        (61, 60, " red", "61 min"),
        (125, 1440, "", "2 h 05"),
        (5000, 4320, " red", "3 d 11 h"),
    ],
)
def test_a_wait_is_green_then_amber_from_sixty_per_cent_then_late(
    waited: int, target: int, tone: str, words: str
) -> None:
    html = macro("meter", f"wait({waited}, {target})")
    assert f'class="meter{tone}"' in html
    assert f"<b>{words}</b>" in html
    assert ("late" in html) is (waited > target)


@pytest.mark.parametrize(("target", "words"), [(15, "15 min"), (60, "60 min"), (1440, "24 h"), (4320, "72 h")])
def test_a_target_reads_as_people_say_it(target: int, words: str) -> None:
    assert f"of {words}</span>" in macro("meter", f"wait(1, {target})")


@pytest.mark.parametrize(
    ("value", "top", "width"), [(5, 10, "50.0%"), (20, 10, "100%"), (-3, 10, "0%"), (3, 0, "100%")]
)
def test_a_meter_never_leaves_its_track(value: int, top: int, width: str) -> None:
    assert f'<rect width="{width}"' in macro("meter", f"meter({value}, {top})")


def test_a_skipped_answer_reads_not_provided_and_each_change_link_has_its_own_name() -> None:
    html = macro("sum_list", "sum_list([('Name', 'Dana', '/name'), ('Insurance', '', '/ins')])")
    assert "Not provided" in html
    assert 'Change<span class="vh"> insurance</span>' in html


def test_a_post_button_is_a_form_with_its_token_fields_and_person() -> None:
    html = macro("btn", "post_btn('Claim', '/claim', {'version': 4}, key='c', who='Theo B.', swap=true)")
    assert '<form class="act" method="post" action="/claim" data-swap>' in html
    assert 'name="csrf_token"' in html
    assert '<input type="hidden" name="version" value="4">' in html
    assert 'data-key="c"' in html
    assert 'Claim<span class="vh"> Theo B.</span>' in html


def test_priority_is_said_in_words_and_not_by_colour_alone() -> None:
    assert macro("pri_tag", "pri_tag(2, 55)") == '<span class="pri-tag p2">P2</span><span class="pts">55 pts</span>'


def test_a_rising_score_is_read_out_as_up() -> None:
    assert '<span class="vh">up</span> 6' in macro("tag", "change(6)")
    assert '<span class="vh">down</span> 3' in macro("tag", "change(-3)")
    assert "–" in macro("tag", "change(none)")


def test_a_comparison_marks_old_and_new_by_element_and_says_same() -> None:
    changed = macro("diff", "diff_row('3', 'Mar 1', 'Apr 11', '14 days longer', 'amber')")
    assert "<del>Mar 1</del>" in changed
    assert "<ins>Apr 11</ins>" in changed
    assert "Same" in macro("diff", "diff_row('1', 'Jan 4', 'Jan 4')")


def test_a_conflict_offers_both_values_and_an_empty_one_by_name() -> None:
    html = macro("conflict", "conflict_pick('Phone', 'phone', '', 'Rosa', '555', pick='theirs')")
    assert "(empty)" in html
    assert re.search(r'value=""[^>]* checked', html)


def test_a_board_row_carries_its_facts_for_the_filter() -> None:
    html = render(
        """{% from "parts/table.html" import row %}{% call row('a1', preview='/p/a1', selected=true,
        facts={'p': 2, 'cows': 22, 'mme': none}) %}<td>x</td>{% endcall %}"""
    )
    assert 'data-f-p="2" data-f-cows="22"' in html
    assert "data-f-mme" not in html
    assert 'class="sel" aria-selected="true"' in html


def test_every_chart_has_words_and_a_table_with_the_same_numbers() -> None:
    charts = {
        "step_line([('Now', 135, '90'), ('Jan 4', 97.5, '65')], 'Down', [(90, 'red')])": ["135", "97.5", "Jan 4"],
        "trend_line(['Mon', 'Tue'], [('COWS', [4, none], ''), ('Pain', [7, 6], 'violet')], 'Down')": [
            "Mon",
            "–",
            "Pain",
        ],
        "bars([('Phone', 12), ('Web', 3)], 'Down')": ["Phone", "12"],
        "funnel([('Inquiries', 200), ('Reached', 150)], 'Down')": ["200", "75%"],
        "columns([('08', 20), ('09', none)], 'Down', (15, 'staffed'))": ["08", "20", "–"],
    }
    for call, words in charts.items():
        html = macro("charts", call)
        assert 'role="img" aria-label="Down"' in html, call
        table = html[html.index("<table") :]
        assert [w for w in words if f">{w}<" not in table] == [], call


def test_charts_survive_nothing_zero_and_decimals() -> None:
    for call in (
        "step_line([], 'None')",
        "step_line([('a', zero, '0')], 'Zero', [(50, 'amber')])",
        "trend_line([], [], 'None')",
        "trend_line(['a'], [('S', [zero], '')], 'One')",
        "trend_line(['a', 'b'], [('S', [half, half], '')], 'D', limits=[(half, 'x')], top=half, xs=[0, half])",
        "bars([], 'None')",
        "bars([('a', half)], 'D')",
        "funnel([('a', 0), ('b', 0)], 'Zero')",
        "columns([], 'None')",
        "columns([('a', half)], 'D', (half, 'x'))",
        "scale(none, 48, [(0, 'None'), (5, 'Mild')], 'Open')",
    ):
        html = macro("charts", call, zero=Decimal(0), half=Decimal("0.5"))
        assert "<svg" in html
        assert "nan" not in html.lower().replace("none", "")


def test_series_of_a_chart_differ_by_shape() -> None:
    html = macro("charts", "trend_line(['a', 'b'], [('One', [1, 2], ''), ('Two', [2, 1], 'red')], 'L', table=false)")
    assert html.count("<circle") == 2
    assert html.count('<rect class="d red"') == 2


def test_labels_of_a_long_plan_are_thinned_so_that_they_do_not_meet() -> None:
    points = [(f"d{n}", 100 - n, str(n)) for n in range(60)]
    html = macro("charts", "step_line(points, 'Long', table=false)", points=points)
    assert 8 <= len(re.findall(r">d\d+</text>", html)) <= 12


def test_i02_markup_given_as_a_value_is_escaped_everywhere() -> None:
    calls = {
        "tag": "tag(v)", "chip": "chip(v, v)", "note": "note('red', v, v)", "kv": "kv([(v, v)])", "kpi": "kpi(v, v, v)",
        "empty": "empty(v, v, v)", "stages": "stages([(v, 'now', v)], v)", "tabs": "tabs([(v, v, true, v)], v)",
        "timeline": "event(v, v, by=v, sub=v)", "avatar": "who(v, 'AB')", "opt": "opts(v, v, [(v, v, v)])",
        "toast": "toast(v, v)",
        "sum_list": "sum_list([(v, v, v, v)])", "conflict": "conflict_pick(v, v, v, v, v)", "diff": "diff_row(v, v, v)",
        "charts": "bars([(v, 1, v)], v)", "kept": "kept_list([(v, v)])", "filters": "filters([(v, v, true, v)])",
    }  # fmt: skip
    for file, call in calls.items():
        html = macro(file, call, v=EVIL)
        assert "<script>" not in html, file
        assert "&lt;script&gt;" in html, file


@pytest.mark.parametrize(
    ("keys", "at_hand"),
    [
        (["inbox", "now", "tasks", "mine", "settings"], ["inbox", "now", "mine"]),
        (["tasks", "reports", "settings"], ["tasks", "reports", "settings"]),
        (
            ["tasks", "reports", "privacy", "audit", "records", "settings"],
            ["tasks", "reports", "privacy", "audit", "records"],
        ),
    ],
)
def test_the_bar_of_a_phone_is_never_empty_and_the_menu_holds_the_rest(keys: list[str], at_hand: list[str]) -> None:
    items = [(key, f"/{key}", "task", key.title(), None) for key in keys]
    rail = macro("nav", "rail(items, 'tasks')", items=items)
    menu = macro("nav", "more_links(items, 'tasks')", items=items)
    assert [key for key in keys if f'href="/{key}" class="hide-m"' not in rail] == at_hand
    assert [key for key in keys if f'href="/{key}"' in menu] == [key for key in keys if key not in at_hand]
