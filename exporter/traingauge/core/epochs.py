"""What was published at the end of each epoch and pass: ``monitor.history``."""

from __future__ import annotations

from collections.abc import Mapping

from traingauge.stats.streaming.not_given import Floats, is_given

#: Before the names of a split's entries, as Keras has it.
PREFIXES = {"train": "", "validation": "val_", "test": "test_"}


class Epochs:
    """Values by name, one an epoch or a pass, with the training step at which each was read.

    >>> epochs = Epochs(); epochs.add("validation", 10, {"loss": 0.5}); epochs.add("validation", 20, {"loss": 0.4})
    >>> epochs.roll_back(10); epochs.values()
    {'val_loss': [0.5]}
    """

    def __init__(self) -> None:
        self._entries: dict[str, list[tuple[int, float]]] = {}

    def add(self, split: str, step: int, values: Mapping[str, float]) -> None:
        """Add what a split reads after ``step`` training steps."""
        for name, value in values.items():
            self._entries.setdefault(PREFIXES[split] + name, []).append((step, value))

    def roll_back(self, step: int) -> None:
        """Training continues from an earlier step: forget what was read after it."""
        self._entries = {
            name: [entry for entry in entries if entry[0] <= step] for name, entries in self._entries.items()
        }

    def values(self) -> dict[str, list[float]]:
        """The values by name, as a copy."""
        return {name: [value for _, value in entries] for name, entries in self._entries.items()}

    def restore(self, split: str, columns: Mapping[str, Floats]) -> None:
        """Take what a split had, by name; ``step`` is one of them."""
        for name, values in columns.items():
            if name != "step":
                there = is_given(values)
                entries = zip(
                    columns["step"][there].astype(int).tolist(), values[there].tolist(), strict=True
                )
                self._entries[PREFIXES[split] + name] = list(entries)
