"""Requests that the server sends: where they may go, and how much and how long it listens."""

from __future__ import annotations

import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from idp import outbound
from idp.outbound import Outbound, OutboundBusy, OutboundFailed, OutboundRefused
from idp.settings import OutboundSettings, Settings
from idp.web.limits import AT_WORK
from tests.certificates import of_loopback
from tests.listener import listening, say

LOOPBACK = ("127.0.0.0/8",)


def make(allow=(), ca_file=None):
    return Outbound(Settings(outbound=OutboundSettings(allow=allow, ca_file=ca_file)))


def test_a_document_is_fetched_with_its_kind_and_age():
    answer = say(b'{"keys":[]}', content_type="Application/JSON; charset=utf-8", Cache_Control="public, max-age=600")
    with listening(answer) as (port, asked):
        fetched = make(LOOPBACK).fetch(f"http://127.0.0.1:{port}/keys?of=notes#part")

    assert fetched == outbound.Fetched(b'{"keys":[]}', "application/json", 600)
    assert asked == ["/keys?of=notes"]


@pytest.mark.parametrize("value", ["", "no-store", "max-age=-1", "max-age=x", "max-age=99999999999"])
def test_an_age_that_cannot_be_read_is_none(value):
    with listening(say(Cache_Control=value)) as (port, _):
        assert make(LOOPBACK).fetch(f"http://127.0.0.1:{port}/").max_age is None


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1/",
        "http://127.0.0.1/",
        "https://localhost/",
        "https://[::1]/",
        "https://[::ffff:127.0.0.1]/",
        "https://10.1.2.3/",
        "https://172.16.0.1/",
        "https://192.168.1.1/",
        "https://100.64.0.1/",
        "https://169.254.169.254/latest/meta-data",
        "https://[fe80::1]/",
        "https://[fd00::1]/",
        "https://[64:ff9b::7f00:1]/",
        "https://[64:ff9b::a9fe:a9fe]/",
        "https://[64:ff9b:1::7f00:1]/",
        "https://[2002:7f00:1::]/",
        "https://[::7f00:1]/",
        "https://[fec0::1]/",
        "https://0.0.0.0/",
        "https://224.0.0.1/",
        "https://2130706433/",
        "https://0x7f.1/",
        "ftp://example.com/",
        "file:///etc/passwd",
        "https://user@example.com/",
        "https:///path",
        "gopher://127.0.0.1/",
        "https://exämple.com/",
        "https://[::1/",
        "",
    ],
)
def test_R02_what_is_not_public_is_never_reached(url):
    with pytest.raises(OutboundRefused):
        make().fetch(url)


def test_R02_a_listener_on_this_machine_hears_nothing_unless_it_is_allowed():
    with listening(say()) as (port, asked):
        for url in (f"http://127.0.0.1:{port}/", f"http://localhost:{port}/", f"https://127.0.0.1:{port}/"):
            with pytest.raises(OutboundRefused):
                make().fetch(url)
            with pytest.raises(OutboundRefused):
                make(("10.0.0.0/8",)).post_form(url, {"a": "b"})

    assert asked == []


def test_a_public_address_behind_a_translator_may_be_reached(monkeypatch):
    # Where a network has no IPv4, this is all that its resolver says of most of the world.
    def refuse(*_, **__):
        raise OSError

    answers = [(socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("64:ff9b::5db8:d822", 443, 0, 0))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: answers)
    monkeypatch.setattr(socket, "create_connection", refuse)

    with pytest.raises(OutboundFailed):
        make().fetch("https://notes.example.com/")


def test_plain_http_reaches_loopback_alone():
    with pytest.raises(OutboundRefused, match="https"):
        make(("10.0.0.0/8",)).fetch("http://10.0.0.1/")


def test_R02_one_private_address_among_public_ones_refuses_the_name(monkeypatch):
    answers = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (ip, 443)) for ip in ("93.184.216.34", "127.0.0.1")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: answers)

    with pytest.raises(OutboundRefused):
        make().fetch("https://rebinding.example.com/")


def test_R02_a_name_is_resolved_once_and_the_connection_goes_there(monkeypatch):
    real, asked_for = socket.getaddrinfo, []

    def resolve(host, port, *rest, **named):
        asked_for.append(host)
        # Any second look-up of the name would lead to an address that nobody listens on.
        return real("127.0.0.1" if asked_for.count("notes.example.com") == 1 else "127.9.9.9", port, *rest, **named)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    with listening(say()) as (port, asked):
        make(LOOPBACK).fetch(f"http://notes.example.com:{port}/keys")

    assert asked == ["/keys"]
    assert asked_for.count("notes.example.com") == 1


def test_R02_a_redirect_is_not_followed():
    with (
        listening(say()) as (inner, reached),
        listening(say(b"", 302, Location=f"http://127.0.0.1:{inner}/")) as (port, _),
        pytest.raises(OutboundFailed, match="302"),
    ):
        make(LOOPBACK).fetch(f"http://127.0.0.1:{port}/")

    assert reached == []


