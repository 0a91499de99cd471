"""When to look at a model's weights: as often as that costs next to nothing."""

from __future__ import annotations

import time

#: Largest share of the time of training that looking at the weights may take, not counting the look when it ends.
SHARE = 0.01

#: Longest time, in seconds, between two looks: alerts look back over five minutes.
LONGEST = 120.0


class WeightCheck:
    """Counts the trainable weights, as tensors, that hold NaN or infinite values."""

    def __init__(self) -> None:
        self._due_at = 0.0

    def look(self, *, now: bool = False) -> int | None:
        """The count, if the last one is long enough ago; else ``None``.

        Args:
            now: Whether to count in any case.
        """
        began = time.perf_counter()
        if began < self._due_at and not now:
            return None
        self._due_at = began + LONGEST  # if it fails
        self._prepare()
        began = time.perf_counter()  # what is done once says nothing about the next time
        found = self._counted()
        done = time.perf_counter()
        self._due_at = done + min((done - began) / SHARE, LONGEST)
        return found

    def _prepare(self) -> None:
        """What need not be done each time."""

    def _counted(self) -> int | None:
        """The count; ``None`` where the weights cannot be read now."""
        raise NotImplementedError
