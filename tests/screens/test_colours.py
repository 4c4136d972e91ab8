"""The contrast of the tokens, computed for both themes (WCAG 2.2: 4.5 for text, 3 for edges, marks and focus)."""

from __future__ import annotations

import re

import pytest

from tests.screens.stage import STATIC

CSS = (STATIC / "ui.css").read_text()

# Ground -> what stands on it.
TEXT = {
    "bg": "ink ink-2 ink-3 brand danger",
    "surface": "ink ink-2 ink-3 brand brand-2 brand-ink danger danger-ink warn warn-ink ok info oih",
    "sunken": "ink ink-2",
    "raise": "ink ink-2 brand",
    "hover": "ink",
    "sel": "ink ink-2 brand",
    "fresh": "ink",
    "brand-tint": "brand-ink",
    "act": "on-act",
    "act-2": "on-act",
    "deep": "on-deep deep-3",
    "deep-2": "on-deep",
    "danger-tint": "danger-ink",
    "danger-soft": "danger-ink ink brand",
    "warn-tint": "warn-ink",
    "ok-tint": "ok",
    "info-tint": "info",
    "oih-tint": "oih",
    "warn-soft": "ink brand",
    "info-soft": "ink brand",
    "ok-soft": "ink brand",
    "oih-soft": "ink brand",
    "p1": "on-p1",
    "p2": "on-p2",
    "p3": "on-p3",
    "p4": "on-p4",
    "av": "on-av",
    "av-b": "on-av-b",
    "av-c": "on-av-c",
    "av-d": "on-av-d",
    "crisis": "ink crisis-ink",
    "toast": "on-toast toast-link",
}
MARKS = {
    "surface": "edge focus late ok-mark oih-mark info danger s1 s2 s3",
    "bg": "edge focus",
    "sel": "brand",
    "track": "late",
    "deep-2": "glow",
}
WHITE_ON = ["ok-fill", "danger-fill", "deep", "deep-2", "deep-4"]


def tokens(block: str) -> dict[str, str]:
    """Name -> colour of the custom properties in a block of the stylesheet."""
    return dict(re.findall(r"--([a-z0-9-]+):\s*(#[0-9a-f]{6})\b", block))


LIGHT = tokens(CSS[CSS.index(":root {") : CSS.index("@media screen and (prefers-color-scheme: dark)")])
DARK = LIGHT | tokens(
    CSS[CSS.index("@media screen and (prefers-color-scheme: dark)") : CSS.index("/* ---------- base")]
)
THEMES = {"light": LIGHT, "dark": DARK}


def luminance(colour: str) -> float:
    """Relative luminance of #rrggbb, 0 to 1 (WCAG 2.2)."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    r, g, b = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


def contrast(one: str, other: str) -> float:
    """Contrast ratio of two colours, 1 to 21."""
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def poor(theme: str, ground: str, names: str, least: float) -> list[str]:
    """The names whose contrast on `ground` is under `least`, each with its ratio."""
    colours = THEMES[theme]
    ratios = {name: contrast(colours[name], colours[ground]) for name in names.split()}
    return [f"{name} {ratio:.2f}" for name, ratio in ratios.items() if ratio < least]


def test_the_ratio_itself_is_right() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("ground", TEXT)
def test_text_is_readable_on_its_ground(theme: str, ground: str) -> None:
    assert poor(theme, ground, TEXT[ground], 4.5) == []


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("ground", MARKS)
def test_edges_marks_and_focus_stand_out(theme: str, ground: str) -> None:
    assert poor(theme, ground, MARKS[ground], 3) == []


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("fill", WHITE_ON)
def test_white_words_are_readable_on_the_dark_fills(theme: str, fill: str) -> None:
    assert contrast("#ffffff", THEMES[theme][fill]) >= 4.5


@pytest.mark.parametrize("theme", THEMES)
def test_the_focus_ring_stands_out_on_the_rail(theme: str) -> None:
    assert contrast("#ffd27d", THEMES[theme]["deep"]) >= 3


def test_both_themes_define_every_colour_that_is_used() -> None:
    used = set(re.findall(r"var\(--([a-z0-9-]+)\)", CSS))
    plain = {"sans", "mono", "shadow"} | {f"r-{n}" for n in range(1, 4)} | {f"s-{n}" for n in range(1, 8)}
    assert sorted(used - set(LIGHT) - plain) == []


def test_the_stylesheet_respects_what_people_set_in_their_system() -> None:
    for query in (
        "prefers-color-scheme: dark",
        "prefers-reduced-motion: reduce",
        "forced-colors: active",
        "@media print",
    ):
        assert query in CSS
