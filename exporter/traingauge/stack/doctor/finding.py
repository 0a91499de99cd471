"""What a check has found."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from .subject import Subject

_LOGIN = re.compile(r"(?<=://)[^/?#@\s]+@")

Status = Literal["ok", "warning", "problem", "skipped"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One fact about the way.

    Attributes:
        status: ``problem`` if something does not work, ``warning`` if it may not, ``skipped`` if it could not be looked at.
        text: The fact.
        advice: How to mend it; empty if there is nothing to mend.
    """

    status: Status
    text: str
    advice: str = ""

    def without_logins(self) -> Finding:
        """As it may be shown: the addresses in it, also those that errors of libraries quote, without user and password.

        >>> Finding("ok", "Prometheus answers at http://me:secret@example.org:9090").without_logins().text
        'Prometheus answers at http://***@example.org:9090'
        """
        return Finding(self.status, _LOGIN.sub("***@", self.text), _LOGIN.sub("***@", self.advice))


Check = Callable[[Subject], Iterator[Finding]]


def ok(text: str) -> Finding:
    """Something works."""
    return Finding("ok", text)


def problem(text: str, advice: str) -> Finding:
    """Something does not work."""
    return Finding("problem", text, advice)


def warning(text: str, advice: str) -> Finding:
    """Something may not work."""
    return Finding("warning", text, advice)


def skipped(text: str, advice: str = "") -> Finding:
    """Something could not be looked at."""
    return Finding("skipped", text, advice)
