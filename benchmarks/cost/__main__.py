"""``python -m benchmarks.cost``: measure, print, and write the page of the docs."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from benchmarks.cost import (
    confusion_matrix,
    drift_update,
    drift_window,
    growth,
    import_time,
    keras_backend,
    keras_step,
    lightning_step,
    machine,
    render,
    report,
    stall,
    step,
    torch_loop,
    torch_watch,
    transformers_step,
)
from benchmarks.cost.harness import Row

#: Every row, with its seconds in a quick and in a full run. A new one takes a file and a line here.
ROWS: Mapping[str, tuple[Callable[[float], Row | list[Row]], float, float]] = {
    "step": (step.measure, 3, 20),
    "render": (render.measure, 5, 30),
    "stall": (stall.measure, 1, 80),
    "keras": (keras_step.measure, 9, 90),
    "keras_backend": (keras_backend.measure, 10, 40),
    "torch": (torch_loop.measure, 3, 15),
    "torch_watch": (torch_watch.measure, 3, 30),
    "lightning": (lightning_step.measure, 10, 40),
    "transformers": (transformers_step.measure, 10, 40),
    "confusion": (confusion_matrix.measure, 5, 40),
    "drift_update": (drift_update.measure, 2, 10),
    "drift_window": (drift_window.measure, 5, 20),
    "import": (import_time.measure, 4, 30),
}

#: Rows of frameworks or backends with an environment of their own: measured when they are named, and on no page.
APART = ("keras_backend", "lightning", "transformers")

#: The curves of growth, in addition to the rows.
GROWTH = "growth"

#: What a full run writes.
PAGE = Path(__file__).parents[2] / "docs" / "explanation" / "benchmarks.md"
RESULTS = Path(__file__).parents[1] / "results" / "cost.json"


def main(arguments: list[str]) -> int:
    """Run the chosen rows; the exit status does not depend on the results."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cost", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="in less than two minutes, and only print")
    parser.add_argument(
        "--into",
        type=Path,
        help="folder to write to; a full run writes docs/explanation and benchmarks/results",
    )
    parser.add_argument(
        "names",
        nargs="*",
        metavar="name",
        help=f"of {', '.join([*ROWS, GROWTH])}; without one, all but {', '.join(APART)}",
    )
    given = parser.parse_args(arguments)
    names = given.names or [*(name for name in ROWS if name not in APART), GROWTH]
    for name in names:
        if name not in {*ROWS, GROWTH}:
            parser.error(f"unknown name {name!r}: expected one of {', '.join([*ROWS, GROWTH])}")
    where = machine.describe()
    print("\n".join(f"{name}: {value}" for name, value in where.items()))
    rows: list[Row] = []
    for name in (name for name in names if name in ROWS):
        measure, shortly, in_full = ROWS[name]
        found = measure(shortly if given.quick else in_full)
        for row in found if isinstance(found, list) else [found]:
            print(f"\n{report.text(row)}", flush=True)
            rows.append(row)
    curves = growth.measure(quick=given.quick) if GROWTH in names else []
    for curve in curves:
        print(f"\n{curve.of}, against {curve.what}: slope {curve.slope:.2f}")
        print(
            "  "
            + ", ".join(f"{size}: {cost:.3g}" for size, cost in zip(curve.sizes, curve.costs, strict=True))
        )
    page, results = (given.into / PAGE.name, given.into / RESULTS.name) if given.into else (PAGE, RESULTS)
    if given.into or not (given.quick or given.names):
        report.write(page, results, where, rows, curves)
        print(f"\nwritten: {page}, {results}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
