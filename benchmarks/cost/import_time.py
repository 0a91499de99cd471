"""The cost of ``import``."""

from __future__ import annotations

import os
import random
import statistics
import subprocess
import sys
import tempfile
import time

from benchmarks.cost.harness import MIN_ROUNDS, NULL, Check, Figure, Row, quantile

STATEMENTS = {
    "import numpy": "import numpy",
    NULL: "import numpy",
    "import prometheus_client": "import prometheus_client",
    "traingauge: import traingauge": "import traingauge",
    "traingauge: all that a run needs": "from traingauge import ModelMonitor",
}


def measure(seconds: float) -> Row:
    """Processor time of a new interpreter with one import, less that of one with none."""
    times = {name: [] for name in ("", *STATEMENTS)}
    with tempfile.TemporaryDirectory() as bytecode:
        for statement in STATEMENTS.values():
            _seconds(statement, bytecode)
        until = time.perf_counter() + seconds
        while len(times[""]) < MIN_ROUNDS or time.perf_counter() < until:
            for name in random.sample(list(times), len(times)):
                times[name].append(_seconds(STATEMENTS.get(name, ""), bytecode))
    bare = statistics.median(times.pop(""))
    base = statistics.median(times["import numpy"]) - bare
    figures = [
        Figure(
            name,
            statistics.median(found) - bare,
            (statistics.median(found) - bare) / base,
            (quantile(found, 0.25) - bare) / base,
            (quantile(found, 0.75) - bare) / base,
            name.startswith("traingauge"),
        )
        for name, found in times.items()
    ]
    ratio = {figure.name: figure.ratio for figure in figures}
    return Row(
        title="import",
        unit="an import",
        figures=figures,
        checks=[Check("import traingauge ÷ numpy", ratio["traingauge: import traingauge"], 0.1)],
        note="Public names load when they are first used; what a run needs has numpy in it. Frameworks are never imported. "
        "Everything is compiled to bytecode before, as pip does when it installs a package.",
    )


def _seconds(statement: str, bytecode: str) -> float:
    """Processor time of a new interpreter.

    Args:
        statement: What it runs.
        bytecode: Where it finds bytecode, and writes what is not there yet.
    """
    code = f"{statement}\nimport time\nprint(time.process_time())"
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment["PYTHONPYCACHEPREFIX"] = bytecode
    run = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, check=True)
    return float(run.stdout)
