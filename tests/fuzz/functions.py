"""Every public function and setting, with hostile values in place of some of its arguments."""

from __future__ import annotations

import contextlib
import inspect
import io
import tempfile
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import strategies as st

from tests.fuzz import outside
from tests.fuzz.probe import call, shown
from tests.fuzz.values import NAMES, NUMBERS, THINGS, anything, arrays, tables
from traingauge import (
    Adwin,
    Alertmanager,
    Canary,
    Cusum,
    Drift,
    Endpoint,
    Ewma,
    ModelMonitor,
    PageHinkley,
    Pushgateway,
    Reference,
    ReferenceRun,
    RemoteWrite,
    RobustZ,
    Scoring,
    State,
    TextFile,
    export,
)
from traingauge.core.families import Identity
from traingauge.core.guard import Guard
from traingauge.delivery.alertmanager import AlertSender
from traingauge.testing import InMemory

#: What a call needs: a function, and arguments that fit.
Call = tuple[Callable[..., Any], Mapping[str, Any]]

#: Arguments that are a user's own functions, whose errors are the user's.
_OWN = ("predict", "batches")


@cache
def _folder() -> Path:
    return Path(tempfile.mkdtemp(prefix="traingauge-fuzz-"))


@cache
def table() -> np.ndarray:
    """Features of 60 samples."""
    return np.random.default_rng(0).normal(size=(60, 3))


@cache
def reference() -> Reference:
    """A reference of these features, with labels."""
    return Reference.from_data(table(), y_true=table()[:, 0] > 0)


@cache
def canary() -> Canary:
    """A canary of a model that doubles."""
    return Canary.record("m", lambda x: 2 * x, [1.0, 2.0])


@cache
def monitor() -> ModelMonitor:
    """A run that is long enough for a reference run."""
    run = ModelMonitor("m", run="r", delivery=[], reference=reference())
    for step in range(60):
        run.step(loss=1 / (step + 1), y_true=[0, 1], y_pred=[0, 1], features=table()[:2])
    return run


@cache
def _sender() -> AlertSender:
    return AlertSender([], Identity("m", "r"), Guard())


def defaults(function: Callable[..., Any]) -> dict[str, Any]:
    """Arguments of a function that may be given by name, with their defaults."""
    parameters = inspect.signature(function).parameters.values()
    return {
        one.name: one.default
        for one in parameters
        if one.kind in (one.POSITIONAL_OR_KEYWORD, one.KEYWORD_ONLY)
    }


def _made(**given: Any) -> None:
    with ModelMonitor(**given) as made:
        made.step(loss=0.5)


def _summed(first: Any, second: Any) -> Any:
    return Reference.from_data(first) + Reference.from_data(second)


def _loaded(kind: Any) -> Callable[..., Any]:
    """Loads a file whose bytes are given."""

    def load(content: Any) -> Any:
        path = _folder() / "hostile"
        path.write_bytes(content if isinstance(content, bytes) else shown(content).encode("utf-8", "replace"))
        return kind.load(path)

    return load


def _exported(rows: Any) -> str:
    tables = {"train": rows} if isinstance(rows, dict) else monitor().rows()
    out = io.StringIO()
    export.write_csv({"train": tables} if tables is not rows else {}, out)
    return out.getvalue()


def _recorded(run: Any) -> Any:
    return ReferenceRun.record(run)


def _busy(what: Any, at_most: Any) -> None:
    with monitor().busy(what, at_most=at_most):
        pass


def _watched(batch: Any, features: Any) -> None:
    for _ in monitor().watch([batch], features=features):
        pass


def _updated(kind: type) -> Callable[..., Any]:
    def update(value: Any) -> Any:
        detector = kind()
        return [detector.update(one) for one in (0.5, value, 0.25)]

    return update


def _predicted(outputs: Any) -> None:
    monitor().canary(canary(), lambda _: outputs)


def _plotted(column: Any) -> None:
    import matplotlib.pyplot

    monitor().plot(column)
    matplotlib.pyplot.close("all")


def _published(metric: Any, split: Any) -> None:
    published = InMemory()
    with ModelMonitor("m", delivery=[published]):
        published.value(metric, split=split)


