"""One accent colour and what follows from it: whatever is chosen, it can be read and seen."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from idp.branding import colours
from idp.branding.store import style_sheet

ANY = st.integers(0, 0xFFFFFF).map("#{:06x}".format)
GROUNDS = {"light": ("#ffffff", "#f7f8fa", "#f1f3f6"), "dark": ("#12151c", "#0b0d12", "#0e1117", "#1a1e27")}


@pytest.mark.parametrize(
    ("text", "colour"),
    [
        ("#2A50D8", "#2a50d8"),
        ("2a50d8", "#2a50d8"),
        (" #abc ", "#aabbcc"),
        ("", None),
        ("#12345", None),
        ("red", None),
        ("#2a50d8; }", None),
        ("#２a50d8", None),
        ("rgb(1,2,3)", None),
    ],
)
def test_a_colour_is_six_or_three_digits(text, colour):
    assert colours.parse(text) == colour


def test_contrast_is_that_of_WCAG():
    assert colours.contrast("#000000", "#ffffff") == pytest.approx(21)
    assert colours.contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.005)
    assert colours.contrast("#123456", "#123456") == 1


def test_the_products_own_colour_gives_its_own_palette():
    palette = colours.light("#2a50d8")
    assert (palette.accent, palette.on_accent) == ("#2a50d8", "#ffffff")
    # Eight hundredths of lightness less; 8 % of it on white.
    assert (palette.accent_hover, palette.accent_soft) == ("#2242b8", "#eef1fc")


@pytest.mark.parametrize(
    ("accent", "words"),
    [
        ("#ffe680", "This colour reaches 1.1:1 on a white page, and 3.0:1 is needed to see it."),
        ("#ff0000", "the better reaches 3.8:1, and 4.5:1 is needed. The nearest that works is #eb0000."),
    ],
)
def test_a_colour_that_cannot_be_read_is_refused_with_the_nearest_that_can(accent, words):
    fault = colours.fault(accent)
    assert words in fault
    assert colours.nearest(accent) in fault
    assert colours.fault(colours.nearest(accent)) is None


@settings(max_examples=150, deadline=None)
@given(ANY)
def test_every_colour_has_a_nearest_that_can_be_read_in_both_themes(accent):
    taken = colours.nearest(accent)
    assert colours.fault(taken) is None
    assert taken == accent if colours.fault(accent) is None else taken != accent
    for theme, palette in (("light", colours.light(taken)), ("dark", colours.dark(taken))):
        assert colours.contrast(palette.on_accent, palette.accent) >= colours.TEXT
        assert colours.contrast(palette.on_accent, palette.accent_hover) >= colours.TEXT
        assert palette.on_accent in {"#ffffff", "#000000"}
        for ground in (*GROUNDS[theme], palette.accent_soft):
            assert colours.contrast(palette.accent_text, ground) >= colours.TEXT
        assert colours.contrast(palette.accent, GROUNDS[theme][0]) >= colours.MARK
        assert colours.contrast(palette.focus, GROUNDS[theme][0]) >= colours.MARK
    assert colours.light(taken).accent == taken


@settings(max_examples=20, deadline=None)
@given(ANY)
def test_a_style_sheet_holds_colours_and_nothing_else(accent):
    sheet = style_sheet(colours.nearest(accent))
    assert sheet.count("--accent: #") == 3
    assert sheet.count("{") == sheet.count("}") == 5
    assert not {"url", "@import", "<", "\\"} & set(sheet.split())
