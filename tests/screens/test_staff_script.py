"""Staff script in a real Chromium under the content policy: keys, rows, live changes, autosave, toasts."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.screens.server import Answer, Desk, Fields, page
from tests.screens.stage import environment, shell

pytestmark = pytest.mark.browser

PEOPLE = [("a", "Theo B.", 2, 22), ("b", "Luis F.", 2, 9), ("c", "Dana R.", 3, 15)]


def cell(key: str, words: str) -> str:
    """A fragment that says who holds the case `key`."""
    return f'<table><tbody><tr><td id="who-{key}">{words}</td></tr></tbody></table>'


def queue(desk: Desk, people: list[tuple[str, str, int, int]] = PEOPLE, since: int = 1, **more: Any) -> None:
    """Serve the list with a preview per row, and no change since."""
    html = environment().get_template("list.html").render(people=people, since=since, **more)
    desk.says("/list", page(html))
    desk.says("/changes", page("", 204))
    for key, name, _p, _cows in people:
        desk.says(f"/preview/{key}", page(f"<h2>Preview of {name}</h2>"))


def answers(desk: Desk, saved: Answer, mode: str = "") -> None:
    """Serve the form that saves itself, and what saving answers."""
    desk.says("/answers", page(environment().get_template("answers.html").render(mode=mode)))
    desk.says("/save", saved)


def test_j_and_k_move_over_the_rows_and_load_the_preview(desk: Desk, tab: Page) -> None:
    queue(desk)
    tab.goto("/list")
    tab.keyboard.press("j")
    expect(tab.locator("#row-a")).to_have_class("sel")
    expect(tab.locator("[data-pane]")).to_have_text("Preview of Theo B.")
    tab.keyboard.press("j")
    tab.keyboard.press("j")
    tab.keyboard.press("j")
    expect(tab.locator("[data-pane]")).to_have_text("Preview of Dana R.")
    tab.keyboard.press("k")
    expect(tab.locator("[data-pane]")).to_have_text("Preview of Luis F.")
    expect(tab.locator("tr.sel")).to_have_count(1)


def test_enter_opens_the_selected_row(desk: Desk, tab: Page) -> None:
    queue(desk)
    desk.says("/case/b", page("<title>Case b</title>"))
    tab.goto("/list")
    tab.keyboard.press("j")
    tab.keyboard.press("j")
    tab.keyboard.press("Enter")
    expect(tab).to_have_url(re.compile("/case/b$"))


def test_one_key_claims_the_selected_row_and_the_answer_stands_in_place(desk: Desk, tab: Page) -> None:
    queue(desk)
    toast = '<p data-toast data-undo="/release">Claimed Luis F.</p>'
    desk.says("/claim", page(cell("b", "You") + toast))
    desk.says("/release", page(cell("b", "Nobody")))
    tab.goto("/list")
    tab.keyboard.press("j")
    tab.keyboard.press("j")
    tab.keyboard.press("c")
    expect(tab.locator("#who-b")).to_have_text("You")
    assert desk.posts("/claim")[0]["case"] == ["b"]
    assert desk.posts("/claim")[0]["csrf_token"] == ["token-of-the-session"]
    expect(tab.locator(".toast")).to_contain_text("Claimed Luis F.")
    tab.keyboard.press("z")
    expect(tab.locator("#who-b")).to_have_text("Nobody")
    assert len(desk.posts("/release")) == 1


def test_the_loser_of_a_claim_reads_who_was_first_and_sees_the_row_change(desk: Desk, tab: Page) -> None:
    queue(desk)
    desk.says("/claim", page(cell("a", "N. Park") + "<p data-message>N. Park claimed this 2 s ago</p>", 409))
    tab.goto("/list")
    tab.keyboard.press("j")
    tab.keyboard.press("c")
    expect(tab.locator(".toast")).to_have_text("N. Park claimed this 2 s ago")
    expect(tab.locator("#who-a")).to_have_text("N. Park")


def test_a_claim_that_answers_with_a_redirect_is_followed(desk: Desk, tab: Page) -> None:
    queue(desk)
    desk.says("/claim", page("", 303, Location="/case/a"))
    desk.says("/case/a", page("<title>Case a</title>"))
    tab.goto("/list")
    tab.keyboard.press("j")
    tab.keyboard.press("c")
    expect(tab).to_have_url(re.compile("/case/a$"))


def test_keys_never_fire_inside_a_field_and_not_at_all_when_switched_off(desk: Desk, tab: Page) -> None:
    queue(desk)
    tab.goto("/list")
    tab.locator("#rows-filter").fill("")
    tab.keyboard.type("jc?")
    expect(tab.locator("tr.sel")).to_have_count(0)
    expect(tab.locator("#rows-filter")).to_have_value("jc?")
    queue(desk, shell=shell(keys="off"))
    tab.goto("/list")
    tab.keyboard.press("j")
    expect(tab.locator("tr.sel")).to_have_count(0)


def test_slash_finds_g_goes_and_question_mark_lists_every_key(desk: Desk, tab: Page) -> None:
    queue(desk)
    desk.says("/inbox", page("<title>Inbox</title>"))
    tab.goto("/list")
    tab.keyboard.press("?")
    keys = tab.locator("#key-sheet kbd").all_text_contents()
    expected = "/ n ! g_i g_a g_d g_o g_c j k Enter c u z s w t e a o h . Ctrl_Enter ?"
    assert [k.replace(" ", "_") for k in keys] == expected.split()
    tab.keyboard.press("Escape")
    tab.keyboard.press("/")
    expect(tab.locator("#find-q")).to_be_focused()
    tab.keyboard.press("Tab")
    tab.keyboard.press("g")
    tab.keyboard.press("i")
    expect(tab).to_have_url(re.compile("/inbox$"))


def test_the_filter_box_reads_priority_sums_and_words(desk: Desk, tab: Page) -> None:
    queue(desk)
    tab.goto("/list")
    box = tab.locator("#rows-filter")
    for words, names in {
        "p2": ["a", "b"],
        "p2 cows>12": ["a"],
        "cows<=15": ["b", "c"],
        "dana": ["c"],
        "": ["a", "b", "c"],
    }.items():
        box.fill(words)
        shown = tab.locator("[data-row]:visible").evaluate_all("rows => rows.map(r => r.dataset.row)")
        assert shown == names, words
    box.fill("p3")
    expect(tab.locator("[data-filter-count]")).to_have_text("1 of 3 on this page")
    assert tab.url.endswith("?f=p3")


def test_names_hide_by_key_and_stay_hidden_on_the_next_page(desk: Desk, tab: Page, window: BrowserContext) -> None:
    queue(desk)
    tab.goto("/list")
    tab.keyboard.press("h")
    expect(tab.locator("html")).to_have_class(re.compile("hide-names"))
    assert tab.locator("a.nm").first.evaluate("n => getComputedStyle(n, '::after').content") == '"NL-a"'
    assert [c["value"] for c in window.cookies() if c["name"] == "hide_names"] == ["1"]
    tab.locator(".head [data-hide]").click()
    expect(tab.locator("html")).not_to_have_class(re.compile("hide-names"))


def test_a_change_elsewhere_shows_in_place_and_a_new_row_waits_behind_the_bar(desk: Desk, tab: Page) -> None:
    queue(desk)
    tab.goto("/list")
    tab.keyboard.press("j")
    luis = '<tr data-row="b" id="row-b"><td>P2</td><td>Luis F.</td><td id="who-b">N. Park</td></tr>'
    ruth = '<tr data-row="d" id="row-d"><td>P1</td><td>Ruth A.</td><td></td></tr>'
    changed = f'<div data-version="2" data-title="(4) Queue"><table><tbody>{luis}{ruth}</tbody></table></div>'

    def changes(_method: str, fields: Fields) -> Answer:
        return page(changed) if fields["since"] == ["1"] else page("", 204)

    desk.says("/changes", changes)
    expect(tab.locator("#who-b")).to_have_text("N. Park", timeout=4000)
    expect(tab.locator("[data-newbar-text]")).to_have_text("1 new")
    expect(tab.locator("#row-d")).to_have_count(0)
    expect(tab.locator("#row-a")).to_have_class("sel")
    expect(tab).to_have_title("(4) Queue")
    queue(desk, [("d", "Ruth A.", 1, 13), *PEOPLE], since=2)
    tab.keyboard.press(".")
    expect(tab.locator("#row-d")).to_be_visible()
    expect(tab.locator("#row-a")).to_have_class("sel")
    expect(tab.locator("[data-newbar]")).to_be_hidden()
    asked = [fields for _m, path, fields in desk.asked if path == "/changes"]
    assert asked[0]["look"] == ["a"]


def test_rows_missing_from_a_full_answer_are_marked_and_not_removed(desk: Desk, tab: Page) -> None:
    queue(desk)
    tab.goto("/list")
    theo = '<tr data-row="a" id="row-a"><td>P2</td></tr>'
    full = f'<div data-version="2" data-full><table><tbody>{theo}</tbody></table></div>'
    desk.says("/changes", lambda _m, fields: page(full) if fields["since"] == ["1"] else page("", 204))
    expect(tab.locator("#row-b")).to_have_class("gone", timeout=4000)
    expect(tab.locator("#row-a")).not_to_have_class("gone")


def test_a_lost_connection_is_said_and_the_list_stays(desk: Desk, tab: Page) -> None:
    queue(desk)
    tab.goto("/list")
    expect(tab.locator("[data-live-state]")).to_have_text("Live")
    desk.open = False
    expect(tab.locator("[data-live-state]")).to_have_text(
        re.compile(r"Offline since \d\d:\d\d, data may be old"), timeout=6000
    )
    expect(tab.locator("[data-row]")).to_have_count(3)
    desk.open = True
    expect(tab.locator("[data-live-state]")).to_have_text("Live", timeout=6000)


def test_an_answer_is_saved_at_once_with_its_version_and_the_time(desk: Desk, tab: Page) -> None:
    answers(desk, page('<div data-version="4"><p id="total">4</p></div>'))
    tab.goto("/answers")
    tab.locator("input[name=c1][value='4']").check()
    expect(tab.locator("[data-saved]")).to_have_text(re.compile(r"^Saved \d\d:\d\d:\d\d$"))
    expect(tab.locator("#total")).to_have_text("4")
    expect(tab.locator("#c1-item [data-meaning]")).to_have_text("Fast")
    tab.locator("#note").fill("Slept badly")
    expect(tab.locator("[data-saved]")).to_have_text(re.compile("^Saved"))
    expect(tab.locator("[data-dirty]")).to_have_count(0)
    first, second = desk.posts("/save")
    assert (first["_field"], first["c1"], first["version"]) == (["c1"], ["4"], ["3"])
    assert (second["_field"], second["note"], second["version"]) == (["note"], ["Slept badly"], ["4"])
    assert first["csrf_token"] == ["token-of-the-session"]


def test_a_failed_save_keeps_the_value_and_is_tried_again_by_hand(desk: Desk, tab: Page) -> None:
    answers(desk, page("busy", 503))
    tab.goto("/answers")
    tab.locator("input[name=c1][value='1']").check()
    expect(tab.locator("[data-saved]")).to_have_text("Not saved - Retry")
    desk.says("/save", page("", 204, X_Version="4"))
    tab.locator("[data-saved] button").click()
    expect(tab.locator("[data-saved]")).to_have_text(re.compile("^Saved"))
    expect(tab.locator("input[name=version]")).to_have_value("4")
    expect(tab.locator("input[name=c1][value='1']")).to_be_checked()


def test_a_refused_value_says_why(desk: Desk, tab: Page) -> None:
    answers(desk, page("<p data-message>Enter a dose in mg, like 25</p>", 422))
    tab.goto("/answers")
    tab.locator("input[name=d1]").fill("lots")
    expect(tab.locator("[data-saved]")).to_have_text("Not saved: Enter a dose in mg, like 25")


def test_a_conflict_offers_the_page_with_both_values(desk: Desk, tab: Page) -> None:
    answers(desk, page("<p data-message>Rosa saved this 20 seconds before you</p>", 409))
    desk.says("/whole", page("<title>Both</title>", 409))
    tab.goto("/answers")
    tab.locator("#note").fill("Mine")
    expect(tab.locator("[data-saved]")).to_have_text("Rosa saved this 20 seconds before you - See both")
    tab.locator("[data-saved] button").click()
    expect(tab).to_have_title("Both")
    assert desk.posts("/whole")[0]["note"] == ["Mine"]


def test_an_ended_session_asks_to_sign_in_and_goes_on_where_it_stopped(desk: Desk, tab: Page) -> None:
    answers(desk, page("", 401))
    tab.goto("/answers")
    tab.locator("#note").fill("Still here")
    expect(tab.locator("#signed-out")).to_be_visible()
    desk.says("/save", page("", 204))
    tab.get_by_role("button", name="I am signed in, go on").click()
    expect(tab.locator("[data-saved]")).to_have_text(re.compile("^Saved"))
    expect(tab.locator("#note")).to_have_value("Still here")


def test_typing_goes_on_while_a_fragment_replaces_the_field(desk: Desk, tab: Page) -> None:
    swap = '<label for="note">Note</label><textarea id="note" name="note">old</textarea>'
    answers(desk, page(f'<div id="note-field" class="field">{swap}</div>'))
    tab.goto("/answers")
    tab.locator("#note").click()
    tab.keyboard.type("one two")
    tab.locator("input[name=c1][value='1']").evaluate("n => n.click()")
    tab.wait_for_timeout(300)
    tab.keyboard.type(" three")
    expect(tab.locator("#note")).to_have_value("one two three")


def test_digits_pick_arrows_move_and_an_instrument_takes_one_key_an_item(desk: Desk, tab: Page) -> None:
    answers(desk, page("", 204), mode="advance")
    tab.goto("/answers")
    tab.locator("input[name=c1]").first.focus()
    tab.keyboard.press("4")
    expect(tab.locator("input[name=c1][value='4']")).to_be_checked()
    expect(tab.locator("input[name=c2]").first).to_be_focused()
    tab.keyboard.press("7")
    expect(tab.locator("input[name=c2]:checked")).to_have_count(0)
    tab.keyboard.press("3")
    expect(tab.locator("input[name=c2][value='3']")).to_be_checked()
    tab.keyboard.press("ArrowUp")
    expect(tab.locator("input[name=c1][value='4']")).to_be_focused()
    tab.keyboard.press("ArrowLeft")
    expect(tab.locator("input[name=c1][value='1']")).to_be_checked()
    expect(tab.locator("[data-dirty]")).to_have_count(0)
    # A slow first save is followed by the newer value of its field, before or after the other field's.
    kept = {f["_field"][0]: f[f["_field"][0]] for f in desk.posts("/save")}
    assert kept == {"c1": ["1"], "c2": ["3"]}


def test_enter_goes_down_the_grid_and_control_enter_sends_the_form(desk: Desk, tab: Page) -> None:
    answers(desk, page("", 204))
    desk.says("/whole", page("<title>Done</title>"))
    tab.goto("/answers")
    tab.locator("input[name=d1]").focus()
    tab.keyboard.press("Enter")
    expect(tab.locator("input[name=d2]")).to_be_focused()
    tab.keyboard.press("Control+Enter")
    expect(tab).to_have_title("Done")
    assert len(desk.posts("/whole")) == 1


def test_an_unattended_screen_is_blanked_and_the_first_key_only_lifts_it(desk: Desk, tab: Page) -> None:
    queue(desk, shell=shell(blank_s=1))
    tab.goto("/list")
    expect(tab.locator(".blank")).to_be_visible(timeout=9000)
    tab.keyboard.press("j")
    expect(tab.locator(".blank")).to_have_count(0)
    expect(tab.locator("tr.sel")).to_have_count(0)


def test_the_account_menu_closes_on_escape_and_signs_out_by_post(desk: Desk, tab: Page) -> None:
    queue(desk)
    desk.says("/sign-out", page("<title>Signed out</title>"))
    tab.goto("/list")
    tab.locator("details.me summary").click()
    tab.keyboard.press("Escape")
    expect(tab.locator(".menu")).to_be_hidden()
    tab.locator("details.me summary").click()
    tab.get_by_role("button", name="Sign out").click()
    expect(tab).to_have_title("Signed out")
    assert desk.posts("/sign-out")[0]["csrf_token"] == ["token-of-the-session"]
