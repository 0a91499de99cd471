"""The cost of a callback to Keras, and of what is computed in the graph, compared with Keras' own metrics.

The callback alone is seen where the train function does nothing. Peers are taken by wall clock, because some of them work in
threads of their own and still take training's time.
"""

from __future__ import annotations

import importlib
import logging
import os
import tempfile
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from prometheus_client import CollectorRegistry, Gauge

from benchmarks.cost.harness import NULL, Arm, Check, Row, race
from benchmarks.peers import missing
from traingauge import ModelMonitor

#: Steps of one ``fit``, enough for its start and end to be negligible; for a peer that takes milliseconds; for quick ones.
STEPS, PEER_STEPS, FEWER, FEWER_OF_PEERS = 5_000, 100, 2_000, 30

PEERS = ("tensorboard", "wandb", "mlflow")

#: Samples a step of the small network, its inputs and its classes; steps of one ``fit``, and of a quick one.
BATCH, INPUTS, CLASSES, REAL_STEPS, FEWER_REAL = 256, 64, 10, 200, 15


def measure(seconds: float) -> list[Row]:
    """A step with each callback, and with none; of nothing, and of a small network."""
    absent = missing(["keras", "tensorflow", *PEERS])
    if {"keras", "tensorflow"} & set(absent):
        return [Row("A Keras step, with nothing to compute", "a step", [], missing=absent)]
    return [_of_nothing(seconds * 2 / 3, absent), _of_a_network(seconds / 3)]


def _of_nothing(seconds: float, absent: dict[str, str]) -> Row:
    with tempfile.TemporaryDirectory() as folder, ModelMonitor("bench", delivery=[]) as monitor:
        steps, of_peers = (STEPS, PEER_STEPS) if seconds > 10 else (FEWER, FEWER_OF_PEERS)
        bare = _arm("no callback", list, steps)
        found = race(
            [
                bare,
                _arm("four Gauge.set a batch", lambda: [_gauges()], steps),
                _arm("traingauge: the callback", lambda: [of_monitor(monitor)], steps, ours=True),
            ],
            seconds / 2,
        )
        arms = []
        for module in PEERS:
            if module not in absent:
                callback = of_peer(module, folder)
                arms.append(_arm(f"{module}, by wall clock", lambda callback=callback: [callback], of_peers))
        peers = race([_arm("no callback, by wall clock", list, FEWER), *arms], seconds / 2, time.perf_counter)
        peers.pop(NULL)
        if "wandb" not in absent:
            importlib.import_module("wandb").finish()
    alone = found["no callback"].seconds * 1e6
    more = (found["traingauge: the callback"].ratio - 1) * alone
    return Row(
        title="A Keras step, with nothing to compute",
        unit="a step",
        figures=[*found.values(), *peers.values()],
        checks=[Check("µs that the callback adds to a step", more, 5)],
        missing=absent,
        note=f"Keras alone takes {alone:.0f} µs. What traingauge computes inside the graph does not show: there is none. "
        "TensorBoard writes every batch, Weights & Biases is offline, MLflow writes to local files.",
    )


def _of_a_network(seconds: float) -> Row:
    """By processor time of all threads: TensorFlow has its own."""
    from keras import metrics

    def of_classes() -> list[Any]:
        return [metrics.F1Score(), metrics.AUC(multi_label=True, num_labels=CLASSES)]

    steps = REAL_STEPS if seconds > 10 else FEWER_REAL
    with ModelMonitor("bench", delivery=[]) as monitor:
        found = race(
            [
                _network("no metric, no callback", steps),
                _network("keras.metrics: accuracy", steps, lambda: [metrics.CategoricalAccuracy()]),
                _network("keras.metrics: F1Score, AUC", steps, of_classes),
                _network(
                    "traingauge: the callback", steps, callbacks=lambda: [of_monitor(monitor)], ours=True
                ),
            ],
            seconds,
            time.process_time,
        )
    return Row(
        title=f"A Keras step of a small network: {BATCH} samples, {CLASSES} classes",
        unit="a step",
        figures=list(found.values()),
        note=f"{INPUTS} inputs, 128 hidden units, processor time of all threads. Traingauge keeps the confusion matrix, log "
        "loss, Brier score, top-k accuracy and calibration of every step; ranking is for evaluation passes alone.",
    )