@pytest.mark.parametrize("size", [64 * 1024 + 1, 5_000_000])
def test_R02_a_large_answer_is_given_up(size):
    with listening(say(b"x" * size)) as (port, _), pytest.raises(OutboundFailed, match="64 KiB"):
        make(LOOPBACK).fetch(f"http://127.0.0.1:{port}/")


@pytest.mark.parametrize("start", [b"HTTP/1.1 200 OK\r\n\r\n", b"HTTP/1.1 200 OK\r\nX-Slow: "])
def test_R02_an_endless_trickle_is_given_up_in_time(start, monkeypatch):
    monkeypatch.setattr(outbound, "TOTAL_SECONDS", 0.3)

    def trickle(handler):
        try:
            handler.wfile.write(start)
            for _ in range(200):
                handler.wfile.write(b"x")
                handler.wfile.flush()
                time.sleep(0.05)
        except OSError:
            pass

    started = time.monotonic()
    with listening(trickle) as (port, _), pytest.raises(OutboundFailed, match="in time"):
        make(LOOPBACK).fetch(f"http://127.0.0.1:{port}/")
    assert time.monotonic() - started < 5


def test_silence_is_given_up_in_time(monkeypatch):
    monkeypatch.setattr(outbound, "CONNECT_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as mute, pytest.raises(OutboundFailed, match="in time"):
        make(LOOPBACK).post_form(f"http://127.0.0.1:{mute.getsockname()[1]}/", {"a": "b"})


def test_R02_slow_addresses_leave_room_for_everything_else(monkeypatch):
    monkeypatch.setattr(outbound, "PLACE_SECONDS", 0.2)
    until, at_work = threading.Event(), threading.Semaphore(0)

    def hang(handler):
        at_work.release()
        until.wait(4)
        say()(handler)

    service = make(LOOPBACK)
    with listening(hang) as (port, asked), ThreadPoolExecutor(outbound.FETCHES_AT_ONCE) as pool:
        waiting = [pool.submit(service.fetch, f"http://127.0.0.1:{port}/") for _ in range(outbound.FETCHES_AT_ONCE)]
        for _ in waiting:
            assert at_work.acquire(timeout=3)
        started = time.monotonic()
        with pytest.raises(OutboundBusy):
            service.fetch(f"http://127.0.0.1:{port}/")
        assert time.monotonic() - started < 1
        until.set()
        assert all(one.result().body == b"{}" for one in waiting)
        assert service.fetch(f"http://127.0.0.1:{port}/").body == b"{}"

    assert len(asked) == outbound.FETCHES_AT_ONCE + 1
    # Most of what a process works on at once is left for everybody else.
    assert outbound.FETCHES_AT_ONCE * 2 < AT_WORK


def test_nobody_there_is_said_so():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(OutboundFailed, match="connection"):
        make(LOOPBACK).fetch(f"http://127.0.0.1:{port}/")


def test_a_form_is_posted_and_its_status_told():
    got = []

    def answer(handler):
        length = int(handler.headers["Content-Length"])
        got.append((handler.headers["Content-Type"], handler.headers["Host"], handler.rfile.read(length)))
        say(b"busy", 503)(handler)

    with listening(answer) as (port, _):
        assert make(LOOPBACK).post_form(f"http://127.0.0.1:{port}/out", {"logout_token": "a.b+c", "ü": "&"}) == 503

    assert got == [
        ("application/x-www-form-urlencoded", f"127.0.0.1:{port}", b"logout_token=a.b%2Bc&%C3%BC=%26"),
    ]


# TLS


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    """A certificate authority of one's own: the file with its certificate, and a server's context."""
    context, root = of_loopback(tmp_path_factory.mktemp("authority"))
    return root, context


def test_a_private_authority_is_trusted_when_it_is_named(authority):
    root, context = authority
    with listening(say(), tls=context) as (port, asked):
        make(LOOPBACK, root).fetch(f"https://localhost:{port}/keys")

    assert asked == ["/keys"]


def test_a_certificate_of_an_unknown_authority_is_refused(authority):
    _, context = authority
    with listening(say(), tls=context) as (port, asked), pytest.raises(OutboundFailed, match="certificate"):
        make(LOOPBACK).fetch(f"https://localhost:{port}/keys")

    assert asked == []


def test_a_certificate_for_another_name_is_refused(authority, monkeypatch):
    root, context = authority
    real = socket.getaddrinfo
    monkeypatch.setattr(socket, "getaddrinfo", lambda _host, port, *a, **n: real("127.0.0.1", port, *a, **n))
    with listening(say(), tls=context) as (port, asked), pytest.raises(OutboundFailed, match="certificate"):
        make(LOOPBACK, root).fetch(f"https://notes.example.com:{port}/keys")

    assert asked == []
