"""``python -m benchmarks.delivery``: run all scenarios, or those that are named, and write results and page."""

from __future__ import annotations

import json
import sys

from benchmarks.cost import machine
from benchmarks.delivery.report import PAGE, RESULTS, page
from benchmarks.delivery.scenarios import SCENARIOS
from benchmarks.delivery.servers import PROGRAMS, version


def main() -> None:
    """Run them."""
    results = json.loads(RESULTS.read_text(encoding="utf-8"))
    for name in sys.argv[1:] or SCENARIOS:
        where = machine.describe()
        results["machine"] = {key: where[key] for key in ("processor", "system", "Python")}
        results["machine"] |= {name: version(name) for name in PROGRAMS}
        results["measured"][name] = {key: where[key] for key in ("date", "load before", "scheduling")}
        results["scenarios"][name] = SCENARIOS[name]()
        print(f"{name}: {results['scenarios'][name]}", flush=True)
        RESULTS.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    PAGE.write_text(page(results), encoding="utf-8")


if __name__ == "__main__":
    main()
