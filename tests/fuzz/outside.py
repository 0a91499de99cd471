"""What the product reads that others wrote: variables, discovery files, registrations, and what servers answer.

Each function takes the parts of a text that fits, so that hostile values stand within it as well as in its place.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

from tests.fuzz.probe import WrongAnswerError, shown
from traingauge import ModelMonitor, logs
from traingauge.cli import runs, sd
from traingauge.cli.logs import by_process
from traingauge.cli.run_status import Reader, UnreadableError
from traingauge.core.collectors.delivery import DeliveryCounts
from traingauge.core.families import Identity
from traingauge.delivery.announcement import Announcement
from traingauge.delivery.leases import Leases
from traingauge.delivery.pushgateway import Group
from traingauge.delivery.target_list import TargetList
from traingauge.delivery.targets import Target, announced
from traingauge.environment import VARIABLES

#: Variables from which a monitor is made that opens nothing.
_MADE_FROM = ("TRAINGAUGE_MODEL", "TRAINGAUGE_RUN", "TRAINGAUGE_LABELS", "TRAINGAUGE_DISABLED")


def _text(value: Any) -> str:
    return value if isinstance(value, str) else shown(value)


def _json(value: Any) -> bytes:
    return json.dumps(value, default=shown, skipkeys=True).encode()


def _variables(**texts: Any) -> None:
    """Every variable is read, and a monitor made from those that open nothing."""
    given = {
        name: os.fsencode(_text(text).encode("utf-8", "replace")).replace(b"\0", b"")
        for name, text in texts.items()
    }
    with patch.dict(os.environb, {os.fsencode(name): text for name, text in given.items()}):
        for variable in VARIABLES:
            variable.read()
    made = {os.fsencode(name): given[name] for name in _MADE_FROM}
    with patch.dict(os.environb, made), ModelMonitor(delivery=[]) as monitor:
        monitor.step(loss=0.5)


def _logged(message: Any, argument: Any, mapping: Any) -> None:
    for arguments in ((), (argument,), ({"a": mapping},)):
        logs.logger.warning(message, *arguments)
    if not all(isinstance(text, str) and len(text) <= logs.LONGEST for _, text in logs.recent):
        raise WrongAnswerError(f"what is kept is no text: {shown(logs.recent)}")


class _Gateway:
    """Answers every question with one text."""

    root = "http://127.0.0.1:9"

    def __init__(self, text: bytes) -> None:
        self._text = text

    def request(self, *_: object, **__: object) -> tuple[bytes, float]:
        return self._text, 1e9


def _listed_groups(listed: Any) -> None:
    group = Group("http://127.0.0.1:9", Identity("m", "r"), None, None, DeliveryCounts())
    group._peer = _Gateway(listed if isinstance(listed, bytes) else _json(listed))  # type: ignore[assignment]
    group.put(b'model_run_end_timestamp_seconds{model="m",run="r"} 1.0\n')
    group.sweep()
    group.remove()


def _groups(*, job: Any, model: Any, run: Any, pushed: Any, ended: Any, state: Any, running: Any) -> None:
    """A Pushgateway lists a group."""
    group = {
        "labels": {"job": job, "model": model, "run": run},
        "push_time_seconds": {"metrics": [{"labels": {}, "value": pushed}]},
        "model_run_end_timestamp_seconds": {"metrics": [{"labels": {}, "value": ended}]},
        "model_run_state": {"metrics": [{"labels": {"state": state}, "value": running}]},
    }
    _listed_groups({"status": "success", "data": [group]})


def _discovered(content: Any) -> None:
    """A discovery file, as a Prometheus, ``runs`` and ``logs`` read it."""
    with TemporaryDirectory() as folder:
        directory = Path(folder)
        (directory / "hostile.json").write_bytes(content if isinstance(content, bytes) else _json(content))
        found = TargetList(directory)
        for noticed in (False, True):
            found.refresh(noticed=noticed)
        _check_list(found.text)
        targets = announced(directory)
        by_process(targets)
        _check_plain(runs.table([_NONE, *(runs.Status(one, one.ended) for one in targets)]))


def _announced(
    *, targets: Any, model: Any, run: Any, path: Any, scheme: Any, ended: Any, name: Any, value: Any
) -> None:
    labels = {
        "model": model,
        "run": run,
        "__metrics_path__": path,
        "__scheme__": scheme,
        "ended": ended,
        _text(name): value,
    }
    _discovered([{"targets": targets, "labels": labels}])


def _registered(body: Any) -> None:
    with TemporaryDirectory() as folder:
        service = sd.Service(Path(folder), None, leases := Leases(), "token")
        service.refresh()
        content = body if isinstance(body, bytes) else _json(body)
        for key, sent in (("0", content), ("1", _OTHER.registration())):
            service.register(f"/runs/{key * 32}", "Bearer token", sent, "127.0.0.1")
        _check_list(b"[%s]" % leases.text)


def _registration(**fields: Any) -> None:
    _registered(fields)


def _read_status(
    *, model: Any, state: Any, health: Any, split: Any, value: Any, step: Any, started: Any
) -> None:
    """An endpoint shows a run."""
    labels = f'model="{_text(model)}",run="r"'
    text = (
        f'model_run_state{{{labels},state="{_text(state)}"}} 1\n'
        f'model_health{{{labels},state="{_text(health)}"}} 1\n'
        f'model_loss{{{labels},split="{_text(split)}"}} {_text(value)}\n'
        f"model_step{{{labels}}} {_text(step)}\n"
        f"model_run_start_timestamp_seconds{{{labels}}} {_text(started)}\n"
    )
    _read_page(text)


def _read_page(text: Any) -> None:
    """An endpoint shows any text."""
    reader = Reader()
    with patch.object(reader, "_answer", lambda _: _text(text)):
        found = reader.read([_NONE.target])
        runs.as_json(found[0])
        _check_plain(runs.table(found))
        with suppress(UnreadableError):
            reader.log(_NONE.target)


_OTHER = Announcement(Identity("m", "other"), "127.0.0.1:8")
_NONE = runs.Status(Target("m", "r", "http://127.0.0.1:9", 0.0), "gone")


def _check_list(text: bytes | None) -> None:
    if not isinstance(json.loads(text or b""), list):
        raise WrongAnswerError(f"Prometheus is given no list: {text!r:.200}")


def _check_plain(table: str) -> None:
    if not all(line.isprintable() for line in table.split("\n")):
        raise WrongAnswerError(f"a table steers the terminal: {table!r:.300}")


#: As ``tests.fuzz.functions.FUNCTIONS``.
FUNCTIONS: dict[str, Callable[[], tuple[Callable[..., Any], Mapping[str, Any]]]] = {
    "variables": lambda: (
        _variables,
        {**{one.name: "" for one in VARIABLES}, "TRAINGAUGE_MODEL": "m"},
    ),
    "log": lambda: (_logged, {"message": "%s", "argument": 1, "mapping": 1}),
    "Pushgateway, its groups": lambda: (
        _groups,
        {
            "job": "traingauge",
            "model": "m",
            "run": "r",
            "pushed": "0",
            "ended": "1",
            "state": "running",
            "running": "1",
        },
    ),
    "Pushgateway, its list": lambda: (_listed_groups, {"listed": {"data": []}}),
    "discovery file": lambda: (
        _announced,
        {
            "targets": ["127.0.0.1:9"],
            "model": "m",
            "run": "r",
            "path": "/m/metrics",
            "scheme": "http",
            "ended": "",
            "name": "team",
            "value": "a",
        },
    ),
    "discovery file, its bytes": lambda: (_discovered, {"content": b"[]"}),
    "registration": lambda: (
        _registration,
        json.loads(Announcement(Identity("m", "r"), "127.0.0.1:9").registration()),
    ),
    "registration, its bytes": lambda: (_registered, {"body": b""}),
    "runs, what an endpoint shows": lambda: (
        _read_status,
        {
            "model": "m",
            "state": "running",
            "health": "healthy",
            "split": "train",
            "value": 0.5,
            "step": 3.0,
            "started": time.time(),
        },
    ),
    "runs, any page": lambda: (_read_page, {"text": ""}),
}
