"""Batches on their way to training: how long it waits for each, and what their features are."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

from traingauge.core.events import DataWaits
from traingauge.core.recorder import Recorder
from traingauge.reference.tables import split_batch

T = TypeVar("T")


def watch(
    recorder: Recorder, batches: Iterable[T], features: Callable[[Any], Any] | bool = False
) -> Iterator[T]:
    """The same batches; see :meth:`traingauge.ModelMonitor.watch`."""
    if not recorder.enabled:
        yield from batches
        return
    source = iter(batches)
    while True:
        started = time.perf_counter()
        try:
            batch = next(source)
        except StopIteration:
            return
        recorder.record(DataWaits((time.perf_counter() - started,)))
        if features is not False:
            first, _ = split_batch(batch)
            recorder.see(first if features is True else features(first))
        yield batch
