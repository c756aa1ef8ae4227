"""One accent colour, and everything that follows from it: pure, and never harder to read than WCAG 2.2 AA allows.

A colour is what people chose it for only while its buttons can be read and its marks can be seen. So an accent is
taken when either white or black text reaches 4.5:1 on it, also under the pointer, and the accent itself reaches 3:1 on
the page. In the dark its lightness may be moved for that; in the light it is shown as it was chosen, or refused with
the nearest colour that can be taken.
"""

from __future__ import annotations

import colorsys
import re
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# WCAG 2.2, success criteria 1.4.3 (text) and 1.4.11 (marks and edges).
TEXT: Final = 4.5
MARK: Final = 3.0
_HEX = re.compile(r"#?([0-9a-fA-F]{6}|[0-9a-fA-F]{3})", re.ASCII)
_WHITE, _BLACK = (255, 255, 255), (0, 0, 0)
_HOVER: Final = 8
_SHORT: Final = 3

Rgb = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Theme:
    """What the accent stands on: grounds of static/css/tokens.css, and how much of it makes a soft ground."""

    surface: Rgb
    grounds: tuple[Rgb, ...]
    soft: float
    # Which way text of this colour has to move until it can be read.
    step: int


LIGHT: Final = Theme(_WHITE, (_WHITE, (0xF7, 0xF8, 0xFA), (0xF1, 0xF3, 0xF6)), 0.08, -1)
DARK: Final = Theme(
    (0x12, 0x15, 0x1C), ((0x12, 0x15, 0x1C), (0x0B, 0x0D, 0x12), (0x0E, 0x11, 0x17), (0x1A, 0x1E, 0x27)), 0.18, 1
)


@dataclass(frozen=True, slots=True)
class Palette:
    """The colours of one theme, each as ``#rrggbb``; the names are those of the custom properties."""

    accent: str
    accent_hover: str
    on_accent: str
    accent_soft: str
    accent_text: str
    focus: str

    def declarations(self) -> str:
        """Return them as CSS declarations."""
        return " ".join(f"--{field.name.replace('_', '-')}: {getattr(self, field.name)};" for field in fields(self))


@dataclass(frozen=True, slots=True)
class Reading:
    """What was measured of an accent in one theme."""

    # Of the text on a button, at rest and under the pointer, whichever is less; and of the button on the page.
    on_button: float
    on_page: float

    @property
    def is_enough(self) -> bool:
        """Tell whether people can read and see it."""
        return self.on_button >= TEXT and self.on_page >= MARK


