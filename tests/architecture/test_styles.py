"""Style sheets: their sides turn with the line of writing, so that a page reads from the right as well."""

import re

import pytest

from tests.architecture.tree import ROOT, name

SHEETS = sorted((ROOT / "static" / "css").rglob("*.css"))
SIDES = "left|right"
PHYSICAL_NAME = re.compile(
    rf"(?:margin|padding|scroll-margin|scroll-padding|border)-(?:{SIDES})(?:-\w+)*|(?:{SIDES})"
    rf"|border-(?:top|bottom)-(?:{SIDES})-radius|overflow-[xy]-(?:{SIDES})"
)
# Of these the second value of four is the right side, and the fourth the left one.
FOUR_SIDES = {"margin", "padding", "inset", "scroll-margin", "scroll-padding"}
# Their values name a side or the start of the line.
PLACING = {"text-align", "text-align-last", "float", "clear", "position-area", "justify-content", "justify-items"}
PLACING |= {"justify-self", "caption-side", "background-position", "object-position", "transform-origin"}
# What has no logical form stands a second time, for pages that are read from the right.
RTL = '[dir="rtl"] '
MIRRORED = re.compile(r"linear-gradient\(to (?:left|right)\b")


def rules(text):
    """Yield (selector, properties by name) of every rule without others in it."""
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)
    for found in re.finditer(r"([^{}]+)\{([^{}]*)\}", text):
        pairs = [pair.partition(":") for pair in re.split(r";(?![^(]*\))", found[2]) if ":" in pair]
        yield found[1].strip(), {property_.strip(): value.strip() for property_, _, value in pairs}


def values_of(text):
    """Return the values of a shorthand; what stands in brackets is part of one."""
    return re.findall(r"(?:[^\s(]|\([^()]*(?:\([^()]*\)[^()]*)*\))+", text)


def is_physical(property_, value):
    """Tell whether this names the left or the right side."""
    if PHYSICAL_NAME.fullmatch(property_):
        return True
    if property_ in FOUR_SIDES:
        sides = values_of(value)
        return len(sides) == 4 and sides[1] != sides[3]
    if property_ == "border-radius":
        corners = values_of(value)
        return len(corners) == 4 and (corners[0], corners[3]) != (corners[1], corners[2])
    return property_ in PLACING and re.search(rf"\b(?:{SIDES})\b", value) is not None


@pytest.mark.parametrize(
    ("property_", "value"),
    [
        ("margin-left", "0"),
        ("padding-right", "var(--s-1)"),
        ("left", "0"),
        ("border-left", "0"),
        ("border-left-width", "1px"),
        ("border-top-right-radius", "0"),
        ("float", "left"),
        ("text-align", "right"),
        ("position-area", "bottom span-left"),
        ("padding", "0 var(--s-3) 0 calc(-1 * var(--s-4))"),
        ("inset", "0 auto auto 0"),
        ("border-radius", "2px 0 0 2px"),
    ],
)
def test_a_side_is_known_when_it_is_named(property_, value):
    assert is_physical(property_, value)


@pytest.mark.parametrize("path", SHEETS, ids=name)
def test_a_style_sheet_names_no_side_that_does_not_turn_with_the_writing(path):
    found = [
        f"{selector}: {property_}: {value}"
        for selector, properties in rules(path.read_text(encoding="utf-8"))
        for property_, value in properties.items()
        if is_physical(property_, value)
    ]

    assert found == []


@pytest.mark.parametrize("path", SHEETS, ids=name)
def test_what_can_only_name_a_side_is_mirrored(path):
    found = list(rules(path.read_text(encoding="utf-8")))
    turned = {selector for selector, _ in found}

    def needs_turning(property_, value):
        moved = property_ in {"translate", "transform"} and re.match(r"(?:translateX\()?-?(?!0\b)[\d.]+", value)
        return bool(moved or MIRRORED.search(value))

    assert [
        selector
        for selector, properties in found
        if not selector.startswith(RTL)
        and any(needs_turning(*pair) for pair in properties.items())
        and RTL + selector not in turned
    ] == []


def test_the_sheets_are_found():
    assert len(SHEETS) > 40
