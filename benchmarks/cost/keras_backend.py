"""A Keras step of a small network on the backend of this process: what the callback adds, next to those of trackers.

``KERAS_BACKEND=torch python -m benchmarks.cost keras_backend``, and so for ``jax`` and ``tensorflow``. By wall clock,
because some trackers work in threads of their own and still take training's time.
"""

from __future__ import annotations

import importlib
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.cost.harness import NULL, Arm, Check, Row, race
from benchmarks.cost.keras_step import PEERS, of_monitor, of_peer
from benchmarks.peers import missing
from traingauge import ModelMonitor

#: Samples in a step, inputs and classes; steps of one ``fit``.
BATCH, INPUTS, CLASSES, STEPS = 64, 64, 10, 300

ALONE, OURS = "no callback", "traingauge: the callback, loss and scores"


def measure(seconds: float) -> Row:
    """A step with each callback, and with none."""
    absent = missing(["keras", *PEERS])
    if "keras" in absent:
        return Row("A Keras step of a small network", "a step", [], missing=absent)
    import keras

    backend = keras.backend.backend()
    if backend == "torch":
        sys.modules["torch"].set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder, ModelMonitor("bench", delivery=[]) as monitor:
        arms = [Arm(ALONE, _fit(list), at_once=1, each=STEPS)]
        arms.append(Arm(OURS, _fit(lambda: [of_monitor(monitor)]), ours=True, at_once=1, each=STEPS))
        for module in PEERS:
            if module not in absent:
                callback = of_peer(module, folder)
                arms.append(Arm(module, _fit(lambda callback=callback: [callback]), at_once=1, each=STEPS))
        found = race(arms, seconds, time.perf_counter)
        if "wandb" not in absent:
            importlib.import_module("wandb").finish()
    base = found[ALONE].seconds
    added = {name: (found[name].ratio - 1) * base * 1e6 for name in found if name not in {NULL, ALONE}}
    peers = [added[module] for module in PEERS if module in added]
    shown = ", ".join(f"{name} {micro:.0f} µs" for name, micro in added.items())
    return Row(
        title=f"A Keras step of a small network on {backend}: {BATCH} samples, {CLASSES} classes, by wall clock",
        unit="a step",
        figures=list(found.values()),
        checks=[Check("µs that the callback adds ÷ least of a tracker", added[OURS] / min(peers), 1.0)]
        if peers
        else [],
        missing=absent,
        note=f"Added: {shown}. Each tracker logs what Keras shows of every batch; traingauge records the step's own loss, "
        "and the labels and outputs behind every score.",
    )


def _fit(callbacks: Callable[[], list[Any]]) -> Callable[[int], None]:
    import keras

    random = np.random.default_rng(0)
    x = random.normal(size=(BATCH * STEPS, INPUTS)).astype(np.float32)
    y = random.integers(0, CLASSES, len(x))
    layers = [keras.layers.Dense(32, "relu"), keras.layers.Dense(CLASSES, "softmax")]
    model = keras.Sequential([keras.Input((INPUTS,)), *layers])
    model.compile("adam", "sparse_categorical_crossentropy")

    def fit(count: int) -> None:
        for _ in range(count):
            model.fit(x, y, batch_size=BATCH, verbose=0, shuffle=False, callbacks=callbacks())

    return fit
