"""Kills a resuming training, and checks that nothing is lost or doubled: ``python -m tests.state.kills 200``.

Each process continues the run of the one before, and is killed with SIGKILL at a random moment: while it starts, restores,
trains or saves. What the state then holds has to be whole: every step up to a step, once and in order, counters that count
exactly these, and never fewer than before. What may be lost are the steps since the last save.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from traingauge import ModelMonitor, State, export
from traingauge.state.store import Saved

#: Longest time between two saves, in seconds; the shortest that a user can set.
SAVE_EVERY = 0.1

#: Training steps between two passes.
PASS_EVERY = 50


@dataclass
class Report:
    """What came of the kills.

    Attributes:
        kills: Processes that were killed.
        resumed: Those that had opened the state when they were killed.
        steps: Steps that the state holds in the end.
        unsaved: Seconds between the last save and the kill, of those that had opened the state.
        problems: What was lost or doubled, which nothing should be.
    """

    kills: int = 0
    resumed: int = 0
    steps: int = 0
    unsaved: list[float] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        longest = f", at most {max(self.unsaved):.2f} s after the last save" if self.unsaved else ""
        return (
            f"{self.kills} kills, {self.resumed} of them after the state was opened{longest}; "
            f"{self.steps} steps in the end; {len(self.problems)} problems"
        )


def campaign(directory: Path, kills: int, seed: int) -> Report:
    """Kill a training a number of times."""
    rng, report = random.Random(seed), Report()
    for kill in range(kills):
        opened = _killed(directory, rng)
        report.kills, report.resumed = report.kills + 1, report.resumed + opened
        if not any(directory.glob("state-*.zip")):
            continue
        at = time.time()
        saved, tables = export.read(directory)
        if opened:
            report.unsaved.append(at - saved.saved)
        steps = saved.tree["progress"]["steps"]["train"]
        problems = list(_problems(saved, tables))
        if steps < report.steps:
            problems.append(f"{report.steps} steps became {steps}")
        report.problems += [f"kill {kill}: {problem}" for problem in problems]
        report.steps = steps
    return report


def _killed(directory: Path, rng: random.Random) -> bool:
    """Train in a child until it is killed; whether it had opened the state."""
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        try:
            os.close(reader)
            _train(directory, writer, rng.choice([1, 20, 2000]))
        finally:
            os._exit(1)
    os.close(writer)
    with os.fdopen(reader, "rb") as file:
        opened = rng.random() < 0.8 and file.read(1) == b"."
        if opened and rng.random() < 0.5:
            for _ in range(2):  # the first comes at once
                _wait_for_a_save(directory)
        time.sleep(rng.random() * (0.3 if opened else 0.05))
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
    if os.WIFEXITED(status):
        raise RuntimeError("the training ended by itself")
    return opened


def _wait_for_a_save(directory: Path) -> None:
    """Wait until there is a newer copy of the state, however busy the machine is."""
    before = _newest(directory)
    while _newest(directory) == before:
        time.sleep(0.01)


def _newest(directory: Path) -> str:
    return max((path.name for path in directory.glob("state-*.zip")), default="")


def _train(directory: Path, opened: int, at_once: int) -> None:
    """Continue the run for ever; the loss of a step is its number."""
    run = ModelMonitor("m", run="r", state=State(directory, save_every=SAVE_EVERY), delivery=[])
    step = len(run.rows().get("step", ()))
    os.write(opened, b".")
    while True:
        for _ in range(at_once):
            step += 1
            run.step(loss=float(step), y_true=[0, 1], y_pred=[0, 1], samples=2)
            if step % PASS_EVERY == 0:
                run.evaluate("validation", loss=float(step), y_true=[0, 1], y_pred=[0, 1])
        time.sleep(0.001)


def _problems(saved: Saved, tables: dict[str, export.Table]) -> list[str]:
    """What is lost or doubled in a state."""
    progress = saved.tree["progress"]
    steps, passes = progress["steps"]["train"], progress["epochs"]["validation"]
    train, validation = tables.get("train", {}), tables.get("validation", {})
    every = np.arange(1.0, steps + 1)
    found = {
        "copies of the state are damaged": saved.damaged,
        "the rows are not those of its steps": not np.array_equal(train.get("step", []), every),
        "the rows are those of other steps": not np.array_equal(train.get("loss", []), every),
        "the samples are not those of its steps": saved.tree["diagnostics"]["position"] != [steps, 2 * steps],
        "a pass is lost or doubled": len(validation.get("loss", [])) != passes
        or bool((np.diff(validation.get("loss", [])) < PASS_EVERY).any()),
    }
    return [problem for problem, there in found.items() if there]


def main() -> int:
    """Returns the number of problems."""
    parser = argparse.ArgumentParser(prog="tests.state.kills", description=__doc__)
    parser.add_argument("kills", type=int, nargs="?", default=200)
    parser.add_argument("--seed", type=int, default=random.randrange(2**32))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        report = campaign(Path(directory), options.kills, options.seed)
    print(f"seed {options.seed}: {report}", *report.problems, sep="\n")
    return len(report.problems)


if __name__ == "__main__":
    sys.exit(main())
