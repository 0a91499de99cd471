"""Run all scenarios, or those that are named, and write the results."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from benchmarks.delivery.scenarios import SCENARIOS

RESULTS = Path(__file__).parents[1] / "results" / "delivery.json"


def main() -> None:
    """Run them."""
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    for name in sys.argv[1:] or SCENARIOS:
        results[name] = SCENARIOS[name]()
        print(f"{name}: {results[name]}", flush=True)
    RESULTS.write_text(json.dumps(results, indent=2) + "\n")


main()
