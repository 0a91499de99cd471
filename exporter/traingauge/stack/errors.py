"""The errors of the native stack."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from traingauge.errors import TrainGaugeError


class StackError(TrainGaugeError):
    """Base of every error of the native stack."""


class MissingProgramsError(StackError, FileNotFoundError):
    """Programs that the stack needs are not installed and could not be installed."""

    def __init__(self, missing: Iterable[str], looked_in: str, advice: str) -> None:
        self.missing = tuple(missing)
        super().__init__(f"not found: {', '.join(self.missing)} (searched {looked_in})\n{advice}")


class OldProgramError(StackError, RuntimeError):
    """An installed server is too old for the shipped files."""

    def __init__(self, program: str, found: str, oldest: str, advice: str) -> None:
        super().__init__(f"{program} is of version {found}: expected {oldest} or newer\n{advice}")


class ConfigError(StackError, ValueError):
    """A configuration that the stack cannot use."""


class ServerDiedError(StackError, RuntimeError):
    """A server ended or did not become ready; the message ends with the tail of its log."""

    def __init__(self, name: str, what: str, log_tail: str) -> None:
        self.name, self.log_tail = name, log_tail
        super().__init__(f"{name} {what}; the end of its log:\n{log_tail or '(empty)'}")


class NotRunningError(StackError, RuntimeError):
    """The stack was asked for a server outside of its ``with`` block."""

    def __init__(self, name: str) -> None:
        super().__init__(f"{name} is not running: a stack runs within its `with` block")


class AlreadyRunningError(StackError, RuntimeError):
    """Another process runs the stack of this directory."""

    def __init__(self, directory: Path, urls: Mapping[str, str]) -> None:
        where = (
            ", ".join(f"{name.capitalize()} at {url}" for name, url in urls.items())
            or "its servers are starting"
        )
        super().__init__(f"the stack of {directory} is already running: {where}; `traingauge down` stops it")


class BackgroundError(StackError, RuntimeError):
    """The stack did not start in the background; the message is what it printed."""

    def __init__(self, printed: str) -> None:
        super().__init__(
            printed.removeprefix("traingauge: ") or "the stack did not start, and printed nothing"
        )


class NotUpError(StackError, RuntimeError):
    """No stack runs in this directory."""

    def __init__(self, ended: str) -> None:
        last = f". The last one {ended}" if ended else ""
        super().__init__(f"nothing is running: start it with `traingauge up`{last}")


class QueryError(StackError, ValueError):
    """Prometheus refused a query."""


class PaceLostError(StackError, RuntimeError):
    """The machine is too busy for the stack's intervals: what happened meanwhile says nothing about the rules."""


class WaitTimeoutError(StackError, TimeoutError):
    """What was waited for did not happen in time."""
