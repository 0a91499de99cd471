"""Which ``Host`` headers an endpoint on the loopback answers.

A web page can let its own domain name lead to 127.0.0.1 and then read what is served there (DNS rebinding). Its requests
carry that name. Names that no one can register lead to this machine by the user's own will: addresses, names without a dot,
and those below the reserved domains.
"""

from __future__ import annotations

import re
import socket

_RESERVED = (".localhost", ".local", ".internal", ".home.arpa", ".test")
_ADDRESS = re.compile(r"[0-9]+(\.[0-9]+){3}|\[[0-9A-Fa-f:.%]+\]")


def is_loopback(host: str) -> bool:
    """Whether an address to listen on can be reached from this machine alone.

    >>> is_loopback("127.0.0.1"), is_loopback("0.0.0.0")
    (True, False)
    """
    return host in {"localhost", "::1"} or re.fullmatch(r"127(\.[0-9]+){3}", host) is not None


def is_expected(header: str, advertised: str | None = None) -> bool:
    """Whether a ``Host`` header names this machine, or is missing, as in HTTP/1.0.

    Args:
        header: The header.
        advertised: Host by which others reach the endpoint, with or without a port.

    >>> is_expected("127.0.0.1:9109"), is_expected("evil.example.com")
    (True, False)
    >>> is_expected("runs.example.org", advertised="runs.example.org:9109")
    True
    """
    name = _name(header)
    if "." not in name or _ADDRESS.fullmatch(name):
        return True
    return name.endswith(_RESERVED) or name in {socket.gethostname().lower(), _name(advertised or "")}


def _name(host: str) -> str:
    return re.sub(r":[0-9]*$", "", host).rstrip(".").lower()
