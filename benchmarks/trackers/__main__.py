"""``python -m benchmarks.trackers``: train with every tracker, and write the page of the docs.

``make bench-trackers`` installs the frameworks and the trackers first. The page says what is left out as not installed.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from importlib import import_module
from pathlib import Path
from typing import Any

import torch

from benchmarks.cost import machine
from benchmarks.trackers import report
from benchmarks.trackers.one import CASES, measure
from benchmarks.trackers.training import truth

PAGE = Path(__file__).parents[2] / "docs" / "explanation" / "trackers.md"

#: The kinds of training, by the modules that train.
KINDS = {"loop": "loop", "lightning": "lightning_trainer", "transformers": "hugging_face"}

PACKAGES = ("lightning", "transformers", "accelerate", "trackio")


def main(arguments: list[str]) -> int:
    """Measure everything."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.trackers", description=__doc__)
    says = "rounds of the timing, 0 for none, as on a busy machine (default: %(default)s)"
    parser.add_argument("--rounds", type=int, default=15, help=says)
    parser.add_argument("--into", type=Path, help="folder to write to, in place of the page and the results")
    given = parser.parse_args(arguments)
    torch.set_num_threads(1)
    where = machine.describe(PACKAGES)  # with the load that was there before
    modules, absent = _modules()
    found: dict[str, dict[str, Any]] = {kind: {} for kind in modules}
    folder = Path(tempfile.mkdtemp())  # no with: each child leaves by an exception
    for kind, module in modules.items():
        for makes in module.RECORDERS:
            print(f"{kind}: {makes.name}", flush=True)
            place = folder / kind / makes.__name__
            place.mkdir(parents=True)
            found[kind][makes.name] = measure(module, makes, place, given.rounds)
    shutil.rmtree(folder)
    results = {
        "where": where,
        "rounds": given.rounds,
        "truth": {name: truth(case) for name, case in CASES.items()},
        "kinds": found,
        "absent": absent,
    }
    page, kept = PAGE, report.RESULTS
    if given.into:
        page, kept = given.into / page.name, given.into / kept.name
    kept.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    page.write_text(report.page(results), encoding="utf-8")
    print(f"written: {page}, {kept}")
    return 0


def _modules() -> tuple[dict[str, Any], dict[str, str]]:
    """The modules that train, by kind; and what is not installed, by the kinds that need it."""
    modules: dict[str, Any] = {}
    absent: dict[str, str] = {}
    for kind, name in KINDS.items():
        try:
            modules[kind] = import_module(f"benchmarks.trackers.{name}")
        except ModuleNotFoundError as error:
            absent[kind] = str(error.name).partition(".")[0]
    return modules, absent


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
