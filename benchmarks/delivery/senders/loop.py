"""A training that records with one sender: ``loop.py SENDER URL FOLDER STEPS PAUSE``.

It needs nothing but Python, and the sender, a module of this folder, nothing but its packages.
"""

from __future__ import annotations

import json
import sys
import time
from importlib import import_module
from pathlib import Path


def numbers(step: int) -> dict[str, float]:
    """What a step records; every number is there once."""
    return {"loss": 1 / (step + 2), "learning_rate": 0.1 / (step + 3), "gradient_norm": 5 / (step + 7)}


def main(sender: str, url: str, place: str, steps: str, pause: str) -> None:
    """Train once a line comes, and leave in the folder what was recorded, and how long that took."""
    folder = Path(place)
    run = import_module(sender).Sender(url, folder)
    print("ready", flush=True)
    sys.stdin.readline()
    recorded, calls = [], []
    for step in range(int(steps)):
        values = numbers(step)
        before, began = time.time(), time.monotonic()
        run.record(step, values)
        calls.append(time.monotonic() - began)
        recorded.append([int(1000 * before), int(1000 * time.time()) + 1, *values.values()])
        time.sleep(float(pause))
    ended = time.monotonic()
    found = {"recorded": recorded, "longest": max(calls), "calls": sum(calls), "ended": ended}
    (folder / "recorded.json").write_text(json.dumps(found))
    run.end()


if __name__ == "__main__":
    main(*sys.argv[1:])
