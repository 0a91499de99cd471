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

from benchmarks.trackers.ours import Ours
from benchmarks.trackers.peers import Peer
from benchmarks.trackers.training import Case, Numbers, Stamps

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


def measure(module: Any, makes: type[Peer | Ours], folder: Path, rounds: int) -> dict[str, Any] | None:
    """All that is measured of a tracker, or of the monitor; ``None`` if it does not run."""
    numbers = {name: _apart(folder / name, _numbers, module, makes, case) for name, case in CASES.items()}
    ends = {name: _apart(folder / name, _end, module, makes, end) for name, end in ENDS.items()}
    if issubclass(makes, Peer):  # what it has written is complete once its processes have ended
        numbers = {name: _apart(folder / name, _read_numbers, makes) for name in CASES}
        ends = {name: _apart(folder / name, _read_end, makes) for name in ENDS}
    micros = _timed(module, makes, folder, rounds)
    if None in (*numbers.values(), *ends.values(), *micros.values()):
        return None
    found = {"numbers": numbers, "ends": ends, "micros": micros}
    if hasattr(module, "waits"):
        found["waits"] = _apart(folder / "waits", _waits, module, makes)
    return found


def _timed(module: Any, makes: type[Peer | Ours], folder: Path, rounds: int) -> dict[str, float | None]:
    """Microseconds by row, ``None`` if it did not run; what a script gives nothing costs the same whatever a script logs."""
    if not rounds:
        return {}
    found: dict[str, float | None] = {}
    for at, (row, case) in enumerate(module.ROWS.items()):
        if found and not makes.logs:
            found[row] = next(iter(found.values()))
            continue
        micros = [
            _apart(folder / f"timed-{at}-{turn}", _micros, module, makes, case) for turn in range(rounds)
        ]
        found[row] = None if None in micros else statistics.median(micros)
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


def _made(makes: type[Peer | Ours]) -> Peer | Ours:
    return makes(Path.cwd()) if issubclass(makes, Peer) else makes()


def _numbers(tell: Tell, module: Any, makes: type[Peer | Ours], case: Case) -> None:
    """Train; the monitor is asked for its numbers at once."""
    by = _made(makes)
    module.train(case, by, Stamps())
    if isinstance(by, Ours):
        rows = by.monitor.rows()
        tell(Numbers(*(rows[name].compressed().tolist() for name in ("loss", "learning_rate"))))


def _waits(tell: Tell, module: Any, makes: type[Peer | Ours]) -> None:
    tell(module.waits(_made(makes)))


def _micros(tell: Tell, module: Any, makes: type[Peer | Ours], case: Case) -> None:
    """Microseconds that it adds to a step: the difference to the same training alone."""

    def micros(by: Peer | Ours | None) -> float:
        stamps = Stamps()
        module.train(case, by, stamps)
        return stamps.micros

    tell(micros(_made(makes)) - micros(None))


def _end(tell: Tell, module: Any, makes: type[Peer | Ours], end: Callable[[], None]) -> None:
    """Train until the last batch ends the script, with whatever that leaves behind; its traceback is expected."""
    sys.stderr = io.StringIO()
    made: list[Peer | Ours] = []
    if issubclass(makes, Ours):  # before its run, as what is registered first comes last
        atexit.register(lambda: tell(made[0].monitor.state))
    made.append(_made(makes))
    module.train(Case(at_last=end), made[0], Stamps())


def _read_numbers(tell: Tell, makes: type[Peer]) -> None:
    peer = makes(Path.cwd())
    tell(Numbers(peer.values(*LOSS), peer.values(*RATE)))


def _read_end(tell: Tell, makes: type[Peer]) -> None:
    tell(makes(Path.cwd()).ended())
