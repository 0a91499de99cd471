"""Many runs at once on one Pushgateway: how long a push takes, and what is left in the end."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.delivery.servers import PushgatewayServer, get, processor_seconds

#: Seconds between two pushes of a run, half of the default, and from its end until its group is deleted.
EVERY, SHOWN = 15.0, 5.0

#: Seconds that each run trains, by how they start: one after the other within the time between two pushes, or at once.
STARTS = {"spread": 40.0, "at once": 20.0}

#: A process of one run after the other; each begins with a line that says when, and ends with a line of its pushes.
RUN = f"""
import json, sys, threading, time
import numpy as np
from traingauge import ModelMonitor, Pushgateway, Scoring
from traingauge.delivery import pushgateway
url, name = sys.argv[1:]
pushes, put = [], pushgateway.Group.put
def timed(group, text):
    began = time.monotonic()
    try:
        put(group, text)
    except BaseException:
        pushes.append(None)
        raise
    pushes.append(time.monotonic() - began)
pushgateway.Group.put = timed
labels = np.arange(32) % 4
print("ready", flush=True)
for line in sys.stdin:
    at, seconds = json.loads(line)
    time.sleep(max(0.0, at - time.monotonic()))
    delivery = Pushgateway(url, every={EVERY}, delete_after={SHOWN})
    with ModelMonitor("bench", run=name, scoring=Scoring("multiclass"), delivery=[delivery]) as monitor:
        step = 0
        while time.monotonic() < at + seconds:
            step += 1
            guesses = np.where(np.arange(32) < 8, 0, labels)
            monitor.step(loss=1 / step, y_true=labels, y_pred=guesses, learning_rate=0.1, gradient_norm=2.0)
            time.sleep(0.2)
    for thread in threading.enumerate():
        if thread.name == "traingauge-end":
            thread.join()
    print(json.dumps(pushes), flush=True)
    pushes.clear()
"""


def many_runs(count: int) -> dict[str, Any]:
    """Train that many times at once, with each kind of start.

    Args:
        count: Number of processes, each with one run.
    """
    gateway = PushgatewayServer()
    try:
        with _processes(count, gateway.address) as processes:
            return {
                "runs": count,
                "every": EVERY,
                **{kind: _measure(kind, seconds, processes, gateway) for kind, seconds in STARTS.items()},
            }
    finally:
        gateway.stop()


def _measure(
    kind: str, seconds: float, processes: list[subprocess.Popen[str]], gateway: PushgatewayServer
) -> dict[str, Any]:
    spread = EVERY / len(processes) if kind == "spread" else 0.0
    busy, answers, worked = _busy(), _answers(gateway), [gateway.worked(), _worked(processes)]
    now = time.monotonic() + 1.0
    for at, process in enumerate(processes):
        process.stdin.write(json.dumps([now + at * spread, seconds]) + "\n")
        process.stdin.flush()
    time.sleep(max(0.0, now + seconds - 3.0 - time.monotonic()))
    groups = _groups(gateway)
    tried = [taken for one in processes for taken in json.loads(one.stdout.readline())]
    pushes = np.array([taken for taken in tried if taken is not None])
    after, share = _answers(gateway), [b - a for a, b in zip(busy, _busy(), strict=True)]
    return {
        "pushes": len(pushes),
        "failed": len(tried) - len(pushes),
        "median": float(np.median(pushes)) if len(pushes) else None,
        "most": float(pushes.max(initial=0.0)),
        "above 100 ms": int((pushes > 0.1).sum()),
        "gateway, mean": (after[0] - answers[0]) / max(1.0, after[1] - answers[1]),
        "groups": len(groups),
        "series of a group": max((_series(one) for one in groups), default=0),
        "left": len(_groups(gateway)),
        "cores busy": share[0] / share[1],
        "gateway, processor": gateway.worked() - worked[0],
        "runs, processor": _worked(processes) - worked[1],
    }


def _worked(processes: list[subprocess.Popen[str]]) -> float:
    """Processor seconds that they have taken."""
    return sum(processor_seconds(one.pid) for one in processes)


@contextmanager
def _processes(count: int, url: str) -> Iterator[list[subprocess.Popen[str]]]:
    """Processes that are ready."""
    found = [
        subprocess.Popen(
            [sys.executable, "-c", RUN, url, f"run-{at}"],
            cwd=Path(__file__).parents[2],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for at in range(count)
    ]
    try:
        for one in found:
            assert one.stdout.readline() == "ready\n", "a run does not start"
        yield found
    finally:
        for one in found:
            one.stdin.close()
        for one in found:
            one.wait()


def _groups(gateway: PushgatewayServer) -> list[dict[str, Any]]:
    return list(get(f"{gateway.address}/api/v1/metrics")["data"])


def _series(group: dict[str, Any]) -> int:
    """Number of series of a group.

    >>> _series({"labels": {"run": "a"}, "last_push_successful": True, "up": {"metrics": [{}, {}]}})
    2
    """
    return sum(len(one["metrics"]) for one in group.values() if isinstance(one, dict) and "metrics" in one)


def _answers(gateway: PushgatewayServer) -> tuple[float, float]:
    """What the Pushgateway says of its own answers to pushes: seconds of all, and their number."""
    with urllib.request.urlopen(f"{gateway.address}/metrics") as answer:
        lines = answer.read().decode().splitlines()
    name = "pushgateway_http_push_duration_seconds"
    found = dict(line.rsplit(" ", 1) for line in lines if line.startswith(name) and 'method="put"' in line)
    return float(found.get(f'{name}_sum{{method="put"}}', 0)), float(
        found.get(f'{name}_count{{method="put"}}', 0)
    )


def _busy() -> tuple[float, float]:
    """Time in which the machine's processors worked, and all their time, since it started."""
    first = Path("/proc/stat").read_text(encoding="utf-8").splitlines()[0]
    times = [int(one) for one in first.split()[1:9]]
    return sum(times) - times[3] - times[4], sum(times)
