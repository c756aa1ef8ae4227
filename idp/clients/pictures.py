"""Pictures that browsers may be shown, known by their content: PNG, JPEG and WebP, of a bounded number of pixels."""

from __future__ import annotations

from typing import Final

# A small file can claim to be a picture of gigabytes.
MOST_PIXELS_ON_A_SIDE: Final = 2048
_PNG: Final = b"\x89PNG\r\n\x1a\n"
_JPEG: Final = b"\xff\xd8\xff"
# Start-of-frame markers of JPEG; the three left out are tables (ITU-T T.81 table B.1).
_FRAMES: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
# Markers without a length.
_BARE: Final = frozenset({0x01, *range(0xD0, 0xD9)})


class NotAPicture(ValueError):
    """The bytes are no picture that may be shown; the text says why in one sentence."""


def media_type_of(picture: bytes) -> str:
    """Return the media type of *picture*, whatever its sender called it.

    Raises:
        NotAPicture: it is none of the three kinds, is broken off, or has more pixels than any logo needs.

    """
    if picture.startswith(_PNG):
        media_type, size = "image/png", _png(picture)
    elif picture.startswith(_JPEG):
        media_type, size = "image/jpeg", _jpeg(picture)
    elif picture[:4] == b"RIFF" and picture[8:12] == b"WEBP":
        media_type, size = "image/webp", _webp(picture)
    else:
        raise NotAPicture("It is no PNG, JPEG or WebP picture.")
    if size is None or 0 in size:
        raise NotAPicture("The picture is broken.")
    if max(size) > MOST_PIXELS_ON_A_SIDE:
        raise NotAPicture(f"The picture is larger than {MOST_PIXELS_ON_A_SIDE} × {MOST_PIXELS_ON_A_SIDE} pixels.")
    return media_type


def _png(picture: bytes) -> tuple[int, int] | None:
    if picture[12:16] != b"IHDR" or len(picture) < 33:  # noqa: PLR2004 - the signature and one whole header chunk
        return None
    return int.from_bytes(picture[16:20]), int.from_bytes(picture[20:24])


def _jpeg(picture: bytes) -> tuple[int, int] | None:
    at = 2
    while at + 4 <= len(picture) and picture[at] == 0xFF:  # noqa: PLR2004 - what begins a marker
        marker = picture[at + 1]
        if marker == 0xFF:  # noqa: PLR2004 - a fill byte
            at += 1
        elif marker in _BARE:
            at += 2
        elif marker in _FRAMES:
            frame = picture[at + 4 : at + 9]
            whole = len(frame) == 5  # noqa: PLR2004 - precision, height and width
            return (int.from_bytes(frame[3:5]), int.from_bytes(frame[1:3])) if whole else None
        else:
            at += 2 + int.from_bytes(picture[at + 2 : at + 4])
    return None


def _webp(picture: bytes) -> tuple[int, int] | None:
    if len(picture) < 30:  # noqa: PLR2004 - container, chunk header and the longest of the three headers
        return None
    kind = picture[12:16]
    if kind == b"VP8 ":
        return int.from_bytes(picture[26:28], "little") & 0x3FFF, int.from_bytes(picture[28:30], "little") & 0x3FFF
    if kind == b"VP8L":
        bits = int.from_bytes(picture[21:25], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind == b"VP8X":
        return int.from_bytes(picture[24:27], "little") + 1, int.from_bytes(picture[27:30], "little") + 1
    return None
