"""What one tracker records of each training, and how it says that a run has ended.

Each of these is a process of its own, which the trackers need: they keep state in it, and how a run ends shows once it has.
"""

from __future__ import annotations

import atexit
import json
import os
import signal
import statistics
import sys
from pathlib import Path
from typing import Any

from benchmarks.trackers.peers import Peer
from benchmarks.trackers.training import TIMED, Case, Numbers, Stamps
from traingauge import ModelMonitor

#: The trainings whose numbers are compared.
CASES = {"plain": Case(), "accumulated": Case(window=4), "nan": Case(nan=True)}

#: Names of the loss and the learning rate.
LOSS, RATE = ("loss",), ("learning_rate", "lr-SGD")

#: Most seconds of a process.
SECONDS = 1800


def _fail() -> None:
    raise RuntimeError("as a script fails")


#: Ends of a run, and what brings them about.
ENDS = {"finished": lambda: None, "failed": _fail, "interrupted": lambda: signal.raise_signal(signal.SIGINT)}


def measure(module: Any, makes: type[Peer] | None, folder: Path, rounds: int) -> dict[str, Any] | None:
    """All that is measured of a tracker, or of the monitor; ``None`` if it does not run."""
    _apart(_train, module, makes, folder, rounds)
    for name in ENDS:
        _apart(_end, module, makes, name, folder)
    if makes is not None:  # what it has written is complete once its processes have ended
        _apart(_read, makes, folder)
    found: dict[str, Any] = {}
    for name in ("trained", "read"):
        path = folder / f"{name}.json"
        if not path.exists():
            return None
        found |= json.loads(path.read_text(encoding="utf-8"))
    return found


def _apart(work: Any, *args: Any) -> None:
    """Run in a child, which ends as a script does."""
    sys.stdout.flush()
    child = os.fork()
    if child:
        os.waitpid(child, 0)
        return
    signal.alarm(SECONDS)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # what a shell runs in the background ignores it
    work(*args)
    sys.exit()


def _with(makes: type[Peer] | None, folder: Path, work: Any) -> Any:
    """Work with a tracker, or with the monitor."""
    folder.mkdir(parents=True)
    if makes is not None:
        return work(makes(folder), None)
    with ModelMonitor("bench", delivery=[]) as monitor:
        return work(None, monitor)


def _train(module: Any, makes: type[Peer] | None, folder: Path, rounds: int) -> None:
    """Train each case, and measure what that costs; the monitor is asked for its numbers at once."""

    def numbers(case: Case) -> Any:
        def work(peer: Peer | None, monitor: ModelMonitor | None) -> Numbers | None:
            module.train(case, peer, monitor, Stamps())
            if monitor is None:
                return None
            rows = monitor.rows()
            return Numbers(*(rows[name].compressed().tolist() for name in ("loss", "learning_rate")))

        return work

    found: dict[str, Any] = {
        "numbers": {name: _with(makes, folder / name, numbers(case)) for name, case in CASES.items()}
    }
    if hasattr(module, "waits"):
        found["waits"] = _with(makes, folder / "waits", module.waits)
    found["micros"] = _micros(module, makes, folder, rounds)
    (folder / "trained.json").write_text(json.dumps(found), encoding="utf-8")


def _micros(module: Any, makes: type[Peer] | None, folder: Path, rounds: int) -> float:
    """Microseconds that it adds to a step: the median over rounds of the difference to the same training alone."""

    def micros(peer: Peer | None, monitor: ModelMonitor | None) -> float:
        stamps = Stamps()
        module.train(Case(TIMED), peer, monitor, stamps)
        return stamps.micros

    return statistics.median(
        _with(makes, folder / f"timed-{at}", micros) - micros(None, None) for at in range(rounds)
    )


def _end(module: Any, makes: type[Peer] | None, name: str, folder: Path) -> None:
    """Train until the last batch ends the script, with whatever that leaves behind."""
    case, at = Case(at_last=ENDS[name]), folder / name
    at.mkdir(parents=True)
    if makes is not None:
        module.train(case, makes(at), None, Stamps())
        return
    path = folder / "read.json"
    ends = json.loads(path.read_text(encoding="utf-8"))["ends"] if path.exists() else {}
    runs: list[ModelMonitor] = []

    def note() -> None:  # after the run's own end, as what is registered first comes last
        path.write_text(json.dumps({"ends": {**ends, name: runs[0].state}}), encoding="utf-8")

    atexit.register(note)
    runs.append(ModelMonitor("bench", delivery=[]))
    module.train(case, None, runs[0], Stamps())


def _read(makes: type[Peer], folder: Path) -> None:
    peers = {name: makes(folder / name) for name in (*CASES, *ENDS)}
    numbers = {name: Numbers(peers[name].values(*LOSS), peers[name].values(*RATE)) for name in CASES}
    ends = {name: peers[name].ended() for name in ENDS}
    (folder / "read.json").write_text(json.dumps({"numbers": numbers, "ends": ends}), encoding="utf-8")
