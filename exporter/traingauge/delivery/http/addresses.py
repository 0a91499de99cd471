"""The address by which other machines reach an endpoint."""

from __future__ import annotations

import re
import socket

_WILDCARDS = ("", "0.0.0.0", "::")  # noqa: S104 compared with, not listened on


def address_of(host: str, port: int, advertise: str | None = None) -> str:
    """``host:port`` of an endpoint for other machines.

    Args:
        host: Address that it listens on; the name of this machine replaces a wildcard.
        port: Port that it listens on.
        advertise: Host, or ``host:port``, by which others reach it.

    >>> address_of("127.0.0.1", 9109), address_of("::1", 9109), address_of("0.0.0.0", 9109, "trainer-1:80")
    ('127.0.0.1:9109', '[::1]:9109', 'trainer-1:80')
    """
    found = advertise or (socket.gethostname() if host in _WILDCARDS else host)
    if re.search(r"[^:]:[0-9]+$", found) and (found.count(":") == 1 or "]" in found):
        return found
    return f"[{found}]:{port}" if ":" in found and "]" not in found else f"{found}:{port}"
