"""The exceptions that traingauge raises.

Each one also subclasses the builtin that fits, so that callers can catch either, and its message says what was given and
what was expected. Errors *inside* monitoring never reach the training code: see :class:`traingauge.core.guard.Guard`.
"""

from __future__ import annotations

from collections.abc import Iterable

#: Longest text of a value in a message.
_SHOWN = 200


def shown(value: object) -> str:
    """A value as messages show it: bounded, and even if it cannot be shown, as an array that was donated to JAX.

    >>> shown("high"), len(shown([0.5] * 10_000))
    ("'high'", 201)
    """
    try:
        text = repr(value)
    except Exception:  # noqa: BLE001 the value is the user's
        return f"<{type(value).__name__}>"
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


class TrainGaugeError(Exception):
    """Base class of all exceptions of traingauge."""


class InvalidArgumentError(TrainGaugeError, ValueError):
    """An argument has the right type but an invalid value."""


class InvalidTypeError(TrainGaugeError, TypeError):
    """An argument has the wrong type."""


class ShapeError(InvalidArgumentError):
    """Arrays have incompatible shapes or lengths."""


class LabelError(InvalidArgumentError):
    """A label is not one of the run's classes."""


class UnknownNameError(TrainGaugeError, LookupError):
    """A name, of a split, a metric, a statistic and so on, is not a known one.

    >>> print(UnknownNameError("split", "valid", ["train", "validation", "test"]))
    unknown split 'valid': expected one of 'train', 'validation', 'test'
    """

    def __init__(self, what: str, given: object, known: Iterable[str]) -> None:
        self.what, self.given, self.known = what, given, tuple(known)
        expected = ", ".join(map(repr, self.known))
        super().__init__(f"unknown {what} {shown(given)}: expected one of {expected}")


class ReferenceMismatchError(InvalidArgumentError):
    """Data or a model does not match the reference that it is compared with."""


class DamagedFileError(TrainGaugeError, ValueError):
    """A traingauge file is truncated, altered, of another kind, or written by a newer version."""


class NewerFileError(DamagedFileError):
    """A traingauge file is intact, but was written by a newer version that this one cannot read."""


class StateDirectoryError(TrainGaugeError, OSError):
    """A state directory cannot be made, read or written."""


class StateInUseError(StateDirectoryError):
    """A state directory is in use by another process."""


class StateLockError(StateDirectoryError):
    """The file system of a state directory cannot lock files."""


class StateMismatchError(InvalidArgumentError):
    """A state directory belongs to another run."""


class UnsupportedPlatformError(TrainGaugeError, RuntimeError):
    """The operating system does not support the requested feature."""


class AddressError(TrainGaugeError, OSError):
    """An address that the endpoint cannot listen on."""


class PortInUseError(AddressError):
    """The port of the endpoint is in use by another process."""

    def __init__(self, host: str, port: int) -> None:
        self.host, self.port = host, port
        super().__init__(
            f"port {port} on {host} is in use: stop what listens there, or use another one; Endpoint(port=0) and "
            "TRAINGAUGE_PORT=0 take a free one (Prometheus finds it by the discovery file)"
        )


class ClosedError(TrainGaugeError, RuntimeError):
    """The run has ended and accepts no further steps."""


class UnsupportedBackendError(TrainGaugeError, RuntimeError):
    """The integration does not support the backend of the framework."""
