"""The errors of the native stack."""

from __future__ import annotations

from collections.abc import Iterable


class StackError(Exception):
    """Base of every error of the native stack."""


class MissingProgramsError(StackError, FileNotFoundError):
    """Programs that the stack needs are not installed and could not be installed."""

    def __init__(self, missing: Iterable[str], looked_in: str, advice: str) -> None:
        self.missing = tuple(missing)
        super().__init__(f"not found: {', '.join(self.missing)} (searched {looked_in})\n{advice}")


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


class QueryError(StackError, ValueError):
    """Prometheus refused a query."""


class PaceLostError(StackError, RuntimeError):
    """The machine is too busy for the stack's intervals: what happened meanwhile says nothing about the rules."""


class WaitTimeoutError(StackError, TimeoutError):
    """What was waited for did not happen in time."""
