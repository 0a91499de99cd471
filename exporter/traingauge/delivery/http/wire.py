"""HTTP/1.1 as bytes: reads the head of a request, writes a response.

The standard library's server is not used: its imports cost a third of numpy's, it needs a thread for each connection, and it
does not limit the size of a whole head.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple

#: What ends the head of a request.
END_OF_HEAD = b"\r\n\r\n"

_REASONS = {
    200: "OK",
    302: "Found",
    400: "Bad Request",
    401: "Unauthorized",
    404: "Not Found",
    405: "Method Not Allowed",
    414: "URI Too Long",
    421: "Misdirected Request",
    431: "Request Header Fields Too Large",
    500: "Internal Server Error",
    505: "HTTP Version Not Supported",
}
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class RequestError(Exception):
    """A request that can only be answered with an error.

    Attributes:
        status: Of the response.
    """

    def __init__(self, status: int, what: str) -> None:
        self.status = status
        super().__init__(what)


class Request(NamedTuple):
    """The head of a request.

    Attributes:
        method: ``GET`` and so on.
        path: Without the query.
        headers: By name in lower case; repeated ones are joined with commas.
        keeps: Whether another request may follow on the connection; not after one with a body, which is never read.
        client: Address of the client, without its port.
    """

    method: str
    path: str
    headers: Mapping[str, str]
    keeps: bool
    client: str = ""


class Response(NamedTuple):
    """A response, whole.

    Attributes:
        body: Omitted in the answer to a HEAD.
        content_type: Of the body.
        status: The code.
        headers: Further headers.
        sent: Called once all of it has been sent.
    """

    body: bytes
    content_type: str = "text/plain; charset=utf-8"
    status: int = 200
    headers: Mapping[str, str] = MappingProxyType({})
    sent: Callable[[], None] | None = None


def parse(head: bytes) -> Request:
    r"""Read the head of a request, without the empty line that ends it.

    Raises:
        RequestError: No HTTP/1 request.

    >>> request = parse(b"GET /metrics?a=1 HTTP/1.1\r\nHost: here")
    >>> request.method, request.path, request.headers, request.keeps
    ('GET', '/metrics', {'host': 'here'}, True)
    """
    line, *fields = head.decode("latin-1").split("\r\n")
    method, target, version = _request_line(line)
    headers: dict[str, str] = {}
    for one in fields:
        name, colon, value = one.partition(":")
        if not colon or not name or name != name.strip():
            raise RequestError(400, f"{one!r} is no header")
        name, value = name.lower(), value.strip()
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    options = {option.strip() for option in headers.get("connection", "").lower().split(",")}
    keeps = "keep-alive" in options if version == "HTTP/1.0" else "close" not in options
    has_body = headers.get("content-length", "0") != "0" or "transfer-encoding" in headers
    return Request(method, _path(target), headers, keeps and not has_body)


def render(response: Response, *, keeps: bool, head_only: bool = False) -> bytes:
    """The bytes of a response."""
    headers = {
        "Server": "traingauge",
        "Date": _date(time.time()),
        "Content-Type": response.content_type,
        "Content-Length": str(len(response.body)),
        "X-Content-Type-Options": "nosniff",
        "Connection": "keep-alive" if keeps else "close",
        **response.headers,
    }
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    head = f"HTTP/1.1 {response.status} {_REASONS[response.status]}\r\n{lines}\r\n".encode("latin-1")
    return head if head_only else head + response.body


def _request_line(line: str) -> tuple[str, str, str]:
    parts = line.split(" ")
    if len(parts) != 3 or not all(parts):
        raise RequestError(400, f"{line[:100]!r} is no request line")
    method, target, version = parts
    if not version.startswith("HTTP/1."):
        raise RequestError(505 if version.startswith("HTTP/") else 400, f"{version[:20]!r} is not HTTP/1.1")
    return method, target, version


def _path(target: str) -> str:
    """The path of a target; the client of a proxy may send a whole address."""
    if target.startswith("http://"):
        target = "/" + target.removeprefix("http://").partition("/")[2]
    return target.partition("?")[0]


def _date(unix: float) -> str:
    """A date in the format of HTTP, in any locale.

    >>> _date(0)
    'Thu, 01 Jan 1970 00:00:00 GMT'
    """
    now = time.gmtime(unix)
    day, month = _DAYS[now.tm_wday], _MONTHS[now.tm_mon - 1]
    clock = f"{now.tm_hour:02d}:{now.tm_min:02d}:{now.tm_sec:02d}"
    return f"{day}, {now.tm_mday:02d} {month} {now.tm_year} {clock} GMT"
