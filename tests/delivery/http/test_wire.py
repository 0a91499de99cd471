"""Heads of requests are read as RFC 9112 has it."""

from contextlib import suppress
from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from traingauge.delivery.http.wire import Request, RequestError, Response, _date, parse, render


@pytest.mark.parametrize(
    ("version", "connection", "keeps"),
    [
        ("HTTP/1.1", None, True),
        ("HTTP/1.1", "close", False),
        ("HTTP/1.1", "Upgrade, Close", False),
        ("HTTP/1.0", None, False),
        ("HTTP/1.0", "Keep-Alive", True),
    ],
)
def test_a_connection_is_kept_as_version_and_connection_header_say(
    version: str, connection: str | None, keeps: bool
) -> None:
    head = f"GET / {version}\r\nHost: here" + (f"\r\nConnection: {connection}" if connection else "")
    assert parse(head.encode()).keeps is keeps


@pytest.mark.parametrize("header", ["Content-Length: 5", "Transfer-Encoding: chunked"])
def test_a_request_with_a_body_ends_its_connection(header: str) -> None:
    assert not parse(f"GET / HTTP/1.1\r\n{header}".encode()).keeps


@pytest.mark.parametrize("target", ["/metrics", "/metrics?x=1", "http://here:9100/metrics?x=1"])
def test_a_query_and_a_proxys_whole_address_lead_to_the_path(target: str) -> None:
    assert parse(f"GET {target} HTTP/1.1".encode()).path == "/metrics"


def test_the_whole_address_of_a_host_alone_is_its_root() -> None:
    assert parse(b"GET http://here HTTP/1.1").path == "/"


def test_repeated_headers_are_joined() -> None:
    head = b"GET / HTTP/1.1\r\nAccept: text/plain\r\naccept:  text/html "
    assert parse(head).headers == {"accept": "text/plain, text/html"}


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"", 400),
        (b"GET /", 400),
        (b"GET  / HTTP/1.1", 400),
        (b"GET / some thing HTTP/1.1", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
        (b"GET / SPDY/3", 400),
        (b"PRI * HTTP/2.0", 505),
        (b"GET / HTTP/1.1\r\nno colon", 400),
        (b"GET / HTTP/1.1\r\n: nameless", 400),
        (b"GET / HTTP/1.1\r\nSpaced : name", 400),
        (b"GET / HTTP/1.1\r\n folded: line", 400),
    ],
)
def test_what_is_no_http_request_is_an_error_with_its_status(head: bytes, status: int) -> None:
    with pytest.raises(RequestError) as caught:
        parse(head)
    assert caught.value.status == status


@given(st.binary(max_size=200) | st.builds(lambda rest: b"GET / HTTP/1.1\r\n" + rest, st.binary()))
def test_any_bytes_are_a_request_or_a_request_error(head: bytes) -> None:
    with suppress(RequestError):
        assert isinstance(parse(head), Request)


def test_the_answer_to_a_head_has_the_length_but_not_the_body() -> None:
    response = Response(b"body")
    whole, head = render(response, keeps=True), render(response, keeps=True, head_only=True)
    assert b"Content-Length: 4\r\n" in head
    assert head.endswith(b"\r\n\r\n")
    assert whole.endswith(b"\r\n\r\nbody")


@given(st.integers(0, 4_000_000_000))
def test_dates_are_those_of_the_standard_library(unix: int) -> None:
    assert _date(unix) == formatdate(unix, usegmt=True)
