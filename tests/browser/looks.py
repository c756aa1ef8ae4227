"""What can be wrong with how a page looks, found in every look on the one page that is open."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Page

_AXE = (Path(__file__).parent / "vendor" / "axe.min.js").read_text(encoding="utf-8")
_WIDE, _DESK, _PHONE, _NARROW = 1920, 1280, 390, 320
# A theme changes colors and nothing else: what depends on them is looked at again.
_OF_COLORS = ["color-contrast", "link-in-text-block"]
_RUN = """rules => axe.run(document, {resultTypes: ['violations'],
    ...(rules ? {runOnly: {type: 'rule', values: rules}} : {})})"""
_WIDTHS = "() => [document.documentElement.scrollWidth, document.documentElement.clientWidth]"
# Elements that move for longer than 10 ms, which is as long as nobody sees.
_MOVING = """() => [...document.querySelectorAll('*')].flatMap(element => ['', '::before', '::after'].filter(part => {
    const style = getComputedStyle(element, part || null);
    const longest = values => Math.max(...values.split(',').map(parseFloat));
    return longest(style.transitionDuration) > .01 || (style.animationName !== 'none'
        && longest(style.animationDuration) > .01);
}).map(part => `${element.tagName} ${element.className} ${part}`))"""
# Controls that have neither an edge nor an outline of their own, nor a face beside them that has one.
_EDGELESS = """() => [...document.querySelectorAll('button, a.button, input, select, textarea, .badge')]
    .filter(element => element.type !== 'hidden' && element.checkVisibility({visibilityProperty: true}))
    .map(element => getComputedStyle(element).opacity === '0' ? element.nextElementSibling : element)
    .filter(element => element && element.offsetWidth > 1)
    .filter(element => {
        const style = getComputedStyle(element);
        const is_seen = color => !/^rgba\\(.*, 0\\)$/.test(color) && color !== 'transparent';
        const has_edge = ['Top', 'Right', 'Bottom', 'Left'].every(side => style[`border${side}Style`] !== 'none'
            && parseFloat(style[`border${side}Width`]) >= 1 && is_seen(style[`border${side}Color`]));
        const has_outline = style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 1;
        return !has_edge && !has_outline;
    })
    .map(element => `${element.tagName} ${element.className || element.name}`)"""


def axe_violations(page: Page, rules: list[str] | None = None) -> list[str]:
    """Return what axe finds on the page: WCAG 2.2 AA and best practice, or just these rules."""
    if not page.evaluate("() => 'axe' in window"):
        # Evaluated by the debugger, so the page's content security policy does not see it.
        page.evaluate(_AXE)
    found = page.evaluate(_RUN, rules)
    return [
        f"{violation['id']}: {node['target']} {node['failureSummary']}"
        for violation in found["violations"]
        for node in violation["nodes"]
    ]


def faults_of(page: Page) -> list[str]:
    """Return what is wrong with the page that is open, by theme, width, direction, motion and forced colors.

    It is looked at without loading it again, and left as it was found.
    """
    found = []
    for width in (_DESK, _PHONE):
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme="light", reduced_motion="reduce")
        found += [f"{width} light: {fault}" for fault in axe_violations(page)]
        page.emulate_media(color_scheme="dark")
        found += [f"{width} dark: {fault}" for fault in axe_violations(page, _OF_COLORS)]
    page.emulate_media(color_scheme="light", forced_colors="active")
    found += [f"no edge in forced colors: {element}" for element in page.evaluate(_EDGELESS)]
    page.emulate_media(forced_colors="none")
    found += [f"moves all the same: {element}" for element in page.evaluate(_MOVING)]
    found += [f"{fault} at {width} px" for width in (_NARROW, _PHONE, _WIDE, _DESK) for fault in _too_wide(page, width)]
    return found


def _too_wide(page: Page, width: int) -> list[str]:
    """Return the directions of writing in which the page scrolls sideways."""
    page.set_viewport_size({"width": width, "height": 900})
    found = []
    for direction in ("rtl", "ltr"):
        page.evaluate("direction => { document.documentElement.dir = direction }", direction)
        needed, given = page.evaluate(_WIDTHS)
        if needed > given:
            found.append(f"{needed} px wide when written {direction}")
    return found
