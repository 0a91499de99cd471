"""What one tracker records of each training, and how it says that a run has ended.

Each training is a process of its own: trackers keep state in one, such as the run that the next training would continue, and
how a run ends shows once its process has.
"""

from __future__ import annotations

import atexit
import io
import json
import os
import signal
import statistics
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.trackers.peers import Peer
from benchmarks.trackers.training import TIMED, Case, Numbers, Stamps
from traingauge import ModelMonitor

#: The trainings whose numbers are compared.
CASES = {"plain": Case(), "accumulated": Case(window=4), "nan": Case(nan=True)}

#: Names of the loss and the learning rate.
LOSS, RATE = ("loss", "train/loss"), ("learning_rate", "train/learning_rate", "lr-SGD")

#: Most seconds of a process.
SECONDS = 600

#: What a child passes its answer to.
Tell = Callable[[Any], object]


def _fail() -> None:
    raise RuntimeError("as a script fails")


#: Ends of a run, and what brings them about.
ENDS = {"finished": lambda: None, "failed": _fail, "interrupted": lambda: signal.raise_signal(signal.SIGINT)}


def measure(module: Any, makes: type[Peer] | None, folder: Path, rounds: int) -> dict[str, Any] | None:
    """All that is measured of a tracker, or of the monitor; ``None`` if it does not run."""
    numbers = {name: _apart(folder / name, _numbers, module, makes, case) for name, case in CASES.items()}
    ends = {name: _apart(folder / name, _end, module, makes, end) for name, end in ENDS.items()}
    if makes is not None:  # what it has written is complete once its processes have ended
        numbers = {name: _apart(folder / name, _read_numbers, makes) for name in CASES}
        ends = {name: _apart(folder / name, _read_end, makes) for name in ENDS}
    micros = [_apart(folder / f"timed-{at}", _micros, module, makes) for at in range(rounds)]
    if None in (*numbers.values(), *ends.values(), *micros):
        return None
    found = {"numbers": numbers, "ends": ends}
    if micros:
        found["micros"] = statistics.median(micros)
    if hasattr(module, "waits"):
        found["waits"] = _apart(folder / "waits", _waits, module, makes)
    return found


def _apart(place: Path, work: Callable[..., None], *args: Any) -> Any:
    """Run in a child, in a folder of its own, which ends as a script does; its answer, ``None`` without one."""
    sys.stdout.flush()
    answer = place.with_suffix(".json")
    child = os.fork()
    if child:
        os.waitpid(child, 0)
        return json.loads(answer.read_text(encoding="utf-8")) if answer.exists() else None
    signal.alarm(SECONDS)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # what a shell runs in the background ignores it
    place.mkdir(parents=True, exist_ok=True)
    os.chdir(place)
    work(lambda found: answer.write_text(json.dumps(found), encoding="utf-8"), *args)
    sys.exit()


def _with(makes: type[Peer] | None, work: Callable[[Peer | None, ModelMonitor | None], Any]) -> Any:
    """Work with a tracker, or with the monitor."""
    if makes is not None:
        return work(makes(Path.cwd()), None)
    with ModelMonitor("bench", delivery=[]) as monitor:
        return work(None, monitor)


def _numbers(tell: Tell, module: Any, makes: type[Peer] | None, case: Case) -> None:
    """Train; the monitor is asked for its numbers at once."""

    def work(peer: Peer | None, monitor: ModelMonitor | None) -> None:
        module.train(case, peer, monitor, Stamps())
        if monitor is not None:
            rows = monitor.rows()
            tell(Numbers(*(rows[name].compressed().tolist() for name in ("loss", "learning_rate"))))

    _with(makes, work)


def _waits(tell: Tell, module: Any, makes: type[Peer] | None) -> None:
    tell(_with(makes, module.waits))


def _micros(tell: Tell, module: Any, makes: type[Peer] | None) -> None:
    """Microseconds that it adds to a step: the difference to the same training alone."""

    def micros(peer: Peer | None, monitor: ModelMonitor | None) -> float:
        stamps = Stamps()
        module.train(Case(TIMED), peer, monitor, stamps)
        return stamps.micros

    tell(_with(makes, micros) - micros(None, None))


def _end(tell: Tell, module: Any, makes: type[Peer] | None, end: Callable[[], None]) -> None:
    """Train until the last batch ends the script, with whatever that leaves behind; its traceback is expected."""
    sys.stderr = io.StringIO()
    case = Case(at_last=end)
    if makes is not None:
        module.train(case, makes(Path.cwd()), None, Stamps())
        return
    runs: list[ModelMonitor] = []
    atexit.register(
        lambda: tell(runs[0].state)
    )  # after the run's own end, as what is registered first comes last
    runs.append(ModelMonitor("bench", delivery=[]))
    module.train(case, None, runs[0], Stamps())


def _read_numbers(tell: Tell, makes: type[Peer]) -> None:
    peer = makes(Path.cwd())
    tell(Numbers(peer.values(*LOSS), peer.values(*RATE)))


def _read_end(tell: Tell, makes: type[Peer]) -> None:
    tell(makes(Path.cwd()).ended())
