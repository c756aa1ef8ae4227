"""Logos of apps: fetched once, told by their content, shown from here alone."""

import struct
import zlib

import pytest

from idp.settings import OutboundSettings
from tests.listener import listening, say
from tests.registering import CALLBACK

LOOPBACK = OutboundSettings(allow=("127.0.0.0/8",))


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width=1, height=1):
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = zlib.compress(b"".join(b"\0" + b"\x33\x66\x99" * min(width, 4) for _ in range(min(height, 4))))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def jpeg(width=16, height=8):
    return (
        b"\xff\xd8\xff\xe0\x00\x10JFIF\0\x01\x01\0\0\x01\0\x01\0\0"
        b"\xff\xc0\x00\x0b\x08" + struct.pack(">HH", height, width) + b"\x01\x01\x11\0\xff\xd9"
    )


def webp(width=16, height=8):
    canvas = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return b"RIFF" + struct.pack("<I", 22) + b"WEBPVP8X" + struct.pack("<I", 10) + b"\0\0\0\0" + canvas


@pytest.fixture
def registrar(registrar_for):
    """A registrar that may fetch from loopback."""
    return registrar_for(outbound=LOOPBACK)


def register(registrar, picture, **metadata):
    """Register an app whose logo is *picture*; return what it is told, and where its logo was asked for."""
    with listening(picture if callable(picture) else say(picture, content_type="text/html")) as (port, asked):
        made = registrar.made(client_name="Notes", logo_uri=f"http://127.0.0.1:{port}/logo", **metadata)
    return made, asked


def logo_of(registrar, made):
    return registrar.stored(made["client_id"]).logo


def test_oidcc_registration_logo_uri(registrar, idp_over):
    idp = idp_over(registrar.app)
    made, asked = register(registrar, png())
    browser = idp.browser()

    where = browser("GET", f"/oauth/authorize?client_id={made['client_id']}&response_type=code&scope=openid"
                           f"&redirect_uri={CALLBACK}").location  # fmt: skip
    page = browser("GET", where)

    digest = logo_of(registrar, made)
    assert asked == ["/logo"]
    assert f'src="/logos/{digest}"' in page.text
    assert "http://127.0.0.1" not in page.text
    assert "img-src 'self'" in page.headers["Content-Security-Policy"]


@pytest.mark.parametrize(
    ("picture", "media_type"), [(png(), "image/png"), (jpeg(), "image/jpeg"), (webp(), "image/webp")]
)
def test_a_logo_is_what_its_content_says_and_can_be_nothing_else(registrar, picture, media_type):
    made, _ = register(registrar, picture)

    answer = registrar.http()("GET", f"/logos/{logo_of(registrar, made)}", None, {})

    assert answer.status == 200
    assert answer.body == picture
    assert answer.headers["Content-Type"] == media_type
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in answer.headers["Content-Security-Policy"]
    assert "immutable" in answer.headers["Cache-Control"]
    assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize(
    "picture",
    [
        b"",
        b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>',
        b"GIF89a\x01\x00\x01\x00",
        b"<html>",
        png()[:20],
        png(0, 1),
        png(2049, 1),
        png(50_000, 50_000),
        jpeg(1, 2049),
        b"\xff\xd8\xff\xff\xff\xff",
        b"\xff\xd8\xff\xc0\x00",
        webp(16_000, 1),
        b"RIFF\0\0\0\0WEBPVP8?",
        png() + b"x" * (256 * 1024),
        say(png(), 404),
        say(b"", 302, Location="http://127.0.0.1/logo"),
    ],
)
def test_what_is_no_small_picture_leaves_the_letter(registrar, picture):
    made, _ = register(registrar, picture)
    assert logo_of(registrar, made) is None


def test_a_logo_of_nearly_256_kib_is_taken(registrar):
    made, _ = register(registrar, png() + b"x" * (255 * 1024))
    assert logo_of(registrar, made)


def test_a_logo_follows_its_address(registrar):
    made, _ = register(registrar, png())
    first = logo_of(registrar, made)

    def change(**metadata):
        document = {"client_id": made["client_id"], "redirect_uris": [CALLBACK], **metadata}
        answer = registrar.send(
            "PUT", made["registration_client_uri"], document, token=made["registration_access_token"]
        )
        assert answer.status == 200
        made.update(answer.json)

    with listening(say(jpeg())) as (port, asked):
        change(logo_uri=f"http://127.0.0.1:{port}/new")
        second = logo_of(registrar, made)
        change(logo_uri=f"http://127.0.0.1:{port}/new", client_name="Notes 2")
        assert asked == ["/new"]
    assert second not in (None, first)
    assert registrar.http()("GET", f"/logos/{first}", None, {}).status == 404
    change()
    assert logo_of(registrar, made) is None


def test_a_logo_goes_with_its_app(registrar):
    made, _ = register(registrar, png())
    digest = logo_of(registrar, made)
    registrar.send("DELETE", made["registration_client_uri"], token=made["registration_access_token"])
    assert registrar.http()("GET", f"/logos/{digest}", None, {}).status == 404


@pytest.mark.parametrize("digest", ["0" * 64, "x", "../" + "0" * 61])
def test_there_is_no_other_picture(registrar, digest):
    assert registrar.http()("GET", f"/logos/{digest}", None, {}).status == 404
