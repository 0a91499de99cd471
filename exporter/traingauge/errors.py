"""Everything traingauge raises on purpose.

Each error subclasses the builtin that fits, so that a caller may catch either, and says what was given and what fits.
An error *inside* monitoring is never raised into training: see :class:`traingauge.core.recorder.Recorder`.
"""

from __future__ import annotations

from collections.abc import Iterable


class TrainGaugeError(Exception):
    """Base of every error that traingauge raises."""


class InvalidArgumentError(TrainGaugeError, ValueError):
    """An argument has the right type and a value that does not fit."""


class InvalidTypeError(TrainGaugeError, TypeError):
    """An argument has a type that does not fit."""


class ShapeError(InvalidArgumentError):
    """Arrays whose shapes or lengths do not go together."""


class LabelError(InvalidArgumentError):
    """A class label outside of the classes of the run."""


class UnknownNameError(TrainGaugeError, LookupError):
    """A name (of a split, a metric, a statistic ...) that is none of the known ones.

    >>> print(UnknownNameError("split", "valid", ["train", "validation", "test"]))
    unknown split 'valid': expected one of 'train', 'validation', 'test'
    """

    def __init__(self, what: str, given: object, known: Iterable[str]) -> None:
        self.what, self.given, self.known = what, given, tuple(known)
        expected = ", ".join(map(repr, self.known))
        super().__init__(f"unknown {what} {given!r}: expected one of {expected}")


class ReferenceMismatchError(InvalidArgumentError):
    """Data or a model that does not fit the reference it is compared with."""


class DamagedFileError(TrainGaugeError, ValueError):
    """A file of ours that is truncated, altered, or written by a newer version."""


class NewerFileError(DamagedFileError):
    """A file of ours that a newer version wrote: sound, and not to be read by this one."""


class StateInUseError(TrainGaugeError, OSError):
    """A state directory that belongs to a live process."""


class StateMismatchError(InvalidArgumentError):
    """A state directory that belongs to another run."""


class UnsupportedPlatformError(TrainGaugeError, RuntimeError):
    """An operating system that lacks what is asked for."""


class PortInUseError(TrainGaugeError, OSError):
    """The endpoint's port is taken by another process."""

    def __init__(self, host: str, port: int) -> None:
        self.host, self.port = host, port
        super().__init__(
            f"port {port} on {host} is in use: stop what listens there, pass another port=, "
            "or port=0 for a free one (Prometheus finds it by the discovery file)"
        )


class ClosedError(TrainGaugeError, RuntimeError):
    """The run is over: it takes no further steps."""


class UnsupportedBackendError(TrainGaugeError, RuntimeError):
    """A framework's backend that the integration does not support."""
