"""How a request can fail: for now, or for good."""

from __future__ import annotations

#: Why samples are given up, in words, by the reason under which they are counted.
GIVEN_UP = {
    "refused": "the receiver refuses them",
    "order": "the receiver has newer samples of their series",
    "age": "they are too old for the receiver; `traingauge state export` writes them for an import",
    "log": "the log had become too large and deleted their rows",
    "memory": "memory could not hold more readings",
    "clock": "the clock was set back, and they were recorded before, in the future",
    "crowded": "their series has more than a thousand a second",
}


class UnavailableError(ConnectionError):
    """Nothing is known to have been taken, and a later attempt may succeed.

    Args:
        reason: One of :data:`traingauge.core.collectors.delivery.FAILURES`.
        message: What happened.
        unknown: Whether the receiver may have taken the request all the same.
        wait: Seconds that the receiver asks to wait.
    """

    def __init__(self, reason: str, message: str, *, unknown: bool = False, wait: float = 0.0) -> None:
        super().__init__(message)
        self.reason, self.unknown, self.wait = reason, unknown, wait


class RefusedError(ConnectionError):
    """The receiver refuses what was sent, and will refuse it again.

    Args:
        reason: ``order``, ``age`` or ``refused``, as in :data:`traingauge.core.collectors.delivery.DROPPED`.
        message: What it said.
        taken: Samples that it has taken all the same; ``None`` if it does not say.
    """

    def __init__(self, reason: str, message: str, taken: int | None = None) -> None:
        super().__init__(message)
        self.reason, self.taken = reason, taken