def of_monitor(monitor: ModelMonitor) -> Any:
    """The callback of a run."""
    from traingauge.integrations.keras import MonitorCallback

    return MonitorCallback(monitor)


def _network(
    name: str,
    steps: int,
    metrics: Callable[[], list[Any]] = list,
    callbacks: Callable[[], list[Any]] = list,
    *,
    ours: bool = False,
) -> Arm:
    import keras

    random = np.random.default_rng(0)
    x = random.normal(size=(BATCH * steps, INPUTS)).astype(np.float32)
    y = np.eye(CLASSES, dtype=np.float32)[random.integers(0, CLASSES, len(x))]
    layers = [keras.layers.Dense(128, "relu"), keras.layers.Dense(CLASSES, "softmax")]
    model = keras.Sequential([keras.Input((INPUTS,)), *layers])
    model.compile("adam", "categorical_crossentropy", metrics=metrics())

    def fit(count: int) -> None:
        for _ in range(count):
            model.fit(x, y, batch_size=BATCH, verbose=0, shuffle=False, callbacks=callbacks())

    return Arm(name, fit, ours=ours, at_once=1, each=steps)


def _arm(name: str, callbacks: Callable[[], list[Any]], steps: int, *, ours: bool = False) -> Arm:
    model = _model()
    data = np.zeros((steps, 4), np.float32), np.zeros((steps, 1), np.float32)

    def fit(count: int) -> None:
        for _ in range(count):
            model.fit(*data, batch_size=1, verbose=0, shuffle=False, callbacks=callbacks())

    return Arm(name, fit, ours=ours, at_once=1, each=steps)


def _model() -> Any:
    import keras

    class Idle(keras.Sequential):
        """Neither takes its batches nor computes anything."""

        def make_train_function(self, force: bool = False) -> Any:
            logs = {"loss": 0.5, "accuracy": 0.9}

            def step(iterator: Any) -> dict[str, float]:
                return logs

            self.train_function = step
            return step

    model = Idle([keras.layers.Input((4,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    return model


def _gauges() -> Any:
    import keras

    registry = CollectorRegistry()
    gauges = [Gauge(name, name, ["model"], registry=registry).labels("m") for name in ("a", "b", "c", "d")]

    class Gauges(keras.callbacks.Callback):
        """Sets what there is, four times."""

        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            for gauge in gauges:
                gauge.set(logs["loss"])

    return Gauges()


def of_peer(module: str, folder: str) -> Any:
    """The callback of a tracker, which writes to a folder."""
    return {"tensorboard": _tensorboard, "wandb": _wandb, "mlflow": _mlflow}[module](folder)


def _tensorboard(folder: str) -> Any:
    import keras

    return keras.callbacks.TensorBoard(f"{folder}/tensorboard", update_freq="batch", write_graph=False)


def _wandb(folder: str) -> Any:
    os.environ |= {"WANDB_MODE": "offline", "WANDB_SILENT": "true", "WANDB_DIR": folder}
    import keras
    import wandb

    run = wandb.init(project="bench", settings=wandb.Settings(x_disable_stats=True))

    class Logging(keras.callbacks.Callback):
        """As its own Keras callback does with every batch."""

        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            run.log(logs)

    return Logging()


def _mlflow(folder: str) -> Any:
    os.environ["MLFLOW_ALLOW_FILE_STORE"] = "true"
    import keras
    import mlflow

    logging.getLogger("mlflow").setLevel(logging.ERROR)  # noqa: TID251 another package
    mlflow.set_tracking_uri(f"file://{folder}/mlflow")
    mlflow.start_run()

    class Logging(keras.callbacks.Callback):
        """As its own Keras callback does with every batch."""

        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            mlflow.log_metrics(logs, step=batch)

    return Logging()
