"""Batches on their way to training: how long it waits for each, and what their features are."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar, cast

from traingauge.core.events import DataWaits
from traingauge.core.recorder import Recorder
from traingauge.errors import InvalidTypeError, shown
from traingauge.reference.tables import split_batch

B = TypeVar("B", bound=Iterable[Any])


def watch(
    recorder: Recorder,
    batches: B,
    features: Callable[[Any], Any] | bool = False,
    *,
    keeps: object = None,
) -> B:
    """The same batches; see :meth:`traingauge.ModelMonitor.watch`.

    Raises:
        InvalidTypeError: Nothing to iterate over, or ``features`` is neither a truth value nor a function.
    """
    if not isinstance(batches, Iterable) and not hasattr(batches, "__getitem__"):
        raise InvalidTypeError(
            f"batches is a {type(batches).__name__}: expected an iterable, such as a DataLoader"
        )
    if not isinstance(features, bool) and not callable(features):
        raise InvalidTypeError(f"features is {shown(features)}: expected True, False or a function")
    if not recorder.enabled:
        return batches
    watched = Watched(recorder, batches, features, keeps)
    return cast("B", iter(watched) if isinstance(batches, Iterator) else watched)


class Watched:
    """A loader that is watched: it has the length and the attributes of the loader, and each iteration starts it again.

    Args:
        recorder: The run.
        batches: The loader.
        features: As in :meth:`traingauge.ModelMonitor.watch`.
        keeps: What must not be lost as long as it is used.
    """

    def __init__(
        self,
        recorder: Recorder,
        batches: Iterable[Any],
        features: Callable[[Any], Any] | bool,
        keeps: object = None,
    ) -> None:
        self._recorder, self._batches, self._features, self._keeps = recorder, batches, features, keeps

    def __iter__(self) -> Iterator[Any]:
        """The batches from the first on."""
        source = iter(self._batches)
        while True:
            started = time.perf_counter()
            try:
                batch = next(source)
            except StopIteration:
                return
            if not self._timed_already():
                self._recorder.record(DataWaits((time.perf_counter() - started,)))
            self._recorder.alive()
            if self._features is not False:
                first, _ = split_batch(batch)
                self._recorder.see(first if self._features is True else self._features(first))
            yield batch

    def _timed_already(self) -> bool:
        """Whether an integration watches the loader in place, and records its waits for the same run."""
        records = getattr(type(self._batches), "_records_waits_of", None)
        return records is not None and bool(records(self._batches, self._recorder))

    def __len__(self) -> int:
        """Length of the loader."""
        return len(self._batches)  # type: ignore[arg-type] # raises the loader's own error if it has none

    def __bool__(self) -> bool:
        """As the loader; without this a loader without length would raise."""
        return bool(self._batches)

    def __getattr__(self, name: str) -> Any:
        """Attributes of the loader."""
        if name.startswith("__") or name == "_batches":  # copies and pickles ask before there is a loader
            raise AttributeError(name)
        return getattr(self._batches, name)