FUNCTIONS: dict[str, Callable[[], Call]] = {
    "ModelMonitor": lambda: (_made, {**defaults(ModelMonitor), "model": "m", "delivery": []}),
    "Scoring": lambda: (Scoring, defaults(Scoring)),
    "Drift": lambda: (Drift, {**defaults(Drift), "reference": reference()}),
    "State": lambda: (State, {**defaults(State), "directory": _folder() / "state"}),
    "Endpoint": lambda: (Endpoint, defaults(Endpoint)),
    "RemoteWrite": lambda: (RemoteWrite, {**defaults(RemoteWrite), "url": "http://127.0.0.1:9"}),
    "Pushgateway": lambda: (Pushgateway, {**defaults(Pushgateway), "url": "http://127.0.0.1:9"}),
    "TextFile": lambda: (TextFile, {**defaults(TextFile), "directory": _folder()}),
    "Alertmanager": lambda: (Alertmanager, {**defaults(Alertmanager), "url": "http://127.0.0.1:9"}),
    **{
        kind.__name__: lambda kind=kind: (kind, defaults(kind))
        for kind in (Adwin, Cusum, Ewma, PageHinkley, RobustZ)
    },
    **{
        f"{kind.__name__}.update": lambda kind=kind: (_updated(kind), {"value": 0.5})
        for kind in (Adwin, Cusum, Ewma, PageHinkley, RobustZ)
    },
    "Reference.from_data": lambda: (
        Reference.from_data,
        {**defaults(Reference.from_data), "features": table()},
    ),
    "Reference.from_data, images": lambda: (
        Reference.from_data,
        {"features": np.zeros((4, 8, 8, 3)), "of": "images", "y_true": None},
    ),
    "Reference.from_data, tokens": lambda: (
        Reference.from_data,
        {"features": [[1, 2], [3, 0]], "of": "tokens", "y_true": None},
    ),
    "Reference.from_batches": lambda: (
        lambda batch, **rest: Reference.from_batches([batch, batch], **rest),
        {"batch": table(), "of": "table", "feature_names": None, "categorical": (), "first_row": 0},
    ),
    "Reference + Reference": lambda: (_summed, {"first": table(), "second": table()}),
    "Reference.calibrate": lambda: (
        reference().calibrate,
        {"window": 20, "false_alarm_rate": 0.1, "resamples": 100, "seed": 0},
    ),
    "Reference.reduce": lambda: (reference().reduce, {"samples": table()}),
    "Reference.save": lambda: (reference().save, {"path": _folder() / "reference"}),
    "Reference.load": lambda: (Reference.load, {"path": _folder() / "none"}),
    "Reference.load, its bytes": lambda: (_loaded(Reference), {"content": b""}),
    "Canary.record": lambda: (
        Canary.record,
        {"model": "m", "predict": lambda x: x, "inputs": [1.0], "tolerance": 0.1},
    ),
    "Canary.compare": lambda: (canary().compare, {"outputs": [1.0, 2.0]}),
    "Canary.save": lambda: (canary().save, {"path": _folder() / "canary"}),
    "Canary.load": lambda: (Canary.load, {"path": _folder() / "none"}),
    "Canary.load, its bytes": lambda: (_loaded(Canary), {"content": b""}),
    "ReferenceRun.record": lambda: (_recorded, {"run": monitor()}),
    "ReferenceRun.load": lambda: (ReferenceRun.load, {"path": _folder() / "none"}),
    "ReferenceRun.load, its bytes": lambda: (_loaded(ReferenceRun), {"content": b""}),
    "rows": lambda: (monitor().rows, {"split": "train"}),
    "frame": lambda: (monitor().frame, {"split": "train"}),
    "plot": lambda: (_plotted, {"column": "loss"}),
    "evaluation": lambda: (monitor().evaluation, {"split": "test"}),
    "watch": lambda: (_watched, {"batch": table(), "features": True}),
    "resume_at": lambda: (monitor().resume_at, {"step": 0}),
    "canary": lambda: (monitor().canary, {"canary": canary(), "predict": lambda x: 2 * x, "every": None}),
    "canary, its outputs": lambda: (_predicted, {"outputs": [2.0, 4.0]}),
    "describe": lambda: (monitor().describe, {"model": "x"}),
    "fit": lambda: (monitor().fit, {"x": 1}),
    "busy": lambda: (_busy, {"what": "upload", "at_most": 60.0}),
    "send_alert": lambda: (
        _sender().send,
        {
            "name": "A",
            "summary": "s",
            "severity": "warning",
            "description": "",
            "labels": None,
            "resolves_after": 300.0,
        },
    ),
    "resolve_alert": lambda: (_sender().resolve, {"name": "A", "labels": None}),
    "InMemory.value": lambda: (_published, {"metric": "model_loss", "split": "train"}),
    **outside.FUNCTIONS,
}

#: Arguments that are data, for which most values are arrays and tables.
_DATA = {"features", "y_true", "y_pred", "samples", "batch", "first", "second", "outputs", "inputs"}


@st.composite
def calls(draw: st.DrawFn, name: str) -> dict[str, Any]:
    """Arguments of a function, one to three of them hostile."""
    _, usual = FUNCTIONS[name]()
    chosen = draw(st.lists(st.sampled_from(sorted(usual)), min_size=1, max_size=3, unique=True))
    return {argument: draw(_hostile(argument)) for argument in chosen}


def _hostile(argument: str) -> st.SearchStrategy[Any]:
    if argument in _DATA:
        return st.one_of(arrays(), tables(), tables(), anything(60), anything())
    few = st.one_of(*map(st.sampled_from, (NUMBERS, NAMES, THINGS)))
    lists = st.lists(few, max_size=3)
    return st.one_of(few, few, lists, st.dictionaries(st.sampled_from(NAMES), few, max_size=2), anything())


def check(name: str, hostile: dict[str, Any]) -> None:
    """Call a function with these arguments in place of the usual ones."""
    function, usual = FUNCTIONS[name]()
    given = {
        argument: value
        for argument, value in hostile.items()
        if not (argument in _OWN and callable(value)) and not (argument == "features" and callable(value))
    }
    with contextlib.chdir(_folder()):  # some of the names are paths
        call(name, function, **{**usual, **given})