def parse(text: str) -> str | None:
    """Return the colour that *text* names (``#rrggbb`` or ``#rgb``), in lower case; nothing when it names none."""
    match = _HEX.fullmatch(text.strip())
    if match is None:
        return None
    digits = match.group(1).lower()
    return "#" + ("".join(digit * 2 for digit in digits) if len(digits) == _SHORT else digits)


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colours, 1 to 21 (WCAG 2.2)."""
    return _contrast(_rgb(one), _rgb(other))


def light(accent: str) -> Palette:
    """Return the palette of the light theme; *accent* was not refused by ``fault``."""
    return _palette(_rgb(accent), LIGHT)


def dark(accent: str) -> Palette:
    """Return the palette of the dark theme: the accent in it is the nearest lightness that can be seen there."""
    return _palette(_nearest(_rgb(accent), DARK), DARK)


def reading(accent: str) -> Reading:
    """Return what is measured of *accent* in the light, where it is shown as it is."""
    return _reading(_rgb(accent), LIGHT)


def fault(accent: str) -> str | None:
    """Return the sentence that says why *accent* cannot be taken, with the nearest that can; or nothing."""
    measured = reading(accent)
    if measured.is_enough:
        return None
    instead = nearest(accent)
    if measured.on_page < MARK:
        return (
            f"This colour reaches {_shown(measured.on_page)} on a white page, and {_shown(MARK)} is needed to see it. "
            f"The nearest that can be seen is {instead}."
        )
    return (
        "Neither white nor black text can be read on this colour: the better reaches "
        f"{_shown(measured.on_button)}, and {_shown(TEXT)} is needed. The nearest that works is {instead}."
    )


def nearest(accent: str) -> str:
    """Return *accent* itself when it can be taken, else the same hue in the nearest lightness that can."""
    return _hex(_nearest(_rgb(accent), LIGHT))


def _shown(ratio: float) -> str:
    # Rounded down: 4.49 must not be shown as enough.
    return f"{int(ratio * 10) / 10:.1f}:1"


def _nearest(accent: Rgb, theme: Theme) -> Rgb:
    return next(one for one in _outwards(accent) if _reading(one, theme).is_enough)


def _outwards(colour: Rgb) -> Iterator[Rgb]:
    """Give *colour*, then the same hue ever lighter and darker by one hundredth."""
    yield colour
    for distance in range(1, 101):
        yield _lighter(colour, -distance)
        yield _lighter(colour, distance)


def _reading(accent: Rgb, theme: Theme) -> Reading:
    on_accent, hover = _on(accent), _hover(accent)
    return Reading(
        on_button=min(_contrast(on_accent, accent), _contrast(on_accent, hover)),
        on_page=min(_contrast(accent, ground) for ground in theme.grounds[:2]),
    )


def _palette(accent: Rgb, theme: Theme) -> Palette:
    soft = _mixed(accent, theme.surface, theme.soft)
    text = _until(_hover(accent) if theme is LIGHT else accent, theme, lambda one: _is_read(one, soft, theme))
    return Palette(
        accent=_hex(accent),
        accent_hover=_hex(_hover(accent)),
        on_accent=_hex(_on(accent)),
        accent_soft=_hex(soft),
        accent_text=_hex(text),
        focus=_hex(accent if theme is LIGHT else text),
    )


def _is_read(text: Rgb, soft: Rgb, theme: Theme) -> bool:
    return all(_contrast(text, ground) >= TEXT for ground in (*theme.grounds, soft))


def _until(colour: Rgb, theme: Theme, is_good: Callable[[Rgb], bool]) -> Rgb:
    """Move the lightness of *colour* away from the page until it *is_good*; the ends, black and white, always are."""
    return next(one for distance in range(101) if is_good(one := _lighter(colour, theme.step * distance)))


def _on(accent: Rgb) -> Rgb:
    """Return white or black, whichever is read better on *accent*; white where both are read."""
    if _contrast(_WHITE, accent) >= TEXT:
        return _WHITE
    return max((_WHITE, _BLACK), key=lambda text: _contrast(text, accent))


def _hover(accent: Rgb) -> Rgb:
    return _lighter(accent, -_HOVER)


def _lighter(colour: Rgb, hundredths: int) -> Rgb:
    """Return *colour* with its lightness (HSL) moved by so many hundredths."""
    if hundredths == 0:
        return colour
    hue, lightness, saturation = colorsys.rgb_to_hls(*(part / 255 for part in colour))
    moved = colorsys.hls_to_rgb(hue, min(1.0, max(0.0, lightness + hundredths / 100)), saturation)
    red, green, blue = (round(part * 255) for part in moved)
    return red, green, blue


def _mixed(colour: Rgb, ground: Rgb, share: float) -> Rgb:
    red, green, blue = (round(share * part + (1 - share) * below) for part, below in zip(colour, ground, strict=True))
    return red, green, blue


def _contrast(one: Rgb, other: Rgb) -> float:
    darker, brighter = sorted((_luminance(one), _luminance(other)))
    return (brighter + 0.05) / (darker + 0.05)


def _luminance(colour: Rgb) -> float:
    red, green, blue = (_linear(part / 255) for part in colour)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(part: float) -> float:
    return part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4  # noqa: PLR2004 - the formula of sRGB


def _rgb(text: str) -> Rgb:
    return int(text[1:3], 16), int(text[3:5], 16), int(text[5:7], 16)


def _hex(colour: Rgb) -> str:
    return "#{:02x}{:02x}{:02x}".format(*colour)
