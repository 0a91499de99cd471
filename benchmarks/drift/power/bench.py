"""Measuring cells in parallel, and keeping the results."""

from __future__ import annotations

import json
import multiprocessing
import signal
import time
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, replace
from pathlib import Path

from benchmarks.drift.power.cell import FEATURES, WINDOWS, Cell, Measured
from benchmarks.drift.power.kinds import KINDS

#: Trials of a row, and of one that is measured once more.
TRIALS, AGAIN = 200, 1_000

#: What was measured.
KEPT = Path(__file__).parents[2] / "results" / "drift-power.jsonl"


def cells(*, quick: bool = False) -> list[Cell]:
    """All cells, the cheap ones first; or only those."""
    correlation = [Cell("correlation", "", 10, window) for window in WINDOWS[:2]]
    power = [Cell("power", kind, features, WINDOWS[0]) for features in FEATURES for kind in KINDS]
    alarms = [
        Cell("alarms", kind, features, window)
        for features in FEATURES
        for window in WINDOWS
        for kind in KINDS
    ]
    wanted = [*correlation, *power, *alarms]
    return [one for one in wanted if not quick or (one.features < FEATURES[-1] and one.window < WINDOWS[-1])]


def repeated(measured: Iterable[Measured]) -> list[Cell]:
    """The rows of false alarms that lie outside of their interval, to be measured once more."""
    outside = (
        one.cell for one in measured if one.cell.table == "alarms" and not one.cell.seed and not one.within
    )
    return [replace(cell, seed=1) for cell in outside]


class Bench:
    """Results of cells, measured now or before.

    Args:
        kept: The file that it is kept in, a line a cell; ``None`` keeps nothing.
        processes: How many measure at a time.
    """

    def __init__(self, kept: Path | None, processes: int = 1) -> None:
        self._kept, self._processes = kept, processes
        self._known: dict[tuple[Cell, int], Measured] = {}
        if kept is not None and kept.exists():
            for line in kept.read_text(encoding="utf-8").splitlines():
                read = json.loads(line)
                one = Measured(Cell(**read["cell"]), read["trials"], read["found"])
                self._known[one.cell, one.trials] = one

    def known(self, cells: Iterable[Cell], trials: int) -> list[Measured]:
        """Results of those cells that were measured with that many trials."""
        return [self._known[cell, trials] for cell in cells if (cell, trials) in self._known]

    def measure(self, cells: Iterable[Cell], trials: int) -> None:
        """Measure those of the cells that are not known."""
        missing = [cell for cell in cells if (cell, trials) not in self._known]
        pool = ProcessPoolExecutor(self._processes, multiprocessing.get_context("spawn"), _begin)
        try:
            # The dearest are last in the list, and first here, so that none of them is left alone at the end.
            tasks = [pool.submit(_measured, cell, trials) for cell in reversed(missing)]
            for at, task in enumerate(as_completed(tasks), 1):
                one, seconds = task.result()
                print(f"{at} of {len(tasks)}: {one.cell}: {one.found}, {seconds:.0f} s", flush=True)
                self._keep(one)
        finally:  # after Ctrl-C or a failed cell, the remaining results have no reader
            pool.shutdown(cancel_futures=True)

    def _keep(self, one: Measured) -> None:
        self._known[one.cell, one.trials] = one
        if self._kept is not None:
            with self._kept.open("a", encoding="utf-8") as file:
                file.write(json.dumps(asdict(one)) + "\n")


def _begin() -> None:
    """Let Ctrl-C end a worker without reporting an error of its cell."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def _measured(cell: Cell, trials: int) -> tuple[Measured, float]:
    """In a process of its own: what a cell gives, and the processor time that it took."""
    started = time.process_time()
    return Measured(cell, trials, cell.measure(trials)), time.process_time() - started
